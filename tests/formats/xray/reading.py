"""A segment document, and the spans it becomes."""

import json

from tests.formats.reading import Contents, read
from viewer.trace.span import Span

TRACE = "1-5f84c7a1-e7d1852db8c4fd35d88bf49a"
TRACE_ID = "5f84c7a1e7d1852db8c4fd35d88bf49a"
SEGMENT = {
    "trace_id": TRACE,
    "id": "70de5b6f19ff9a0a",
    "name": "shop",
    "start_time": 1_700_000_000.25,
    "end_time": 1_700_000_000.75,
}
SUBSEGMENT = {
    "id": "53995c3f42cd8ad8",
    "name": "charge",
    "start_time": 1_700_000_000.3,
    "end_time": 1_700_000_000.4,
}
LONE = {**SUBSEGMENT, "type": "subsegment", "trace_id": TRACE, "parent_id": SEGMENT["id"]}


def read_all(value: object, *, lenient: bool = True) -> Contents:
    contents = read(json.dumps(value), lenient=lenient)
    assert contents.format == "xray"
    return contents


def read_segment(**fields: object) -> Span:
    """The span of a segment with these fields, which alone is in the file."""
    contents = read_all({**SEGMENT, **fields})
    assert not contents.rejected
    (span,) = contents.spans
    return span


def read_subsegment(**fields: object) -> Span:
    """The span of a subsegment with these fields, which lies in a segment."""
    contents = read_all({**SEGMENT, "subsegments": [{**SUBSEGMENT, **fields}]})
    assert not contents.rejected
    segment, span = contents.spans
    assert span.parent_id == segment.span_id
    return span
