"""Lists of spans, whatever they are encoded in: taken one by one, in chunks, good beside bad."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from viewer.formats.base import CHUNK_SPANS, MAX_BAD_SPANS, Decoded, DecodeError

_Entry = TypeVar("_Entry")


def decode_list(
    entries: Iterator[tuple[str, _Entry]],
    read: Callable[[_Entry, Decoded], None],
    good: int = 0,
) -> Iterator[Decoded]:
    """Yield the chunks of a list: ``entries`` are its spans, each with its place, and ``read``
    appends or refuses one. ``good`` is not 0 if good ones were read before.

    Where the list breaks (``entries`` raises DecodeError) after good spans, what follows is one
    rejection; otherwise it is raised.
    """
    decoded, bad = Decoded(), 0
    try:
        for where, entry in entries:
            before = len(decoded.batch)
            decoded.where = where
            read(entry, decoded)
            decoded.where = ""
            if len(decoded.batch) > before:
                good += 1
            else:
                bad += 1
                if bad > MAX_BAD_SPANS:
                    raise DecodeError(f"more than {MAX_BAD_SPANS:,} bad spans in one list", where)
            if len(decoded.batch) >= CHUNK_SPANS:
                yield decoded
                decoded = Decoded()
    except DecodeError as error:
        if not good:
            raise
        decoded.where, decoded.breaks_off = "", True
        decoded.reject(error.reason, error.where)
    yield decoded


def whole(chunks: Iterator[Decoded]) -> Decoded:
    """Return a list's chunks as one, for a body that is answered once; raise what they raise."""
    first = next(chunks)
    for chunk in chunks:
        first.batch.extend(chunk.batch)
        first.rejected.extend(chunk.rejected)
        first.notes.extend(chunk.notes)
    return first
