"""Zipkin v2 protobuf → spans (openzipkin/zipkin-api: zipkin.proto, message ListOfSpans)."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError

from viewer.formats.base import MAX_EVENTS, Decoded, DecodeError, Payload
from viewer.formats.zipkin import wire
from viewer.formats.zipkin.lists import decode_list
from viewer.formats.zipkin.span import (
    NOWHERE,
    Annotation,
    Endpoint,
    TooManyTags,
    ZipkinSpan,
    check_tags,
    to_span,
)
from viewer.trace.attributes import Value
from viewer.trace.ids import InvalidId, span_id_from_bytes, trace_id_from_bytes
from viewer.trace.span import SpanKind

_EXPECTED = "expected Zipkin's ListOfSpans in protobuf"
_SPAN_TAG = 0x0A  # field 1 of the list, with a length
_MAX_TIME = (1 << 63) - 1
_KINDS = {
    1: SpanKind.CLIENT,
    2: SpanKind.SERVER,
    3: SpanKind.PRODUCER,
    4: SpanKind.CONSUMER,
}


class ZipkinProto:
    """The format `zipkin-proto`."""

    name = "zipkin-proto"
    title = "Zipkin v2 protobuf"

    def sniff(self, data: bytes) -> bool:
        """Recognise a list whose first entry begins with a trace ID and is a span. OTLP's request
        begins with the same byte, but there the IDs would be a resource and a schema's URL."""
        try:
            begin, end = next(_entries(data), (0, 0))
        except DecodeError:
            return False
        if data[begin : begin + 2] not in (b"\x0a\x08", b"\x0a\x10"):
            return False
        try:
            span = wire.Span.FromString(data[begin:end])
        except ProtobufError:
            return False
        return (
            len(span.trace_id) in (8, 16)
            and len(span.id) == 8
            and len(span.parent_id) in (0, 8)
            and 0 <= span.kind <= 4
        )

    def sniff_begin(self, data: bytes) -> bool:
        """Recognise the same: the first entry is enough."""
        return self.sniff(data)

    def cut(self, data: bytes) -> int:
        """Return where the last whole entry ends."""
        position = 0
        try:
            for _, end in _entries(data):
                position = end
        except _BreaksOff:
            return position
        except DecodeError:
            return len(data)
        return position

    def decode(self, payload: Payload) -> Iterator[Decoded]:
        """Yield the spans, see decode_list."""
        data, at = payload.data, payload.at
        entries = ((f"byte {at + begin}", data[begin:end]) for begin, end in _entries(data, at))
        return decode_list(entries, _decode_span, good=at)


class _BreaksOff(DecodeError):
    """The list ends within an entry."""


def _entries(data: bytes, at: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where each span of a list, of which this is a piece that stands at ``at``, begins and
    ends in it; raise DecodeError where it breaks, as _BreaksOff at its end."""
    position, size = 0, len(data)
    while position < size:
        where = f"byte {at + position}"
        if data[position] != _SPAN_TAG:
            raise DecodeError(_EXPECTED, where)
        length, shift, begin = 0, 0, position + 1
        while True:
            if shift > 28:
                raise DecodeError(f"{_EXPECTED}; it breaks off", where)
            if begin >= size:
                raise _BreaksOff(f"{_EXPECTED}; it breaks off", where)
            byte = data[begin]
            begin += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        position = begin + length
        if position > size:
            raise _BreaksOff(f"{_EXPECTED}; it breaks off", where)
        yield begin, position


def _decode_span(raw: bytes, decoded: Decoded) -> None:
    try:
        zipkin = _read(wire.Span.FromString(raw), decoded)
    except ProtobufError:
        decoded.reject("no Zipkin span in protobuf")
    except (InvalidId, TooManyTags) as error:
        decoded.reject(str(error))
    else:
        decoded.batch.add(to_span(zipkin, decoded))


def _read(span: Any, decoded: Decoded) -> ZipkinSpan:
    check_tags(len(span.tags))
    # A root's parent may be zeros instead of absent, as in JSON.
    parent = span.parent_id
    as_sent = [] if span.kind in _KINDS or not span.kind else [("kind", str(span.kind))]
    trace_id, span_id = trace_id_from_bytes(span.trace_id), span_id_from_bytes(span.id)
    parent_id = span_id_from_bytes(parent) if parent.strip(b"\x00") else 0
    annotations, left_out = decoded.first(span.annotations, MAX_EVENTS, "annotations")
    return ZipkinSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=_text(span.name),
        kind=_KINDS.get(span.kind, SpanKind.UNSPECIFIED),
        start_us=min(span.timestamp, _MAX_TIME),
        duration_us=min(span.duration, _MAX_TIME),
        local=_endpoint(span.local_endpoint) if span.HasField("local_endpoint") else NOWHERE,
        remote=_endpoint(span.remote_endpoint) if span.HasField("remote_endpoint") else NOWHERE,
        annotations=[_annotation(raw) for raw in annotations],
        tags=dict(_tag(raw) for raw in span.tags),
        debug=span.debug,
        shared=span.shared,
        left_out=left_out,
        as_sent=as_sent,
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _annotation(raw: bytes) -> Annotation:
    annotation = wire.Annotation.FromString(raw)
    return Annotation(min(annotation.timestamp, _MAX_TIME), _text(annotation.value))


def _tag(raw: bytes) -> tuple[str, Value]:
    tag = wire.Tag.FromString(raw)
    return _text(tag.key), _text(tag.value)


def _endpoint(endpoint: Any) -> Endpoint:
    return Endpoint(
        _text(endpoint.service_name),
        _address(endpoint.ipv4, 4),
        _address(endpoint.ipv6, 16),
        endpoint.port if 0 < endpoint.port < 65536 else 0,
    )


def _address(raw: bytes, size: int) -> str:
    return str(ipaddress.ip_address(raw)) if len(raw) == size else ""
