"""The loops of the compiled OTLP decoder: protobuf's wire format, byte by byte, compiled by numba.

They take and fill NumPy arrays, know nothing of Arrow, and run without the GIL. Every length is
checked against the end of its message, and reads and writes by numba beside that. Wire format:
protobuf.dev/programming-guides/encoding; field numbers: opentelemetry-proto trace/v1/trace.proto.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
OK, _MALFORMED = 0, 1
_MAX_NS = (1 << 63) - 1
_MOST_EVENT_ATTRIBUTES = 128

_compiled: Any = njit(nogil=True, cache=True, boundscheck=True)
# For functions that check by themselves, or whose caller has: `end` never lies behind the data.
_unchecked: Any = njit(nogil=True, cache=True)


@_unchecked
def _varint(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """Return the value and the position behind it, which is -1 if it is malformed."""
    value = np.int64(0)
    shift = np.int64(0)
    while position < end and shift < 64:
        byte = np.int64(data[position])
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    return value, -1


@_unchecked
def _tag(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """As `_varint`, for a field's tag: number 0 and tags beyond 32 bits are malformed."""
    tag, behind = _varint(data, position, end)
    if tag < 8 or tag > 0xFFFFFFFF or behind > position + 5:
        return tag, -1
    return tag, behind


@_compiled
def _length(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """Return begin and end of a length-delimited field's content; begin is -1 if malformed."""
    size, begin = _varint(data, position, end)
    if begin < 0 or size < 0 or size > end - begin:
        return -1, -1
    return begin, begin + size


@_compiled
def _skip(data: Bytes, tag: int, position: int, end: int) -> int:
    """Return the position behind a field of no interest; -1 if malformed."""
    kind = tag & 7
    if kind == 0:
        return _varint(data, position, end)[1]
    if kind == 1:
        position += 8
    elif kind == 5:
        position += 4
    elif kind == 2:
        return _length(data, position, end)[1]
    else:
        return -1
    return position if position <= end else -1


@_compiled
def _fixed64(data: Bytes, position: int) -> np.uint64:
    value = np.uint64(0)
    for index in range(7, -1, -1):
        value = (value << np.uint64(8)) | np.uint64(data[position + index])
    return value


@_compiled
def index(
    data: Bytes,
    fill: bool,
    spans: NDArray[np.int64],
    resources: NDArray[np.int64],
    scopes: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Find all spans, resources and scopes of a request; count them only unless ``fill``.

    Rows written: span = begin, end, resource, scope; resource and scope = begin and end of the
    message, begin and end of the schema URL. Returns (outcome, spans, resources, scopes).
    """
    n_spans = n_resources = n_scopes = 0
    position, end = np.int64(0), np.int64(len(data))
    failed = (_MALFORMED, 0, 0, 0)
    while position < end:
        tag, position = _tag(data, position, end)
        if position < 0:
            return failed
        if tag != 10:
            position = _skip(data, tag, position, end)
            if position < 0:
                return failed
            continue
        at, position = _length(data, position, end)
        if at < 0:
            return failed
        if fill:
            resources[n_resources, :] = 0
        n_resources += 1
        has_resource = False
        while at < position:
            tag, at = _tag(data, at, position)
            if at < 0:
                return failed
            if tag & 7 != 2:
                at = _skip(data, tag, at, position)
                if at < 0:
                    return failed
                continue
            begin, at = _length(data, at, position)
            if begin < 0:
                return failed
            if tag == 10:
                if has_resource:
                    return failed
                has_resource = True
                if fill:
                    resources[n_resources - 1, 0], resources[n_resources - 1, 1] = begin, at
            elif tag == 26:
                if fill:
                    resources[n_resources - 1, 2], resources[n_resources - 1, 3] = begin, at
            elif tag == 18 or tag == 8002:
                if fill:
                    scopes[n_scopes, :] = 0
                n_scopes += 1
                has_scope = False
                while begin < at:
                    tag, begin = _tag(data, begin, at)
                    if begin < 0:
                        return failed
                    if tag & 7 != 2:
                        begin = _skip(data, tag, begin, at)
                        if begin < 0:
                            return failed
                        continue
                    inner, begin = _length(data, begin, at)
                    if inner < 0:
                        return failed
                    if tag == 18:
                        if fill:
                            spans[n_spans, 0], spans[n_spans, 1] = inner, begin
                            spans[n_spans, 2], spans[n_spans, 3] = n_resources - 1, n_scopes - 1
                        n_spans += 1
                    elif tag == 10:
                        if has_scope:
                            return failed
                        has_scope = True
                        if fill:
                            scopes[n_scopes - 1, 0], scopes[n_scopes - 1, 1] = inner, begin
                    elif tag == 26 and fill:
                        scopes[n_scopes - 1, 2], scopes[n_scopes - 1, 3] = inner, begin
    return OK, n_spans, n_resources, n_scopes


@_unchecked
def _copy(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    # One check instead of one a byte, so that the loop becomes a block copy.
    if begin < 0 or end > len(data) or at < 0 or end - begin > len(out) - at:
        raise IndexError
    for offset in range(end - begin):
        out[at + offset] = data[begin + offset]
    return at + max(end - begin, 0)


@_compiled
def _write_int(value: int, out: Bytes, at: int) -> int:
    """Write a signed integer in decimal; return the position behind it."""
    if value < 0:
        out[at] = 45
        at += 1
        rest = np.uint64(-(value + 1)) + np.uint64(1)
    else:
        rest = np.uint64(value)
    digits = 1
    bound = np.uint64(10)
    while digits < 19 and rest >= bound:
        digits += 1
        bound *= np.uint64(10)
    if digits == 19 and rest >= np.uint64(10000000000000000000):
        digits = 20
    for index in range(digits - 1, -1, -1):
        quotient = rest // np.uint64(10)
        out[at + index] = np.uint8(48) + np.uint8(rest - quotient * np.uint64(10))
        rest = quotient
    return at + digits


@_compiled
def _write_json(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """Write text as the inside of a JSON string, with the escapes that orjson writes."""
    for position in range(begin, end):
        byte = data[position]
        short = np.uint8(0)
        if byte == 34 or byte == 92:
            short = byte
        elif byte == 8:
            short = np.uint8(98)
        elif byte == 9:
            short = np.uint8(116)
        elif byte == 10:
            short = np.uint8(110)
        elif byte == 12:
            short = np.uint8(102)
        elif byte == 13:
            short = np.uint8(114)
        if short:
            out[at], out[at + 1] = 92, short
            at += 2
        elif byte < 32:
            out[at], out[at + 1], out[at + 2], out[at + 3] = 92, 117, 48, 48
            low = byte & np.uint8(15)
            out[at + 4] = np.uint8(48) + (byte >> np.uint8(4))
            out[at + 5] = np.uint8(48) + low if low < 10 else np.uint8(87) + low
            at += 6
        else:
            out[at] = byte
            at += 1
    return at


@_compiled
def _key_value(data: Bytes, position: int, end: int) -> tuple[int, int, int, int, int]:
    """Read a KeyValue: (letter, key begin, key end, value begin or number, value end).

    The letter is 0 for what the plain decoder must read, -1 for what is malformed."""
    key_begin = key_end = value_begin = value_end = np.int64(0)
    number = np.int64(0)
    letter = np.int64(110)  # n: no value
    has_value = False
    while position < end:
        tag, position = _tag(data, position, end)
        if position < 0:
            return -1, 0, 0, 0, 0
        if tag == 10:
            key_begin, position = _length(data, position, end)
            key_end = position
        elif tag == 18:
            at, position = _length(data, position, end)
            if at < 0 or has_value:
                return -1, 0, 0, 0, 0
            has_value = True
            while at < position:
                tag, at = _tag(data, at, position)
                if at < 0:
                    return -1, 0, 0, 0, 0
                if tag == 10:
                    value_begin, at = _length(data, at, position)
                    value_end, letter = at, np.int64(115)
                elif tag == 16:
                    number, at = _varint(data, at, position)
                    letter = np.int64(98)
                elif tag == 24:
                    number, at = _varint(data, at, position)
                    letter = np.int64(105)
                elif tag == 33:
                    if at + 8 > position:
                        return -1, 0, 0, 0, 0
                    number, letter = np.int64(_fixed64(data, at)), np.int64(100)
                    at += 8
                else:
                    return 0, 0, 0, 0, 0
                if at < 0 or value_begin < 0:
                    return -1, 0, 0, 0, 0
        else:
            position = _skip(data, tag, position, end)
        if position < 0 or key_begin < 0:
            return -1, 0, 0, 0, 0
    for at in range(key_begin, key_end):
        if data[at] == 61 or data[at] == 92:
            return 0, 0, 0, 0, 0
    if letter == 115:
        return letter, key_begin, key_end, value_begin, value_end
    return letter, key_begin, key_end, number, 0


@_compiled
def _write_plain(letter: int, number: int, out: Bytes, at: int) -> int:
    """Write the text of an integer, boolean or absent value; a double's is put in by `splice`."""
    if letter == 105:
        return _write_int(number, out, at)
    if letter == 98:
        if number:
            out[at], out[at + 1], out[at + 2], out[at + 3] = 116, 114, 117, 101
            return at + 4
        out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4] = 102, 97, 108, 115, 101
        return at + 5
    return at


@_compiled
def _write_event(data: Bytes, position: int, end: int, out: Bytes, at: int) -> int:
    """Write an event as a row of the events column (`trace.batch.event_row`); return the position
    behind it, 0 for what the plain decoder must read, -1 for what is malformed."""
    time = np.uint64(0)
    name_begin = name_end = np.int64(0)
    attributes = np.empty((_MOST_EVENT_ATTRIBUTES, 2), np.int64)
    count = 0
    while position < end:
        tag, position = _tag(data, position, end)
        if position < 0:
            return -1
        if tag == 9:
            if position + 8 > end:
                return -1
            time = _fixed64(data, position)
            position += 8
        elif tag == 18:
            name_begin, position = _length(data, position, end)
            name_end = position
        elif tag == 26:
            begin, position = _length(data, position, end)
            if count == _MOST_EVENT_ATTRIBUTES:
                return 0
            attributes[count, 0], attributes[count, 1] = begin, position
            count += 1
        elif tag == 32:
            dropped, position = _varint(data, position, end)
            if dropped:
                return 0
        else:
            position = _skip(data, tag, position, end)
        if position < 0:
            return -1
    if time > np.uint64(_MAX_NS):
        return 0
    for byte in b'{"t":':
        out[at] = byte
        at += 1
    at = _write_int(np.int64(time), out, at)
    for byte in b',"n":"':
        out[at] = byte
        at += 1
    at = _write_json(data, name_begin, name_end, out, at)
    out[at] = 34
    at += 1
    if count:
        letters = np.empty(count, np.uint8)
        for byte in b',"a":[':
            out[at] = byte
            at += 1
        for index in range(count):
            letter, key_begin, key_end, first, second = _key_value(
                data, attributes[index, 0], attributes[index, 1]
            )
            if letter <= 0 or letter == 100:
                return min(letter, 0)
            letters[index] = letter
            if index:
                out[at] = 44
                at += 1
            out[at] = 34
            at = _write_json(data, key_begin, key_end, out, at + 1)
            out[at] = 61
            at += 1
            if letter == 115:
                at = _write_json(data, first, second, out, at)
            else:
                at = _write_plain(letter, first, out, at)
            out[at] = 34
            at += 1
        for byte in b'],"y":"':
            out[at] = byte
            at += 1
        for index in range(count):
            out[at] = letters[index]
            at += 1
        out[at] = 34
        at += 1
    out[at] = 125
    return at + 1


@_compiled
def fill_columns(
    data: Bytes,
    spans: NDArray[np.int64],
    odd: Bytes,
    hexes: Bytes,
    numbers: NDArray[np.uint64],
    texts: NDArray[np.int64],
    origins: NDArray[np.int64],
    attribute_bytes: Bytes,
    attribute_ends: NDArray[np.int32],
    letters: Bytes,
    letter_ends: NDArray[np.int32],
    event_bytes: Bytes,
    event_ends: NDArray[np.int32],
    doubles: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Decode the spans that are not odd, one row each; returns (outcome, rows, doubles).

    ``numbers`` rows: span ID, parent ID, start, duration, kind, status, flags. ``texts`` rows:
    begin and end of name, status message and trace state within the data. ``*_ends`` begin with 0.
    ``doubles`` rows: number of the attribute, bits of its value, whose text is left empty.
    """
    row = 0
    attribute_at = event_at = np.int64(0)
    n_attributes = n_doubles = 0
    digits = b"0123456789abcdef"
    zero = np.uint64(0)
    attribute_ends[0] = letter_ends[0] = event_ends[0] = 0
    for index in range(len(spans)):
        position, end = spans[index, 0], spans[index, 1]
        is_odd = False
        has_trace = False
        span_id = parent_id = start = stop = zero
        kind = status = flags = np.int64(0)
        name_begin = name_end = message_begin = message_end = state_begin = state_end = np.int64(0)
        attributes_before, attribute_before, event_before = n_attributes, attribute_at, event_at
        doubles_before = n_doubles
        while position < end and not is_odd:
            tag, position = _tag(data, position, end)
            if position < 0:
                return _MALFORMED, 0, 0
            if tag == 74:  # an attribute
                begin, position = _length(data, position, end)
                if begin < 0:
                    return _MALFORMED, 0, 0
                letter, key_begin, key_end, first, second = _key_value(data, begin, position)
                if letter < 0:
                    return _MALFORMED, 0, 0
                if letter == 0:
                    is_odd = True
                    continue
                attribute_at = _copy(data, key_begin, key_end, attribute_bytes, attribute_at)
                attribute_bytes[attribute_at] = 61
                attribute_at += 1
                if letter == 115:
                    attribute_at = _copy(data, first, second, attribute_bytes, attribute_at)
                else:
                    attribute_at = _write_plain(letter, first, attribute_bytes, attribute_at)
                if letter == 100:
                    doubles[n_doubles, 0], doubles[n_doubles, 1] = n_attributes, first
                    n_doubles += 1
                letters[n_attributes] = letter
                n_attributes += 1
                attribute_ends[n_attributes] = attribute_at
            elif tag == 10:  # trace ID
                begin, position = _length(data, position, end)
                if begin < 0:
                    return _MALFORMED, 0, 0
                has_trace = False
                if position - begin == 16:
                    for offset in range(16):
                        byte = data[begin + offset]
                        has_trace = has_trace or byte != 0
                        hexes[row * 32 + offset * 2] = digits[byte >> np.uint8(4)]
                        hexes[row * 32 + offset * 2 + 1] = digits[byte & np.uint8(15)]
            elif tag == 18 or tag == 34:  # span ID, parent span ID
                begin, position = _length(data, position, end)
                if begin < 0:
                    return _MALFORMED, 0, 0
                found = zero
                if position - begin == 8:
                    for offset in range(8):
                        found = (found << np.uint64(8)) | np.uint64(data[begin + offset])
                elif tag == 34 and position != begin:
                    is_odd = True
                if tag == 18:
                    span_id = found
                else:
                    parent_id = found
            elif tag == 42:
                name_begin, position = _length(data, position, end)
                name_end = position
            elif tag == 26:
                state_begin, position = _length(data, position, end)
                state_end = position
            elif tag == 48:
                kind, position = _varint(data, position, end)
            elif tag == 57 or tag == 65:  # start, end
                if position + 8 > end:
                    return _MALFORMED, 0, 0
                if tag == 57:
                    start = _fixed64(data, position)
                else:
                    stop = _fixed64(data, position)
                position += 8
            elif tag == 90:  # an event
                begin, position = _length(data, position, end)
                if begin < 0:
                    return _MALFORMED, 0, 0
                event_bytes[event_at] = 91 if event_at == event_before else 44
                event_at = _write_event(data, begin, position, event_bytes, event_at + 1)
                if event_at < 0:
                    return _MALFORMED, 0, 0
                if event_at == 0:
                    is_odd = True
            elif tag == 122:  # status
                begin, position = _length(data, position, end)
                if begin < 0:
                    return _MALFORMED, 0, 0
                while begin < position:
                    tag, begin = _tag(data, begin, position)
                    if begin < 0:
                        return _MALFORMED, 0, 0
                    if tag == 18:
                        message_begin, begin = _length(data, begin, position)
                        message_end = begin
                    elif tag == 24:
                        status, begin = _varint(data, begin, position)
                    else:
                        begin = _skip(data, tag, begin, position)
                    if begin < 0:
                        return _MALFORMED, 0, 0
            elif tag == 133:  # flags
                if position + 4 > end:
                    return _MALFORMED, 0, 0
                flags = np.int64(0)
                for offset in range(3, -1, -1):
                    flags = (flags << 8) | np.int64(data[position + offset])
                position += 4
            elif tag == 80 or tag == 96 or tag == 112:  # dropped counts
                dropped, position = _varint(data, position, end)
                is_odd = is_odd or dropped != 0
            elif tag == 106:  # a link
                is_odd = True
            else:
                position = _skip(data, tag, position, end)
            if position < 0:
                return _MALFORMED, 0, 0
        timed = zero < start and start <= stop
        if (
            is_odd
            or not has_trace
            or span_id == zero
            or (stop != zero and not timed)
            or start > np.uint64(_MAX_NS)
            or stop > np.uint64(_MAX_NS)
        ):
            odd[index] = 1
            n_attributes, attribute_at, event_at = attributes_before, attribute_before, event_before
            n_doubles = doubles_before
            continue
        if event_at != event_before:
            event_bytes[event_at] = 93
            event_at += 1
        numbers[row, 0], numbers[row, 1], numbers[row, 2] = span_id, parent_id, start
        numbers[row, 3] = stop - start if timed else zero
        numbers[row, 4] = np.uint64(kind) if 0 <= kind <= 5 else zero
        numbers[row, 5] = np.uint64(status) if 0 <= status <= 2 else zero
        numbers[row, 6] = np.uint64(flags)
        texts[row, 0], texts[row, 1] = name_begin, name_end
        texts[row, 2], texts[row, 3] = message_begin, message_end
        texts[row, 4], texts[row, 5] = state_begin, state_end
        origins[row, 0], origins[row, 1] = spans[index, 2], spans[index, 3]
        row += 1
        letter_ends[row] = n_attributes
        event_ends[row] = event_at
    return OK, row, n_doubles


@_compiled
def splice(
    content: Bytes,
    ends: NDArray[np.int32],
    count: int,
    doubles: NDArray[np.int64],
    inserted: Bytes,
    inserted_ends: NDArray[np.int32],
    out: Bytes,
) -> None:
    """Copy the attributes' texts with those of doubles put in; ``ends`` is moved accordingly."""
    at = np.int64(0)
    begin = np.int64(0)
    following = 0
    for attribute in range(count):
        end = np.int64(ends[attribute + 1])
        at = _copy(content, begin, end, out, at)
        begin = end
        if following < len(doubles) and doubles[following, 0] == attribute:
            first = inserted_ends[following - 1] if following else 0
            at = _copy(inserted, first, inserted_ends[following], out, at)
            following += 1
        ends[attribute + 1] = at


@_compiled
def gather(
    data: Bytes,
    texts: NDArray[np.int64],
    column: int,
    rows: int,
    out: Bytes,
    ends: NDArray[np.int32],
) -> int:
    """Copy one of the texts of every row behind one another; returns the bytes written."""
    at = np.int64(0)
    ends[0] = 0
    for row in range(rows):
        at = _copy(data, texts[row, column], texts[row, column + 1], out, at)
        ends[row + 1] = at
    return at
