"""Decompression that stops at a limit: gzip (RFC 1952), zlib (RFC 1950) and Zstandard (RFC 8878);
of files by their first bytes, of requests by what they say."""

import io
import zlib

import zstandard

from viewer.formats.base import DecodeError

MAX_DECOMPRESSED = 2 << 30
_MAX_LAYERS = 3
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 0x50 to 0x5f
_STEP = 1 << 20
# zstandard cannot bound the output of a step, and a block of 4 bytes may hold 128 KiB: so that a
# step makes no more than the limit itself.
_ZSTD_GAIN = (128 << 10) // 4
_ZSTD_STEPS = (16, 2048)
_ZSTD_WINDOW = 1 << 27


class TooLarge(DecodeError):
    """Decompressed, it is larger than the limit."""


def decompress(data: bytes, limit: int = MAX_DECOMPRESSED) -> bytes:
    """Return what a gzip or zstd file holds, all its members joined; other bytes as they are.

    Raises DecodeError if the data is damaged or cut off, or holds more than ``limit`` bytes: it
    stops there, whatever size the rest would have.
    """
    for _ in range(_MAX_LAYERS):
        if data.startswith(_GZIP):
            data = gunzip(data, limit)
        elif data.startswith(_ZSTD) or _is_skippable(data):
            data = unzstd(data, limit)
        else:
            break
    return data


def _is_skippable(data: bytes) -> bool:
    return len(data) > 4 and 0x50 <= data[0] <= 0x5F and data[1:4] == _ZSTD_SKIPPABLE


def gunzip(data: bytes, limit: int) -> bytes:
    """Return what gzip data holds, all its members joined; raise DecodeError, TooLarge."""
    plain = io.BytesIO()
    position = 0
    while position < len(data):
        if not data.startswith(_GZIP, position):
            if position == 0:
                raise DecodeError("this is no gzip data", "byte 0")
            if data[position:].strip(b"\0"):
                raise DecodeError("something else follows the gzip data", f"byte {position}")
            break
        position = _inflate(data, position, plain, limit, "gzip")
    return plain.getvalue()


def inflate(data: bytes, limit: int) -> bytes:
    """Return what zlib data ("deflate" in HTTP) holds; raise DecodeError, TooLarge."""
    plain = io.BytesIO()
    _inflate(data, 0, plain, limit, "deflate")
    return plain.getvalue()


def _inflate(data: bytes, position: int, plain: io.BytesIO, limit: int, name: str) -> int:
    """Append one member's content; return where the next begins."""
    inflater = zlib.decompressobj(wbits=31 if name == "gzip" else 15)
    view = memoryview(data)
    while not inflater.eof:
        chunk = inflater.unconsumed_tail or view[position : position + _STEP]
        if not inflater.unconsumed_tail:
            position += len(chunk)
        try:
            plain.write(inflater.decompress(chunk, _STEP))
        except zlib.error as error:
            raise DecodeError(f"the {name} data is damaged ({error})", f"byte {position}") from None
        if plain.tell() > limit:
            raise _too_large(limit)
        if not inflater.eof and not inflater.unconsumed_tail and position >= len(data):
            raise DecodeError(f"the {name} data breaks off", f"byte {len(data)}")
    return position - len(inflater.unused_data)


def unzstd(data: bytes, limit: int) -> bytes:
    """Return what zstd data holds, all its frames joined; raise DecodeError, TooLarge."""
    plain = io.BytesIO()
    view = memoryview(data)
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    least, most = _ZSTD_STEPS
    step_bytes = min(max(limit // _ZSTD_GAIN, least), most)
    position = 0
    while position < len(data):
        step = view[position : position + step_bytes]
        position += len(step)
        try:
            plain.write(frame.decompress(step))
        except zstandard.ZstdError as error:
            raise DecodeError(f"the zstd data is damaged ({error})", f"byte {position}") from None
        if plain.tell() > limit:
            raise _too_large(limit)
        if frame.eof:
            position -= len(frame.unused_data)
            if position < len(data):
                frame = decompressor.decompressobj()
    if not frame.eof:
        raise DecodeError("the zstd data breaks off", f"byte {len(data)}")
    return plain.getvalue()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"it holds more than {limit:,} bytes when decompressed")
