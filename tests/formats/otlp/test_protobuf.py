"""OTLP protobuf → columns, against protobuf's own classes as the oracle."""

import contextlib
import json

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from viewer.formats.base import DecodeError
from viewer.formats.otlp import json as otlp_json
from viewer.formats.otlp.protobuf import decode_request
from viewer.trace.attributes import Value
from viewer.trace.span import Span, SpanKind, StatusCode

TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))


def any_value(value: Value) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    made = AnyValue()
    if isinstance(value, dict):
        made.kvlist_value.values.extend(key_value(key, item) for key, item in value.items())
        made.kvlist_value.SetInParent()
    else:
        made.array_value.values.extend(any_value(item) for item in value)  # type: ignore[union-attr]
        made.array_value.SetInParent()
    return made


def key_value(key: str, value: Value) -> KeyValue:
    return KeyValue(key=key, value=any_value(value))


def a_request(*spans: WireSpan, service: str = "shop") -> bytes:
    resource_spans = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    resource_spans.resource.attributes.append(key_value("service.name", service))
    return ExportTraceServiceRequest(resource_spans=[resource_spans]).SerializeToString()


def a_wire_span(**fields: object) -> WireSpan:
    defaults = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "name": "op",
        "start_time_unix_nano": 10,
        "end_time_unix_nano": 30,
    }
    return WireSpan(**{**defaults, **fields})


def only_span(data: bytes) -> Span:
    decoded = decode_request(data)
    assert not decoded.rejected
    (span,) = decoded.batch.spans()
    return span


def test_every_field_of_a_span_arrives() -> None:
    sent = a_wire_span(
        parent_span_id=b"\x09" * 8,
        trace_state="k=v",
        kind=WireSpan.SPAN_KIND_CLIENT,
        flags=0x101,
        attributes=[key_value("http.method", "GET"), key_value("http.status_code", 504)],
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        events=[
            WireSpan.Event(
                time_unix_nano=12,
                name="retry",
                attributes=[key_value("n", 1)],
                dropped_attributes_count=4,
            )
        ],
        links=[
            WireSpan.Link(
                trace_id=b"\x01" * 16,
                span_id=b"\x02" * 8,
                trace_state="a=b",
                attributes=[key_value("l", True)],
                flags=1,
            )
        ],
        status={"code": 2, "message": "boom"},
    )
    span = only_span(a_request(sent))
    assert (span.trace_id, span.span_id, span.parent_id) == (
        TRACE.hex(),
        0x0102030405060708,
        0x0909090909090909,
    )
    assert (span.name, span.service, span.kind) == ("op", "shop", SpanKind.CLIENT)
    assert (span.start_ns, span.duration_ns) == (10, 20)
    assert (span.trace_state, span.flags) == ("k=v", 0x101)
    assert span.attributes == (("http.method", "GET"), ("http.status_code", 504))
    assert (span.dropped.attributes, span.dropped.events, span.dropped.links) == (1, 2, 3)
    (event,) = span.events
    assert (event.time_ns, event.name, event.attributes, event.dropped_attributes) == (
        12,
        "retry",
        (("n", 1),),
        4,
    )
    (link,) = span.links
    assert (link.trace_id, link.span_id, link.trace_state, link.flags) == (
        "01" * 16,
        0x0202020202020202,
        "a=b",
        1,
    )
    assert link.attributes == (("l", True),)
    assert (span.status.code, span.status.message) == (StatusCode.ERROR, "boom")


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
_SCALAR = st.one_of(
    st.none(),
    _TEXT,
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=200),
)
_VALUE = st.recursive(
    st.one_of(st.none(), _TEXT, st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(_TEXT, _SCALAR | _VALUE), max_size=6))
def test_attributes_arrive_with_their_types(pairs: list[tuple[str, Value]]) -> None:
    data = a_request(a_wire_span(attributes=[key_value(key, value) for key, value in pairs]))
    for _ in range(2):  # the second time out of the cache
        got = only_span(data).attributes
        assert got == tuple(pairs)
        assert [type(value) for _, value in got] == [type(value) for _, value in pairs]


@given(st.binary(max_size=300))
def test_random_bytes_are_decoded_or_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_request(data)


@given(st.data())
def test_a_damaged_request_is_decoded_or_refused(data: st.DataObject) -> None:
    good = bytearray(
        a_request(a_wire_span(attributes=[key_value("k", {"a": [1, "x"]})], status={"code": 2}))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_request(bytes(good))
    except DecodeError:
        return
    decoded.batch.to_arrow().validate(full=True)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace ID"),
        ({"trace_id": bytes(16)}, "trace ID"),
        ({"span_id": b"123"}, "span ID"),
        ({"span_id": bytes(8)}, "span ID"),
        ({"parent_span_id": b"1"}, "parent span ID"),
    ],
)
def test_a_bad_span_is_refused_and_its_neighbours_are_kept(
    fields: dict[str, bytes], reason: str
) -> None:
    decoded = decode_request(
        a_request(a_wire_span(), a_wire_span(**fields), a_wire_span(span_id=b"\x05" * 8))
    )
    assert len(decoded.batch) == 2
    (rejection,) = decoded.rejected
    assert reason in rejection.reason


def test_invalid_utf8_is_replaced_not_refused() -> None:
    data = a_request(a_wire_span(name="NAME", attributes=[key_value("kkkk", "vvvv")]))
    span = only_span(
        data.replace(b"NAME", b"N\xff\xfeE")
        .replace(b"vvvv", b"v\xffvv")
        .replace(b"kkkk", b"k\xffkk")
    )
    assert span.name == "N\ufffd\ufffdE"
    assert span.attributes == (("k\ufffdkk", "v\ufffdvv"),)


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of less than 2 MiB."""
    size, length = len(content), bytearray()
    while size >= 128:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def test_an_attribute_nested_beyond_protobufs_limit_refuses_its_span_only() -> None:
    value = _field(1, b"bottom")
    for _ in range(150):
        value = _field(5, _field(1, value))  # an array of one value
    deep = a_wire_span().SerializeToString() + _field(9, _field(1, b"deep") + _field(2, value))
    good = a_wire_span().SerializeToString()
    spans = _field(2, deep) + _field(2, good)
    decoded = decode_request(_field(1, _field(2, spans)))
    assert len(decoded.batch) == 1
    assert decoded.rejected_spans == 1


def test_a_span_that_ends_before_it_starts_has_no_duration_and_says_what_was_sent() -> None:
    span = only_span(a_request(a_wire_span(start_time_unix_nano=30, end_time_unix_nano=10)))
    assert (span.start_ns, span.duration_ns, span.as_sent) == (
        30,
        0,
        (("end_time_unix_nano", "10"),),
    )


def test_an_absent_start_gives_no_duration() -> None:
    span = only_span(a_request(a_wire_span(start_time_unix_nano=0, end_time_unix_nano=10**18)))
    assert (span.start_ns, span.duration_ns) == (0, 0)


def test_a_link_to_nowhere_is_left_out_with_a_note() -> None:
    decoded = decode_request(a_request(a_wire_span(links=[WireSpan.Link(trace_id=b"")])))
    assert len(decoded.batch) == 1
    assert not decoded.rejected
    assert decoded.notes[0].count == 1


def test_a_key_with_an_equal_sign_is_kept_apart_from_its_value() -> None:
    assert only_span(a_request(a_wire_span(attributes=[key_value("a=b", "c")]))).attributes == (
        ("a=b", "c"),
    )


def test_spans_under_the_old_field_of_instrumentation_libraries_are_read() -> None:
    scope_spans = ScopeSpans(spans=[a_wire_span()]).SerializeToString()
    # Field 1000 of ResourceSpans, a message.
    old = b"\xc2\x3e" + bytes([len(scope_spans)]) + scope_spans
    assert len(decode_request(b"\x0a" + bytes([len(old)]) + old).batch) == 1


def test_protobuf_and_json_of_one_request_give_the_same_spans() -> None:
    request = ExportTraceServiceRequest.FromString(
        a_request(a_wire_span(attributes=[key_value("k", [1, "x", {"y": True}])], kind=2, flags=1))
    )
    document = MessageToDict(request)
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["traceId"], span["spanId"] = TRACE.hex(), SPAN.hex()
    from_json = list(otlp_json.decode_request(json.dumps(document).encode()).batch.spans())
    assert from_json == list(decode_request(request.SerializeToString()).batch.spans())
