"""Columns that requests are appended to before they are stored: what a format may offer besides
decoding request by request, where that is much cheaper."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viewer.formats.base import Decoded
from viewer.trace.batch import SpanBatch
from viewer.trace.span import Resource


@dataclass(frozen=True, slots=True)
class Appended:
    """What one request has added: when its spans start, and the last of its resources."""

    start_ns: NDArray[np.int64]
    resource: Resource | None


class BulkColumns(Protocol):
    """Spans of requests, one behind the other. One thread at a time."""

    def __len__(self) -> int:
        """Return how many spans there are."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether there are enough spans, or bytes, to be stored for themselves."""
        ...

    def append(self, body: bytes) -> Appended | None:
        """Append all spans of a request's body; None, and nothing is appended, if the request has to
        be decoded by itself, because of what is in it or because there is no room."""

    def undo(self) -> None:
        """Take back the request that was appended last; once only."""

    def seal(self) -> SpanBatch:
        """Return the spans; nothing can be appended from then on."""
        ...


@dataclass(frozen=True, slots=True)
class Bulk:
    """``begin`` returns new columns, or None while requests have to be decoded by themselves;
    ``decode`` does that with a body that was appended once, and raises DecodeError."""

    begin: Callable[[], BulkColumns | None]
    decode: Callable[[bytes], Decoded]
