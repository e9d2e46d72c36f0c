"""How a found trace is described."""

from tests.builders import MS, START_NS, TRACE_ID, a_span
from viewer.store.base import StoreStats
from viewer.trace.columns import columns_of_spans
from viewer.ui.viewmodel.lookup import Found, found_trace, nothing_found


def test_a_trace_is_described_by_its_root() -> None:
    spans = [
        a_span(2, 1, name="child", start_ns=START_NS, duration_ns=300 * MS),
        a_span(1, name="root", service="shop", start_ns=START_NS + MS, duration_ns=10 * MS),
    ]
    columns = columns_of_spans(TRACE_ID, spans, [1, 2])
    found = found_trace(Found(TRACE_ID, 2, "a span ID"), columns)
    assert (found.operation, found.service, found.spans) == ("root", "shop", 2)
    assert (found.start_ns, found.duration_ns) == (START_NS, 300 * MS)
    assert found.url == f"/trace/{TRACE_ID}?span=0000000000000002"


def test_without_a_root_the_earliest_span_describes_it() -> None:
    spans = [a_span(2, 9, name="late", start_ns=START_NS + 1), a_span(3, 9, name="early")]
    found = found_trace(Found(TRACE_ID, 0, ""), columns_of_spans(TRACE_ID, spans, [1, 2]))
    assert found.operation == "early"


def test_redelivered_spans_count_once() -> None:
    columns = columns_of_spans(TRACE_ID, [a_span(), a_span(), a_span()], [7, 7, 8])
    assert found_trace(Found(TRACE_ID, 0, ""), columns).spans == 2


def test_a_trace_that_has_gone_meanwhile_is_still_listed() -> None:
    found = found_trace(Found(TRACE_ID, 0, ""), None)
    assert (found.operation, found.spans) == ("(no name)", 0)


def test_what_is_known_ends_with_how_long_spans_are_kept() -> None:
    said = nothing_found("x", [], StoreStats(3, 1, 0, START_NS, START_NS), "7 days")
    assert said.known[-1] == "Retention keeps 7 days"
    assert said.known[0].startswith("The store holds 1 trace, from 2023-11-14")
