"""Decompression in pieces, that stops at a limit: gzip (RFC 1952), zlib (RFC 1950) and Zstandard
(RFC 8878); of files by their first bytes, of requests by what they say."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

import zstandard

from viewer.formats.base import DecodeError

MAX_DECOMPRESSED = 2 << 30
_MAX_LAYERS = 3
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 0x50 to 0x5f
_LONGEST_MAGIC = 5
# What follows a member's end within a step is copied, and members can be tiny.
_STEP = 16 << 10
_PIECE = 1 << 20
# zstandard cannot bound the output of a step, and a block of 4 bytes may hold 128 KiB: so that a
# step makes no more than the limit itself, and than 16 MiB.
_ZSTD_GAIN = (128 << 10) // 4
_ZSTD_STEPS = (16, 512)
_ZSTD_WINDOW = 1 << 27


class TooLarge(DecodeError):
    """Decompressed, it is larger than the limit."""


class _Source:
    """Bytes that come in chunks, taken in small steps of which the end can be given back."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = memoryview(b"")
        self._at = 0
        self.position = 0

    def take(self, most: int) -> memoryview:
        """Return the next bytes, so many at most; none at the end."""
        while self._at == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return memoryview(b"")
            self._chunk, self._at = memoryview(chunk), 0
        step = self._chunk[self._at : self._at + most]
        self._at += len(step)
        self.position += len(step)
        return step

    def give_back(self, count: int) -> None:
        """Have so many of the bytes that were taken last come again."""
        self._at -= count
        self.position -= count

    def starts_with(self, magic: bytes) -> bool:
        """Say whether these bytes come next."""
        begin = self.take(len(magic))
        self.give_back(len(begin))
        if 0 < len(begin) < len(magic):
            # It may lie across the edge of two chunks.
            self._chunk, self._at = memoryview(bytes(begin) + next(self._chunks, b"")), 0
            begin = self._chunk[: len(magic)]
        return begin == magic


def decompress(chunks: Iterable[bytes], limit: int | None = None) -> Iterator[bytes]:
    """Return, in pieces, what a gzip or zstd file holds, all its members joined; other bytes as they
    are. Bounded memory, whatever the file holds.

    Here or while the pieces are taken, DecodeError is raised where the data is damaged or cut off, and
    TooLarge where it holds more than ``limit`` bytes.
    """
    for _ in range(_MAX_LAYERS):
        head, chunks = _peek(iter(chunks))
        if head.startswith(_GZIP):
            chunks = _gunzip(_Source(chunks))
        elif head.startswith(_ZSTD) or _is_skippable(head):
            chunks = _unzstd(_Source(chunks), _ZSTD_STEPS[1])
        else:
            break
        if limit is not None:
            chunks = _limited(chunks, limit)
    return iter(chunks)


def is_packed(head: bytes) -> bool:
    """Say whether a file that begins so is gzip or zstd."""
    return head.startswith((_GZIP, _ZSTD)) or _is_skippable(head)


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, and all chunks again."""
    head, taken = b"", []
    for chunk in chunks:
        taken.append(chunk)
        head += chunk[:_LONGEST_MAGIC]
        if len(head) >= _LONGEST_MAGIC:
            break
    return head, chain(taken, chunks)


def _is_skippable(head: bytes) -> bool:
    return len(head) > 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == _ZSTD_SKIPPABLE


def gunzip(data: bytes, limit: int) -> bytes:
    """Return what gzip data holds, all its members joined; raise DecodeError, TooLarge."""
    return b"".join(_limited(_gunzip(_Source([data])), limit))


def inflate(data: bytes, limit: int) -> bytes:
    """Return what zlib data ("deflate" in HTTP) holds; raise DecodeError, TooLarge."""
    return b"".join(_limited(_inflate(_Source([data]), "deflate"), limit))


def unzstd(data: bytes, limit: int) -> bytes:
    """Return what zstd data holds, all its frames joined; raise DecodeError, TooLarge."""
    least, most = _ZSTD_STEPS
    step = min(max(limit // _ZSTD_GAIN, least), most)
    return b"".join(_limited(_unzstd(_Source([data]), step), limit))


def _limited(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge(f"it holds more than {limit:,} bytes when decompressed")
        yield piece


def _gunzip(source: _Source) -> Iterator[bytes]:
    is_first = True
    while source.starts_with(_GZIP):
        is_first = False
        yield from _inflate(source, "gzip")
    at = source.position
    while padding := source.take(_STEP):
        if is_first:
            raise DecodeError("this is no gzip data", "byte 0")
        if padding.tobytes().strip(b"\0"):
            raise DecodeError("something else follows the gzip data", f"byte {at}")


def _inflate(source: _Source, name: str) -> Iterator[bytes]:
    """Yield one member's content, and leave what follows it."""
    inflater = zlib.decompressobj(wbits=31 if name == "gzip" else 15)
    while not inflater.eof:
        step = inflater.unconsumed_tail or source.take(_STEP)
        if not step:
            raise DecodeError(f"the {name} data breaks off", f"byte {source.position}")
        try:
            piece = inflater.decompress(step, _PIECE)
        except zlib.error as error:
            place = f"byte {source.position}"
            raise DecodeError(f"the {name} data is damaged ({error})", place) from None
        if piece:
            yield piece
    source.give_back(len(inflater.unused_data))


def _unzstd(source: _Source, step_bytes: int) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    is_open = True
    while step := source.take(step_bytes):
        is_open = True
        try:
            piece = frame.decompress(step)
        except zstandard.ZstdError as error:
            place = f"byte {source.position}"
            raise DecodeError(f"the zstd data is damaged ({error})", place) from None
        if piece:
            yield piece
        if frame.eof:
            source.give_back(len(frame.unused_data))
            frame, is_open = decompressor.decompressobj(), False
    if is_open:
        raise DecodeError("the zstd data breaks off", f"byte {source.position}")
