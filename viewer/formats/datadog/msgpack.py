"""Datadog MessagePack in files: a request's body as it was sent, recognised by its structure."""

from collections.abc import Container, Iterator

from viewer.formats.base import CHUNK_SPANS, Decoded, DecodeError, Payload
from viewer.formats.datadog.payload import TracerPayload
from viewer.formats.datadog.spans import SpanMaker
from viewer.formats.datadog.unpack import Reader
from viewer.formats.datadog.v04 import read_v04, read_v07
from viewer.formats.datadog.v05 import SPAN_LENGTH, read_v05
from viewer.formats.datadog.v1 import CHUNKS, read_v1
from viewer.formats.loose_json import paused_gc

VERSIONS = {"v0.3": read_v04, "v0.4": read_v04, "v0.5": read_v05, "v0.7": read_v07, "v1.0": read_v1}
_HEAD = 1 << 18
_LOOKED_AT = 100
_SPAN_NAMES = ("service", "name", "resource", "type", "start", "duration", "error")
_SPAN_IDS = ("trace_id", "span_id", "parent_id")
_SPAN_PARTS = ("meta", "metrics", "meta_struct", "span_links", "span_events")
_SPAN_FIELDS = frozenset((*_SPAN_NAMES, *_SPAN_IDS, *_SPAN_PARTS))
_CHUNK_FIELDS = frozenset(("priority", "origin", "spans", "tags", "droppedTrace"))
_PAYLOAD_NUMBERS, _CHUNK_NUMBERS = range(1, CHUNKS + 1), range(1, 8)


def read_body(version: str, data: bytes, payload: TracerPayload) -> int:
    """Fill ``payload`` with a request's body; return how many bytes follow it. Raises DecodeError,
    and then what stands before the break is in the payload."""
    reader = Reader(data, pairs=version == "v1.0")
    VERSIONS[version](reader, payload)
    return reader.rest


class DatadogMsgpack:
    """The format `datadog-msgpack`."""

    name = "datadog-msgpack"
    title = "Datadog MessagePack"

    def sniff(self, data: bytes) -> bool:
        """Recognise a body of any version by its first chunk or span."""
        return bool(_version(data))

    def decode(self, payload: Payload) -> Iterator[Decoded]:
        """Yield the file's spans; a file that breaks off gives those before the break."""
        content, decoded = TracerPayload(), Decoded()
        with paused_gc():
            try:
                rest = read_body(_version(payload.data) or "v0.4", payload.data, content)
            except DecodeError as error:
                if not any(chunk.spans for chunk in content.chunks):
                    raise
                decoded.reject(error.reason, error.where)
            else:
                if rest:
                    decoded.note(
                        "something follows the payload", f"byte {len(payload.data) - rest}"
                    )
            maker = SpanMaker(content, decoded, lenient=payload.lenient)
        for chunk in content.chunks:
            maker.add(chunk, decoded)
            if len(decoded.batch) >= CHUNK_SPANS:
                yield decoded
                decoded = Decoded()
        yield decoded


def _version(data: bytes) -> str:
    """Return the version whose structure these bytes begin with, or nothing."""
    begin = data[:1]
    if not begin:
        return ""
    is_array = 0x90 <= begin[0] <= 0x9F or begin[0] in (0xDC, 0xDD)
    is_map = 0x80 <= begin[0] <= 0x8F or begin[0] in (0xDE, 0xDF)
    checks = {"v0.4": _is_v04, "v0.5": _is_v05} if is_array else {"v0.7": _is_v07, "v1.0": _is_v1}
    if not is_array and not is_map:
        return ""
    for version, check in checks.items():
        try:
            if check(Reader(data[:_HEAD], pairs=True)):
                return version
        except DecodeError:
            continue
    return ""


def _is_v04(reader: Reader) -> bool:
    for _ in range(min(reader.array("chunks"), _LOOKED_AT)):
        if reader.array("spans"):
            return reader.map("a span") > 1 and _is_one_of(reader.value("a field"), _SPAN_FIELDS)
    return False


def _is_v05(reader: Reader) -> bool:
    if reader.array("strings and chunks") != 2:
        return False
    read = 0
    try:
        for _ in range(reader.array("strings")):
            if not isinstance(reader.value("a string"), str):
                return False
            read += 1
        for _ in range(min(reader.array("chunks"), _LOOKED_AT)):
            if reader.array("spans"):
                return reader.array("a span") == SPAN_LENGTH
    except DecodeError:
        # The head ends within a long table; nothing else begins with so many strings.
        return read >= _LOOKED_AT
    return False


def _is_v07(reader: Reader) -> bool:
    for _ in range(reader.map("a payload")):
        if reader.value("a field") != "chunks":
            reader.value("a value")
        elif reader.array("chunks"):
            return reader.map("a chunk") > 0 and _is_one_of(reader.value("a field"), _CHUNK_FIELDS)
    return False


def _is_v1(reader: Reader) -> bool:
    for _ in range(reader.map("a payload")):
        key = reader.value("a field")
        if not _is_one_of(key, _PAYLOAD_NUMBERS):
            return False
        if key != CHUNKS:
            reader.value("a value")
        elif reader.array("chunks"):
            return reader.map("a chunk") > 0 and _is_one_of(reader.value("a field"), _CHUNK_NUMBERS)
    return False


def _is_one_of(key: object, names: Container[object]) -> bool:
    return isinstance(key, str | int) and not isinstance(key, bool) and key in names
