"""Reading a file's spans in bounded memory, whatever its size, and from where an earlier reading
ended: piece by piece, where its format allows, and whole where it does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from viewer.formats.base import (
    Decoded,
    DecodeError,
    Format,
    JsonFormat,
    Payload,
    PiecewiseFormat,
)
from viewer.formats.compression import decompress, is_packed
from viewer.formats.documents import decode_documents, is_utf_16, nothing_read, to_utf8
from viewer.trace.report import Rejection

PIECE_BYTES = 8 << 20
MAX_UNIT_BYTES = 512 << 20
"""How long what has to be read at once may be: a JSON value, a message, a file without pieces."""
_CHUNK = 1 << 20
_HEAD = 64 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading may go on: so far into a file's content (decompressed, in bytes and lines), which
    is of these formats as far as it was read."""

    offset: int = 0
    line: int = 1
    formats: tuple[str, ...] = ()


BEGIN = Place()


class Source(Protocol):
    """A file's bytes as they are on the disk."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        ...

    def seek(self, offset: int, /) -> object:
        """Go on reading there; only asked for where reading begins elsewhere than at the begin."""


class Reading:
    """A file being read: iterate it for its spans in chunks, each with the place behind it, or None
    where reading can not go on. ``format`` names what was met so far, so read it afterwards."""

    def __init__(
        self,
        source: Source,
        binary: Sequence[Format],
        json: Sequence[JsonFormat],
        *,
        lenient: bool,
        limit: int | None,
        begin: Place = BEGIN,
    ) -> None:
        """Read from a place that an earlier reading of the same content has given; decompress
        ``limit`` bytes at most. Raises DecodeError if that fails at once."""
        self._lenient = lenient
        self._place = begin
        self._json_formats = json
        titles = [known.title for known in binary] + [known.title for known in json]
        self._accepted = ", ".join(titles)
        first = source.read(_CHUNK)
        is_plain = not (is_packed(first) or is_utf_16(first))
        self._window, self._more = b"", True
        if begin.offset and is_plain:
            source.seek(begin.offset)
            self._content = _chunks(source)
        else:
            self._content = to_utf8(decompress(chain((first,), _chunks(source)), limit))
            self._skip(begin.offset)
        self._fill(PIECE_BYTES)
        if begin.formats:
            self._binary = next((known for known in binary if known.name in begin.formats), None)
        else:
            self._binary = next((known for known in binary if self._is(known)), None)
        self._met = [known for known in json if known.name in begin.formats]

    @property
    def format(self) -> str:
        """The name of the format, several where a file mixes JSON formats, empty as long as nothing
        was recognised."""
        return ", ".join(self._names())

    def __iter__(self) -> Iterator[tuple[Decoded, Place | None]]:
        """Yield the chunks; raises DecodeError, in one line, if nothing can be read, or not on."""
        if self._binary is None:
            return self._documents()
        if isinstance(self._binary, PiecewiseFormat):
            return self._pieces(self._binary)
        return self._whole(self._binary)

    def _skip(self, size: int) -> None:
        while size and (chunk := next(self._content, None)) is not None:
            self._window, size = chunk[size:], size - min(size, len(chunk))

    def _names(self) -> tuple[str, ...]:
        met: Sequence[Format | JsonFormat] = [self._binary] if self._binary else self._met
        return tuple(known.name for known in met)

    def _is(self, known: Format) -> bool:
        if self._more and isinstance(known, PiecewiseFormat):
            return known.sniff_begin(self._window)
        return known.sniff(self._window)

    def _whole(self, binary: Format) -> Iterator[tuple[Decoded, Place | None]]:
        while self._more:
            self._grow(f"a file of {binary.name}")
        for decoded in binary.decode(self._payload(len(self._window))):
            yield decoded, None

    def _pieces(self, binary: PiecewiseFormat) -> Iterator[tuple[Decoded, Place | None]]:
        while self._window:
            end = binary.cut(self._window)
            if not end and self._more:
                self._grow(f"a message of {binary.name}")
                continue
            # What the file ends with and is no whole unit may be one some day.
            after = self._place_behind(end)
            *chunks, last = binary.decode(self._payload(end or len(self._window)))
            for chunk in chunks:
                yield chunk, None
            yield last, after
            if last.breaks_off or not end:
                return
            self._go_behind(end)

    def _documents(self) -> Iterator[tuple[Decoded, Place | None]]:
        head = self._window[:_HEAD]
        first_fault: Rejection | None = None
        while True:
            is_last, end = not self._more, 0
            payload = self._payload(len(self._window))
            for decoded, end in decode_documents(payload, self._json_formats, self._met):
                first_fault = first_fault or next(iter(decoded.rejected), None)
                if self._met:
                    yield decoded, self._place_behind(end)
            if is_last:
                break
            if end:
                self._go_behind(end)
            else:
                self._grow("a JSON value")
        if not self._met:
            fault = nothing_read(head, first_fault)
            reason = f"{fault.reason}; accepted are {self._accepted}, plain or in gzip or zstd"
            raise DecodeError(reason, fault.where)

    def _payload(self, size: int) -> Payload:
        at, line = self._place.offset, self._place.line
        return Payload(self._window[:size], self._lenient, at, line, self._more)

    def _place_behind(self, end: int) -> Place:
        line = self._place.line + self._window.count(b"\n", 0, end)
        return Place(self._place.offset + end, line, self._names())

    def _go_behind(self, end: int) -> None:
        self._place = self._place_behind(end)
        self._window = self._window[end:]
        self._fill(PIECE_BYTES)

    def _grow(self, what: str) -> None:
        """Take more of the file into view; raise DecodeError if that is too much."""
        if len(self._window) >= MAX_UNIT_BYTES:
            at = f"line {self._place.line}, byte {self._place.offset}"
            most = f"{MAX_UNIT_BYTES >> 20} MiB"
            raise DecodeError(f"{what} is read whole, and is longer than {most}; split it", at)
        self._fill(min(4 * len(self._window), MAX_UNIT_BYTES))

    def _fill(self, size: int) -> None:
        """Have so many bytes in view, or what there is; find out whether there are more."""
        parts, have = [self._window], len(self._window)
        while have <= size and (chunk := next(self._content, None)) is not None:
            parts.append(chunk)
            have += len(chunk)
        self._more = have > size
        self._window = b"".join(parts)


def _chunks(source: Source) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
