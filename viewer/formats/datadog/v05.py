"""Datadog v0.5 → payload: a table of strings, and spans as arrays of 12 that point into it
(datadog-agent: `pkg/trace/api/version.go`)."""

from typing import NamedTuple

from viewer.formats.base import DecodeError
from viewer.formats.datadog.fields import to_map, to_text
from viewer.formats.datadog.payload import BadSpan, Chunk, TracerPayload
from viewer.formats.datadog.strings import NO_ROOM, Room
from viewer.formats.datadog.unpack import CHUNK_SIZE, SPAN_SIZE, Reader

_EXPECTED = "a table of strings and a list of trace chunks (v0.5)"
SPAN_LENGTH = 12


class _NoString(ValueError):
    """A string cannot be had; the message says why."""


def read_v05(reader: Reader, payload: TracerPayload) -> None:
    """Append the chunks; raise DecodeError, and then those before the break are there."""
    if reader.array(_EXPECTED) != 2:
        raise DecodeError(f"expected {_EXPECTED}", "byte 0")
    table = [to_text(reader.value("a string")) for _ in range(reader.array("the strings"))]
    strings = _Strings(table, Room(reader.size))
    for _ in range(reader.array("a list of trace chunks", CHUNK_SIZE)):
        chunk = Chunk()
        payload.chunks.append(chunk)
        length = reader.try_array("a chunk's list of spans", SPAN_SIZE)
        if length is None:
            chunk.spans.append(BadSpan("a chunk is no list of spans"))
            continue
        for _ in range(length):
            chunk.spans.append(_span(reader.value("a span"), strings))


def _span(row: object, strings: "_Strings") -> object:
    if not isinstance(row, list) or len(row) != SPAN_LENGTH:
        return BadSpan(f"a span of v0.5 is no array of {SPAN_LENGTH}")
    service, name, resource, trace_id, span_id, parent_id, start, duration, error, *rest = row
    meta, metrics, kind = rest
    try:
        return {
            "service": _string(strings, service),
            "name": _string(strings, name),
            "resource": _string(strings, resource),
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_id": parent_id,
            "start": start,
            "duration": duration,
            "error": error,
            "meta": {
                _string(strings, key): _string(strings, value)
                for key, value in to_map(meta).items()
            },
            "metrics": {_string(strings, key): value for key, value in to_map(metrics).items()},
            "type": _string(strings, kind),
        }
    except _NoString as error:
        return BadSpan(str(error))


class _Strings(NamedTuple):
    table: list[str]
    room: Room


def _string(strings: _Strings, index: object) -> str:
    table, room = strings
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(table):
        if room.holds(table[index]):
            return table[index]
        raise _NoString(NO_ROOM)
    raise _NoString("a span points to a string that is not in the table")
