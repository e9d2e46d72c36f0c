"""Datadog v0.3, v0.4 and v0.7 → payload: spans as maps.

v0.3 and v0.4 are a list of chunks, a chunk a list of spans, in MessagePack or JSON; v0.7 puts them
into a map that says who sent them (datadog-agent: `pkg/trace/api/version.go`, `span.proto`,
`tracer_payload.proto`).
"""

from viewer.formats.base import DecodeError
from viewer.formats.datadog.fields import to_map, to_text
from viewer.formats.datadog.payload import BadSpan, Chunk, TracerPayload
from viewer.formats.datadog.unpack import CHUNK_SIZE, SPAN_SIZE, Reader
from viewer.formats.loose_json import to_int

NO_PRIORITY = -128
_LIST = "a list of trace chunks (v0.4)"
_MAP = "a tracer's payload as a map with chunks (v0.7)"


def read_v04(reader: Reader, payload: TracerPayload) -> None:
    """Append the chunks; raise DecodeError, and then those before the break are there."""
    for _ in range(reader.array(_LIST, CHUNK_SIZE)):
        chunk = Chunk()
        payload.chunks.append(chunk)
        _read_spans(reader, chunk)


def read_v07(reader: Reader, payload: TracerPayload) -> None:
    """As read_v04; fills ``about`` too."""
    for _ in range(reader.map(_MAP)):
        key = reader.value("a field's name")
        if key != "chunks":
            payload.about[to_text(key)] = reader.value("a field's value")
            continue
        for _ in range(reader.try_array("the list of chunks", CHUNK_SIZE) or 0):
            chunk = Chunk()
            payload.chunks.append(chunk)
            _read_chunk(reader, chunk)


def _read_chunk(reader: Reader, chunk: Chunk) -> None:
    length = reader.try_map("a chunk")
    if length is None:
        chunk.spans.append(BadSpan("a chunk is no map"))
        return
    for _ in range(length):
        key = reader.value("a field's name")
        if key == "spans":
            _read_spans(reader, chunk)
            continue
        value = reader.value("a field's value")
        if key == "tags":
            chunk.meta.update(to_map(value))
        elif key == "origin" and to_text(value):
            chunk.meta["_dd.origin"] = to_text(value)
        elif key == "priority":
            set_priority(chunk, value)


def set_priority(chunk: Chunk, value: object) -> None:
    """Keep a chunk's sampling priority where v0.4 has it."""
    priority = to_int(value)
    if priority is not None and priority != NO_PRIORITY:
        chunk.metrics["_sampling_priority_v1"] = priority


def _read_spans(reader: Reader, chunk: Chunk) -> None:
    length = reader.try_array("a chunk's list of spans", SPAN_SIZE)
    if length is None:
        chunk.spans.append(BadSpan("a chunk is no list of spans"))
        return
    for _ in range(length):
        chunk.spans.append(reader.value("a span"))


def from_json(value: object) -> TracerPayload:
    """Return what a JSON array holds: chunks, or the spans of one; raise DecodeError."""
    if not isinstance(value, list):
        raise DecodeError(f"expected {_LIST}")
    if any(isinstance(item, dict) for item in value):
        return TracerPayload([Chunk(value)])
    return TracerPayload(
        [
            Chunk(item if isinstance(item, list) else [BadSpan("a chunk is no list of spans")])
            for item in value
        ]
    )
