"""Jaeger's protobuf → spans (jaeger-idl: proto/api_v2/collector.proto, proto/api_v2/model.proto).

Each span may bring its process; the batch's is that of the others. Spans, and what they hold, are
parsed one by one, so that a malformed one costs itself.
"""

from collections.abc import Iterable, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.timestamp_pb2 import Timestamp

from viewer.formats.base import MAX_BAD_SPANS, MAX_EVENTS, MAX_LINKS, Decoded, DecodeError
from viewer.formats.jaeger.idl import collector_pb2, model_pb2
from viewer.formats.jaeger.mapping import (
    WARNING,
    Reference,
    changed_times,
    log_event,
    process_resource,
    relate,
    tagged_span,
    take_sdk,
)
from viewer.trace.attributes import Attribute, Value
from viewer.trace.ids import InvalidId, span_id_from_bytes, trace_id_from_bytes
from viewer.trace.span import Dropped, Event, Resource, Span

_NO_PROCESS = Resource()


def decode_request(message: bytes) -> Decoded:
    """Decode a PostSpansRequest; raises DecodeError."""
    try:
        batch = collector_pb2.PostSpansRequest.FromString(message).batch
    except ProtobufError:
        raise DecodeError(
            "expected a Jaeger PostSpansRequest in protobuf, which breaks off or is malformed"
        ) from None
    decoded = Decoded()
    processes = _Processes(decoded)
    common = batch.process if batch.HasField("process") else None
    for number, raw in enumerate(batch.spans):
        if number - len(decoded.batch) > MAX_BAD_SPANS:
            reason = f"what follows more than {MAX_BAD_SPANS:,} bad spans is not read"
            decoded.reject(reason, count=len(batch.spans) - number)
            break
        try:
            span = model_pb2.Span.FromString(raw)
            resource = processes.resource(span.process if span.HasField("process") else common)
            decoded.batch.add(_span(span, resource, decoded))
        except ProtobufError:
            decoded.reject("a span, or something in it, is malformed protobuf")
        except InvalidId as error:
            decoded.reject(str(error))
    return decoded


class _Processes:
    """The processes of one request as resources; most of its spans bring the same one."""

    def __init__(self, decoded: Decoded) -> None:
        self._decoded = decoded
        self._known: dict[bytes, Resource] = {}

    def resource(self, raw: bytes | None) -> Resource:
        """Return the resource of a Process's bytes; raises protobuf's DecodeError."""
        if raw is None:
            return _NO_PROCESS
        known = self._known.get(raw)
        if known is None:
            process = model_pb2.Process.FromString(raw)
            tags = _attributes(process.tags, self._decoded)
            known = process_resource(_text(process.service_name), tags)
            self._known[raw] = known
        return known


def _span(span: model_pb2.Span, resource: Resource, decoded: Decoded) -> Span:
    trace_id = trace_id_from_bytes(span.trace_id)
    span_id = span_id_from_bytes(span.span_id)
    references, without_links = decoded.first(span.references, MAX_LINKS, "references")
    logs, without_events = decoded.first(_filled(span.logs, decoded), MAX_EVENTS, "logs")
    parent_id, links = relate(trace_id, _references(references, decoded))
    start_ns, duration_ns = _nanoseconds(span.start_time), _nanoseconds(span.duration)
    as_sent = changed_times(start_ns, duration_ns)
    if span.process_id and resource is _NO_PROCESS:
        as_sent.append(("processID", _text(span.process_id)))
    warnings, _ = decoded.first(span.warnings, MAX_EVENTS, "warnings")
    as_sent += [(WARNING, _text(warning)) for warning in warnings]
    tags = _attributes(span.tags, decoded)
    return tagged_span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        links=links,
        name=_text(span.operation_name),
        start_ns=start_ns,
        duration_ns=duration_ns,
        resource=take_sdk(resource, tags),
        tags=tags,
        events=[_event(raw, decoded) for raw in logs],
        flags=span.flags,
        as_sent=as_sent,
        dropped=Dropped(events=without_events, links=without_links),
    )


def _references(raws: Iterable[bytes], decoded: Decoded) -> list[Reference]:
    references: list[Reference] = []
    for raw in raws:
        reference = model_pb2.SpanRef.FromString(raw)
        try:
            references.append(
                Reference(
                    reference.ref_type != model_pb2.FOLLOWS_FROM,
                    trace_id_from_bytes(reference.trace_id),
                    span_id_from_bytes(reference.span_id),
                )
            )
        except InvalidId as error:
            decoded.note(f"a reference was left out: {error}")
    return references


def _filled(raws: Sequence[bytes], decoded: Decoded) -> list[bytes]:
    """Return the logs but those that say nothing: they are no events that a span dropped."""
    filled = [raw for raw in raws if raw]
    if len(filled) < len(raws):
        decoded.note("empty logs were left out")
    return filled


def _event(raw: bytes, decoded: Decoded) -> Event:
    log = model_pb2.Log.FromString(raw)
    return log_event(_nanoseconds(log.timestamp), _attributes(log.fields, decoded))


def _nanoseconds(time: Timestamp | Duration) -> int:
    return time.seconds * 1_000_000_000 + time.nanos


def _attributes(raws: Iterable[bytes], decoded: Decoded) -> list[Attribute]:
    attributes: list[Attribute] = []
    without_key = False
    for raw in raws:
        tag = model_pb2.KeyValue.FromString(raw)
        if tag.key:
            attributes.append((_text(tag.key), _value(tag)))
        else:
            without_key = True
    if without_key:
        decoded.note("tags without a key were left out")
    return attributes


def _value(tag: model_pb2.KeyValue) -> Value:
    kind = tag.v_type
    if kind == model_pb2.STRING:
        return _text(tag.v_str)
    if kind == model_pb2.BOOL:
        return tag.v_bool
    if kind == model_pb2.INT64:
        return tag.v_int64
    if kind == model_pb2.FLOAT64:
        return tag.v_float64
    if kind == model_pb2.BINARY:
        return tag.v_binary
    return f"<Unknown Jaeger TagType {kind}>"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
