"""The search page as a browser, htmx and a person without script see it."""

import re
from dataclasses import replace
from html import unescape

import pytest

from tests.builders import MS, START_NS, a_batch, a_span, a_trace
from tests.ui.stage import HTML, NOW_NS, a_client, a_store, htmx_headers
from viewer.search.query import TraceQuery
from viewer.store.base import StoreError, TraceCounts
from viewer.store.memory import MemoryStore
from viewer.trace.report import DoorReport
from viewer.ui.pages import search

SCRIPT = "<script>alert(1)</script>"


def rows(text: str) -> list[str]:
    return re.findall(r'data-result-row="([^"]*)"', text)


def get(path: str, *traces: list, **services: object) -> str:  # type: ignore[type-arg]
    response = a_client(a_store(*traces), **services).get(path, headers=HTML)
    assert response.status_code == 200
    return unescape(response.text)


def many(count: int) -> list[list]:  # type: ignore[type-arg]
    return [
        a_trace(number, start_ns=START_NS + number * MS, duration_ns=number * MS)
        for number in range(1, count + 1)
    ]


def test_the_first_page_leads_to_search() -> None:
    response = a_client().get("/")
    assert (response.status_code, response.location) == (303, "/search")


def test_all_traces_are_shown_newest_first_without_any_filter() -> None:
    text = get("/search", *many(3))
    assert rows(text) == [f"{number:016x}" for number in (3, 2, 1)]
    assert 'data-total="3"' in text
    assert "3 traces of 3 · 9 spans searched" in text


def test_old_traces_are_found_without_choosing_a_time() -> None:
    text = get("/search", a_trace(1, start_ns=10**18))
    assert rows(text) == ["0000000000000001"]


def test_a_row_leads_to_its_trace_and_says_what_it_is() -> None:
    text = get(
        "/search", a_trace(7, service="shop", name="GET /cart", duration_ns=1_240 * MS, error=True)
    )
    assert 'href="/trace/0000000000000007"' in text
    assert "GET /<wbr>cart" in text
    assert "1.24 s" in text
    assert 'title="1,240,000,000 ns"' in text
    assert 'datetime="2023-11-14T22:13:20.000000000Z"' in text
    assert "1 h ago" in text


def test_a_search_keeps_only_what_matches() -> None:
    traces = [a_trace(1, service="shop"), a_trace(2, service="bank", error=True)]
    assert rows(get("/search?service=bank", *traces)) == ["0000000000000002"]
    assert rows(get("/search?status=error", *traces)) == ["0000000000000002"]
    assert rows(get("/search?service=shop&status=error", *traces)) == []


def test_the_form_shows_what_was_asked() -> None:
    text = get(
        "/search?service=shop&operation=GET+%2F&tags=a%3Db&minDuration=1ms&lookback=1h&status=error&limit=7",
        a_trace(),
    )
    assert '<option value="shop" selected>' in text
    assert 'name="operation" type="search" value="GET /"' in text
    assert 'name="tags" value="a=b"' in text
    assert 'name="minDuration" value="1ms"' in text
    assert '<option value="1h" selected>' in text
    assert '<option value="error" selected>' in text
    assert 'value="7"' in text


def test_a_bad_value_is_said_beside_results_never_an_error_page() -> None:
    text = get("/search?minDuration=fast&limit=x&colour=red", a_trace())
    assert (
        'value="fast" class="mono" placeholder="100ms" autocomplete="off" spellcheck="false" aria-invalid'
        in text
    )
    assert "Min duration: 'fast' is no duration" in text
    assert "Limit: expected a number" in text
    assert "ignored: colour" in text
    assert len(rows(text)) == 1


def test_pages_follow_one_another_until_all_are_seen() -> None:
    client = a_client(a_store(*many(7)))
    path, seen, pages = "/search?limit=3&sort=oldest", [], 0
    while path and pages < 5:
        text = unescape(client.get(path, headers=HTML).text)
        seen += rows(text)
        following = re.search(r'rel="next" href="([^"]*)"', text)
        path, pages = following[1] if following else "", pages + 1
    assert seen == [f"{number:016x}" for number in range(1, 8)]
    assert pages == 3


def test_many_rows_come_in_parts_each_of_which_leads_to_the_next() -> None:
    client = a_client(a_store(*many(450)))
    text = unescape(client.get("/search?limit=430&service=shop", headers=HTML).text)
    seen, addresses = rows(text), []
    while following := re.search(
        r'class="result-more".*?hx-get="(/search/rows[^"]*)"', text, re.DOTALL
    ):
        assert 'rel="next"' not in text
        addresses.append(following[1])
        text = unescape(client.get(following[1], headers=htmx_headers("rest-230")).text)
        seen += rows(text)
    assert seen == [f"{number:016x}" for number in range(450, 20, -1)]
    assert len(addresses) == 2
    assert text.startswith('<div class="result-part" id="rest-30">')
    assert '<span id="next-page" hx-swap-oob="true">' in text
    assert 'rel="next"' in text


def test_without_script_the_parts_are_pages() -> None:
    client = a_client(a_store(*many(450)))
    path, seen = "/search?limit=430", []
    while path:
        text = unescape(client.get(path, headers=HTML).text)
        seen += rows(text)
        following = re.search(r'class="result-more".*?<a href="([^"]*)"', text, re.DOTALL)
        path = following[1] if following else ""
    assert seen == [f"{number:016x}" for number in range(450, 0, -1)]


def test_a_part_lets_the_address_tell_how_far_the_list_has_been_read() -> None:
    client = a_client(a_store(*many(450)))
    text = unescape(client.get("/search?limit=430", headers=HTML).text)
    part = text.split('hx-get="/search/rows')[1].split('"')[0]
    response = client.get("/search/rows" + part, headers=htmx_headers("rest-230"))
    assert response.headers["HX-Replace-Url"] == "/search?service=shop&shown=400"
    assert "HX-Replace-Url" not in client.get("/search/rows" + part, headers=HTML).headers
    again = unescape(client.get("/search?limit=430&shown=400", headers=HTML).text)
    assert len(rows(again)) == 400
    assert "ignored" not in again


def test_sorting_keeps_the_filters_and_starts_at_the_first_page() -> None:
    text = get("/search?service=shop&limit=1&after=1.1.0000000000000001", *many(3))
    assert 'href="/search?service=shop&limit=1&sort=longest"' in text


def test_htmx_gets_the_results_alone_and_a_clean_address() -> None:
    client = a_client(a_store(a_trace()))
    response = client.get(
        "/search?service=shop&operation=&tags=&limit=20", headers=htmx_headers("results")
    )
    assert response.text.startswith('<section id="results"')
    assert response.headers["HX-Push-Url"] == "/search?service=shop"
    assert "HX-Target" in response.headers["Vary"]


def test_back_gets_the_whole_page() -> None:
    headers = {**htmx_headers("results"), "HX-History-Restore-Request": "true"}
    assert a_client().get("/search", headers=headers).text.startswith("<!doctype html>")


def test_hostile_names_are_text() -> None:
    spans = [a_span(name=SCRIPT, service=SCRIPT, attributes={SCRIPT: SCRIPT})]
    response = a_client(a_store(spans)).get(
        f"/search?operation={SCRIPT}&tags={SCRIPT}", headers=HTML
    )
    assert SCRIPT not in response.text
    assert SCRIPT not in a_client(a_store(spans)).get("/search", headers=HTML).text


def test_an_empty_store_shows_how_to_send_a_span_to_this_server() -> None:
    doors = [DoorReport("OTLP/HTTP", "http://10.1.2.3:9999/v1/traces")]
    text = get("/search", doors=lambda: doors)
    assert "No trace is stored yet" in text
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://10.1.2.3:9999<" in text


def test_a_search_without_results_says_what_to_leave_out() -> None:
    text = get("/search?operation=nothing&lookback=5m", a_trace())
    assert "No trace matches" in text
    assert "widen the time range" in text
    assert "No trace is stored yet" not in text


def test_a_permalink_fixes_a_relative_time_range() -> None:
    text = get("/search?lookback=2h", a_trace())
    end = NOW_NS // 1000
    assert f"start={end - 7_200_000_000}&end={end}" in text


def test_times_can_be_asked_for_in_utc() -> None:
    text = get("/search?tz=utc", a_trace())
    assert '<html lang="en" data-utc>' in text
    assert 'href="/trace/0000000000000001?tz=utc"' in text


def test_choosing_a_service_offers_its_operations_and_drops_anothers() -> None:
    client = a_client(
        a_store(a_trace(1, service="shop", name="buy"), a_trace(2, service="bank", name="pay"))
    )
    text = client.get("/search/operations?service=bank&operation=buy").text
    assert '<option value="pay">' in text
    assert "buy" not in text
    assert 'value="pay"' in client.get("/search/operations?service=bank&operation=pay").text


def test_the_attributes_field_suggests_keys_and_then_values() -> None:
    client = a_client(
        a_store([a_span(attributes={"http.method": "GET", "customer tier": "very gold"})])
    )
    keys = unescape(client.get("/search/suggestions", query_string={"tags": "a=b http"}).text)
    assert 'value="a=b http.method="' in keys
    values = unescape(
        client.get("/search/suggestions", query_string={"tags": 'x "customer tier"='}).text
    )
    assert 'value="x "customer tier"="very gold""' in values


@pytest.mark.parametrize(("count", "drawn"), [(500, 'class="point'), (501, 'class="heat-')])
def test_few_matches_are_points_and_many_a_heat_map(count: int, drawn: str) -> None:
    text = get("/search?limit=5", *many(count))
    assert drawn in text
    assert text.count('class="point') == (500 if count == 500 else 0)


def test_the_theme_of_the_cookie_is_in_the_first_byte() -> None:
    client = a_client()
    assert "data-theme" not in client.get("/search", headers=HTML).text.split(">")[1]
    client.set_cookie("tracefall_theme", "dark")
    assert '<html lang="en" data-theme="dark">' in client.get("/search", headers=HTML).text
    client.set_cookie("tracefall_theme", '"><script>')
    assert '<html lang="en">' in client.get("/search", headers=HTML).text


def test_a_store_that_cannot_answer_is_said_with_its_reason() -> None:
    store = a_store(a_trace())

    def broken(query: object) -> None:
        raise StoreError("the file is on fire")

    store.find_traces = broken  # type: ignore[method-assign, assignment]
    client = a_client(store)
    response = client.get("/search", headers=HTML)
    assert response.status_code == 503
    assert "the file is on fire" in response.text
    partial = client.get("/search", headers=htmx_headers("results"))
    assert partial.headers["HX-Retarget"] == "#notice"


def test_a_trace_without_a_time_is_shown_without_one() -> None:
    text = get("/search", [a_span(start_ns=0)])
    assert "no start time" in text
    assert "1970" not in text


def test_traces_without_a_time_do_not_squeeze_the_heat_map() -> None:
    text = get("/search?limit=1", [a_span(trace_id="f" * 32, start_ns=100_000)], *many(501))
    start, end = (int(text.split(f'data-{name}="')[1].split('"')[0]) for name in ("start", "end"))
    assert "1 trace without a time, not drawn" in text
    assert end - start < 1_000_000
    assert START_NS // 1000 - start < 100_000


def test_only_traces_without_a_time_draw_nothing() -> None:
    timeless = [a_trace(number, start_ns=number) for number in range(1, 503)]
    assert "trace-distribution" not in get("/search?limit=1", *timeless)


def test_in_a_large_store_all_matches_are_counted_after_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "_MOST_COUNTED_AT_ONCE", 2)
    browser = a_client(a_store(*many(5)))
    text = browser.get("/search?service=shop", headers=HTML).text
    assert "data-total" not in text
    assert "Counting all matches" in text
    assert 'href="/search/totals?service=shop" hx-get="/search/totals?service=shop"' in text
    late = browser.get("/search/totals?service=shop", headers=htmx_headers("results-overview")).text
    assert re.search(r'id="results-total"[^>]*data-total="5" hx-swap-oob="true"', late)
    assert 'id="distribution"' in late
    assert "<title>All matches" not in late
    whole = browser.get("/search/totals?service=shop", headers=HTML).text
    assert "<title>All matches" in whole
    assert 'id="distribution"' in whole


class Estimating(MemoryStore):
    """Counts one trace in two unless it is to be exact."""

    def count_traces(self, query: TraceQuery, *, exact: bool = True) -> TraceCounts:
        counts = super().count_traces(query)
        return counts if exact else replace(counts, total=4_000, one_in=2)


def test_estimated_totals_can_be_counted_exactly_and_the_address_says_so() -> None:
    store = Estimating()
    store.write_spans([a_batch([span for trace in many(3) for span in trace])])
    browser = a_client(store)
    headers = htmx_headers("results-overview")
    estimated = browser.get("/search/totals?service=shop", headers=headers)
    assert "About 4,000 traces of about 3, estimated from one trace in 2" in estimated.text
    assert 'href="/search/totals?service=shop&amp;totals=exact"' in estimated.text
    exact = browser.get("/search/totals?service=shop&totals=exact", headers=headers)
    assert "3 traces of 3" in exact.text
    assert "Count exactly" not in exact.text
    assert exact.headers["HX-Replace-Url"] == "/search?service=shop&totals=exact"
    whole = browser.get("/search/totals?service=shop&totals=exact", headers=HTML).text
    assert "3 traces of 3" in whole
