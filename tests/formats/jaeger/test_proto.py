import time
from contextlib import suppress

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from viewer.formats.base import MAX_EVENTS, MAX_LINKS, Decoded, DecodeError
from viewer.formats.jaeger.idl import model_pb2
from viewer.formats.jaeger.idl.collector_pb2 import PostSpansRequest
from viewer.formats.jaeger.mapping import REF_TYPE, WARNING
from viewer.formats.jaeger.proto import decode_request
from viewer.trace.report import Rejection
from viewer.trace.span import Dropped, Span, SpanKind, StatusCode

TRACE, SPAN_ID = (
    bytes.fromhex("8af7651916cd43dd8448eb211c80319c"),
    bytes.fromhex("f7ad6b7169203331"),
)
CHILD_OF, FOLLOWS_FROM = model_pb2.CHILD_OF, model_pb2.FOLLOWS_FROM


def tag(key: str, value: object) -> bytes:
    kinds = {str: "STRING", bool: "BOOL", int: "INT64", float: "FLOAT64", bytes: "BINARY"}
    kind = kinds[type(value)]
    field = "v_" + {"STRING": "str"}.get(kind, kind.lower())
    sent = value.encode() if isinstance(value, str) else value
    made = model_pb2.KeyValue(
        key=key.encode(), v_type=model_pb2.ValueType.Value(kind), **{field: sent}
    )
    return made.SerializeToString()


def tags(**values: object) -> list[bytes]:
    return [tag(key.replace("__", "."), value) for key, value in values.items()]


def process(service: str, **of_process: object) -> bytes:
    made = model_pb2.Process(service_name=service.encode(), tags=tags(**of_process))
    return made.SerializeToString()


def reference(kind: int, span_id: int, trace_id: bytes = TRACE) -> bytes:
    made = model_pb2.SpanRef(ref_type=kind, trace_id=trace_id, span_id=span_id.to_bytes(8, "big"))
    return made.SerializeToString()


def span(**fields: object) -> bytes:
    known: dict[str, object] = {
        "trace_id": TRACE,
        "span_id": SPAN_ID,
        "operation_name": b"GET /",
        "flags": 1,
        "start_time": Timestamp(seconds=1_700_000_000, nanos=123_456_789),
        "duration": Duration(seconds=1, nanos=5),
        "process": process("shop"),
    }
    return model_pb2.Span(**(known | fields)).SerializeToString()


def request(*spans: bytes, **of_batch: object) -> bytes:
    batch = model_pb2.Batch(spans=spans, **of_batch)
    return PostSpansRequest(batch=batch).SerializeToString()


def decode(*spans: bytes, **of_batch: object) -> Decoded:
    return decode_request(request(*spans, **of_batch))


def decode_one(**fields: object) -> Span:
    (only,) = decode(span(**fields)).batch.spans()
    return only


def test_a_span_is_read() -> None:
    read = decode_one()
    assert (read.trace_id, read.span_id, read.parent_id) == (
        TRACE.hex(),
        int.from_bytes(SPAN_ID, "big"),
        0,
    )
    assert (read.name, read.flags, read.as_sent) == ("GET /", 1, ())
    assert (read.start_ns, read.duration_ns) == (1_700_000_000_123_456_789, 1_000_000_005)


def test_a_span_brings_its_process_or_has_the_batchs() -> None:
    spans = [span(process=process("own", a=1)), span(process=None), span(process=b"")]
    decoded = decode(*spans, process=process("common"))
    assert decoded.batch.service == ["own", "common", ""]
    resources = [read.resource.attributes for read in decoded.batch.spans()]
    assert resources == [
        (("service.name", "own"), ("a", 1)),
        (("service.name", "common"),),
        (("service.name", ""),),
    ]


def test_a_process_that_is_named_only_is_kept_as_sent() -> None:
    (read,) = decode(span(process=None, process_id=b"p1")).batch.spans()
    assert (read.service, read.as_sent) == ("", (("processID", "p1"),))


def test_the_first_child_of_in_the_same_trace_is_the_parent() -> None:
    other = bytes(15) + b"\x01"
    read = decode_one(
        references=[
            reference(CHILD_OF, 1, other),
            reference(FOLLOWS_FROM, 2),
            reference(CHILD_OF, (1 << 64) - 3),
        ]
    )
    assert read.parent_id == (1 << 64) - 3
    assert [(link.trace_id, link.span_id, link.attributes) for link in read.links] == [
        (other.hex(), 1, ((REF_TYPE, "child_of"),)),
        (TRACE.hex(), 2, ()),
    ]


def test_what_follows_from_a_span_hangs_under_it() -> None:
    read = decode_one(references=[reference(FOLLOWS_FROM, 2)])
    assert (read.parent_id, [link.span_id for link in read.links]) == (2, [2])


@pytest.mark.parametrize(
    "value",
    ["text", "", 1.5, float("-inf"), True, False, 7, -(1 << 63), (1 << 63) - 1, b"\x00\xff", b""],
)
def test_a_tag_of_every_type_keeps_it(value: object) -> None:
    ((key, kept),) = decode_one(tags=[tag("k", value)]).attributes
    assert (key, kept, type(kept)) == ("k", value, type(value))


def test_a_tag_of_an_unknown_type_says_so() -> None:
    made = model_pb2.KeyValue(key=b"k", v_type=9, v_str=b"x")  # type: ignore[arg-type]
    ((_, kept),) = decode_one(tags=[made.SerializeToString()]).attributes
    assert kept == "<Unknown Jaeger TagType 9>"


def test_tags_without_a_key_are_left_out_and_told() -> None:
    decoded = decode(span(tags=[b"", tag("a", "b"), b""]))
    (read,) = decoded.batch.spans()
    assert read.attributes == (("a", "b"),)
    assert decoded.notes == [Rejection("tags without a key were left out")]


def test_kind_status_and_sdk_are_taken_out_of_the_tags() -> None:
    read = decode_one(
        tags=tags(span__kind="client", error=True, telemetry__sdk__name="opentelemetry", left=1)
    )
    assert (read.kind, read.status.code) == (SpanKind.CLIENT, StatusCode.ERROR)
    assert read.resource.attributes[-1] == ("telemetry.sdk.name", "opentelemetry")
    assert read.attributes == (("left", 1),)


def test_logs_are_events() -> None:
    log = model_pb2.Log(timestamp=Timestamp(seconds=2, nanos=7), fields=tags(message="m", v=3))
    (event,) = decode_one(logs=[log.SerializeToString()]).events
    assert (event.time_ns, event.name, event.attributes) == (2_000_000_007, "m", (("v", 3),))


def test_logs_that_say_nothing_are_left_out_and_told() -> None:
    log = model_pb2.Log(timestamp=Timestamp(seconds=2)).SerializeToString()
    decoded = decode(span(logs=[b"", log, b""]))
    (read,) = decoded.batch.spans()
    assert [event.time_ns for event in read.events] == [2_000_000_000]
    assert decoded.notes == [Rejection("empty logs were left out")]


def test_warnings_and_impossible_times_are_kept_as_sent() -> None:
    read = decode_one(warnings=[b"w"], duration=Duration(seconds=-1))
    assert read.as_sent == (("duration", "-1000000000 ns"), (WARNING, "w"))
    assert read.duration_ns == 0


def test_text_that_is_no_utf8_costs_no_span() -> None:
    decoded = decode(
        span(
            operation_name=b"caf\xe9",
            process=model_pb2.Process(service_name=b"\xff").SerializeToString(),
        )
    )
    assert (decoded.batch.name, decoded.batch.service) == (["caf\ufffd"], ["\ufffd"])


MALFORMED = "a span, or something in it, is malformed protobuf"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"\xff", MALFORMED),
        (span(tags=[b"\xff"]), MALFORMED),
        (span(logs=[b"\xff"]), MALFORMED),
        (span(references=[b"\xff"]), MALFORMED),
        (span(process=b"\xff"), MALFORMED),
        (span(process=model_pb2.Process(tags=[b"\xff"]).SerializeToString()), MALFORMED),
        (span(trace_id=b""), "a trace ID has 16 bytes (or 8), got 0"),
        (span(trace_id=bytes(16)), "a trace ID of zeros only is invalid"),
        (span(span_id=b"abc"), "a span ID has 8 bytes, got 3"),
    ],
)
def test_a_bad_span_costs_itself_and_not_its_neighbours(bad: bytes, reason: str) -> None:
    decoded = decode(span(), bad, span())
    assert (len(decoded.batch), decoded.rejected) == (2, [Rejection(reason)])


def test_a_reference_to_nothing_is_left_out() -> None:
    decoded = decode(span(references=[reference(CHILD_OF, 0)]))
    assert decoded.batch.parent_id == [0]
    assert decoded.notes == [
        Rejection("a reference was left out: a span ID of zeros only is invalid")
    ]


def test_an_empty_request_has_no_spans() -> None:
    assert len(decode_request(b"").batch) == 0


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(DecodeError, match="expected a Jaeger PostSpansRequest in protobuf"):
        decode_request(b"{}")


RICH = request(
    span(
        references=[reference(FOLLOWS_FROM, 2)],
        tags=tags(a="b", c=1, d=True, e=0.5, f=b"x"),
        logs=[model_pb2.Log(fields=tags(event="e")).SerializeToString()],
    ),
    span(),
)


@given(st.data())
def test_hostile_bytes_raise_nothing_but_a_refusal(data) -> None:
    at = data.draw(st.integers(0, len(RICH)))
    changed = RICH[:at] + data.draw(st.binary(max_size=4))
    rest = RICH[at + data.draw(st.integers(0, 4)) :]
    for hostile in (changed, changed + rest, data.draw(st.binary(max_size=60))):
        with suppress(DecodeError):
            decoded = decode_request(hostile)
            assert len(decoded.batch.to_arrow()) == len(decoded.batch)


@given(st.integers(), st.integers(-(1 << 31), (1 << 31) - 1))
def test_times_of_any_size_are_bounded(seconds: int, nanos: int) -> None:
    seconds = max(-(1 << 63), min(seconds, (1 << 63) - 1))
    read = decode_one(
        start_time=Timestamp(seconds=seconds, nanos=nanos),
        duration=Duration(seconds=seconds, nanos=nanos),
    )
    assert 0 <= read.start_ns <= read.end_ns < 1 << 63


def test_of_too_many_logs_and_references_the_first_are_kept_and_the_others_counted() -> None:
    logs = [b"", *[model_pb2.Log(timestamp=Timestamp(seconds=1)).SerializeToString()] * 10_003]
    references = [reference(FOLLOWS_FROM, 7, bytes(15) + b"\x01")] * 10_002
    decoded = decode(span(logs=logs, references=references), span())
    cut, whole = decoded.batch.spans()
    assert (len(cut.events), len(cut.links)) == (MAX_EVENTS, MAX_LINKS)
    assert (cut.dropped, whole.dropped) == (Dropped(events=3, links=2), Dropped())
    assert [note.reason for note in decoded.notes] == [
        "references beyond 10,000 a span were left out",
        "empty logs were left out",
        "logs beyond 10,000 a span were left out",
    ]


def test_a_flood_of_bad_spans_is_cut_short() -> None:
    decoded = decode(span(), *[b""] * 150_000)
    assert len(decoded.batch) == 1
    assert decoded.rejected_spans == 150_000
    assert decoded.rejected[-1].reason == "what follows more than 100,000 bad spans is not read"


def test_so_many_warnings_are_kept_and_no_more() -> None:
    decoded = decode(span(warnings=[b""] * (MAX_EVENTS + 1)))
    (read,) = decoded.batch.spans()
    assert len(read.as_sent) == MAX_EVENTS
    assert decoded.notes[0].reason == "warnings beyond 10,000 a span were left out"


def test_a_large_process_costs_each_of_its_spans_little() -> None:
    large = process("shop", **{f"tag {number}": "v" for number in range(20_000)})
    sdk = [span(process=None, tags=tags(telemetry__sdk__version=str(at))) for at in range(500)]
    began = time.process_time()
    decoded = decode(*[span(process=None)] * 500, *sdk, process=large)
    assert time.process_time() - began < 3
    assert len(decoded.batch.resources) == 1
    assert list(decoded.batch.spans())[-1].attributes == (("telemetry.sdk.version", "499"),)
