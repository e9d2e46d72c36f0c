"""Zipkin v1 Thrift → spans: a list of structs in Thrift's binary protocol, without a message.

thriftpy2 reads the spans, but trusts the sizes that it reads: it would loop over a list of four
thousand million things that take no bytes, and allocate for a text of a negative length. So
`_extents` goes over the bytes first and hands over only spans that lie within their bounds.
"""

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import thriftpy2
from thriftpy2.protocol import TCyBinaryProtocol
from thriftpy2.transport import TCyMemoryBuffer

from viewer.formats.base import Decoded, DecodeError, Payload
from viewer.formats.zipkin.annotations import (
    BinaryAnnotation,
    V1Annotation,
    V1Span,
    to_zipkin_span,
)
from viewer.formats.zipkin.lists import decode_list
from viewer.formats.zipkin.span import Endpoint, to_span
from viewer.trace.attributes import Value
from viewer.trace.ids import MAX_SPAN_ID, InvalidId, parse_span_id, parse_trace_id

_IDL = thriftpy2.load(
    str(Path(__file__).with_name("idl") / "zipkincore.thrift"), module_name="zipkincore_thrift"
)
_Protocol: Any = TCyBinaryProtocol
_TYPES = _IDL.AnnotationType
_INTEGERS = {_TYPES.I16: 2, _TYPES.I32: 4, _TYPES.I64: 8}

_EXPECTED = "expected a list of Zipkin v1 spans in Thrift"
_BREAKS_OFF = f"{_EXPECTED}; it breaks off"
# Thrift's type numbers, and the bytes that a value of fixed size takes.
_STOP, _STRING, _STRUCT, _MAP, _SET, _LIST = 0, 11, 12, 13, 14, 15
_FIXED = {2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8}
_KNOWN = {*_FIXED, _STRING, _STRUCT, _MAP, _SET, _LIST}
# A span nests three deep. One of more than a hundred thousand values takes memory out of proportion
# and is refused; where even its end takes long to find, the list ends there.
_MAX_DEPTH = 16
_MAX_VALUES = 100_000
_MAX_PASSED = 2_000_000


class ZipkinThrift:
    """The format `zipkin-thrift`."""

    name = "zipkin-thrift"
    title = "Zipkin v1 Thrift"

    def sniff(self, data: bytes) -> bool:
        """Recognise a list of structs whose first one is a span with its two IDs."""
        if data[:1] != bytes([_STRUCT]):
            return False
        try:
            begin, end, values = next(_extents(data), (0, 0, 0))
        except DecodeError:
            return False
        if not begin or values > _MAX_VALUES:
            return False
        span = _struct(data[begin:end])
        return span.trace_id is not None and span.id is not None

    def decode(self, payload: Payload) -> Iterator[Decoded]:
        """Yield the spans, see decode_list."""
        data = payload.data
        entries = (
            (f"byte {begin}", (data[begin:end], values)) for begin, end, values in _extents(data)
        )
        return decode_list(entries, _decode_span)


def _extents(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield where each struct of a list begins and ends, and of how many values it consists; raise
    DecodeError where the list breaks."""
    # Some reporters wrote the type of a text before a list of structs; Zipkin reads theirs, too.
    if data[:1] not in (b"\x0c", b"\x0b"):
        raise DecodeError(_EXPECTED, "byte 0")
    if len(data) < 5:
        raise DecodeError(_BREAKS_OFF, f"byte {len(data)}")
    count = int.from_bytes(data[1:5], "big", signed=True)
    # Even an empty struct takes a byte.
    if not 0 <= count <= len(data) - 5:
        raise DecodeError(f"{_EXPECTED}; {count:,} cannot follow", "byte 1")
    position = 5
    for _ in range(count):
        begin = position
        position, values = _end_of_struct(data, begin)
        yield begin, position, values
    if position != len(data):
        raise DecodeError(f"{_EXPECTED}; something follows the list", f"byte {position}")


def _end_of_struct(data: bytes, position: int) -> tuple[int, int]:
    """Return where the struct that begins here ends, and how many values are in it.

    Every step moves on in the data or leaves a container, so the time is that of its length.
    """
    size, values = len(data), 0
    # The open structs and containers: (types of the values in turn, values still to come). A
    # struct has no types: its fields name theirs, until one says stop.
    stack: list[tuple[bytes, int]] = [(b"", 0)]
    try:
        while stack:
            kinds, left = stack[-1]
            if kinds and not left:
                stack.pop()
                continue
            if kinds:
                stack[-1] = (kinds, left - 1)
                kind = kinds[left % len(kinds)]
            else:
                kind = data[position]
                position += 1
                if kind == _STOP:
                    stack.pop()
                    continue
                position += 2
            values += 1
            if kind in _FIXED:
                position += _FIXED[kind]
            elif kind == _STRING:
                length = int.from_bytes(data[position : position + 4], "big", signed=True)
                position += 4 + _checked(length, size - position, position)
            elif kind == _STRUCT:
                stack.append((b"", 0))
            elif kind in (_MAP, _SET, _LIST):
                width = 2 if kind == _MAP else 1
                inner = data[position : position + width]
                position += width
                count = int.from_bytes(data[position : position + 4], "big", signed=True)
                position += 4
                # Every value takes a byte at least, if it is of a type that takes any.
                _checked(count, size - position, position)
                if count and not _KNOWN.issuperset(inner):
                    raise DecodeError(f"{_EXPECTED}; no type of Thrift's", f"byte {position}")
                stack.append((inner, count * width))
            else:
                raise DecodeError(f"{_EXPECTED}; no type of Thrift's", f"byte {position}")
            if len(stack) > _MAX_DEPTH or values > _MAX_PASSED:
                what = "nested too deeply" if values <= _MAX_PASSED else "a span without end"
                raise DecodeError(f"{_EXPECTED}; {what}", f"byte {position}")
            if position > size:
                raise DecodeError(_BREAKS_OFF, f"byte {size}")
    except IndexError:
        raise DecodeError(_BREAKS_OFF, f"byte {size}") from None
    return position, values


def _checked(length: int, most: int, position: int) -> int:
    if not 0 <= length <= most:
        raise DecodeError(f"{_EXPECTED}; a length of {length:,}", f"byte {position}")
    return length


def _struct(raw: bytes) -> Any:
    """Read a span whose bounds are known to be good."""
    span = _IDL.Span()
    _Protocol(TCyMemoryBuffer(raw)).read_struct(span)
    return span


def _decode_span(extent: tuple[bytes, int], decoded: Decoded) -> None:
    raw, values = extent
    if values > _MAX_VALUES:
        decoded.reject(f"a span of {values:,} values, at most {_MAX_VALUES:,}")
        return
    try:
        v1 = _read(_struct(raw))
    except InvalidId as error:
        decoded.reject(str(error))
    else:
        decoded.batch.add(to_span(to_zipkin_span(v1), decoded))


def _read(span: Any) -> V1Span:
    if span.trace_id is None or span.id is None:
        raise InvalidId(f"the {'trace' if span.trace_id is None else 'span'} ID is missing")
    high, low = _unsigned(span.trace_id_high), _unsigned(span.trace_id)
    return V1Span(
        trace_id=parse_trace_id(f"{high:016x}{low:016x}"),
        span_id=parse_span_id(f"{_unsigned(span.id):x}"),
        parent_id=_unsigned(span.parent_id),
        name=_text(span.name),
        start_us=max(span.timestamp or 0, 0),
        duration_us=max(span.duration or 0, 0),
        annotations=[
            V1Annotation(item.timestamp or 0, _text(item.value), _endpoint(item.host))
            for item in span.annotations or ()
        ],
        binary_annotations=[
            BinaryAnnotation(_text(item.key), _value(item), _endpoint(item.host))
            for item in span.binary_annotations or ()
        ],
        debug=bool(span.debug),
    )


def _unsigned(number: int | None) -> int:
    return (number or 0) & MAX_SPAN_ID


def _text(text: str | bytes | None) -> str:
    """thriftpy2 gives bytes where a text is no UTF-8."""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text or ""


def _value(annotation: Any) -> Value:
    """Return a value as its type says it; bytes that do not fit it stay bytes."""
    raw, kind = annotation.value or b"", annotation.annotation_type
    if kind == _TYPES.STRING:
        return _text(raw)
    if kind == _TYPES.BOOL and len(raw) == 1:
        return raw != b"\x00"
    if len(raw) == _INTEGERS.get(kind):
        return int.from_bytes(raw, "big", signed=True)
    if kind == _TYPES.DOUBLE and len(raw) == 8:
        number: float = struct.unpack(">d", raw)[0]
        return number
    return raw


def _endpoint(host: Any) -> Endpoint | None:
    if host is None:
        return None
    ipv4, ipv6 = (host.ipv4 or 0) & 0xFFFFFFFF, host.ipv6 or b""
    return Endpoint(
        _text(host.service_name),
        str(ipaddress.IPv4Address(ipv4)) if ipv4 else "",
        str(ipaddress.IPv6Address(ipv6)) if len(ipv6) == 16 else "",
        (host.port or 0) & 0xFFFF,
    )
