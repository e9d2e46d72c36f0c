"""The decoder of OTLP requests in use: the compiled one once it is warm, the plain one until then.

Compiling takes some ten seconds the first time (the result is kept on disk) and about one later; no
server waits for it, and where numba cannot be had, the plain decoder serves for good.
"""

import logging
from collections.abc import Callable
from importlib import import_module
from typing import cast

from viewer.formats.base import Decoded
from viewer.formats.bulk import Bulk, BulkColumns
from viewer.formats.otlp import protobuf

_COMPILED = "viewer.formats.otlp.compiled"
_log = logging.getLogger(__name__)


class OtlpDecoder:
    """Decodes request bodies; `warm_up` may run in a thread of its own meanwhile."""

    def __init__(self) -> None:
        self._compiled: Callable[[bytes], Decoded | None] | None = None
        self._columns: Callable[[], BulkColumns] | None = None
        self.bulk = Bulk(self._begin, self.decode_request)

    @property
    def is_compiled(self) -> bool:
        return self._compiled is not None

    def decode_request(self, body: bytes) -> Decoded:
        """Decode the body of an OTLP/HTTP or gRPC export, whole; raise DecodeError."""
        decoded = self._compiled(body) if self._compiled else None
        return protobuf.decode_request(body) if decoded is None else decoded

    def warm_up(self) -> None:
        """Load and compile the fast decoder, and use it from then on."""
        try:
            module = import_module(_COMPILED)
        except ImportError as error:
            _log.warning("numba is not to be had, so OTLP is decoded slowly: %s", error)
            return
        decode = cast(Callable[[bytes], Decoded | None], module.decode_request)
        decode(module.SAMPLE)
        self._compiled = decode
        self._columns = cast(Callable[[], BulkColumns], module.Columns)

    def _begin(self) -> BulkColumns | None:
        return self._columns() if self._columns else None
