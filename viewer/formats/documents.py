"""JSON files: one value, a value a line, or values one after another, each read by the first
format that claims it. Arrays are looked into: a list of spans, of lists of spans or of requests."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from viewer.formats.base import CHUNK_SPANS, Decoded, DecodeError, JsonFormat
from viewer.formats.loose_json import TOO_DEEP, complaint, paused_gc
from viewer.formats.unreadable import describe_bytes, describe_value
from viewer.trace.report import Rejection

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Neither a record separator (RFC 7464) nor the comma of a list whose begin is lost is content.
_SPACE = re.compile(rb"[\s\x1e\x00,]*")
# Not where it is indented: inside a broken trace, spans without their process would be found.
_VALUE_BEGINS = re.compile(rb"^\x1e?[{\[]", re.MULTILINE)
_SECOND_PLACE = re.compile(r", (?=lines? |item )")
_WINDOW = 1 << 16
_LIST_DEPTH = 2
_scanner = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Document:
    """A top-level value, or what stands where none can be read (then ``fault`` says why)."""

    value: object
    where: str
    fault: str = ""


def to_utf8(data: bytes) -> bytes:
    """Return text without its byte order mark, UTF-16 as UTF-8."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            rest = data[len(mark) :]
            return rest if encoding == "utf-8" else rest.decode(encoding, "replace").encode()
    return data


def documents(data: bytes) -> Iterator[Document]:
    """Yield the top-level values of UTF-8 text in order, with what is broken in between."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        yield from _many(data)
    else:
        yield Document(value, "")


def _many(data: bytes) -> Iterator[Document]:
    """Yield values a line, or values that span lines.

    A broken value is skipped up to the next line that begins one. What was already read of it is
    then read again; a hostile file could have that done over and over, so there is an allowance.
    """
    allowance = 4 * len(data)
    position, line, counted_to = _skip_space(data, 0), 1, 0
    while position < len(data):
        line += data.count(b"\n", counted_to, position)
        counted_to = position
        end_of_line = data.find(b"\n", position)
        end_of_line = len(data) if end_of_line < 0 else end_of_line
        if data[position : position + 1] not in (b"{", b"["):
            begin, position = position, _next_value(data, end_of_line)
            lines = data[begin:position].rstrip().count(b"\n")
            yield Document(
                None, f"lines {line}–{line + lines}" if lines else f"line {line}", "no JSON"
            )
            continue
        value, end, fault = _read(data, position, end_of_line)
        if fault:
            yield Document(None, _break(data, line, position, end), fault)
            allowance -= end - position
            end = _next_value(data, end_of_line if allowance > 0 else max(end, end_of_line))
        else:
            yield Document(value, f"line {line}")
        position = _skip_space(data, end)


def _read(data: bytes, position: int, end_of_line: int) -> tuple[object, int, str]:
    """Read the value that begins here: (value, its end, "") or (None, where it broke, why)."""
    try:
        return orjson.loads(data[position:end_of_line]), end_of_line, ""
    except orjson.JSONDecodeError:
        return _scan(data, position)


def _break(data: bytes, line: int, begin: int, end: int) -> str:
    """Name the line where a value begins, and where it breaks."""
    further = data.count(b"\n", begin, end)
    at = f"breaks at line {line + further}, byte {end}" if further else f"byte {end}"
    return f"line {line} ({at})"


def _skip_space(data: bytes, position: int) -> int:
    space = _SPACE.match(data, position)
    return space.end() if space else position


def _next_value(data: bytes, position: int) -> int:
    """Return where the next line begins that could hold a value, or the end."""
    found = _VALUE_BEGINS.search(data, position + 1)
    return found.end() - 1 if found else len(data)


def _scan(data: bytes, position: int) -> tuple[object, int, str]:
    """Read one value that may span lines: (value, its end, "") or (None, where it broke, why)."""
    window = _WINDOW
    while True:
        piece = data[position : position + window]
        # What is no UTF-8 becomes lone surrogates, so that offsets can be counted back in bytes;
        # whoever keeps the text replaces them.
        text = piece.decode("utf-8", "surrogateescape")
        try:
            value, end = _scanner.raw_decode(text)
        except json.JSONDecodeError as error:
            if len(piece) < window or not _is_cut(error):
                return None, position + _offset(text, error.pos), f"no JSON: {complaint(error)}"
        except RecursionError:
            return None, position + len(piece), f"no JSON to be read: {TOO_DEEP}"
        except ValueError as error:
            return None, position + len(piece), f"no JSON to be read: {error}"
        else:
            return value, position + _offset(text, end), ""
        window *= 4


def _is_cut(error: json.JSONDecodeError) -> bool:
    """Say whether it may only be the window's edge that broke the value."""
    return error.msg.startswith("Unterminated string") or error.pos > len(error.doc) - 16


def _offset(text: str, characters: int) -> int:
    return len(text[:characters].encode("utf-8", "surrogateescape"))


def items(
    document: Document, formats: Sequence[JsonFormat]
) -> Iterator[tuple[object, str, JsonFormat | None]]:
    """Yield the value, or an array's items (of arrays' arrays too), each with its place and the
    first format that claims it. An array that a format claims as a whole is not taken apart."""
    pending: list[tuple[object, str, int]] = [(document.value, document.where, 0)]
    while pending:
        value, where, depth = pending.pop()
        claiming = next((known for known in formats if known.claims(value)), None)
        if claiming is not None or not isinstance(value, list) or depth >= _LIST_DEPTH:
            yield value, where, claiming
            continue
        inner = [
            (item, f"{where} item {number}".lstrip(), depth + 1)
            for number, item in enumerate(value, 1)
        ]
        pending.extend(reversed(inner))


def decode_documents(
    data: bytes, formats: Sequence[JsonFormat], lenient: bool, met: list[JsonFormat]
) -> Iterator[Decoded]:
    """Decode a JSON file in chunks; ``met`` is filled with the formats that claimed something.

    A value that no format claims, or text that is no JSON, is a rejection that names its line.
    Raises DecodeError if nothing at all was claimed.
    """
    data = to_utf8(data)
    values = documents(data)
    first_fault: Rejection | None = None
    document: Document | None = None
    while True:
        decoded = Decoded()
        with paused_gc():
            while len(decoded.batch) < CHUNK_SPANS and (document := next(values, None)):
                _decode_document(document, formats, lenient, met, decoded)
        first_fault = first_fault or next(iter(decoded.rejected), None)
        if met:
            yield decoded
        if document is None:
            break
    if not met:
        raise _nothing_read(data, first_fault)


def _decode_document(
    document: Document,
    formats: Sequence[JsonFormat],
    lenient: bool,
    met: list[JsonFormat],
    decoded: Decoded,
) -> None:
    if document.fault:
        decoded.reject(document.fault, document.where)
        return
    for value, where, wire_format in items(document, formats):
        if wire_format is None:
            decoded.reject(describe_value(value), where)
            continue
        if wire_format not in met:
            met.append(wire_format)
        decoded.where = where
        wire_format.decode_value(value, decoded, lenient)
        decoded.where = ""


def _nothing_read(data: bytes, fault: Rejection | None) -> DecodeError:
    if _VALUE_BEGINS.match(data.lstrip()) and fault is not None:
        return DecodeError(fault.reason, _SECOND_PLACE.split(fault.where)[0])
    return DecodeError(describe_bytes(data))
