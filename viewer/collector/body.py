"""Request bodies as their Content-Encoding says."""

from viewer.collector.door import MAX_BODY
from viewer.formats.base import DecodeError
from viewer.formats.compression import gunzip, inflate, unzstd

_CODECS = {"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate, "zstd": unzstd}


class UnknownEncoding(DecodeError):
    """A Content-Encoding that is not taken."""


def decompress_body(raw: bytes, encoding: str, limit: int = MAX_BODY) -> bytes:
    """Return the plain body, never holding much more than ``limit`` bytes of it; raise
    UnknownEncoding, DecodeError for what is no such data, or its kind TooLarge."""
    if encoding in ("", "identity"):
        return raw
    codec = _CODECS.get(encoding)
    if codec is None:
        raise UnknownEncoding(
            f"Content-Encoding {encoding[:40]!r} is not taken; send gzip, zstd or none"
        )
    return codec(raw, limit)
