import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import objects_of
from viewer.formats.base import Decoded
from viewer.formats.plain.json import PlainJson
from viewer.trace.span import SpanKind, StatusCode

SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319",
    "spanId": "b7ad6b716920333",
    "parentSpanId": "00f067aa0ba902b",
    "name": "HTTP GET /api/users",
    "timestamp": 1_621_234_567_890_123,
    "duration": 125_000,
    "kind": "SERVER",
    "status": {"code": "OK"},
    "attributes": {"service.name": "users", "http.status_code": 200, "tags": ["a"], "ok": True},
    "events": [{"name": "db.query", "timestamp": 1_621_234_567_900_000}],
}


def decode_one(**fields: object):
    contents = read(json.dumps({**SPAN, **fields}))
    assert contents.format == "plain-json"
    assert not contents.rejected
    (span,) = contents.spans
    return span


def test_the_example_with_ids_of_31_and_15_digits_is_read() -> None:
    span = decode_one()
    assert span.trace_id == "00af7651916cd43dd8448eb211c80319"
    assert (span.span_id, span.parent_id) == (0x0B7AD6B716920333, 0x00F067AA0BA902B)
    assert (span.name, span.kind) == ("HTTP GET /api/users", SpanKind.SERVER)
    assert (span.start_ns, span.duration_ns) == (1_621_234_567_890_123_000, 125_000_000)
    assert span.status.code is StatusCode.OK
    assert span.service == "users"
    assert span.resource.attributes == (("service.name", "users"),)
    assert span.attributes == (("http.status_code", 200), ("tags", ["a"]), ("ok", True))
    assert [(event.name, event.time_ns) for event in span.events] == [
        ("db.query", 1_621_234_567_900_000_000)
    ]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda span: json.dumps([span, span]),
        lambda span: json.dumps({"spans": [span, span]}),
        lambda span: json.dumps(span) + "\n" + json.dumps(span),
    ],
)
def test_spans_come_in_a_list_in_lines_or_under_spans(wrap) -> None:
    assert len(read(wrap(SPAN)).spans) == 2


@pytest.mark.parametrize("kind", ["CLIENT", "client", "SPAN_KIND_CLIENT", 3, "3"])
def test_kinds_come_in_any_case(kind: object) -> None:
    assert decode_one(kind=kind).kind is SpanKind.CLIENT


@pytest.mark.parametrize(
    "status", [{"code": "ERROR"}, {"code": 2}, "error", {"code": "STATUS_CODE_ERROR"}]
)
def test_a_status_comes_by_name_or_number(status: object) -> None:
    assert decode_one(status=status).status.code is StatusCode.ERROR


def test_unknown_kinds_and_statuses_are_kept_as_sent() -> None:
    span = decode_one(kind="ROBOT", status={"code": "MAYBE", "message": "hm"})
    assert span.as_sent == (("kind", "ROBOT"), ("status.code", "MAYBE"))
    assert span.status.message == "hm"


@pytest.mark.parametrize(
    "fields",
    [
        {"service": "users"},
        {"serviceName": "users"},
        {"resource": {"service.name": "users"}},
        {"resource": {"attributes": {"service.name": "users"}}},
        {"attributes": {"service.name": "users"}},
    ],
)
def test_the_service_stands_in_one_of_several_places(fields: dict[str, object]) -> None:
    assert decode_one(**{"attributes": {}, **fields}).service == "users"


def test_fractions_of_microseconds_are_nanoseconds() -> None:
    assert decode_one(duration=1.5).duration_ns == 1_500


def test_ids_as_numbers_are_not_claimed() -> None:
    assert not PlainJson().claims({"trace_id": 1, "span_id": 2, "name": "x", "duration": 3})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("traceId", "0", "a trace ID of zeros only"),
        ("spanId", "", "the ID is empty"),
        ("timestamp", "noon", "timestamp is no number"),
    ],
)
def test_a_bad_span_is_refused_and_its_neighbour_is_kept(
    field: str, value: object, reason: str
) -> None:
    contents = read(json.dumps([{**SPAN, field: value}, SPAN]))
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason.startswith(reason)


@given(objects_of(*SPAN, "spans", "resource", "service", "links", "code"), st.booleans())
def test_no_object_of_its_field_names_breaks_the_decoder(value: object, lenient: bool) -> None:
    wire_format, decoded = PlainJson(), Decoded()
    if wire_format.claims(value):
        wire_format.decode_value(value, decoded, lenient)
    fields = value if isinstance(value, dict) else {"attributes": value, "events": value}
    wire_format.decode_value({**SPAN, **fields}, decoded, lenient)
    assert decoded.batch.to_arrow().num_rows == len(decoded.batch)
    list(decoded.batch.spans())
