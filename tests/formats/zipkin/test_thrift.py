import json
import struct
import time
import tracemalloc

import pytest
import thriftpy2
from hypothesis import given, settings
from hypothesis import strategies as st
from thriftpy2.protocol import TBinaryProtocol
from thriftpy2.transport import TMemoryBuffer

from tests.conftest import REPOSITORY
from tests.formats.reading import decode_anything, read
from tests.formats.zipkin.recorded import CLIENT_AND_ROOT_THRIFT, SERVER_HALF_THRIFT
from viewer.formats.base import MAX_EVENTS, DecodeError, Payload
from viewer.formats.zipkin.thrift import ZipkinThrift
from viewer.trace.span import Dropped, Span, SpanKind, StatusCode

IDL = thriftpy2.load(
    str(REPOSITORY / "viewer/formats/zipkin/idl/zipkincore.thrift"), "zipkincore_of_tests_thrift"
)
STOP, I64, STRING, STRUCT, MAP, LIST = b"\0", b"\x0a", b"\x0b", b"\x0c", b"\x0d", b"\x0f"


def number(value: int) -> bytes:
    return struct.pack(">i", value)


def a_list(*spans: object) -> bytes:
    """Return a list of structs; a span is an IDL.Span or its bytes."""
    raws = [span if isinstance(span, bytes) else written(span) for span in spans]
    return STRUCT + number(len(raws)) + b"".join(raws)


def written(span: object) -> bytes:
    buffer = TMemoryBuffer()
    TBinaryProtocol(buffer).write_struct(span)
    return buffer.getvalue()


def a_wire(**fields: object):
    return IDL.Span(**{"trace_id": 1, "id": 2, "name": "good", **fields})


def field(kind: bytes, fid: int, value: bytes) -> bytes:
    return kind + struct.pack(">h", fid) + value


def decode_one(**fields: object) -> Span:
    contents = read(a_list(a_wire(**fields)))
    assert contents.format == "zipkin-thrift"
    assert not contents.rejected
    (span,) = contents.spans
    return span


def test_a_client_s_span_and_its_root_are_read_as_py_zipkin_sends_them() -> None:
    contents = read(CLIENT_AND_ROOT_THRIFT)
    assert contents.format == "zipkin-thrift"
    query, root = contents.spans
    assert (query.kind, query.service, query.name) == (SpanKind.CLIENT, "Shop", "query")
    assert (query.trace_id, query.parent_id) == ("0" * 16 + "f2a74de452e6b438", root.span_id)
    assert query.duration_ns == 7_000
    assert (query.status.code, query.status.message) == (StatusCode.ERROR, "no stock")
    assert query.attributes == (
        ("sql.rows", "3"),
        ("peer.service", "db"),
        ("net.peer.ip", "10.0.0.9"),
        ("net.peer.port", 5432),
        ("net.host.ip", "10.0.0.1"),
        ("net.host.port", 8080),
    )
    assert (root.kind, root.name) == (SpanKind.SERVER, "GET /cart")
    assert root.as_sent == ()


def test_a_server_half_without_times_is_shared() -> None:
    (span,) = read(SERVER_HALF_THRIFT).spans
    assert (span.kind, span.span_id, span.parent_id) == (SpanKind.SERVER, 0xFEDCBA9876543210, 1)
    assert (span.duration_ns, span.as_sent) == (4_000, (("shared", "true"),))


def test_negative_ids_have_their_top_bit_set() -> None:
    span = decode_one(trace_id=-1, trace_id_high=-2, id=-3, parent_id=-4)
    assert span.trace_id == "f" * 15 + "e" + "f" * 16
    assert (span.span_id, span.parent_id) == ((1 << 64) - 3, (1 << 64) - 4)
    assert decode_one(trace_id_high=5, trace_id=0).trace_id == f"{5:016x}{0:016x}"


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("STRING", "text", "text"),
        ("STRING", b"caf\xe9", "caf\ufffd"),
        ("BOOL", b"\x01", True),
        ("BOOL", b"\x00", False),
        ("I16", b"\xff\xfe", -2),
        ("I32", b"\0\0\0\x07", 7),
        ("I64", b"\0" * 7 + b"\x07", 7),
        ("I64", b"\x07", b"\x07"),
        ("DOUBLE", struct.pack(">d", 1.5), 1.5),
        ("BYTES", b"\0\xff", b"\0\xff"),
    ],
)
def test_binary_annotations_keep_their_type(kind: str, value: bytes, kept: object) -> None:
    annotation = IDL.BinaryAnnotation("n", value, IDL.AnnotationType._NAMES_TO_VALUES[kind])
    ((key, found),) = decode_one(binary_annotations=[annotation]).attributes
    assert (key, found, type(found)) == ("n", kept, type(kept))


def test_an_endpoint_s_address_and_port_are_unsigned() -> None:
    host = IDL.Endpoint(-1062731519, -25536, "shop", b"")
    span = decode_one(annotations=[IDL.Annotation(1, "cs", host), IDL.Annotation(4, "cr", host)])
    assert span.attributes == (("net.host.ip", "192.168.1.1"), ("net.host.port", 40000))
    v6 = IDL.Endpoint(0, 0, "shop", b"\0" * 15 + b"\x01")
    assert decode_one(annotations=[IDL.Annotation(1, "x", v6)]).attributes == (
        ("net.host.ip", "::1"),
    )


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
hosts = st.fixed_dictionaries({"serviceName": names}, optional={"port": st.integers(1, 65535)})


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["cs", "cr", "sr", "x"]), hosts)),
    st.lists(st.tuples(names | st.sampled_from(["sa", "lc"]), names | st.just(True), hosts)),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_thrift_and_json_of_a_span_give_the_same_span(said, tags, timestamp, duration) -> None:
    def host(endpoint):
        port = endpoint.get("port", 0)
        return IDL.Endpoint(0, port - 65536 if port > 32767 else port, endpoint["serviceName"])

    as_json = {
        "traceId": "1",
        "id": "2",
        "name": "good",
        "timestamp": timestamp,
        "duration": duration,
        "annotations": [{"timestamp": at, "value": text, "endpoint": of} for at, text, of in said],
        "binaryAnnotations": [{"key": key, "value": v, "endpoint": of} for key, v, of in tags],
    }
    as_thrift = a_wire(
        timestamp=timestamp,
        duration=duration,
        annotations=[IDL.Annotation(at, text, host(of)) for at, text, of in said],
        binary_annotations=[
            IDL.BinaryAnnotation(key, b"\x01" if v is True else v, 0 if v is True else 6, host(of))
            for key, v, of in tags
        ],
    )
    (of_json,) = read(json.dumps(as_json), lenient=False).spans
    (of_thrift,) = read(a_list(as_thrift)).spans
    assert repr(of_thrift) == repr(of_json)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (a_wire(trace_id=None), "the trace ID is missing"),
        (a_wire(id=None), "the span ID is missing"),
        (a_wire(trace_id=0), "a trace ID of zeros only"),
        (a_wire(id=0), "a span ID of zeros only"),
        (STOP, "the trace ID is missing"),
        (field(STRING, 1, number(1) + b"x") + STOP, "the trace ID is missing"),
        (
            a_wire(binary_annotations=[IDL.BinaryAnnotation("", b"")] * 100_001),
            "a span with 100,001 tags",
        ),
    ],
)
def test_a_bad_span_costs_one_span(bad: object, reason: str) -> None:
    contents = read(a_list(a_wire(), bad, a_wire()))
    assert [span.name for span in contents.spans] == ["good", "good"]
    assert contents.rejected[0].reason.startswith(reason)
    assert contents.rejected[0].where.startswith("byte ")


def test_fields_of_other_types_and_unknown_ones_are_passed_over() -> None:
    odd = (
        field(STRUCT, 99, field(MAP, 1, STRING + I64 + number(1) + number(1) + b"k" + b"\0" * 8))
        + STOP
        + field(LIST, 98, I64 + number(2) + b"\0" * 16)
        + field(LIST, 97, b"\x01" + number(0))
        + field(LIST, 6, I64 + number(1) + b"\0" * 8)
        + field(b"\x02", 9, b"\x01")
    )
    contents = read(a_list(a_wire(), odd + written(a_wire(name="odd"))))
    assert [span.name for span in contents.spans] == ["good", "odd"]
    assert contents.spans[1].as_sent == (("debug", "true"),)


def test_annotations_that_say_nothing_are_left_out() -> None:
    host = IDL.Endpoint(0, 0, "shop")
    contents = read(
        a_list(
            a_wire(
                annotations=[
                    IDL.Annotation(None, "no time", host),
                    IDL.Annotation(1, None, host),
                    IDL.Annotation(1, "kept"),
                ],
                binary_annotations=[
                    IDL.BinaryAnnotation(None, b"no key"),
                    IDL.BinaryAnnotation("no value", None),
                    IDL.BinaryAnnotation("kept", b"v", IDL.AnnotationType.STRING),
                ],
            ),
            a_wire(),
        )
    )
    first, _ = contents.spans
    assert [event.name for event in first.events] == ["kept"]
    assert first.attributes == (("kept", "v"),)
    (note,) = contents.notes
    assert (note.reason, note.count, note.where) == (
        "annotations without their time, key or value were left out",
        1,
        "byte 5",
    )


def test_a_list_that_breaks_off_keeps_what_came_before() -> None:
    data = a_list(a_wire(), a_wire())
    contents = read(data[:-3])
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason.endswith("it breaks off")
    with pytest.raises(DecodeError, match="it breaks off"):
        list(ZipkinThrift().decode(Payload(data[:20])))
    assert "something follows" in read(data + b"x").rejected[0].reason


HOSTILE = {
    "a list longer than the body": STRUCT + number(0x7FFFFFFF) + STOP * 9,
    "a list of a negative size": STRUCT + number(-1),
    "a text of a negative length": a_list(field(STRING, 3, number(-1)) + STOP),
    "a text longer than the body": a_list(field(STRING, 3, number(0x7FFFFFF0)) + STOP),
    "a list of what takes no bytes": a_list(field(LIST, 6, b"\x01" + number(3)) + STOP * 4),
    "a huge list of what takes no bytes": a_list(
        field(LIST, 6, b"\x01" + number(0x7FFFFFFF)) + STOP
    ),
    "an unknown type": a_list(field(b"\x10", 6, b"") + STOP),
    "a map longer than the body": a_list(field(MAP, 7, I64 + I64 + number(1 << 30)) + STOP),
    "structs in structs without end": a_list(field(STRUCT, 99, b"") * 100_000),
    "lists in lists without end": a_list(field(LIST, 99, b"") + (LIST + number(1)) * 100_000),
    "a span without end": a_list(
        field(LIST, 6, STRUCT + number(2_000_100) + STOP * 2_000_100) + STOP
    ),
    "a flood of empty spans": a_list(*[STOP] * 101_000),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_list_is_refused_quickly(what: str) -> None:
    began = time.process_time()
    with pytest.raises(DecodeError) as refusal:
        list(ZipkinThrift().decode(Payload(HOSTILE[what])))
    assert time.process_time() - began < 5
    assert "\n" not in str(refusal.value)
    assert not ZipkinThrift().sniff(HOSTILE[what])


def test_no_size_that_a_list_claims_takes_memory() -> None:
    tracemalloc.start()
    try:
        for data in HOSTILE.values():
            if len(data) < 100:
                decode_anything(ZipkinThrift(), data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


ANNOTATION = field(I64, 1, b"\1" * 8) + field(STRING, 2, number(0)) + STOP
TAG = field(STRING, 1, number(0)) + field(STRING, 2, number(0)) + STOP
SMALLEST = a_wire(name=None)


@pytest.mark.parametrize(
    "span",
    [
        written(SMALLEST),
        written(SMALLEST)[:-1]
        + field(LIST, 6, STRUCT + number(50_000))
        + ANNOTATION * 50_000
        + STOP,
        written(SMALLEST)[:-1] + field(LIST, 6, STRUCT + number(9_000)) + ANNOTATION * 9_000 + STOP,
        written(SMALLEST)[:-1] + field(LIST, 8, STRUCT + number(50_000)) + TAG * 50_000 + STOP,
        written(SMALLEST)[:-1] + field(LIST, 6, STRUCT + number(9_000)) + STOP * 9_000 + STOP,
    ],
    ids=["small spans", "annotations", "annotations that are kept", "tags", "nothings"],
)
def test_memory_stays_within_a_multiple_of_the_body(span: bytes) -> None:
    data = a_list(*[span] * max(1_000_000 // len(span), 1))
    decode_anything(ZipkinThrift(), a_list(SMALLEST))
    tracemalloc.start()
    try:
        chunks = list(ZipkinThrift().decode(Payload(data)))
        assert sum(len(chunk.batch) for chunk in chunks) > 0
        assert tracemalloc.get_traced_memory()[1] < 25 * len(data)
    finally:
        tracemalloc.stop()


def test_of_too_many_annotations_the_first_are_kept_and_the_others_counted() -> None:
    annotations = [IDL.Annotation(at, "x") for at in range(MAX_EVENTS + 3)]
    contents = read(a_list(a_wire(annotations=annotations)))
    (span,) = contents.spans
    assert (len(span.events), span.dropped) == (MAX_EVENTS, Dropped(events=3))
    assert contents.notes[0].reason == "annotations beyond 10,000 a span were left out"


def test_only_a_list_of_spans_is_recognised() -> None:
    sniff = ZipkinThrift().sniff
    assert sniff(CLIENT_AND_ROOT_THRIFT)
    assert sniff(SERVER_HALF_THRIFT)
    for other in (b"", STRUCT, STRUCT + number(0), b"[{}]", b"\x0a\x08", written(a_wire())):
        assert not sniff(other)
    assert not sniff(a_list(a_wire(id=None)))


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    decode_anything(ZipkinThrift(), data)
    decode_anything(ZipkinThrift(), a_list(data))
    decode_anything(ZipkinThrift(), a_list(field(LIST, 6, STRUCT + number(3)) + data))


@given(st.integers(0, len(CLIENT_AND_ROOT_THRIFT)))
def test_a_body_cut_anywhere_is_read_or_refused(size: int) -> None:
    decode_anything(ZipkinThrift(), CLIENT_AND_ROOT_THRIFT[:size])


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, len(CLIENT_AND_ROOT_THRIFT) - 1), st.integers(0, 255)), max_size=5
    )
)
def test_a_mutated_body_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    mutated = bytearray(CLIENT_AND_ROOT_THRIFT)
    for position, byte in changes:
        mutated[position] = byte
    decode_anything(ZipkinThrift(), bytes(mutated))
