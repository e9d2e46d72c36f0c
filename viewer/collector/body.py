"""Request bodies: decompression that stops at the limit."""

import zlib

import zstandard

from viewer.collector.door import MAX_BODY

_GZIP_NAMES = ("gzip", "x-gzip", "deflate")
_ZSTD_WINDOW = 1 << 27


class UnknownEncoding(ValueError):
    """A Content-Encoding that is not taken."""


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says."""


class BodyTooLarge(ValueError):
    """The body is larger than MAX_BODY, at the latest after decompression."""


def decompress_body(raw: bytes, encoding: str, limit: int = MAX_BODY) -> bytes:
    """Return the plain body, never holding more than ``limit`` bytes of it; raise UnknownEncoding,
    BadEncoding or BodyTooLarge."""
    if encoding in ("", "identity"):
        body = raw
    elif encoding in _GZIP_NAMES:
        body = _inflate(raw, encoding, limit)
    elif encoding == "zstd":
        body = _unzstd(raw, limit)
    else:
        raise UnknownEncoding(
            f"Content-Encoding {encoding[:40]!r} is not taken; send gzip, zstd or none"
        )
    if len(body) > limit:
        raise BodyTooLarge
    return body


def _inflate(raw: bytes, encoding: str, limit: int) -> bytes:
    # 47: zlib finds out by itself whether the header is gzip's or zlib's.
    inflater = zlib.decompressobj(47)
    try:
        body = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise BadEncoding(f"the body is no valid {encoding}: {error}") from None
    if len(body) <= limit and not inflater.eof:
        raise BadEncoding(f"the body is no valid {encoding}: it breaks off")
    return body


def _unzstd(raw: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with decompressor.stream_reader(raw) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise BadEncoding(f"the body is no valid zstd: {error}") from None
