"""Jaeger's Thrift → spans (jaeger-idl: thrift/agent.thrift, thrift/jaeger.thrift).

To the agent's ports clients send a call of ``emitBatch``, in Thrift's compact form (6831) or its
binary form (6832); over HTTP (14268) they send a bare ``Batch`` in binary. A struct has no length:
what is malformed ends the whole message, while a span that is merely wrong costs itself.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import thriftpy2
from thriftpy2.thrift import TMessageType

from viewer.formats.base import MAX_EVENTS, MAX_LINKS, Decoded, DecodeError
from viewer.formats.jaeger.mapping import (
    Reference,
    changed_times,
    log_event,
    process_resource,
    relate,
    tagged_span,
    take_sdk,
)
from viewer.formats.thrift_reader import (
    BinaryReader,
    CompactReader,
    Fields,
    ThriftReader,
    shape_of,
)
from viewer.trace.attributes import Attribute, Value
from viewer.trace.ids import (
    MAX_SPAN_ID,
    InvalidId,
    span_id_from_bytes,
    trace_id_from_bytes,
)
from viewer.trace.report import Rejection
from viewer.trace.span import NO_OPEN_END, Dropped, OpenEnd, Resource, Span

COMPACT_PORT, BINARY_PORT, HTTP_PORT = 6831, 6832, 14268
AGENT = thriftpy2.load(
    str(Path(__file__).with_name("idl") / "agent.thrift"), module_name="tracefall_agent_thrift"
)
_CALL = shape_of(AGENT.Agent.emitBatch_args)
_BATCH = shape_of(AGENT.jaeger.Batch)
_SPAN = "Span"
_COMPACT, _STRICT = b"\x82", b"\x80\x01"
# The first field of a Batch: a struct or a list, with its number in two bytes.
_BARE = (b"\x0c\x00\x01", b"\x0f\x00\x02")
# A message without version begins with the length of its method's name.
_LENGTH = b"\x00\x00\x00"
_FOLLOWS_FROM = 1
# By vType: the field that holds the value, and what it is where that is absent.
_TYPES: dict[int, tuple[str, Value]] = {
    0: ("vStr", ""),
    1: ("vDouble", 0.0),
    2: ("vBool", False),
    3: ("vLong", 0),
    4: ("vBinary", b""),
}


def decode_compact(datagram: bytes) -> Decoded:
    """Decode a call of emitBatch in Thrift compact; raises DecodeError."""
    if not datagram.startswith(_COMPACT) or len(datagram) < 2 or datagram[1] & 0x1F != 1:
        raise _unexpected("a Thrift compact message", datagram)
    return _decode_call(CompactReader(datagram))


def decode_binary(datagram: bytes) -> Decoded:
    """Decode a call of emitBatch in Thrift binary, strict or not; raises DecodeError."""
    if not datagram.startswith((_STRICT, _LENGTH)):
        raise _unexpected("a Thrift binary message", datagram)
    return _decode_call(BinaryReader(datagram))


def decode_batch(body: bytes) -> Decoded:
    """Decode a bare Batch in Thrift binary; raises DecodeError."""
    if body.startswith((_COMPACT, _STRICT, _LENGTH)):
        raise _unexpected("a Batch in Thrift binary without a message around it", body)
    reader = BinaryReader(body)
    return _decoded(reader.read(_BATCH), reader)


def _unexpected(expected: str, data: bytes) -> DecodeError:
    """Say what was expected, and what this is where that cannot be mistaken."""
    found = ""
    if data.startswith(_COMPACT):
        found = f"a Thrift compact message; send it to UDP port {COMPACT_PORT}"
    elif data.startswith(_STRICT) or (data.startswith(_LENGTH) and data[4:8] == b"emit"):
        found = f"a Thrift binary message; send it to UDP port {BINARY_PORT}"
    elif data.startswith(_BARE):
        found = f"a bare Batch in Thrift binary; send it to HTTP port {HTTP_PORT}"
    return DecodeError(f"{expected} is expected" + (f", this is {found}" if found else ""))


def _decode_call(reader: ThriftReader) -> Decoded:
    message = reader.read_message()
    if message.method == "emitZipkinBatch":
        raise DecodeError(
            "emitZipkinBatch, Zipkin's spans in Jaeger's message, is not taken; "
            "send emitBatch here, or Zipkin's spans to port 9411"
        )
    if message.method != "emitBatch":
        raise DecodeError(f"the method emitBatch is expected, not {message.method[:40]!r}")
    if message.kind not in (TMessageType.CALL, TMessageType.ONEWAY):
        raise DecodeError("a call of emitBatch is expected, this is an answer to one")
    return _decoded(reader.read(_CALL).get("batch", {}), reader)


def _decoded(batch: Fields, reader: ThriftReader) -> Decoded:
    if "spans" not in batch:
        raise DecodeError("a Jaeger Batch is expected, and this has no spans")
    decoded = Decoded()
    for (of, name), count in reader.left_out.items():
        rows = decoded.rejected if of == _SPAN else decoded.notes
        rows.append(Rejection(f"{of}.{name} is missing", count))
    process = batch.get("process", {})
    resource = process_resource(process.get("serviceName"), _attributes(process))
    for fields in batch["spans"]:
        try:
            decoded.batch.add(_span(fields, resource, decoded))
        except InvalidId as error:
            decoded.reject(str(error))
    return decoded


def _span(span: Fields, resource: Resource, decoded: Decoded) -> Span:
    trace_id = _trace_id(span)
    span_id = _span_id(span["spanId"])
    references, without_links = decoded.first(span.get("references", ()), MAX_LINKS, "references")
    logs, without_events = decoded.first(span.get("logs", ()), MAX_EVENTS, "logs")
    parent_id, links = relate(
        trace_id, _references(references, decoded), span["parentSpanId"] & MAX_SPAN_ID
    )
    start_ns, duration_ns = span["startTime"] * 1_000, span["duration"] * 1_000
    tags = _attributes(span)
    return tagged_span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        links=links,
        name=span["operationName"],
        start_ns=start_ns,
        duration_ns=duration_ns,
        resource=take_sdk(resource, tags),
        tags=tags,
        events=[log_event(log["timestamp"] * 1_000, _attributes(log, "fields")) for log in logs],
        flags=span["flags"] & 0xFFFFFFFF,
        as_sent=changed_times(start_ns, duration_ns),
        dropped=Dropped(events=without_events, links=without_links),
        open_ends=OpenEnd.IN_PROGRESS if span.get("incomplete") else NO_OPEN_END,
    )


def _trace_id(fields: Fields) -> str:
    """Return the ID that two signed halves make; raises InvalidId."""
    return trace_id_from_bytes(struct.pack(">qq", fields["traceIdHigh"], fields["traceIdLow"]))


def _span_id(number: int) -> int:
    return span_id_from_bytes(struct.pack(">q", number))


def _references(sent: Iterable[Fields], decoded: Decoded) -> list[Reference]:
    references: list[Reference] = []
    for reference in sent:
        try:
            references.append(
                Reference(
                    reference["refType"] != _FOLLOWS_FROM,
                    _trace_id(reference),
                    _span_id(reference["spanId"]),
                )
            )
        except InvalidId as error:
            decoded.note(f"a reference was left out: {error}")
    return references


def _attributes(fields: Fields, name: str = "tags") -> list[Attribute]:
    """Return tags by their vType: some clients fill the other value fields as well."""
    return [(tag["key"], _value(tag)) for tag in fields.get(name, ())]


def _value(tag: Fields) -> Value:
    known = _TYPES.get(tag["vType"])
    if known is None:
        return f"<Unknown Jaeger TagType {tag['vType']}>"
    value: Value = tag.get(*known)
    return value
