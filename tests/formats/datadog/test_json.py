import json

import pytest

from tests.formats.datadog import encoders
from tests.formats.reading import read
from viewer.formats.datadog.json import DatadogJson

CHUNKS = [[encoders.span(1)], [encoders.root(2), encoders.span(3)]]


def test_a_list_of_chunks_shares_trace_ids() -> None:
    contents = read(json.dumps(CHUNKS))
    assert contents.format == "datadog-json"
    assert [span.span_id for span in contents.spans] == [1, 2, 3]
    assert contents.traces == {encoders.TRACE_ID}


def test_a_list_of_spans_does_too() -> None:
    contents = read(json.dumps([span for chunk in CHUNKS for span in chunk]))
    assert (contents.format, contents.traces) == ("datadog-json", {encoders.TRACE_ID})


def test_spans_may_stand_a_line_each() -> None:
    contents = read("\n".join(json.dumps(span) for chunk in CHUNKS for span in chunk))
    assert (contents.format, len(contents.spans)) == ("datadog-json", 3)


def test_numbers_above_2_to_the_53_are_exact() -> None:
    big = encoders.span((1 << 64) - 1, parent_id=(1 << 63) + 1, start=1_700_000_000_123_456_789)
    (span,) = read(json.dumps([[big]])).spans
    assert (span.span_id, span.parent_id) == ((1 << 64) - 1, (1 << 63) + 1)
    assert span.start_ns == 1_700_000_000_123_456_789


def test_ids_may_be_text() -> None:
    sent = encoders.root(1) | {"trace_id": str(encoders.LOWER), "span_id": "12", "parent_id": "0"}
    (span,) = read(json.dumps([[sent]])).spans
    assert (span.trace_id, span.span_id, span.parent_id) == (encoders.TRACE_ID, 12, 0)


def test_a_bad_item_costs_itself_only() -> None:
    contents = read(json.dumps([[encoders.root(1)], 5, [None, {"trace_id": 1}], []]))
    assert len(contents.spans) == 1
    assert {rejection.reason for rejection in contents.rejected} == {
        "a chunk is no list of spans",
        "a span is no map",
        "the span ID is missing",
    }


@pytest.mark.parametrize(
    "value",
    [
        encoders.span(),
        [encoders.span()],
        [[], [encoders.span()]],
        {"trace_id": "1", "span_id": "2", "meta": {}},
        {"trace_id": "1", "span_id": "2", "service": "a", "resource": "b"},
        {"trace_id": 1, "span_id": 2, "service": "a"},
    ],
)
def test_a_datadog_span_is_recognised(value: object) -> None:
    assert DatadogJson().claims(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [[]],
        [[[encoders.span()]]],
        {},
        5,
        {"trace_id": "1", "span_id": "2", "name": "a", "start_time": 1},
        {"trace_id": "1", "span_id": "2", "service": "a", "resource": {"attributes": []}},
        {"traceId": "1", "id": "2", "name": "a"},
        {"traceID": "1", "spanID": "2", "operationName": "a"},
        {"trace_id": None, "span_id": 2, "meta": {}},
        {"resourceSpans": []},
    ],
)
def test_another_formats_value_is_not(value: object) -> None:
    assert not DatadogJson().claims(value)


def test_a_plain_span_is_still_plain() -> None:
    plain = {"trace_id": "aa", "span_id": "bb", "service": "s", "name": "n", "duration": 1}
    assert read(json.dumps([plain])).format == "plain-json"
