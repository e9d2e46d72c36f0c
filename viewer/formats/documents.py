"""JSON files: one value, a value a line, or values one after another, each read by the first
format that claims it. Arrays are looked into: a list of spans, of lists of spans or of requests."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from viewer.formats.base import CHUNK_SPANS, Decoded, DecodeError, JsonFormat, Payload
from viewer.formats.loose_json import TOO_DEEP, complaint, paused_gc
from viewer.formats.unreadable import describe_bytes, describe_value
from viewer.trace.report import Rejection

_UTF_16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
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
    """A top-level value, or what stands where none can be read (then ``fault`` says why), and where
    it ends in its piece of the file, in bytes."""

    value: object
    where: str
    fault: str = ""
    end: int = 0


class _GoesOn(Exception):
    """What a piece of a file ends with goes on in the next one."""


def is_utf_16(head: bytes) -> bool:
    """Say whether text that begins so has the byte order mark of UTF-16."""
    return any(head.startswith(mark) for mark, _ in _UTF_16)


def to_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield text as UTF-8 without a byte order mark where that says it is UTF-16, else as it is."""
    pieces = iter(chunks)
    first = next(pieces, b"")
    while len(first) < 2 and (piece := next(pieces, b"")):
        first += piece
    encoding = next((name for mark, name in _UTF_16 if first.startswith(mark)), None)
    if encoding is None:
        yield first
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first[2:]).encode()
    for piece in pieces:
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def documents(payload: Payload) -> Iterator[Document]:
    """Yield the top-level values of UTF-8 text in order, with what is broken in between. Where more
    of the file follows, what goes on there is left."""
    if payload.at == 0 and not payload.more:
        try:
            value = orjson.loads(payload.data.removeprefix(codecs.BOM_UTF8))
        except orjson.JSONDecodeError:
            pass
        else:
            yield Document(value, "", end=len(payload.data))
            return
    try:
        yield from _many(payload)
    except _GoesOn:
        return


def _many(payload: Payload) -> Iterator[Document]:
    """Yield values a line, or values that span lines; raise _GoesOn.

    A broken value is skipped up to the next line that begins one. What was already read of it is
    then read again; a hostile file could have that done over and over, so there is an allowance.
    """
    data, more = payload.data, payload.more
    allowance = 4 * len(data)
    begin = 0 if payload.at or not data.startswith(codecs.BOM_UTF8) else len(codecs.BOM_UTF8)
    position, line, counted_to = _skip_space(data, begin), payload.line, 0
    while position < len(data):
        line += data.count(b"\n", counted_to, position)
        counted_to = begin = position
        end_of_line = data.find(b"\n", position)
        if end_of_line < 0:
            if more:
                raise _GoesOn
            end_of_line = len(data)
        if data[position : position + 1] not in (b"{", b"["):
            position = _next_value(data, end_of_line, more)
            lines = data[begin:position].rstrip().count(b"\n")
            where = f"lines {line}–{line + lines}" if lines else f"line {line}"
            yield Document(None, where, "no JSON", position)
            continue
        value, end, fault = _read(data, position, end_of_line, more)
        if fault:
            where = _break(payload, line, position, end)
            allowance -= end - position
            skip_to = end_of_line if allowance > 0 else max(end, end_of_line)
            position = _skip_space(data, _next_value(data, skip_to, more))
            yield Document(None, where, fault, position)
        else:
            position = _skip_space(data, end)
            yield Document(value, f"line {line}", "", position)


def _read(data: bytes, position: int, end_of_line: int, more: bool) -> tuple[object, int, str]:
    """Read the value that begins here: (value, its end, "") or (None, where it broke, why)."""
    try:
        return orjson.loads(data[position:end_of_line]), end_of_line, ""
    except orjson.JSONDecodeError:
        return _scan(data, position, more)


def _break(payload: Payload, line: int, begin: int, end: int) -> str:
    """Name the line where a value begins, and where it breaks."""
    further = payload.data.count(b"\n", begin, end)
    byte = f"byte {payload.at + end}"
    at = f"breaks at line {line + further}, {byte}" if further else byte
    return f"line {line} ({at})"


def _skip_space(data: bytes, position: int) -> int:
    space = _SPACE.match(data, position)
    return space.end() if space else position


def _next_value(data: bytes, position: int, more: bool) -> int:
    """Return where the next line begins that could hold a value, or the end: that of the last whole
    line, where more follows."""
    found = _VALUE_BEGINS.search(data, position + 1)
    if found:
        return found.end() - 1
    return data.rfind(b"\n") + 1 if more else len(data)


def _scan(data: bytes, position: int, more: bool) -> tuple[object, int, str]:
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
            is_cut = _is_cut(error)
            if is_cut and more and position + len(piece) == len(data):
                raise _GoesOn from None
            if len(piece) < window or not is_cut:
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
    payload: Payload, formats: Sequence[JsonFormat], met: list[JsonFormat]
) -> Iterator[tuple[Decoded, int]]:
    """Decode a piece of a JSON file in chunks, each with how many bytes of the piece are read then;
    ``met`` is filled with the formats that claimed something.

    A value that no format claims, or text that is no JSON, is a rejection that names its line. Where
    the file ends with such things they are not counted in: they may become whole one day.
    """
    values = documents(payload)
    document: Document | None = None
    end = told = 0
    while True:
        decoded = Decoded()
        with paused_gc():
            while len(decoded.batch) < CHUNK_SPANS and (document := next(values, None)):
                is_claimed = _decode_document(document, formats, payload.lenient, met, decoded)
                if is_claimed or payload.more:
                    end = document.end
        if end > told or decoded.rejected or decoded.notes:
            yield decoded, end
        told = end
        if document is None:
            break


def nothing_read(head: bytes, fault: Rejection | None) -> DecodeError:
    """Return why nothing could be read of a file that begins so, of which this was wrong first."""
    head = head.removeprefix(codecs.BOM_UTF8)
    if _VALUE_BEGINS.match(head.lstrip()) and fault is not None:
        return DecodeError(fault.reason, _SECOND_PLACE.split(fault.where)[0])
    return DecodeError(describe_bytes(head))


def _decode_document(
    document: Document,
    formats: Sequence[JsonFormat],
    lenient: bool,
    met: list[JsonFormat],
    decoded: Decoded,
) -> bool:
    """Add what a value holds; say whether any format claimed some of it."""
    if document.fault:
        decoded.reject(document.fault, document.where)
        return False
    is_claimed = False
    for value, where, wire_format in items(document, formats):
        if wire_format is None:
            decoded.reject(describe_value(value), where)
            continue
        if wire_format not in met:
            met.append(wire_format)
        is_claimed = True
        decoded.where = where
        wire_format.decode_value(value, decoded, lenient)
        decoded.where = ""
    return is_claimed
