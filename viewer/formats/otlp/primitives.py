"""What the loops of the compiled OTLP decoder are made of: protobuf's wire format, and writing texts.

Compiled by numba and without the GIL. Every length is checked against the end of its message, and
reads and writes by numba beside that. Wire format: protobuf.dev/programming-guides/encoding.

numba compiles these functions into those of `kernels`, and keeps that until kernels.py is newer: who
changes something here saves that file, too.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
_MAX_NS = (1 << 63) - 1
_MOST_EVENT_ATTRIBUTES = 128
_NOT_ASCII = np.uint64(0x8080808080808080)

compiled: Any = njit(nogil=True, cache=True, boundscheck=True)
# For functions that check by themselves, or whose caller has: `end` never lies behind the data.
unchecked: Any = njit(nogil=True, cache=True)


@unchecked
def read_varint(data: Bytes, position: int, end: int) -> tuple[int, int]:
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


@unchecked
def read_tag(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """As `read_varint`, for a field's tag: number 0 and tags beyond 32 bits are malformed."""
    tag, behind = read_varint(data, position, end)
    if tag < 8 or tag > 0xFFFFFFFF or behind > position + 5:
        return tag, -1
    return tag, behind


@compiled
def read_length(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """Return begin and end of a length-delimited field's content; begin is -1 if malformed."""
    size, begin = read_varint(data, position, end)
    if begin < 0 or size < 0 or size > end - begin:
        return -1, -1
    return begin, begin + size


@compiled
def skip_field(data: Bytes, tag: int, position: int, end: int) -> int:
    """Return the position behind a field of no interest; -1 if malformed."""
    kind = tag & 7
    if kind == 0:
        return read_varint(data, position, end)[1]
    if kind == 1:
        position += 8
    elif kind == 5:
        position += 4
    elif kind == 2:
        return read_length(data, position, end)[1]
    else:
        return -1
    return position if position <= end else -1


@unchecked
def read_fixed64(data: Bytes, position: int) -> np.uint64:
    """Return the eight bytes from here on as a number, least first."""
    if position < 0 or position + 8 > len(data):
        raise IndexError
    return (
        np.uint64(data[position])
        | np.uint64(data[position + 1]) << np.uint64(8)
        | np.uint64(data[position + 2]) << np.uint64(16)
        | np.uint64(data[position + 3]) << np.uint64(24)
        | np.uint64(data[position + 4]) << np.uint64(32)
        | np.uint64(data[position + 5]) << np.uint64(40)
        | np.uint64(data[position + 6]) << np.uint64(48)
        | np.uint64(data[position + 7]) << np.uint64(56)
    )


@unchecked
def copy_text(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    # One check instead of one a byte, so that the loop becomes a block copy.
    if begin < 0 or end > len(data) or at < 0 or end - begin > len(out) - at:
        raise IndexError
    for offset in range(end - begin):
        out[at + offset] = data[begin + offset]
    return at + max(end - begin, 0)


@compiled
def write_int(value: int, out: Bytes, at: int) -> int:
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


@compiled
def write_json(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
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


@compiled
def read_key_value(data: Bytes, position: int, end: int) -> tuple[int, int, int, int, int]:
    """Read a KeyValue: (letter, key begin, key end, value begin or number, value end).

    The letter is 0 for what the plain decoder must read, -1 for what is malformed."""
    key_begin = key_end = value_begin = value_end = np.int64(0)
    number = np.int64(0)
    letter = np.int64(110)  # n: no value
    has_value = False
    while position < end:
        tag, position = read_tag(data, position, end)
        if position < 0:
            return -1, 0, 0, 0, 0
        if tag == 10:
            key_begin, position = read_length(data, position, end)
            key_end = position
        elif tag == 18:
            at, position = read_length(data, position, end)
            if at < 0 or has_value:
                return -1, 0, 0, 0, 0
            has_value = True
            while at < position:
                tag, at = read_tag(data, at, position)
                if at < 0:
                    return -1, 0, 0, 0, 0
                if tag == 10:
                    value_begin, at = read_length(data, at, position)
                    value_end, letter = at, np.int64(115)
                elif tag == 16:
                    number, at = read_varint(data, at, position)
                    letter = np.int64(98)
                elif tag == 24:
                    number, at = read_varint(data, at, position)
                    letter = np.int64(105)
                elif tag == 33:
                    if at + 8 > position:
                        return -1, 0, 0, 0, 0
                    number, letter = np.int64(read_fixed64(data, at)), np.int64(100)
                    at += 8
                else:
                    return 0, 0, 0, 0, 0
                if at < 0 or value_begin < 0:
                    return -1, 0, 0, 0, 0
        else:
            position = skip_field(data, tag, position, end)
        if position < 0 or key_begin < 0:
            return -1, 0, 0, 0, 0
    for at in range(key_begin, key_end):
        if data[at] == 61 or data[at] == 92:
            return 0, 0, 0, 0, 0
    if letter == 115:
        return letter, key_begin, key_end, value_begin, value_end
    return letter, key_begin, key_end, number, 0


@compiled
def write_plain(letter: int, number: int, out: Bytes, at: int) -> int:
    """Write the text of an integer, boolean or absent value; a double's is put in by `splice`."""
    if letter == 105:
        return write_int(number, out, at)
    if letter == 98:
        if number:
            out[at], out[at + 1], out[at + 2], out[at + 3] = 116, 114, 117, 101
            return at + 4
        out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4] = 102, 97, 108, 115, 101
        return at + 5
    return at


@compiled
def write_event(data: Bytes, position: int, end: int, out: Bytes, at: int) -> int:
    """Write an event as a row of the events column (`trace.batch.event_row`); return the position
    behind it, 0 for what the plain decoder must read, -1 for what is malformed."""
    time = np.uint64(0)
    name_begin = name_end = np.int64(0)
    attributes = np.empty((_MOST_EVENT_ATTRIBUTES, 2), np.int64)
    count = 0
    while position < end:
        tag, position = read_tag(data, position, end)
        if position < 0:
            return -1
        if tag == 9:
            if position + 8 > end:
                return -1
            time = read_fixed64(data, position)
            position += 8
        elif tag == 18:
            name_begin, position = read_length(data, position, end)
            name_end = position
        elif tag == 26:
            begin, position = read_length(data, position, end)
            if count == _MOST_EVENT_ATTRIBUTES:
                return 0
            attributes[count, 0], attributes[count, 1] = begin, position
            count += 1
        elif tag == 32:
            dropped, position = read_varint(data, position, end)
            if dropped:
                return 0
        else:
            position = skip_field(data, tag, position, end)
        if position < 0:
            return -1
    if time > np.uint64(_MAX_NS):
        return 0
    for byte in b'{"t":':
        out[at] = byte
        at += 1
    at = write_int(np.int64(time), out, at)
    for byte in b',"n":"':
        out[at] = byte
        at += 1
    at = write_json(data, name_begin, name_end, out, at)
    out[at] = 34
    at += 1
    if count:
        letters = np.empty(count, np.uint8)
        for byte in b',"a":[':
            out[at] = byte
            at += 1
        for index in range(count):
            letter, key_begin, key_end, first, second = read_key_value(
                data, attributes[index, 0], attributes[index, 1]
            )
            if letter <= 0 or letter == 100:
                return min(letter, 0)
            letters[index] = letter
            if index:
                out[at] = 44
                at += 1
            out[at] = 34
            at = write_json(data, key_begin, key_end, out, at + 1)
            out[at] = 61
            at += 1
            if letter == 115:
                at = write_json(data, first, second, out, at)
            else:
                at = write_plain(letter, first, out, at)
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


@unchecked
def are_texts(content: Bytes, ends: NDArray[np.int32], first: int, last: int) -> bool:
    """Say whether each of the texts from one number up to another is UTF-8 (RFC 3629)."""
    begin, end = np.int64(ends[first]), np.int64(ends[last])
    if begin < 0 or end > len(content):
        raise IndexError
    position = begin
    is_ascii = True
    while position < end:
        # Eight at a time, as long as all are ASCII.
        if position + 8 <= end and not read_fixed64(content, position) & _NOT_ASCII:
            position += 8
            continue
        if content[position] < np.uint8(128):
            position += 1
            continue
        is_ascii = False
        position = _behind_character(content, position, end)
        if position < 0:
            return False
    if is_ascii:
        return True
    # All of them in a row are; each one is if none begins in the middle of a character.
    for number in range(first, last):
        at = np.int64(ends[number])
        if at < np.int64(ends[number + 1]) and content[at] & np.uint8(0xC0) == np.uint8(0x80):
            return False
    return True


@unchecked
def _behind_character(content: Bytes, position: int, end: int) -> int:
    """Return the position behind a character of several bytes; -1 if it is none."""
    first = content[position]
    low, high = np.uint8(0x80), np.uint8(0xBF)
    if np.uint8(0xC2) <= first <= np.uint8(0xDF):
        size = 2
    elif np.uint8(0xE0) <= first <= np.uint8(0xEF):
        size = 3
        if first == np.uint8(0xE0):
            low = np.uint8(0xA0)
        elif first == np.uint8(0xED):
            high = np.uint8(0x9F)
    elif np.uint8(0xF0) <= first <= np.uint8(0xF4):
        size = 4
        if first == np.uint8(0xF0):
            low = np.uint8(0x90)
        elif first == np.uint8(0xF4):
            high = np.uint8(0x8F)
    else:
        return -1
    if position + size > end or not low <= content[position + 1] <= high:
        return -1
    for offset in range(2, size):
        if content[position + offset] & np.uint8(0xC0) != np.uint8(0x80):
            return -1
    return position + size
