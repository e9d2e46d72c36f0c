"""The comparison's addresses as a browser, htmx and a person without script see them."""

import re
from html import unescape

import pytest

from tests.builders import MS, START_NS, a_span, a_trace
from tests.ui.stage import HTML, a_client, a_store
from viewer.store.memory import MemoryStore
from viewer.ui.pages import compare

A, B = "0000000000000001", "0000000000000002"
PAIR = f"/trace/{A}...{B}"
SCRIPT = "<script>alert(1)</script>"


def store() -> MemoryStore:
    return a_store(
        a_trace(1, duration_ns=100 * MS),
        a_trace(2, duration_ns=900 * MS, start_ns=START_NS + MS, spans=5, error=True),
        a_trace(3, duration_ns=300 * MS, start_ns=START_NS + 2 * MS),
        [a_span(9, trace_id="ab" * 16, name="other")],
    )


def get(path: str, status: int = 200) -> str:
    response = a_client(store()).get(path, headers=HTML)
    assert response.status_code == status, response.text
    return unescape(response.text)


def location(path: str) -> str:
    response = a_client(store()).get(path, headers=HTML)
    assert response.status_code == 303, response.status_code
    return response.location


def test_an_address_of_two_traces_is_a_comparison_not_a_trace() -> None:
    text = get(PAIR)
    assert 'id="comparison"' in text
    assert "B takes 800 ms longer; " in text
    assert 'data-compare-node="node-b-00000000000007d4"' in text
    assert "data-waterfall" not in text
    assert f"<title>{A[:7]} … {B[:7]} · Compare" in text


def test_the_trace_itself_keeps_its_address() -> None:
    assert "data-waterfall" in get(f"/trace/{A}")


def test_one_trace_may_be_compared_with_itself() -> None:
    text = get(f"/trace/{A}...{A}")
    assert "Both are the same trace" in text
    assert "No node differs" in text


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("/trace/1...2", PAIR),
        (f"/trace/{A:>032}...{B}?show=all", f"{PAIR}?show=all"),
        (f"/trace/{'AB' * 16}...1", f"/trace/{'ab' * 16}...{A}"),
        (f"/trace/{'ab' * 8}...1", f"/trace/{'ab' * 16}...{A}"),
    ],
)
def test_ids_may_be_written_in_any_form(path: str, whole: str) -> None:
    assert location(path) == whole


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"/trace/{A}...77", "No span with the trace ID 77 is stored"),
        (f"/trace/77...{A}", "No span with the trace ID 77 is stored"),
        ("/trace/77...88", "Neither of the traces 77 and 88 is stored"),
        ("/trace/77...77", "No span with the trace ID 77 is stored"),
        ("/compare?trace=77", "No span with the trace ID 77 is stored"),
        ("/compare/choices?trace=77", "No span with the trace ID 77 is stored"),
    ],
)
def test_a_trace_that_is_not_stored_is_named(path: str, said: str) -> None:
    assert said in get(path, 404)


def test_the_stored_one_of_two_is_said_to_be_stored() -> None:
    assert f"The other trace, {A}, is stored" in get(f"/trace/{A}...77", 404)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xyz", "'xyz' is no trace ID"),
        ("0", "zeros only is invalid"),
        ("1" * 33, "33 hex digits"),
        ("x y", "'x y' is no trace ID"),
    ],
)
def test_what_is_no_id_is_refused(text: str, said: str) -> None:
    assert said in get(f"/trace/{A}...{text}", 400)
    assert said in get(f"/trace/{text}...{A}", 400)
    assert a_client(store()).get(f"/compare/choices?trace={text}").status_code == 400


def test_the_state_is_in_the_address_and_bad_parts_are_told() -> None:
    text = get(f"{PAIR}?show=all&sort=difference&node=b:7d2")
    assert re.search(r'aria-current="true">All <small>', text)
    assert re.search(r'aria-current="true">difference<', text)
    assert re.search(r'<tr class="[^"]*is-selected[^"]*" data-compare-node="node-a-0+3ea"', text)
    text = get(f"{PAIR}?show=nonsense&node=b:999")
    assert "“show=nonsense” is ignored" in text
    assert "no span of these traces is b:0000000000000999" in text


def test_htmx_gets_all_below_the_top_bar_and_the_address() -> None:
    response = a_client(store()).get(
        f"{PAIR}?show=added",
        headers={"HX-Request": "true", "HX-Target": "div#comparison", **HTML},
    )
    assert response.headers["HX-Push-Url"] == f"{PAIR}?show=added"
    assert response.text.startswith('<div id="comparison"')


def test_hostile_names_and_values_are_inert() -> None:
    spans = [
        [
            a_span(
                number,
                trace_id=f"{number:032x}",
                name=SCRIPT,
                service=SCRIPT,
                attributes={SCRIPT: f"{SCRIPT} {number}"},
                error=SCRIPT,
            )
        ]
        for number in (1, 2)
    ]
    client = a_client(a_store(*spans))
    for path in (f"{PAIR}?show=all", f"/compare?trace={A}", f"/compare?trace={SCRIPT}", "/search"):
        text = client.get(path, headers=HTML).text
        assert "alert(1)" in text
        assert SCRIPT not in text


@pytest.mark.parametrize(
    "query",
    [
        f"trace={A}&trace={B}",
        f"trace={A}&with={B}",
        "trace=1&trace=2",
        "trace=+1+&trace=&with=0x2",
        f"trace=1&with=00-{B:>032}-00f067aa0ba902b7-01",
        "trace=1&with=http://jaeger.example/trace/0000000000000002",
    ],
)
def test_two_traces_in_any_form_lead_to_their_comparison(query: str) -> None:
    assert location(f"/compare?{query}") == PAIR


def test_the_zone_is_kept_on_the_way() -> None:
    assert location("/compare?trace=1&trace=2&tz=utc") == f"{PAIR}?tz=utc"


def test_without_a_trace_both_are_asked_for() -> None:
    text = get("/compare")
    assert text.count('name="trace"') == 2
    assert 'aria-current="page"' in text


def test_with_one_trace_the_fastest_and_a_typical_one_are_offered() -> None:
    text = get(f"/compare?trace={B}")
    assert f'href="/trace/{B}...{A}"' in text
    assert "the fastest" in text
    assert "a typical one" in text
    assert f'<input type="hidden" name="trace" value="{B}">' in text
    assert 'name="with"' in text
    assert "No other trace of shop · other was found." in get("/compare?trace=" + "ab" * 16)


def test_more_than_two_ticked_is_said_and_the_first_two_are_kept() -> None:
    text = get("/compare?trace=1&trace=2&trace=3")
    assert "3 traces were chosen; a comparison takes two" in text
    assert 'name="trace" value="1"' in text
    assert 'name="trace" value="2"' in text


def test_what_was_typed_stays_with_what_is_wrong_with_it() -> None:
    text = get("/compare?trace=1&trace=hello+there")
    assert "'hello there' is neither an ID in any known form" in text
    assert 'value="1"' in text
    assert 'value="hello there"' in text


def test_very_much_text_is_not_repeated() -> None:
    assert len(get("/compare?trace=" + "x" * 5000)) < 8000


def test_the_typical_one_is_looked_for_in_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_NEWEST", 1)
    text = get(f"/compare?trace={A}")
    assert "newest 1 one" in text


def test_a_trace_page_leads_to_its_choices() -> None:
    text = get(f"/trace/{A}?tz=utc")
    assert f'href="/compare?trace={A}&tz=utc"' in text
    assert f'hx-get="/compare/choices?trace={A}&tz=utc"' in text
    part = get(f"/compare/choices?trace={A}&tz=utc")
    assert part.startswith('<details id="compare-choices"')
    assert f'href="/trace/{A}...{B}?tz=utc"' in part or f"...{3:016x}?tz=utc" in part


def test_results_can_be_ticked_without_script() -> None:
    text = get("/search?tz=utc")
    form = re.search(r'<form id="compare-form".*?</form>', text, re.DOTALL)
    assert form is not None
    assert 'action="/compare"' in form[0]
    assert 'name="tz" value="utc"' in form[0]
    boxes = re.findall(
        r'<input type="checkbox" form="compare-form" name="trace" value="(\w+)"', text
    )
    assert len(boxes) == 4
    assert "compare-form" not in get("/search?service=nobody")


def test_every_table_has_its_headers_and_every_box_its_label() -> None:
    text = get(f"{PAIR}?show=all") + get("/compare") + get("/compare?trace=1")
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", text))
    labels = set(re.findall(r'<label for="([^"]+)"', text))
    for box in re.findall(r"<input\b[^>]*>", text):
        named = re.search(r'id="([^"]+)"', box)
        assert (
            'type="hidden"' in box
            or "aria-label" in box
            or (named is not None and named[1] in labels)
        ), box
