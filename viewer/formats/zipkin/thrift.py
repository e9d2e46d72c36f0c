"""Zipkin v1 Thrift → spans: a list of structs in Thrift's binary protocol, without a message."""

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path

import thriftpy2

from viewer.formats.base import MAX_EVENTS, Decoded, DecodeError, Payload
from viewer.formats.thrift_reader import BinaryReader, Fields, shape_of
from viewer.formats.zipkin.annotations import (
    BinaryAnnotation,
    V1Annotation,
    V1Span,
    to_zipkin_span,
)
from viewer.formats.zipkin.lists import decode_list
from viewer.formats.zipkin.span import Endpoint, TooManyTags, check_tags, to_span
from viewer.trace.attributes import Value
from viewer.trace.ids import MAX_SPAN_ID, InvalidId, parse_span_id, parse_trace_id

_IDL = thriftpy2.load(
    str(Path(__file__).with_name("idl") / "zipkincore.thrift"), module_name="zipkincore_thrift"
)
_SPAN = shape_of(_IDL.Span)
_TYPES = _IDL.AnnotationType
_INTEGERS = {_TYPES.I16: 2, _TYPES.I32: 4, _TYPES.I64: 8}

_EXPECTED = "expected a list of Zipkin v1 spans in Thrift"
_STRUCTS, _TEXTS = b"\x0c", b"\x0b"
_HEADER = 5


class ZipkinThrift:
    """The format `zipkin-thrift`."""

    name = "zipkin-thrift"
    title = "Zipkin v1 Thrift"

    def sniff(self, data: bytes) -> bool:
        """Recognise a list of structs whose first one is a span with its two IDs."""
        if data[:1] != _STRUCTS:
            return False
        try:
            _, (span, _) = next(_spans(data), ("", ({}, False)))
        except DecodeError:
            return False
        return "trace_id" in span and "id" in span

    def decode(self, payload: Payload) -> Iterator[Decoded]:
        """Yield the spans, see decode_list."""
        return decode_list(_spans(payload.data), _decode_span)


def _spans(data: bytes) -> Iterator[tuple[str, tuple[Fields, bool]]]:
    """Yield each struct of a list: where it begins, its fields, and whether annotations were left
    out that say nothing; raise DecodeError where the list breaks."""
    # Some reporters wrote the type of a text before a list of structs; Zipkin reads theirs, too.
    if data[:1] not in (_STRUCTS, _TEXTS):
        raise DecodeError(_EXPECTED, "byte 0")
    if len(data) < _HEADER:
        raise DecodeError(f"{_EXPECTED}; it breaks off", f"byte {len(data)}")
    count = int.from_bytes(data[1:_HEADER], "big", signed=True)
    # Even an empty struct takes a byte.
    if not 0 <= count <= len(data) - _HEADER:
        raise DecodeError(f"{_EXPECTED}; {count:,} cannot follow", "byte 1")
    reader = BinaryReader(data, _HEADER)
    for _ in range(count):
        begin, left_out = reader.position, reader.left_out.total()
        fields = reader.read(_SPAN)
        yield f"byte {begin}", (fields, reader.left_out.total() > left_out)
    if reader.position != len(data):
        raise DecodeError(f"{_EXPECTED}; something follows the list", f"byte {reader.position}")


def _decode_span(sent: tuple[Fields, bool], decoded: Decoded) -> None:
    fields, has_empty_parts = sent
    try:
        v1 = _read(fields, decoded)
    except (InvalidId, TooManyTags) as error:
        decoded.reject(str(error))
        return
    if has_empty_parts:
        decoded.note("annotations without their time, key or value were left out")
    decoded.batch.add(to_span(to_zipkin_span(v1), decoded))


def _read(span: Fields, decoded: Decoded) -> V1Span:
    for field, what in (("trace_id", "trace"), ("id", "span")):
        if field not in span:
            raise InvalidId(f"the {what} ID is missing")
    high, low = _unsigned(span.get("trace_id_high", 0)), _unsigned(span["trace_id"])
    tags = span.get("binary_annotations", ())
    check_tags(len(tags))
    trace_id = parse_trace_id(f"{high:016x}{low:016x}")
    span_id = parse_span_id(f"{_unsigned(span['id']):x}")
    annotations, left_out = decoded.first(span.get("annotations", ()), MAX_EVENTS, "annotations")
    return V1Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_unsigned(span.get("parent_id", 0)),
        name=span.get("name", ""),
        start_us=max(span.get("timestamp", 0), 0),
        duration_us=max(span.get("duration", 0), 0),
        annotations=[
            V1Annotation(item["timestamp"], item["value"], _endpoint(item.get("host")))
            for item in annotations
        ],
        binary_annotations=[
            BinaryAnnotation(item["key"], _value(item), _endpoint(item.get("host")))
            for item in tags
        ],
        debug=span.get("debug", False),
        left_out=left_out,
    )


def _unsigned(number: int) -> int:
    return number & MAX_SPAN_ID


def _value(annotation: Fields) -> Value:
    """Return a value as its type says it; bytes that do not fit it stay bytes."""
    raw: bytes = annotation["value"]
    kind = annotation.get("annotation_type")
    if kind == _TYPES.STRING:
        return raw.decode("utf-8", "replace")
    if kind == _TYPES.BOOL and len(raw) == 1:
        return raw != b"\x00"
    if len(raw) == _INTEGERS.get(kind):
        return int.from_bytes(raw, "big", signed=True)
    if kind == _TYPES.DOUBLE and len(raw) == 8:
        number: float = struct.unpack(">d", raw)[0]
        return number
    return raw


def _endpoint(host: Fields | None) -> Endpoint | None:
    if host is None:
        return None
    ipv4, ipv6 = host.get("ipv4", 0) & 0xFFFFFFFF, host.get("ipv6", b"")
    return Endpoint(
        host.get("service_name", ""),
        str(ipaddress.IPv4Address(ipv4)) if ipv4 else "",
        str(ipaddress.IPv6Address(ipv6)) if len(ipv6) == 16 else "",
        host.get("port", 0) & 0xFFFF,
    )
