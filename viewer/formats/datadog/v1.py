"""Datadog v1.0 → payload: maps whose keys are numbers, strings sent once and then pointed to.

Source: datadog-agent, `pkg/proto/pbgo/trace/idx` (`tracer_payload.go`, `span.go`). A string is
written out where it first occurs and gets the next index, 0 being the empty one; so everything is
read in the order of the wire, and a span that cannot be kept is read to its end all the same.
Attributes are flat triplets of key, type and value.
"""

from collections.abc import Iterator

from viewer.formats.datadog.fields import to_text
from viewer.formats.datadog.payload import BadSpan, Chunk, Fields, TracerPayload
from viewer.formats.datadog.strings import NO_ROOM, Room
from viewer.formats.datadog.unpack import CHUNK_SIZE, SPAN_SIZE, Pairs, Reader
from viewer.formats.datadog.v04 import set_priority
from viewer.trace.attributes import MAX_DEPTH

_ABOUT = {
    2: "container_id",
    3: "language_name",
    4: "language_version",
    5: "tracer_version",
    6: "runtime_id",
    7: "env",
    8: "hostname",
    9: "app_version",
}
_TEXTS = {1: "service", 2: "name", 3: "resource", 10: "type"}
_NUMBERS = {4: "span_id", 5: "parent_id", 6: "start", 7: "duration", 8: "error"}
_TAGS = {13: "env", 14: "version", 15: "component"}
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
# Types of a value: those that need reading, and MessagePack's own boolean, integer and bytes.
_TEXT, _DOUBLE, _ARRAY, _MAP = 1, 3, 6, 7
_OF_MESSAGEPACK = (2, 4, 5)
_BYTES_OF_TRACE_ID = 16
CHUNKS = 11


class Strings:
    """The strings met so far. ``faults`` counts those that were pointed to and cannot be had, and
    ``why`` says it of the last one."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._strings = [""]
        self._indexes = {"": 0}
        self.faults = 0
        self.why = ""

    def add(self, text: str) -> None:
        """Give a string the next index, unless it has one."""
        if text not in self._indexes:
            self._indexes[text] = len(self._strings)
            self._strings.append(text)

    def text(self, value: object) -> str:
        """Return a string that is written out here, or the one an index points to."""
        if isinstance(value, str):
            self.add(value)
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            if 0 <= value < len(self._strings):
                if self._room.holds(self._strings[value]):
                    return self._strings[value]
                return self._fail(NO_ROOM)
            return self._fail("a span points to a string that was not sent before")
        return ""

    def _fail(self, why: str) -> str:
        self.faults += 1
        self.why = why
        return ""


def read_v1(reader: Reader, payload: TracerPayload) -> None:
    """Append the chunks and fill ``about``; raise DecodeError, and then the chunks before the break
    are there. The reader is one that gives maps as pairs."""
    strings = Strings(Room(reader.size))
    for _ in range(reader.map("a tracer's payload as a map with numbers as keys (v1.0)")):
        key = reader.value("a field's number")
        if key == 1:
            for _ in range(reader.try_array("the strings") or 0):
                strings.add(to_text(reader.value("a string")))
        elif key == CHUNKS:
            for _ in range(reader.try_array("the list of chunks", CHUNK_SIZE) or 0):
                chunk = Chunk()
                payload.chunks.append(chunk)
                _read_chunk(reader, strings, chunk)
        elif isinstance(key, int) and key in _ABOUT:
            payload.about[_ABOUT[key]] = strings.text(reader.value("a field's value"))
        else:
            value = reader.value("a field's value")
            if key == 10:
                payload.about["tags"] = dict(_attributes(value, strings))


def _read_chunk(reader: Reader, strings: Strings, chunk: Chunk) -> None:
    length = reader.try_map("a chunk")
    if length is None:
        chunk.spans.append(BadSpan("a chunk is no map"))
        return
    try:
        for _ in range(length):
            key = reader.value("a field's number")
            if key == 4:
                for _ in range(reader.try_array("a chunk's list of spans", SPAN_SIZE) or 0):
                    chunk.spans.append(_span(reader.value("a span"), strings))
            else:
                _set_chunk_field(chunk, key, reader.value("a field's value"), strings)
    finally:
        _set_trace_id(chunk)


def _set_trace_id(chunk: Chunk) -> None:
    """Put the chunk's trace ID, which follows its spans, on them."""
    if chunk.trace_id is None:
        chunk.spans = [BadSpan("a chunk's trace ID is not of 16 bytes") for _ in chunk.spans]
    else:
        for span in chunk.spans:
            if isinstance(span, dict):
                span["trace_id"] = chunk.trace_id[1]


def _set_chunk_field(chunk: Chunk, key: object, value: object, strings: Strings) -> None:
    if key == 1:
        set_priority(chunk, value)
    elif key == 2:
        origin = strings.text(value)
        if origin:
            chunk.meta["_dd.origin"] = origin
    elif key == 3:
        for name, item in _attributes(value, strings):
            (chunk.metrics if isinstance(item, float) else chunk.meta)[name] = item
    elif key == 6:
        chunk.trace_id = _halves(value)
    elif key == 7:
        # The mechanism of the sampling decision; earlier a string that says it.
        text = strings.text(value) if isinstance(value, str) else f"-{to_text(value)}"
        chunk.meta["_dd.p.dm"] = text


def _halves(value: object) -> tuple[int, int] | None:
    if not isinstance(value, bytes) or len(value) != _BYTES_OF_TRACE_ID:
        return None
    return int.from_bytes(value[:8], "big"), int.from_bytes(value[8:], "big")


def _span(value: object, strings: Strings) -> object:
    if not isinstance(value, Pairs):
        return BadSpan("a span is no map")
    faults = strings.faults
    meta: Fields = {}
    metrics: Fields = {}
    others: Fields = {}
    span: Fields = {"meta": meta, "metrics": metrics, "attributes": others}
    for key, item in value:
        if not isinstance(key, int):
            continue
        if key in _TEXTS:
            span[_TEXTS[key]] = strings.text(item)
        elif key in _NUMBERS:
            span[_NUMBERS[key]] = item
        elif key in _TAGS:
            if text := strings.text(item):
                meta[_TAGS[key]] = text
        elif key == 9:
            for name, said in _attributes(item, strings):
                kind = meta if isinstance(said, str) else others
                (metrics if isinstance(said, float) else kind)[name] = said
        elif key == 11:
            span["span_links"] = [_link(link, strings) for link in _list(item)]
        elif key == 12:
            span["events"] = [_event(event, strings) for event in _list(item)]
        elif key == 16 and isinstance(item, int) and item in _KINDS:
            meta["span.kind"] = _KINDS[item]
    if strings.faults > faults:
        return BadSpan(strings.why)
    return span


def _link(value: object, strings: Strings) -> Fields:
    link: Fields = {}
    for key, item in _pairs(value):
        if key == 1:
            halves = _halves(item)
            if halves is not None:
                link["trace_id_high"], link["trace_id"] = halves
        elif key == 2:
            link["span_id"] = item
        elif key == 3:
            link["attributes"] = dict(_attributes(item, strings))
        elif key == 4:
            link["tracestate"] = strings.text(item)
        elif key == 5:
            link["flags"] = item
    return link


def _event(value: object, strings: Strings) -> Fields:
    event: Fields = {}
    for key, item in _pairs(value):
        if key == 1:
            event["time_unix_nano"] = item
        elif key == 2:
            event["name"] = strings.text(item)
        elif key == 3:
            event["attributes"] = dict(_attributes(item, strings))
    return event


def _attributes(value: object, strings: Strings, depth: int = 0) -> Iterator[tuple[object, object]]:
    triplets = iter(_list(value))
    for key, kind, item in zip(triplets, triplets, triplets, strict=False):
        yield strings.text(key), _any_value(kind, item, strings, depth)


def _any_value(kind: object, item: object, strings: Strings, depth: int) -> object:
    """Return a typed value; below MAX_DEPTH levels it is "…" (so this recursion is bounded)."""
    if depth >= MAX_DEPTH:
        return "…"
    if kind == _TEXT:
        return strings.text(item)
    if kind == _DOUBLE:
        return float(item) if isinstance(item, int) and not isinstance(item, bool) else item
    if kind == _ARRAY:
        couples = iter(_list(item))
        return [
            _any_value(inner_kind, inner, strings, depth + 1)
            for inner_kind, inner in zip(couples, couples, strict=False)
        ]
    if kind == _MAP:
        return dict(_attributes(item, strings, depth + 1))
    return item if kind in _OF_MESSAGEPACK and not isinstance(item, list) else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) and not isinstance(value, Pairs) else []


def _pairs(value: object) -> list[tuple[object, object]]:
    return value if isinstance(value, Pairs) else []
