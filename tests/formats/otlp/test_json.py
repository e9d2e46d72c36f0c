import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import objects_of
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.otlp.json import OtlpJson, decode_request
from viewer.trace.span import Dropped, SpanKind, StatusCode

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = {"traceId": TRACE, "spanId": "b7ad6b7169203331", "name": "GET /"}
START = 1_700_000_000_000_000_001


def a_request(*spans: object, **resource: object) -> dict[str, object]:
    return {"resourceSpans": [{**resource, "scopeSpans": [{"spans": list(spans)}]}]}


def decode_one(**fields: object):
    decoded = decode_request(json.dumps(a_request({**SPAN, **fields})).encode())
    assert not decoded.rejected
    (span,) = decoded.batch.spans()
    return span


def test_the_whole_of_a_span_is_read() -> None:
    span = decode_one(
        parentSpanId="00000000000000ff",
        kind=2,
        startTimeUnixNano=str(START),
        endTimeUnixNano=str(START + 5),
        traceState="a=b",
        flags=257,
        status={"code": 2, "message": "no"},
        attributes=[{"key": "n", "value": {"intValue": "9223372036854775807"}}],
        droppedAttributesCount=1,
        droppedEventsCount=2,
        droppedLinksCount=3,
        events=[
            {
                "timeUnixNano": str(START + 1),
                "name": "e",
                "attributes": [],
                "droppedAttributesCount": 4,
            }
        ],
        links=[{"traceId": TRACE, "spanId": "00000000000000aa", "traceState": "c=d", "flags": 1}],
    )
    assert (span.parent_id, span.kind, span.start_ns, span.duration_ns) == (
        255,
        SpanKind.SERVER,
        START,
        5,
    )
    assert (span.trace_state, span.flags) == ("a=b", 257)
    assert (span.status.code, span.status.message) == (StatusCode.ERROR, "no")
    assert span.attributes == (("n", (1 << 63) - 1),)
    assert span.dropped == Dropped(1, 2, 3)
    (event,), (link,) = span.events, span.links
    assert (event.time_ns, event.name, event.dropped_attributes) == (START + 1, "e", 4)
    assert (link.span_id, link.trace_state, link.flags) == (0xAA, "c=d", 1)


def test_times_may_be_numbers_beyond_2_to_the_53() -> None:
    assert decode_one(startTimeUnixNano=START).start_ns == START


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT", "CLIENT", "client"])
def test_enums_come_by_number_or_name(kind: object) -> None:
    assert decode_one(kind=kind).kind is SpanKind.CLIENT


@pytest.mark.parametrize("code", [2, "STATUS_CODE_ERROR", "Error"])
def test_a_status_comes_by_number_or_name(code: object) -> None:
    assert decode_one(status={"code": code}).status.code is StatusCode.ERROR


def test_unknown_enums_are_unset_and_kept_as_sent() -> None:
    span = decode_one(kind="SPAN_KIND_ODD", status={"code": 9})
    assert (span.kind, span.status.code) == (0, 0)
    assert span.as_sent == (("kind", "SPAN_KIND_ODD"), ("status.code", "9"))


@pytest.mark.parametrize(
    ("start", "end"), [(START, START - 1), (START, 0), (0, START), (START, None)]
)
def test_an_end_that_cannot_be_gives_no_duration(start: int, end: int | None) -> None:
    span = decode_one(startTimeUnixNano=start, endTimeUnixNano=end)
    assert (span.start_ns, span.duration_ns) == (start, 0)
    assert span.as_sent == ((("endTimeUnixNano", str(end)),) if end else ())


def test_all_types_of_values_are_kept() -> None:
    values = {
        "text": {"stringValue": "é=\\"},
        "yes": {"boolValue": True},
        "int": {"intValue": 7},
        "snake": {"int_value": "-7"},
        "double": {"doubleValue": 1},
        "nan": {"doubleValue": "NaN"},
        "bytes": {"bytesValue": "AAE="},
        "list": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}},
        "none": {},
        "a=b": {"stringValue": ""},
    }
    pairs = [{"key": key, "value": value} for key, value in values.items()]
    found = dict(decode_one(attributes=pairs).attributes)
    assert repr(found.pop("nan")) == "nan"
    assert list(found.items()) == [
        ("text", "é=\\"),
        ("yes", True),
        ("int", 7),
        ("snake", -7),
        ("double", 1.0),
        ("bytes", b"\x00\x01"),
        ("list", ["a", 1]),
        ("map", {"k": False}),
        ("none", None),
        ("a=b", ""),
    ]
    assert isinstance(found["double"], float)


def test_resource_and_scope_are_read() -> None:
    request = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]
                },
                "schemaUrl": "https://example/1",
                "scopeSpans": [
                    {"scope": {"name": "lib", "version": "2"}, "spans": [SPAN], "schemaUrl": "u"}
                ],
            }
        ]
    }
    (span,) = decode_request(json.dumps(request).encode()).batch.spans()
    assert (span.service, span.resource.schema_url) == ("shop", "https://example/1")
    assert span.resource.attributes == (("service.name", "shop"),)
    assert (span.scope.name, span.scope.version, span.scope.schema_url) == ("lib", "2", "u")


def test_a_resource_without_a_name_has_no_service() -> None:
    assert decode_one().service == ""


@pytest.mark.parametrize(
    "wrap",
    [
        lambda request: request,
        lambda request: {"batches": request["resourceSpans"]},
        lambda request: {"resource_spans": request["resourceSpans"]},
        lambda request: {"trace": request},
        lambda request: {"result": request},
        lambda request: request["resourceSpans"][0],
        lambda request: {"resourceSpans": request["resourceSpans"][0]},
        lambda request: {
            "resourceSpans": [
                {"instrumentationLibrarySpans": [{"spans": [SPAN]}], "resource": None}
            ]
        },
        lambda request: [request],
    ],
)
def test_all_wrappings_found_in_the_wild_are_read(wrap) -> None:
    contents = read(json.dumps(wrap(a_request(SPAN))))
    assert contents.format == "otlp-json"
    assert [span.name for span in contents.spans] == ["GET /"]


def test_snake_case_is_read() -> None:
    span = {
        "trace_id": TRACE,
        "span_id": "b7ad6b7169203331",
        "parent_span_id": "0000000000000001",
        "start_time_unix_nano": str(START),
        "end_time_unix_nano": str(START + 1),
        "attributes": [{"key": "a", "value": {"string_value": "b"}}],
        "events": [{"time_unix_nano": "5", "name": "e"}],
        "trace_state": "x=y",
    }
    (found,) = read(json.dumps({"resource_spans": [{"scope_spans": [{"spans": [span]}]}]})).spans
    assert (found.parent_id, found.duration_ns, found.trace_state) == (1, 1, "x=y")
    assert found.attributes == (("a", "b"),)
    assert found.events[0].time_ns == 5


def test_nulls_and_odd_types_are_tolerated() -> None:
    span = decode_one(
        attributes=None, events=[None, 3], links=[], status=None, kind=None, name=None, flags=True
    )
    assert (span.name, span.events, span.flags) == ("", (), 0)


def test_a_bad_span_is_refused_and_its_neighbours_are_kept() -> None:
    request = a_request(
        {**SPAN, "traceId": "zz"},
        SPAN,
        {**SPAN, "spanId": "0" * 16},
        {**SPAN, "startTimeUnixNano": "soon"},
        "no span",
    )
    decoded = decode_request(json.dumps(request).encode())
    assert len(decoded.batch) == 1
    assert [rejection.reason for rejection in decoded.rejected] == [
        "'zz' is no trace ID: expected hex digits",
        "a span ID of zeros only is invalid",
        "startTimeUnixNano is no number",
        "a span is no JSON object",
    ]
    decoded.batch.to_arrow()


def test_a_bad_link_is_left_out_and_noted() -> None:
    request = a_request({**SPAN, "links": [{"traceId": "", "spanId": ""}]})
    decoded = decode_request(json.dumps(request).encode())
    assert len(decoded.batch) == 1
    assert decoded.notes[0].reason.startswith("a link was left out")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it breaks off"),
        (b'{"resourceSpans": [', "byte 19: expected an OTLP ExportTraceServiceRequest in JSON"),
        (b"[]", "an object with resourceSpans"),
        (b'{"foo": 1}', "JSON without spans: keys “foo”"),
        (b"\x0a\x7b", "no JSON"),
        (b"[" * 10_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_no_request_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_request(body)
    assert reason in str(refusal.value)


def test_an_empty_request_is_fine() -> None:
    assert len(decode_request(b"{}").batch) == 0
    assert len(decode_request(b'{"resourceSpans":[]}').batch) == 0


def test_odd_text_survives() -> None:
    raw = json.dumps(a_request({**SPAN, "name": "nul\0 rtl\u202e <script>"}))
    raw = raw.replace("GET /", "x").replace('"nul', '"\\ud800 nul')
    (span,) = decode_request(raw.encode()).batch.spans()
    assert span.name == "\ufffd nul\0 rtl\u202e <script>"


def test_large_and_deep_values_survive() -> None:
    deep: object = {"stringValue": "bottom"}
    for _ in range(100):
        deep = {"arrayValue": {"values": [deep]}}
    span = decode_one(
        attributes=[
            {"key": "big", "value": {"stringValue": "x" * 1_000_000}},
            {"key": "deep", "value": deep},
        ]
    )
    assert len(span.attributes[0][1]) == 1_000_000


NAMES = (
    "resourceSpans", "batches", "trace", "resource", "scopeSpans", "scope", "spans", "attributes",
    "key", "value", "stringValue", "intValue", "arrayValue", "kvlistValue", "values", "bytesValue",
    "traceId", "spanId", "parentSpanId", "name", "kind", "status", "code", "message", "events",
    "links", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "flags", "schemaUrl",
)  # fmt: skip


@given(objects_of(*NAMES), st.booleans())
def test_no_object_of_its_field_names_breaks_the_decoder(value: object, lenient: bool) -> None:
    wire_format, decoded = OtlpJson(), Decoded()
    if wire_format.claims(value):
        wire_format.decode_value(value, decoded, lenient)
    request = a_request(
        value, {**SPAN, **(value if isinstance(value, dict) else {"events": value})}
    )
    wire_format.decode_value(request, decoded, lenient)
    assert decoded.batch.to_arrow().num_rows == len(decoded.batch)
    list(decoded.batch.spans())
