"""The trace page over a memory store: answers, partials, permalinks, strangers' names."""

import re
import time
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import MS, START_NS, TRACE_ID, a_batch, a_forest, a_span
from tests.ui.stage import HTML, a_client, a_store
from viewer.store import open_store
from viewer.store.memory import MemoryStore
from viewer.store.retention import apply_retention
from viewer.trace.ids import format_span_id
from viewer.trace.span import Event, Link, Span, SpanKind
from viewer.ui.viewmodel.rows import WINDOW_ROWS

DAY_NS = 86_400 * 10**9
SHORT = "00000000000000ab"
URL = f"/trace/{TRACE_ID}"
VARIES = {"HX-Request", "HX-Target", "HX-History-Restore-Request"}
SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"\"'>{SCRIPT}\u202e\x00"


def a_checkout() -> list[Span]:
    """A checkout that fails at payment, below a span of its own service."""
    return [
        a_span(1, name="POST /checkout", service="gateway", duration_ns=900 * MS),
        a_span(
            2,
            1,
            name="reserve",
            service="stock",
            start_ns=START_NS + 10 * MS,
            duration_ns=50 * MS,
            attributes={"db.system": "postgresql"},
        ),
        a_span(
            3,
            1,
            name="pay",
            service="gateway",
            start_ns=START_NS + 100 * MS,
            duration_ns=750 * MS,
        ),
        a_span(
            4,
            3,
            name="charge",
            service="payment",
            start_ns=START_NS + 110 * MS,
            duration_ns=700 * MS,
            error="timed out",
            attributes={"card.brand": "visa"},
        ),
    ]


def client(*spans: Span) -> FlaskClient:
    return a_client(a_store(spans or a_checkout()))


def get(url: str, *spans: Span, **headers: str) -> TestResponse:
    return client(*spans).get(url, headers={**HTML, **headers})


def partial(url: str, target: str, *spans: Span) -> TestResponse:
    given = {"HX-Request": "true", "HX-Target": f"div#{target}", "HX-Request-Type": "partial"}
    return get(url, *spans, **given)


class _Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def elements(html: str, **wanted: str) -> list[dict[str, str]]:
    """Return the attributes of elements that have these; ``_`` stands for ``-``, "" for any value."""
    names = {name.replace("_", "-"): value for name, value in wanted.items()}
    return [
        attributes
        for _, attributes in _Elements(html).found
        if all(
            name in attributes and value in ("", attributes[name]) for name, value in names.items()
        )
    ]


def span_rows(html: str) -> list[str]:
    return [row["data-span-row"].lstrip("0") for row in elements(html, data_span_row="")]


def address(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}


# Which trace.


def test_the_page_shows_all_of_it() -> None:
    response = get(URL)
    assert response.status_code == 200
    assert span_rows(response.text) == ["1", "2", "3", "4"]
    text = unescape(response.text)
    assert "<title>gateway: POST /checkout · 0af7651 · Tracefall</title>" in text
    assert elements(response.text, data_finding="error")
    assert ">payment · charge</bdi></a><bdi>: timed out<" in text
    assert elements(response.text, data_waterfall="")[0]["total"] == "4"


def test_an_unknown_trace_is_a_404_that_helps() -> None:
    response = get("/trace/" + "1" * 32)
    assert response.status_code == 404
    assert "1" * 32 in response.text
    assert "within two seconds" in response.text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("xyz", "'xyz' is no trace ID: expected hex digits"),
        ("f" * 33, "33 hex digits, at most 32 expected"),
        ("0" * 32, "zeros only"),
        ("%3Cb%3E", "'<b>' is no trace ID"),
        ("a..b", "'a..b' is no trace ID"),
    ],
)
def test_what_is_no_id_is_a_400_with_the_reason(text: str, reason: str) -> None:
    for path in (f"/trace/{text}", f"/trace/{text}/rows"):
        response = get(path)
        assert response.status_code == 400
        assert reason in unescape(response.text)
        assert "<b>" not in response.text.partition("<main")[2]


@pytest.mark.parametrize("form", ["AB", "ab", "0" * 30 + "ab", "00AB"])
def test_other_forms_of_an_id_lead_to_the_one_that_is_printed(form: str) -> None:
    span = a_span(1, trace_id="0" * 30 + "ab")
    response = get(f"/trace/{form}?find=a+%26b&from=1&tz=utc", span)
    assert response.status_code == 308
    assert response.location == f"/trace/{SHORT}?find=a+%26b&from=1&tz=utc"
    assert get(f"/trace/{form}", span).location == f"/trace/{SHORT}"
    assert get(f"/trace/{SHORT}", span).status_code == 200


def test_an_id_with_a_digit_missing_in_front_is_found() -> None:
    assert get("/trace/" + TRACE_ID[1:]).location == URL


def test_a_query_that_is_no_utf8_is_carried_as_well_as_it_can_be() -> None:
    raw = {"QUERY_STRING": "find=\xff&tz=utc"}  # latin-1, as WSGI has it
    response = client().get(f"/trace/{TRACE_ID.upper()}", environ_overrides=raw)
    assert response.status_code == 308
    assert address(response.location) == {"find": "\ufffd", "tz": "utc"}


def test_a_redirect_stays_on_this_server() -> None:
    response = get("/trace/AB?next=//evil.example", a_span(1, trace_id="0" * 30 + "ab"))
    assert response.location.startswith("/trace/")


# Partials.


def test_htmx_gets_the_view_and_the_address_of_it() -> None:
    response = partial(f"{URL}?find=visa&near=0000000000000003", "trace-view")
    assert response.status_code == 200
    assert response.text.lstrip().startswith('<div id="trace-view"')
    assert "<html" not in response.text
    assert response.headers["HX-Push-Url"] == f"{URL}?find=visa"
    assert set(response.vary) >= VARIES


def test_htmx_gets_only_the_panel_when_a_span_is_selected() -> None:
    response = partial(f"{URL}?span=4", "span-detail")
    assert response.text.lstrip().startswith('<aside id="span-detail"')
    assert elements(response.text, data_span_detail="0000000000000004")
    assert not elements(response.text, id="find-bar")
    assert response.headers["HX-Push-Url"] == f"{URL}?span=0000000000000004"


def test_with_a_find_term_the_panel_brings_the_find_bar_along() -> None:
    response = partial(f"{URL}?span=4&find=visa", "span-detail")
    (bar,) = elements(response.text, id="find-bar")
    assert bar["hx-swap-oob"] == "true"
    assert "1 of 1 match" in response.text


def test_the_panel_closes_to_an_empty_one() -> None:
    response = partial(URL, "span-detail")
    (panel,) = elements(response.text, id="span-detail")
    assert "hidden" in panel
    assert response.headers["HX-Push-Url"] == URL


def test_a_browser_that_goes_back_gets_the_page() -> None:
    response = get(
        URL,
        **{
            "HX-Request": "true",
            "HX-Target": "div#trace-view",
            "HX-History-Restore-Request": "true",
        },
    )
    assert "<html" in response.text
    assert "HX-Push-Url" not in response.headers
    assert set(response.vary) >= VARIES


def test_page_and_partial_are_one_rendering() -> None:
    url = f"{URL}?span=4&find=visa&collapse=0000000000000003&from=5&to=800000000"
    view = partial(url, "trace-view").text.strip()
    assert view in get(url).text


def test_htmx_is_told_of_errors_in_the_notice() -> None:
    response = partial("/trace/" + "1" * 32, "trace-view")
    assert response.status_code == 404
    assert response.headers["HX-Retarget"] == "#notice"
    assert "<html" not in response.text


def test_htmx_is_not_redirected_but_answered() -> None:
    response = partial(f"/trace/{TRACE_ID.upper()}", "trace-view")
    assert response.status_code == 200
    assert response.headers["HX-Push-Url"] == URL


# The view.


def test_a_permalink_shows_what_it_says() -> None:
    text = get(f"{URL}?span=2&collapse=0000000000000003&find=visa&from=5&to=800000000").text
    assert span_rows(text) == ["1", "2", "3"]
    (selected,) = elements(text, aria_selected="true")
    assert selected["data-span-row"] == "0000000000000002"
    assert elements(text, aria_expanded="false")[0]["data-span-row"] == "0000000000000003"
    assert elements(text, data_find="")[0]["value"] == "visa"
    (strip,) = elements(text, id="minimap")
    assert (strip["from"], strip["to"]) == ("5", "800000000")
    assert elements(text, data_span_detail="0000000000000002")


def test_collapsing_by_links_alone() -> None:
    browser = client()
    page = browser.get(URL, headers=HTML).text
    twisty = elements(page, aria_label="Collapse 1 span")[0]["href"]
    collapsed = browser.get(twisty, headers=HTML).text
    assert span_rows(collapsed) == ["1", "2", "3"]
    back = elements(collapsed, aria_label="Expand 1 span")[0]["href"]
    assert span_rows(browser.get(back, headers=HTML).text) == ["1", "2", "3", "4"]
    everything = elements(page, data_collapse_all="")[0]["href"]
    assert span_rows(browser.get(everything, headers=HTML).text) == ["1"]


def a_loop() -> list[Span]:
    calls = [
        a_span(16 + call, 1, name="GET /item", start_ns=START_NS + call * MS, duration_ns=MS)
        for call in range(6)
    ]
    return [a_span(1), *calls]


def test_folds_are_unfolded_and_folded_by_links_alone() -> None:
    browser = client(*a_loop())
    page = browser.get(URL, headers=HTML).text
    assert span_rows(page) == ["1", "10"]
    assert "×6 · Σ 6.00 ms · max 1.00 ms" in page
    (tree,) = elements(page, data_waterfall="")
    assert tree["aria-rowcount"] == "2"
    unfold = elements(page, aria_label="Unfold 6 spans")[0]["href"]
    unfolded = browser.get(unfold, headers=HTML).text
    assert span_rows(unfolded) == ["1", "10", "11", "12", "13", "14", "15"]
    fold = next(link for link in elements(unfolded, href="") if link.get("class") == "row-refold")
    assert span_rows(browser.get(fold["href"], headers=HTML).text) == ["1", "10"]
    switch = elements(page, data_fold_repeats="")[0]["href"]
    everything = browser.get(switch, headers=HTML).text
    assert len(span_rows(everything)) == 7
    assert "row-refold" not in everything


def test_further_rows_are_folded_as_the_page_is() -> None:
    browser = client(*a_loop())
    assert span_rows(browser.get(f"{URL}/rows").text) == ["1", "10"]
    assert len(span_rows(browser.get(f"{URL}/rows?unfold=*").text)) == 7


def test_a_span_that_a_link_names_is_unfolded_and_the_address_says_so() -> None:
    response = partial(f"{URL}?span=12", "trace-view", *a_loop())
    assert "12" in span_rows(response.text)
    pushed = address(response.headers["HX-Push-Url"])
    assert pushed["unfold"] == "0000000000000010"
    folded = partial(f"{URL}?span=12&near=10&folded=10", "trace-view", *a_loop())
    assert folded.headers["HX-Push-Url"] == URL


def test_a_focus_shows_a_part_and_leads_back_up() -> None:
    browser = client()
    page = browser.get(f"{URL}?span=3", headers=HTML).text
    assert not elements(page, id="focus-bar")
    focus = elements(page, data_key="z")[0]["href"]
    text = browser.get(focus, headers=HTML).text
    assert span_rows(text) == ["3", "4"]
    assert "2 of 4 spans, 750 ms of 900 ms" in text
    (strip,) = elements(text, id="minimap")
    assert strip["duration"] == str(750 * MS)
    assert [row["aria-level"] for row in elements(text, data_span_row="")] == ["1", "2"]
    up = elements(text, title="Level 1: POST /checkout")[0]["href"]
    assert span_rows(browser.get(up, headers=HTML).text) == ["1", "2", "3", "4"]
    whole = elements(text, data_key="Z")[0]["href"]
    assert "focus" not in whole
    assert span_rows(browser.get(whole, headers=HTML).text) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["3", "4"]),
        ("&find=visa&only=matches", ["3", "4"]),
        ("&find=postgresql&only=matches", []),
        ("&only=service:stock", []),
        ("&only=errors", ["3", "4"]),
        ("&collapse=*", ["3"]),
    ],
)
def test_find_filter_and_collapse_are_of_the_part_in_focus(query: str, expected: list[str]) -> None:
    for path in (URL, f"{URL}/rows"):
        assert span_rows(get(f"{path}?focus=3{query}").text) == expected


@pytest.mark.parametrize("view", ["flame", "statistics", "findings", "spans", "json"])
def test_every_view_is_of_the_part_in_focus_and_says_so(view: str) -> None:
    text = get(f"{URL}?view={view}&focus=3").text
    content = text.partition('id="focus-bar"')[2].partition('id="span-detail"')[0]
    assert "Only a part is shown" in content
    assert "charge" in content
    assert "reserve" not in content


def test_a_focus_that_is_stale_is_told_and_all_is_shown() -> None:
    for focus in ("99", "xyz"):
        text = get(f"{URL}?focus={focus}").text
        assert span_rows(text) == ["1", "2", "3", "4"]
        assert elements(text, **{"class": "note"})


def test_a_deep_trace_tells_the_way_to_its_rows() -> None:
    chain, above = a_forest(range(2 * WINDOW_ROWS)), WINDOW_ROWS
    way = ["1", *(str(level) for level in range(above - 3, above + 1))]
    text = get(f"{URL}?offset={above}", *chain).text
    (trail,) = elements(text, id="row-trail")
    assert trail
    line = text.partition('id="row-trail"')[2].partition("</ol>")[0]
    assert re.findall(r">step (\d+)<", line) == way
    assert f"{above - 5} levels" in line
    further = get(f"{URL}/rows?offset={above}", *chain).text
    assert [step["data-level"] for step in elements(further, data_level="")] == way
    assert 'id="row-trail"' not in get(URL).text


def test_finding_marks_the_rows_and_steps_to_them() -> None:
    browser = client()
    text = browser.get(f"{URL}?find=visa+postgresql&collapse=*", headers=HTML).text
    assert "2 matches" in text
    step = elements(text, data_key="n")[0]["href"]
    found = browser.get(step, headers=HTML).text
    assert "1 of 2 matches" in found
    matches = [row for row in elements(found, data_span_row="") if "is-match" in row["class"]]
    assert [row["data-span-row"] for row in matches] == ["0000000000000002"]


def test_words_in_quotes_are_one_term() -> None:
    assert "1 match<" in get(f"{URL}?find=%22POST+%2Fcheckout%22").text
    assert "0 matches" in get(f"{URL}?find=%22POST+charge%22").text


def test_a_span_id_is_found() -> None:
    text = get(f"{URL}?find=0000000000000004").text
    assert "1 match<" in text


def test_what_was_found_is_not_searched_again_for_the_next_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = a_store(a_forest([0] + [1] * 250))
    asked: list[Any] = []
    search = store.match_spans

    def count(trace_id: str, terms: Any) -> list[tuple[int, int]]:
        asked.append(terms)
        return search(trace_id, terms)

    monkeypatch.setattr(store, "match_spans", count)
    browser = a_client(store)
    for path in ("", "/rows", "/rows"):
        text = browser.get(f"{URL}{path}?find=step&offset=100", headers=HTML).text
        assert "is-match" in text
    assert asked == [["step"]]
    browser.get(f"{URL}?find=other", headers=HTML)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("span=ffffffffffffffff", "Span ffffffffffffffff is not in this trace"),
        ("span=zz", "'zz' is no span ID"),
        ("collapse=99", "1 collapsed span cannot be found"),
        ("from=x", "“from=x” is ignored"),
        ("from=99999999999999&to=1", "The zoom lies outside the trace"),
        ("view=pie", "There is no view “pie”"),
        ("span=%3Cscript%3E", "'<script>' is no span ID"),
    ],
)
def test_stale_parts_are_told_and_the_rest_is_shown(query: str, note: str) -> None:
    response = get(f"{URL}?{query}")
    assert response.status_code == 200
    assert span_rows(response.text) == ["1", "2", "3", "4"]
    (said,) = re.findall(r'<p class="note" role="status">(.*?)</p>', response.text)
    assert note in unescape(said)
    assert "<script" not in said


@pytest.mark.parametrize(
    "query",
    [
        "offset=9999999999999999999",
        "from=0&to=9999999999999999999",
        "from=9999999999999999998&to=9999999999999999999",
        "near=zz&span=",
        "find=-000000000000001",
        "find=%00",
        "find=%F0%9F%92%A9",
        "find=" + "%22" * 50,
        "find=" + "a+" * 200,
        "collapse=" + "1," * 5000,
        "collapse=*,*,,,",
        "span=1&span=2",
        "tz=utc&tz=x&unknown=1",
    ],
)
def test_no_query_breaks_a_page_or_a_window(query: str) -> None:
    for path in (URL, f"{URL}/rows"):
        assert get(f"{path}?{query}").status_code == 200


# Windows.


def test_windows_hold_all_rows_once() -> None:
    browser = client(*a_forest([0] + [1] * 249))
    seen: list[str] = []
    for offset in range(0, 250, WINDOW_ROWS):
        response = browser.get(f"{URL}/rows?offset={offset}", headers=HTML)
        (root,) = elements(response.text, data_offset="")
        assert root["id"] == f"rows-{offset}"
        positions = [row["aria-rowindex"] for row in elements(response.text, data_span_row="")]
        assert positions[0] == str(offset + 1)
        seen += span_rows(response.text)
    assert seen == [format_span_id(number).lstrip("0") for number in range(1, 251)]
    assert span_rows(browser.get(f"{URL}/rows?offset=300", headers=HTML).text) == []


def test_a_window_is_of_the_view_that_its_page_shows() -> None:
    spans = a_forest([0] + [1] * 120 + [2] * 60)
    browser = client(*spans)
    page = browser.get(f"{URL}?collapse=0000000000000002&find=step+3", headers=HTML).text
    (tree,) = elements(page, rows_url="")
    assert tree["total"] == "121"
    rows = browser.get(tree["rows-url"] + "&offset=100", headers=HTML).text
    assert len(span_rows(rows)) == 21
    assert address(elements(rows, aria_rowindex="101", role="row") and tree["rows-url"]) == {
        "collapse": "0000000000000002",
        "find": "step 3",
    }


def test_the_page_begins_with_the_window_of_the_selected_span() -> None:
    browser = client(*a_forest([0] + [1] * 249))
    text = browser.get(f"{URL}?span={106:x}", headers=HTML).text
    assert "6a" in span_rows(text)
    assert elements(text, data_offset=str(WINDOW_ROWS))
    assert elements(text, focus_row="105")


def test_the_row_to_keep_decides_over_where_the_address_begins() -> None:
    browser = client(*a_forest([0] + [1] * 349))
    response = browser.get(f"{URL}?offset=100&near={301:x}", headers=HTML)
    assert elements(response.text, data_offset=str(300 // WINDOW_ROWS * WINDOW_ROWS))


def test_an_unknown_traces_window_is_a_404() -> None:
    assert get("/trace/" + "1" * 32 + "/rows").status_code == 404


def test_a_row_stays_within_a_few_elements() -> None:
    """A page holds two windows of 75 rows, and 2,500 elements at the very most."""
    plain = get(f"{URL}/rows", *a_forest([0] + [1] * 50))
    assert len(_Elements(plain.text).found) / 51 < 9
    worst = [
        a_span(
            number,
            number - 1,
            start_ns=START_NS + 20 - number,
            error=True,
            attributes={"db.system": "x"},
            events=[Event(START_NS, "e")],
            duration_ns=100 * MS - number,
        )
        for number in range(1, 21)
    ]
    worst += [a_span(21, 20, start_ns=START_NS + 50, duration_ns=5)]
    odd = get(f"{URL}/rows", *worst)
    assert odd.text.count("row-critical") == odd.text.count("row-events") + 1 == 21
    assert len(_Elements(odd.text).found) / 21 <= 15


def test_the_critical_path_is_marked_until_the_address_says_off() -> None:
    page = get(URL, *a_checkout()).text
    rows = re.findall(r'data-span-row="0*(\w+)".*?</svg>', page, re.DOTALL)
    assert rows == ["1", "2", "3", "4"]
    assert page.count("row-critical") == 4
    assert "900,000,000 ns; 100 ms on the critical path" in page
    (off,) = re.findall(r'href="([^"]+)" data-key="c"', page)
    assert off == f"{URL}?critical=off"
    without = get(off, *a_checkout()).text
    assert "row-critical" not in without
    assert 'aria-checked="false"' in without
    selecting = re.findall(r'class="row-op" href="([^"]+)"', without)
    assert len(selecting) == 4
    assert all("critical=off" in link for link in selecting)
    # Further windows are drawn like the first one.
    assert "row-critical" not in get(f"{URL}/rows?critical=off", *a_checkout()).text


def test_rows_of_two_spans_of_one_id_have_each_their_own_details() -> None:
    spans = (
        a_span(1),
        a_span(2, 1, kind=SpanKind.CLIENT, name="ask", attributes={"side": "north"}),
        a_span(2, 1, kind=SpanKind.SERVER, name="answer", attributes={"side": "south"}),
    )
    browser = client(*spans)
    for row, side in zip(span_rows(get(URL, *spans).text)[1:], ("north", "south"), strict=True):
        text = browser.get(f"{URL}?span={row}", headers=HTML).text
        panel = text.partition('id="span-detail"')[2]
        assert side in panel
        assert ("north" in panel) != ("south" in panel)


# Strangers.


def a_hostile_trace() -> list[Span]:
    return [
        a_span(
            1,
            77,
            name=HOSTILE,
            service=HOSTILE,
            error=HOSTILE,
            attributes={
                HOSTILE: HOSTILE,
                "link": "javascript:alert(1)",
                "surrogate": '{"a":"\\ud800","b":"' + "x" * 80 + '"}',
                "huge": "x" * 1_000_000,
                "deep": "[" * 50_000,
            },
            resource={HOSTILE: HOSTILE},
            events=[Event(START_NS, HOSTILE, ((HOSTILE, HOSTILE),))],
            links=[Link("1" * 32, 1, ((HOSTILE, HOSTILE),))],
        ),
        a_span(2, 1, name=HOSTILE, service=HOSTILE),
    ]


def test_hostile_names_and_values_are_text() -> None:
    for url in (f"{URL}?span=1", f"{URL}?span=2", f"{URL}/rows"):
        response = get(url, *a_hostile_trace())
        assert response.status_code == 200
        assert SCRIPT not in response.text
        for tag, attributes in _Elements(response.text).found:
            assert tag != "script" or attributes.get("src", "").startswith("/static/")
            assert not any(name.startswith("on") for name in attributes)
            assert not attributes.get("href", "").lower().startswith("javascript")
            assert "style" not in attributes


def test_a_hostile_term_and_address_are_text() -> None:
    response = client().get(URL, query_string={"find": HOSTILE, "view": SCRIPT}, headers=HTML)
    assert SCRIPT not in response.text
    assert elements(response.text, data_find="")[0]["value"].startswith("\"'>" + SCRIPT)


def test_a_value_of_a_megabyte_is_sent_once() -> None:
    text = get(f"{URL}?span=1", *a_hostile_trace()).text
    assert text.count("x" * 600_000) == 1
    assert "1,000,000 characters" in text
    assert len(text) < 1_200_000


def test_a_chain_10000_deep_is_a_small_page() -> None:
    store = MemoryStore()
    depth = 10_000
    store.write_spans(
        [
            a_batch(
                a_span(
                    number, number - 1, start_ns=START_NS + number, duration_ns=2 * depth - number
                )
                for number in range(1, depth + 1)
            )
        ]
    )
    browser = a_client(store)
    for query in ("", f"?span={depth:x}", "?collapse=*", f"?collapse=*&span={depth:x}"):
        response = browser.get(URL + query, headers=HTML)
        assert response.status_code == 200
        assert len(response.data) < 200_000


def test_the_lower_half_of_an_id_leads_to_the_one_trace_it_belongs_to() -> None:
    half = TRACE_ID[16:]
    shown = a_client(a_store([a_span(1)]))
    answer = shown.get(f"/trace/{half}?find=x")
    assert (answer.status_code, answer.location) == (303, f"/trace/{TRACE_ID}?find=x")
    both = a_client(a_store([a_span(1)], [a_span(1, trace_id="1" * 16 + half)]))
    assert both.get(f"/trace/{half}").status_code == 404
    own = a_client(a_store([a_span(1)], [a_span(1, trace_id="0" * 16 + half)]))
    assert own.get(f"/trace/{half}").status_code == 200


def test_a_filter_leaves_rows_out_says_so_and_holds_for_further_windows() -> None:
    client = a_client(a_store([a_span(1), a_span(2, 1, error=True), a_span(3, 1)]))
    page = client.get(f"/trace/{TRACE_ID}?only=errors", headers=HTML).text
    assert re.findall(r'data-span-row="0*(\d)"', page) == ["1", "2"]
    assert "1 span filtered out, 1 ancestor kept" in page
    assert 'rows-url="/trace/' in page
    assert "only=errors" in page.partition('rows-url="')[2].partition('"')[0]
    part = client.get(f"/trace/{TRACE_ID}/rows?only=errors").text
    assert re.findall(r'data-span-row="0*(\d)"', part) == ["1", "2"]


def test_a_filter_that_nothing_passes_shows_no_row_and_a_way_back() -> None:
    client = a_client(a_store([a_span(1), a_span(2, 1)]))
    page = client.get(f"/trace/{TRACE_ID}?only=errors&only=service:x&min=1s", headers=HTML).text
    assert "data-span-row" not in page
    assert "2 spans filtered out" in page
    assert f'<a href="/trace/{TRACE_ID}">Show all</a>' in page
    assert "min%3A1s" in page or "min:1s" in page


def a_skewed_call() -> list[Span]:
    """A call whose clock was a second late, with an event."""
    early = START_NS - 1_000 * MS
    return [
        a_span(1, service="web", duration_ns=100 * MS, kind=SpanKind.CLIENT),
        a_span(
            2,
            1,
            service="db",
            name="query",
            start_ns=early,
            duration_ns=60 * MS,
            events=[Event(early + 10 * MS, "fetched")],
        ),
    ]


def test_times_are_shown_as_sent_with_a_way_to_adjusted_ones() -> None:
    text = get(URL, *a_skewed_call()).text
    assert "clocks disagree by up to 1.02 s" in text
    assert f'href="{URL}?adjust=skew" data-adjust role="switch" aria-checked="false"' in text
    assert 'data-warning="starts-before-parent"' in text
    assert "1.10 s" in text


def test_adjusted_times_are_the_same_in_every_part_of_the_page() -> None:
    text = get(f"{URL}?adjust=skew&span=0000000000000002", *a_skewed_call()).text
    assert 'role="switch" aria-checked="true"' in text
    assert 'data-warning="starts-before-parent"' not in text
    assert 'title="100,000,000 ns"' in text
    detail = text[text.index('id="span-detail"') :]
    assert "moved 1.02 s later for clock skew" in detail
    assert 'data-sent-start><time datetime="2023-11-14T22:13:19' in detail
    # Zooming to the span, and its event's place in it, are of the adjusted times too.
    assert f"from={20 * MS}&amp;to={80 * MS}&amp;adjust=skew" in detail
    assert ">10.0 ms</span> <b><bdi>fetched" in detail
    for view in ("flame", "statistics", "findings", "spans"):
        assert (
            "clock skew taken out" in get(f"{URL}?adjust=skew&view={view}", *a_skewed_call()).text
        )


def test_documents_for_others_hold_what_was_sent() -> None:
    text = get(f"{URL}?adjust=skew&view=json", *a_skewed_call()).text
    assert str(START_NS - 1_000 * MS) in text
    assert str(START_NS + 20 * MS) not in text


def test_without_skew_there_is_nothing_to_adjust() -> None:
    text = get(f"{URL}?adjust=skew", *a_checkout()).text
    assert "No clock skew is seen in this trace" in text
    assert "data-adjust" not in text
    assert "adjust=skew" not in text.replace(f"{URL}?adjust=skew", "")


def test_a_trace_that_retention_removed_is_gone_and_told(tmp_path: Path) -> None:
    """With the real engine and a real run of retention, and after a restart."""
    store = open_store(f"duckdb:{tmp_path / 'spans.duckdb'}")
    store.write_spans([a_batch(a_checkout())])
    apply_retention(store, time.time_ns() + 8 * DAY_NS, 7 * DAY_NS, None)
    store.write_spans([a_batch([a_span(1, trace_id=SHORT.zfill(32))])])
    store.close()
    store = open_store(f"duckdb:{tmp_path / 'spans.duckdb'}")
    pages = a_client(store, retention="7 days")
    response = pages.get(URL, headers=HTML)
    assert response.status_code == 410
    assert "This trace was removed by retention" in response.text
    assert "POST /checkout" in response.text
    assert "900 ms, 4 spans, from 2023-11-14 22:13:20.000 UTC" in response.text
    assert "Retention keeps 7 days" in response.text
    assert pages.get(f"{URL}/rows", headers=HTML).status_code == 410
    told = pages.get(URL, headers={"Accept": "application/json"})
    assert told.status_code == 410
    assert pages.get(f"/trace/{SHORT}", headers=HTML).status_code == 200
    assert pages.get("/trace/" + "1" * 32, headers=HTML).status_code == 404
    store.close()


def test_an_id_from_before_what_is_kept_is_gone() -> None:
    pages = a_client(a_store(a_checkout()), retention="7 days")
    response = pages.get("/trace/5759e98800000000bd862e3fe1be46a9", headers=HTML)
    assert response.status_code == 410
    assert "Its ID says that it is from 2016-06-09" in response.text
