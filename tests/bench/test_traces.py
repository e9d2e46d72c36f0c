"""The traces made for measuring pages have the shapes that their names promise."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.traces import LAST_SPAN, Case, make_trace, parse_case
from tests.formats.reading import chunks
from viewer.trace.ids import parse_trace_id


@pytest.mark.parametrize("text", ["tree:300", "chain:300", "wide:300"])
def test_every_span_hangs_below_one_root_and_the_last_row_is_known(text: str) -> None:
    case = parse_case(text)
    request = ExportTraceServiceRequest.FromString(make_trace(case))
    spans = [
        span
        for resource_spans in request.resource_spans
        for span in resource_spans.scope_spans[0].spans
    ]
    above = {span.span_id: span.parent_span_id for span in spans}
    assert len(above) == case.spans
    assert [span_id for span_id, parent in above.items() if not parent] == [b"\0" * 7 + b"\1"]
    assert all(parent in above for parent in above.values() if parent)
    latest = max(spans, key=lambda span: span.start_time_unix_nano)
    assert latest.span_id == LAST_SPAN


def test_a_chain_has_a_level_for_each_span() -> None:
    request = ExportTraceServiceRequest.FromString(make_trace(Case("chain", 50)))
    above = {
        span.span_id: span.parent_span_id
        for resource_spans in request.resource_spans
        for span in resource_spans.scope_spans[0].spans
    }
    levels, at = 0, LAST_SPAN
    while at:
        levels, at = levels + 1, above[at]
    assert levels == 50


def test_tracefall_reads_a_made_trace_under_its_id() -> None:
    case = Case("tree", 40)
    (decoded,) = chunks(make_trace(case))
    assert set(decoded.batch.trace_id) == {parse_trace_id(case.trace_id.hex())}
    assert len(decoded.batch) == 40
