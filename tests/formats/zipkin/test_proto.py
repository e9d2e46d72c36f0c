import ipaddress
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import a_span
from tests.formats.otlp.test_protobuf import a_request, a_wire_span
from tests.formats.reading import decode_anything, read
from tests.formats.strategies import spans, texts
from tests.formats.zipkin.recorded import (
    CLIENT_AND_ROOT_PROTO,
    OTEL_PROTO,
    SERVER_HALF_PROTO,
)
from viewer.formats import BINARY_FORMATS
from viewer.formats.base import MAX_EVENTS, DecodeError, Payload
from viewer.formats.otlp.file import OtlpProtobuf
from viewer.formats.zipkin import wire
from viewer.formats.zipkin.encode import encode_span
from viewer.formats.zipkin.proto import ZipkinProto
from viewer.trace.span import Dropped, SpanKind, StatusCode

KINDS = {"CLIENT": 1, "SERVER": 2, "PRODUCER": 3, "CONSUMER": 4}


def varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def a_list(*spans: object) -> bytes:
    """Return ListOfSpans; a span is a wire.Span or its bytes."""
    raws = [span if isinstance(span, bytes) else span.SerializeToString() for span in spans]
    return b"".join(b"\x0a" + varint(len(raw)) + raw for raw in raws)


def a_wire(**fields: object):
    return wire.Span(**{"trace_id": b"t" * 16, "id": b"i" * 8, **fields})


def as_wire(span: dict[str, object]):
    """Return a span of v2 JSON as protobuf has it."""

    def endpoint(side: str):
        fields = dict(span.get(side, {}))
        made = wire.Endpoint(service_name=fields.pop("serviceName", "").encode())
        for name, value in fields.items():
            is_port = name == "port"
            setattr(made, name, value if is_port else ipaddress.ip_address(value).packed)
        return made

    return wire.Span(
        trace_id=bytes.fromhex(span["traceId"]),
        parent_id=bytes.fromhex(span.get("parentId", "")),
        id=bytes.fromhex(span["id"]),
        kind=KINDS.get(span.get("kind"), 0),
        name=span.get("name", "").encode(),
        timestamp=span.get("timestamp", 0),
        duration=span.get("duration", 0),
        local_endpoint=endpoint("localEndpoint"),
        remote_endpoint=endpoint("remoteEndpoint"),
        annotations=[
            wire.Annotation(
                timestamp=item["timestamp"], value=item["value"].encode()
            ).SerializeToString()
            for item in span.get("annotations", ())
        ],
        tags=[
            wire.Tag(key=key.encode(), value=value.encode()).SerializeToString()
            for key, value in span.get("tags", {}).items()
        ],
        debug=span.get("debug", False),
        shared=span.get("shared", False),
    )


def test_a_client_s_span_and_its_root_are_read_as_py_zipkin_sends_them() -> None:
    contents = read(CLIENT_AND_ROOT_PROTO)
    assert contents.format == "zipkin-proto"
    query, root = contents.spans
    assert (query.kind, query.service, query.name) == (SpanKind.CLIENT, "Shop", "query")
    assert (query.trace_id, query.parent_id) == ("0" * 16 + "f2a74de452e6b438", root.span_id)
    assert (query.start_ns, query.duration_ns) == (1795676738661582000, 11_000)
    assert (query.status.code, query.status.message) == (StatusCode.ERROR, "no stock")
    assert query.attributes == (
        ("sql.rows", "3"),
        ("peer.service", "db"),
        ("net.peer.ip", "10.0.0.9"),
        ("net.peer.port", 5432),
        ("net.host.ip", "10.0.0.1"),
        ("net.host.port", 8080),
    )
    assert [event.name for event in query.events] == ["sent"]
    assert (root.kind, root.parent_id) == (SpanKind.SERVER, 0)


def test_a_server_half_says_that_it_is_shared() -> None:
    (span,) = read(SERVER_HALF_PROTO).spans
    assert (span.kind, span.span_id) == (SpanKind.SERVER, 0xFEDCBA9876543210)
    assert span.as_sent == (("shared", "true"),)


def test_an_opentelemetry_client_is_known_by_its_resource() -> None:
    (span,) = read(OTEL_PROTO).spans
    resource = dict(span.resource.attributes)
    assert resource["telemetry.sdk.language"] == "python"
    assert resource["telemetry.sdk.version"] == "1.45.2"
    assert (span.service, span.scope.name, span.scope.version) == ("Shop", "shop.lib", "1.0")
    assert span.attributes == (("n", "3"),)
    assert [(event.name, event.attributes) for event in span.events] == [
        ("cache miss", (("key", "a"),))
    ]


@settings(max_examples=60)
@given(st.lists(spans(of=texts, step_ns=1000), min_size=1, max_size=4))
def test_protobuf_and_json_of_a_span_give_the_same_span(sent) -> None:
    as_json = [encode_span(span) for span in sent]
    of_json = read(json.dumps(as_json), lenient=False)
    (decoded,) = ZipkinProto().decode(Payload(a_list(*map(as_wire, as_json))))
    assert not decoded.rejected
    assert list(map(repr, decoded.batch.spans())) == list(map(repr, of_json.spans))


def test_addresses_flags_and_a_short_trace_id_are_read() -> None:
    local = wire.Endpoint(ipv4=b"\x0a\0\0\x01", ipv6=b"\0" * 15 + b"\x01", port=80)
    odd = wire.Endpoint(service_name=b"db", ipv4=b"\x0a", port=-1)
    data = a_list(
        a_wire(trace_id=b"\x01" * 8, local_endpoint=local, remote_endpoint=odd, debug=True)
    )
    (span,) = read(data).spans
    assert span.trace_id == "0" * 16 + "01" * 8
    assert span.attributes == (
        ("peer.service", "db"),
        ("net.host.ip", "10.0.0.1"),
        ("net.host.port", 80),
    )
    assert span.as_sent == (("debug", "true"), ("net.host.ip", "::1"))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (a_wire(trace_id=b""), "a trace ID has 16 bytes (or 8), got 0"),
        (a_wire(trace_id=bytes(16)), "a trace ID of zeros only"),
        (a_wire(id=b"1"), "a span ID has 8 bytes, got 1"),
        (a_wire(parent_id=b"abc"), "a span ID has 8 bytes, got 3"),
        (b"\x0a\x10short", "no Zipkin span in protobuf"),
        (a_wire(annotations=[b"\x0a"]), "no Zipkin span in protobuf"),
        (a_wire(tags=[b""] * 100_001), "a span with 100,001 tags"),
    ],
)
def test_a_bad_span_costs_one_span(bad: object, reason: str) -> None:
    good = a_wire(name=b"good")
    contents = read(a_list(good, bad, good))
    assert [span.name for span in contents.spans] == ["good", "good"]
    assert contents.rejected[0].reason.startswith(reason)
    assert contents.rejected[0].where.startswith("byte ")


def test_text_that_is_no_utf_8_costs_nothing() -> None:
    (span,) = read(a_list(a_wire(name=b"caf\xe9"))).spans
    assert span.name == "caf\ufffd"


def test_zeros_as_parent_are_a_root_and_an_unknown_kind_stays_visible() -> None:
    contents = read(a_list(a_wire(), a_wire(parent_id=bytes(8), kind=9)))
    assert contents.roots == 2
    assert contents.spans[1].as_sent == (("kind", "9"),)


def test_a_list_that_breaks_off_keeps_what_came_before() -> None:
    whole = a_list(a_wire(), a_wire())
    contents = read(whole[:-3])
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason.endswith("it breaks off")
    with pytest.raises(DecodeError):
        list(ZipkinProto().decode(Payload(whole[:20])))


def test_a_flood_of_tiny_spans_is_cut_short() -> None:
    (decoded,) = ZipkinProto().decode(Payload(a_list(a_wire()) + b"\x0a\0" * 300_000))
    assert len(decoded.batch) == 1
    assert decoded.rejected_spans == 100_002
    assert "more than 100,000 bad spans" in decoded.rejected[-1].reason


def test_only_a_list_of_spans_is_recognised() -> None:
    sniff = ZipkinProto().sniff
    for body in (CLIENT_AND_ROOT_PROTO, SERVER_HALF_PROTO, OTEL_PROTO, a_list(a_wire())):
        assert sniff(body)
    for other in (b"", b"\x0a", b"\x0a\x00", b"[{}]", b"\x0a\x04\x0a\x08ab", b"\x0c\0\0\0\0"):
        assert not sniff(other)
    assert not sniff(a_list(a_wire(id=b"")))
    assert not sniff(a_list(a_wire(parent_id=b"1")))
    assert not sniff(a_list(a_wire(kind=7)))


@given(spans(dropped=False))
@example(a_span(service="a"))
def test_otlp_is_not_taken_for_zipkin(span) -> None:
    data = a_request(a_wire_span(trace_id=bytes.fromhex(span.trace_id), name=span.name.encode()))
    assert OtlpProtobuf().sniff(data)
    assert not ZipkinProto().sniff(data)
    recogniser = next(known for known in BINARY_FORMATS if known.sniff(data))
    assert recogniser.name == "otlp-proto"


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    decode_anything(ZipkinProto(), data)
    decode_anything(ZipkinProto(), b"\x0a" + varint(len(data)) + data)


@given(st.integers(0, len(CLIENT_AND_ROOT_PROTO)))
def test_a_body_cut_anywhere_is_read_or_refused(size: int) -> None:
    decode_anything(ZipkinProto(), CLIENT_AND_ROOT_PROTO[:size])


@given(
    st.lists(
        st.tuples(st.integers(0, len(CLIENT_AND_ROOT_PROTO) - 1), st.integers(0, 255)), max_size=5
    )
)
def test_a_mutated_body_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    mutated = bytearray(CLIENT_AND_ROOT_PROTO)
    for position, byte in changes:
        mutated[position] = byte
    decode_anything(ZipkinProto(), bytes(mutated))


@given(st.binary(max_size=60))
def test_neighbours_survive_a_span_of_random_bytes(data: bytes) -> None:
    good = a_wire(name=b"good")
    found = decode_anything(ZipkinProto(), a_list(good, data, good))
    assert [span.name for span in (found[0], found[-1])] == ["good", "good"]


def test_of_too_many_annotations_the_first_are_kept_and_the_others_counted() -> None:
    contents = read(a_list(a_wire(annotations=[b""] * (MAX_EVENTS + 3))))
    (span,) = contents.spans
    assert (len(span.events), span.dropped) == (MAX_EVENTS, Dropped(events=3))
    assert contents.notes[0].reason == "annotations beyond 10,000 a span were left out"
