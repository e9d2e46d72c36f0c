"""Answers in gzip for browsers that take it: a trace page shrinks to a tenth."""

import gzip
import zlib
from collections.abc import Iterable, Iterator

from flask import Response, request

_TYPES = ("text/html", "text/css", "text/javascript", "image/svg+xml", "application/json")
_LEAST_BYTES = 1024
# Higher levels take longer for little: a trace page of 95 kB shrinks to 10 kB here, to 9 kB at 9.
_LEVEL = 4


def compress(response: Response) -> Response:
    """Compress an answer's body where that pays and the client allows it.

    Sizes that give content away (BREACH) need another site that makes a signed-in browser ask; the
    session cookie is SameSite=Lax, so what another site embeds or fetches comes without it.
    """
    if response.mimetype not in _TYPES or response.status_code in (204, 206, 304):
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
        return response
    if response.is_streamed and not response.direct_passthrough:
        # A download of any size, which is not held in memory for this either.
        response.response = _gzip(response.iter_encoded())
        response.headers["Content-Encoding"] = "gzip"
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) >= _LEAST_BYTES and request.method != "HEAD":
        response.set_data(gzip.compress(body, _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        # The entity is another one than the uncompressed: a strong tag may not name both.
        etag, _ = response.get_etag()
        if etag is not None:
            response.set_etag(etag, weak=True)
    return response


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=zlib.MAX_WBITS | 16)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
