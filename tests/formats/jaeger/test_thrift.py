import struct
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thriftpy2.thrift import TMessageType

from tests.formats.jaeger import messages
from tests.formats.jaeger.messages import HIGH, LOW, SPAN_ID, TRACE, signed
from viewer.formats.base import MAX_EVENTS, MAX_LINKS, Decoded, DecodeError
from viewer.formats.jaeger import thrift
from viewer.formats.jaeger.mapping import REF_TYPE
from viewer.trace.report import Rejection
from viewer.trace.span import Dropped, OpenEnd, Span, SpanKind, StatusCode

CHILD_OF, FOLLOWS_FROM = 0, 1
MAX_DATAGRAM = 65_000
WAYS = {
    "compact": (thrift.decode_compact, messages.compact),
    "binary": (thrift.decode_binary, messages.binary),
    "bare": (thrift.decode_batch, messages.bare),
}


def decode(batch: object) -> Decoded:
    """What every way makes of a batch, which must be the same."""
    first, *others = [read(write(batch)) for read, write in WAYS.values()]
    for other in others:
        assert repr(list(other.batch.spans())) == repr(list(first.batch.spans()))
        assert (other.rejected, other.notes) == (first.rejected, first.notes)
    return first


def decode_one(**fields: object) -> Span:
    (span,) = decode(messages.batch(messages.span(**fields))).batch.spans()
    return span


def refusal(read, data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        read(data)
    return str(caught.value)


def test_a_span_is_read() -> None:
    span = decode_one()
    assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, SPAN_ID, 0)
    assert (span.name, span.flags) == ("GET /", 1)
    assert (span.start_ns, span.duration_ns) == (1_700_000_000_000_001_000, 5_000)
    assert (span.as_sent, span.open_ends) == ((), 0)


def test_ids_are_unsigned_though_they_are_sent_signed() -> None:
    span = decode_one(
        traceIdHigh=-1,
        traceIdLow=signed(1 << 63),
        spanId=-2,
        parentSpanId=-3,
        references=[messages.reference(FOLLOWS_FROM, -4, high=-5, low=-6)],
    )
    assert span.trace_id == "f" * 16 + "8" + "0" * 15
    assert (span.span_id, span.parent_id) == ((1 << 64) - 2, (1 << 64) - 3)
    (link,) = span.links
    assert (link.trace_id, link.span_id) == ("f" * 15 + "b" + "f" * 15 + "a", (1 << 64) - 4)


def test_a_short_trace_id_has_an_upper_half_of_zeros() -> None:
    assert decode_one(traceIdHigh=0).trace_id == f"{LOW:032x}"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"traceIdHigh": 0, "traceIdLow": 0}, "a trace ID of zeros only is invalid"),
        ({"spanId": 0}, "a span ID of zeros only is invalid"),
        ({"operationName": None}, "Span.operationName is missing"),
        ({"traceIdLow": None}, "Span.traceIdLow is missing"),
    ],
)
def test_a_bad_span_costs_itself_and_not_its_neighbours(fields, reason) -> None:
    spans = [messages.span(spanId=1), messages.span(**fields), messages.span(spanId=2)]
    decoded = decode(messages.batch(*spans))
    assert decoded.batch.span_id == [1, 2]
    assert decoded.rejected == [Rejection(reason)]


def test_the_process_is_the_resource() -> None:
    batch = messages.batch(messages.span(), jaeger__version="Python-4.8.0", ip="192.0.2.1")
    (span,) = decode(batch).batch.spans()
    assert span.service == "shop"
    assert span.resource.attributes == (
        ("service.name", "shop"),
        ("jaeger.version", "Python-4.8.0"),
        ("ip", "192.0.2.1"),
    )


def test_spans_without_a_process_are_kept() -> None:
    decoded = decode(messages.JAEGER.Batch(process=None, spans=[messages.span()]))
    assert decoded.batch.service == [""]


def test_which_sdk_it_was_is_said_by_the_resource() -> None:
    span = decode_one(
        tags=messages.tags(
            telemetry__sdk__language="python", service__name="shop", deployment="here"
        )
    )
    assert span.resource.attributes == (
        ("service.name", "shop"),
        ("telemetry.sdk.language", "python"),
    )
    assert span.attributes == (("service.name", "shop"), ("deployment", "here"))


@pytest.mark.parametrize(
    "value",
    ["text", "", 1.5, float("inf"), True, False, 7, -(1 << 63), (1 << 63) - 1, b"\x00\xff", b""],
)
def test_a_tag_of_every_type_keeps_it(value: object) -> None:
    ((key, kept),) = decode_one(tags=[messages.tag("k", value)]).attributes
    assert (key, kept, type(kept)) == ("k", value, type(value))


@pytest.mark.parametrize(
    ("kind", "value"), [(0, "s"), (1, 2.5), (2, True), (3, 9), (4, b"b"), (5, "<Unknown Jaeger")]
)
def test_the_type_decides_where_every_value_is_filled_in(kind: int, value: object) -> None:
    tag = messages.JAEGER.Tag(
        key="k", vType=kind, vStr="s", vDouble=2.5, vBool=True, vLong=9, vBinary=b"b"
    )
    ((_, kept),) = decode_one(tags=[tag]).attributes
    assert kept == value or (kind == 5 and str(kept).startswith(str(value)))


@pytest.mark.parametrize(("kind", "zero"), [(0, ""), (1, 0.0), (2, False), (3, 0), (4, b"")])
def test_a_value_that_is_left_out_is_its_types_zero(kind: int, zero: object) -> None:
    ((_, kept),) = decode_one(tags=[messages.JAEGER.Tag(key="k", vType=kind)]).attributes
    assert (kept, type(kept)) == (zero, type(zero))


def test_text_that_is_no_utf8_is_kept_with_replacements() -> None:
    spans = [messages.span(operationName=b"caf\xe9"), messages.span(spanId=2)]
    decoded = decode(messages.batch(*spans))
    assert decoded.batch.name == ["caf\ufffd", "GET /"]


def test_kind_status_scope_and_trace_state_are_taken_out_of_the_tags() -> None:
    span = decode_one(
        tags=messages.tags(
            span__kind="server",
            error=True,
            otel__status_description="no",
            otel__scope__name="lib",
            w3c__tracestate="a=b",
            left=1,
        )
    )
    assert span.kind is SpanKind.SERVER
    assert (span.status.code, span.status.message) == (StatusCode.ERROR, "no")
    assert (span.scope.name, span.trace_state) == ("lib", "a=b")
    assert span.attributes == (("left", 1),)


def test_a_parent_that_is_named_twice_is_one_parent() -> None:
    span = decode_one(parentSpanId=5, references=[messages.reference(CHILD_OF, 5)])
    assert (span.parent_id, span.links) == (5, ())


def test_a_parent_that_is_followed_from_stays_a_link() -> None:
    span = decode_one(parentSpanId=5, references=[messages.reference(FOLLOWS_FROM, 5)])
    assert span.parent_id == 5
    assert [(link.span_id, link.attributes) for link in span.links] == [(5, ())]


def test_references_to_other_traces_are_links() -> None:
    span = decode_one(
        references=[
            messages.reference(CHILD_OF, 8, low=1),
            messages.reference(FOLLOWS_FROM, 9, low=2),
        ]
    )
    assert span.parent_id == 0
    assert [(link.trace_id, link.attributes) for link in span.links] == [
        (f"{HIGH:016x}{1:016x}", ((REF_TYPE, "child_of"),)),
        (f"{HIGH:016x}{2:016x}", ()),
    ]


def test_a_reference_to_nothing_is_left_out() -> None:
    span = messages.span(references=[messages.reference(CHILD_OF, 0)])
    decoded = decode(messages.batch(span))
    assert decoded.batch.links == [None]
    assert [note.reason[:28] for note in decoded.notes] == ["a reference was left out: a "]


@pytest.mark.parametrize("key", ["event", "message"])
def test_logs_are_events(key: str) -> None:
    span = decode_one(logs=[messages.log(1_700, **{key: "hello"}, v=3), messages.log(1_701)])
    named, unnamed = span.events
    assert (named.time_ns, named.name, named.attributes) == (1_700_000, "hello", (("v", 3),))
    assert (unnamed.time_ns, unnamed.name, unnamed.attributes) == (1_701_000, "", ())


def test_a_span_that_is_sent_before_it_ended_is_in_progress() -> None:
    assert decode_one(incomplete=True).open_ends == OpenEnd.IN_PROGRESS
    assert decode_one(incomplete=False).open_ends == 0


def test_a_duration_below_zero_is_told() -> None:
    span = decode_one(duration=-5)
    assert (span.duration_ns, span.as_sent) == (0, (("duration", "-5000 ns"),))


def test_flags_are_read_as_unsigned() -> None:
    assert decode_one(flags=-1).flags == 0xFFFFFFFF


def test_a_call_may_be_oneway_or_not_and_strict_or_not() -> None:
    batch = messages.batch(messages.span())
    for kind in (TMessageType.CALL, TMessageType.ONEWAY):
        assert len(thrift.decode_compact(messages.compact(batch, kind)).batch) == 1
        for strict in (True, False):
            data = messages.binary(batch, kind, strict=strict)
            assert len(thrift.decode_binary(data).batch) == 1
    assert messages.compact(batch)[:2] == b"\x82\x81"
    assert messages.binary(batch)[:4] == b"\x80\x01\x00\x04"


@pytest.mark.parametrize("way", ["compact", "binary"])
def test_other_messages_are_refused_in_words(way: str) -> None:
    read, write = WAYS[way]
    batch = messages.batch(messages.span())
    assert "9411" in refusal(read, write(batch, method="emitZipkinBatch"))
    assert "emitBatch is expected, not 'x" in refusal(read, write(batch, method="x" * 99))
    assert "an answer to one" in refusal(read, write(batch, TMessageType.REPLY))
    assert "this has no spans" in refusal(read, write(None))


@pytest.mark.parametrize(
    ("way", "sent", "says"),
    [
        ("compact", "binary", "compact message is expected, this is a Thrift binary message; "),
        ("compact", "binary", "send it to UDP port 6832"),
        ("compact", "bare", "send it to HTTP port 14268"),
        ("binary", "compact", "binary message is expected, this is a Thrift compact message; "),
        ("binary", "compact", "send it to UDP port 6831"),
        ("binary", "bare", "send it to HTTP port 14268"),
        ("bare", "compact", "send it to UDP port 6831"),
        ("bare", "binary", "send it to UDP port 6832"),
    ],
)
def test_what_belongs_to_another_port_is_sent_there(way: str, sent: str, says: str) -> None:
    assert says in refusal(WAYS[way][0], WAYS[sent][1](messages.batch(messages.span())))


def test_a_message_without_version_is_recognised_too() -> None:
    data = messages.binary(messages.batch(messages.span()), strict=False)
    assert "6832" in refusal(thrift.decode_compact, data)
    assert "6832" in refusal(thrift.decode_batch, data)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "data", [b"", b"\x82", b"\x80", b"\x80\x01", b"{}", b"\x00", b"\x82\x41", b"GET / HTTP/1.1\r\n"]
)
def test_what_is_no_message_is_refused(way: str, data: bytes) -> None:
    assert "\n" not in refusal(WAYS[way][0], data)


def test_a_datagram_as_large_as_it_can_be_is_read_quickly() -> None:
    spans = [messages.span(spanId=number, tags=messages.tags(n=number)) for number in range(1, 900)]
    data = messages.compact(messages.batch(*spans))
    assert 40_000 < len(data) < MAX_DATAGRAM
    began = time.process_time()
    decoded = thrift.decode_compact(data)
    assert (len(decoded.batch), decoded.rejected) == (899, [])
    assert time.process_time() - began < 5


def bomb(item: bytes, count: int, size: int) -> bytes:
    """A Batch of one span whose tags are so many of this."""
    span = messages.bare(messages.span())[:-1]
    tags = b"\x0f\x00\x0a\x0c" + struct.pack(">i", count) + item * size
    return b"\x0f\x00\x02\x0c\x00\x00\x00\x01" + span + tags + b"\x00\x00"


SMALLEST_TAG = b"\x0b\x00\x01\x00\x00\x00\x00\x08\x00\x02\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (bomb(b"", 0x7FFFFFFF, 0), "declares a size of 2147483647"),
        (bomb(b"\x00", 200_000, 200_000), "a span"),
        (bomb(b"\x0c\x00\x63" * 1000, 1, 300), "deeper than 64 levels"),
        (b"\x0f\x00\x63\x01" + struct.pack(">i", 0x7FFFFFFF) + b"\x00", "declares a size of"),
        (b"\x0f\x00\x63\x01\x00\x03\x00\x00" + bytes(200_000), "there is no type 1"),
    ],
)
def test_a_hostile_body_costs_little_time_and_memory(data: bytes, outcome: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        decoded = thrift.decode_batch(data)
    except DecodeError as error:
        said = error.reason
    else:
        said = "a span" if len(decoded.batch) == 1 else "no span"
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert outcome in said
    assert peak < 1_000_000
    assert time.process_time() - began < 10


def test_memory_stays_within_a_multiple_of_the_body() -> None:
    count = 20_000
    data = bomb(SMALLEST_TAG, count, count)
    tracemalloc.start()
    try:
        decoded = thrift.decode_batch(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(decoded.batch.attr_values) == count
    assert peak < 40 * len(data)


@st.composite
def mutated(draw, data: bytes) -> bytes:
    """A message with some bytes changed, dropped or added."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, 3))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + gone :]
    return data


RICH = messages.batch(
    messages.span(
        parentSpanId=5,
        references=[messages.reference(FOLLOWS_FROM, 5), messages.reference(CHILD_OF, 6, low=3)],
        tags=messages.tags(a="b", c=1, d=True, e=0.5, f=b"x"),
        logs=[messages.log(1, event="e", v=1)],
        incomplete=True,
    ),
    messages.span(spanId=2),
    hostname="h",
)


@pytest.mark.parametrize("way", WAYS)
def test_whatever_breaks_off_is_refused(way: str) -> None:
    read, write = WAYS[way]
    data = write(RICH)
    for size in range(len(data)):
        assert "\n" not in refusal(read, data[:size])
    assert len(read(data).batch) == 2


@pytest.mark.parametrize("way", WAYS)
@given(st.data())
def test_changed_bytes_raise_nothing_but_a_refusal(way: str, data) -> None:
    read, write = WAYS[way]
    try:
        decoded = read(data.draw(mutated(write(RICH))))
    except DecodeError:
        return
    assert len(decoded.batch.to_arrow()) == len(decoded.batch)


@pytest.mark.parametrize("way", WAYS)
@given(st.binary(max_size=100))
def test_random_bytes_raise_nothing_but_a_refusal(way: str, data: bytes) -> None:
    read, write = WAYS[way]
    head = write(RICH)[:16]
    for hostile in (data, head + data):
        try:
            decoded = read(hostile)
        except DecodeError:
            continue
        assert len(decoded.batch.to_arrow()) == len(decoded.batch)


def test_of_too_many_logs_and_references_the_first_are_kept_and_the_others_counted() -> None:
    logs = [messages.log(1, event="x")] * (MAX_EVENTS + 3)
    references = [messages.reference(FOLLOWS_FROM, 7, high=0, low=1)] * (MAX_LINKS + 2)
    sent = messages.batch(messages.span(logs=logs, references=references, parentSpanId=5))
    decoded = thrift.decode_batch(messages.bare(sent))
    (span,) = decoded.batch.spans()
    assert (len(span.events), len(span.links), span.parent_id) == (MAX_EVENTS, MAX_LINKS, 5)
    assert span.dropped == Dropped(events=3, links=2)
    assert [note.reason for note in decoded.notes] == [
        "references beyond 10,000 a span were left out",
        "logs beyond 10,000 a span were left out",
    ]
