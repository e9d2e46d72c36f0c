"""What a wire format is: the protocol, what is decoded, and the ways it can fail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from viewer.trace.batch import SpanBatch
from viewer.trace.report import Rejection

CHUNK_SPANS = 50_000
MAX_REASONS = 50
MAX_PLACES = 5
OTHER_REASONS = "other faults"
# A hostile list of nothing but tiny bad spans must not keep a thread for a minute.
MAX_BAD_SPANS = 100_000
# What is read of a span. In formats other than OTLP an event or link can be a few bytes on the wire
# and hundreds in memory, and a body holds millions of them; SDKs stop at 128 or 1,000 a span.
MAX_EVENTS = 10_000
MAX_LINKS = 10_000
_Item = TypeVar("_Item")


class DecodeError(ValueError):
    """Nothing of the input can be read. ``where`` is "byte 17" or "line 3", or empty."""

    def __init__(self, reason: str, where: str = "") -> None:
        self.reason, self.where = reason, where
        super().__init__(f"{where}: {reason}" if where else reason)


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes to decode, already decompressed. ``lenient`` is set for files: IDs that are no hex get
    a stable hash instead of being refused. Of a file's piece ``at`` and ``line`` are where it begins
    in the file, in bytes and lines, and ``more`` says whether another one follows."""

    data: bytes
    lenient: bool = False
    at: int = 0
    line: int = 1
    more: bool = False


@dataclass(slots=True)
class Decoded:
    """A chunk of decoded spans, and what beside them could not be kept.

    ``notes`` are about spans that are kept, or about things that are none (a link left out, a line
    of metrics). ``where`` is where the value being decoded stands in its file ("line 3"). A file
    that ``breaks_off`` here has nothing behind it that could be read.
    """

    batch: SpanBatch = field(default_factory=SpanBatch)
    rejected: list[Rejection] = field(default_factory=list)
    notes: list[Rejection] = field(default_factory=list)
    where: str = ""
    breaks_off: bool = False

    def reject(self, reason: str, where: str = "", count: int = 1) -> None:
        """Count one more span, or piece of a file, that is not kept, or several at once."""
        _count(self.rejected, reason, self._place(where), count)

    def note(self, reason: str, where: str = "") -> None:
        """Count one more thing worth saying that costs no span."""
        _count(self.notes, reason, self._place(where))

    def first(
        self, items: Sequence[_Item], most: int, what: str, where: str = ""
    ) -> tuple[Sequence[_Item], int]:
        """Return the first of a span's events or links, and how many are left out, which is noted
        once and is to be counted in the span's ``dropped``."""
        if len(items) <= most:
            return items, 0
        self.note(f"{what} beyond {most:,} a span were left out", where)
        return items[:most], len(items) - most

    @property
    def rejected_spans(self) -> int:
        return sum(rejection.count for rejection in self.rejected)

    def _place(self, where: str) -> str:
        return " ".join(part for part in (self.where, where) if part)


def _count(rows: list[Rejection], reason: str, place: str, count: int = 1) -> None:
    """Count equal reasons together, with their first places. Beyond MAX_REASONS all others share a
    row, so that a hostile body makes a report neither large nor slow."""
    row = next((row for row, known in enumerate(rows) if known.reason == reason), None)
    if row is None and len(rows) >= MAX_REASONS:
        reason, row = OTHER_REASONS, MAX_REASONS if len(rows) > MAX_REASONS else None
    if row is None:
        rows.append(Rejection(reason, count, place))
        return
    known = rows[row]
    if known.count < MAX_PLACES and place and place not in known.where.split(", "):
        place = f"{known.where}, {place}" if known.where else place
    else:
        place = known.where
    rows[row] = Rejection(reason, known.count + count, place)


class Format(Protocol):
    """A wire format. Knowledge of it, recognising it included, stays in its own folder."""

    name: str
    """Short and stable, as printed by import: ``otlp-json``."""
    title: str
    """For people: "OTLP JSON"."""

    def sniff(self, data: bytes) -> bool:
        """Say whether bytes (a file's content) look like this format; cheap, never raises."""

    def decode(self, payload: Payload) -> Iterator[Decoded]:
        """Yield the spans in chunks of about CHUNK_SPANS; raise DecodeError if nothing can be read."""


@runtime_checkable
class PiecewiseFormat(Format, Protocol):
    """A format of which a file's pieces can be decoded one after the other. A piece that breaks,
    behind others, is a rejection and not a DecodeError, and its chunk ``breaks_off``."""

    def sniff_begin(self, data: bytes) -> bool:
        """Say whether these bytes, behind which others follow, look like this format."""

    def cut(self, data: bytes) -> int:
        """Return how many of these bytes, of a file from where one of its units begins, are whole
        units; 0 if the first one is longer. What is malformed is left to `decode`."""
        ...


class JsonFormat(Protocol):
    """A format whose unit is one JSON value: `formats.documents` splits the text and asks each
    format about each value, so that a file may hold one value, a value a line, or many in a row."""

    name: str
    title: str

    def claims(self, value: object) -> bool:
        """Say whether a parsed JSON value has this format's shape; cheap, never raises. Asked about
        an array first: a format whose values belong together claims it, most take its items."""

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the value's spans to ``decoded.batch``; refuse single bad spans by
        ``decoded.reject(reason, where)``. Never raises for what a stranger may send."""
