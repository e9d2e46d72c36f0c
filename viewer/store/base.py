"""SpanStore: the contract of every storage engine. `tests/store/contract.py` is its executable form.

Durability: what `write_spans` has returned for survives kill -9 (memory engine excepted).
Absence: unknown services, traces and spans give empty answers or None, never an error.
Order: as said per method; nothing is left to chance. Threads: every method may be called from any
thread; one writer at a time is the caller's duty. Re-deliveries (equal content) count once in
everything about single traces; `stats` counts stored rows and says so by its name.
Times in nanoseconds; IDs as in `trace.ids`. A span is stored with its end clamped to 63 bits.
A trace's bounds are those of its spans that have a start time, as in `trace.tree`.
Earliest: by start, span ID, kind, service, name, duration, parent ID. Text sorts by code point.
Letter case is ignored letter by letter (`fold_case`), so that every engine agrees.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from viewer.search.events import EventQuery
from viewer.search.query import MAX_LIMIT, Cursor, Sort, TraceQuery
from viewer.trace.batch import SpanBatch
from viewer.trace.columns import TraceColumns
from viewer.trace.ids import lower_half
from viewer.trace.report import Rejection
from viewer.trace.span import Event, OpenEnd, Span, SpanKind, StatusCode
from viewer.trace.summary import DependencyLink, Operation, RemovedTrace, TraceSummary

SpanKey = tuple[str, int]
"""A span by its trace ID and its ID as sent."""
RECENT_SPANS = 20_000
MAX_SUGGESTED = 1_000
MOST_OPERATIONS = 20_000
MOST_REMEMBERED = 100_000


class StoreError(Exception):
    """The store cannot do this; the message is one line for the user."""


class StoreUnavailable(StoreError):
    """The store cannot be written or read now, whatever it is asked; later it may be again."""


class OutOfMemory(StoreUnavailable):
    """The store's memory does not do for this, at least not beside what else it does now."""


class StoreLocked(StoreError):
    """Another process holds the file; the message says which, where that can be known."""


class StoreForeign(StoreError):
    """The file is not this engine's, or of a newer version."""


class ReadOnly(StoreError):
    """The store was opened read-only."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; the zero value is the least able."""

    durable: bool = False
    writable: bool = False
    prunes: bool = False


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span with the content digest under which `get_columns` lists it."""

    digest: int
    span: Span


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, and its span by ID as sent and content digest."""

    span_id: int
    digest: int
    event: Event


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some of the events that were asked for; ``total`` counts them all, exactly."""

    events: tuple[StoredEvent, ...]
    total: int


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A stored span that is not settled: where it stands, and what is open about it."""

    trace_id: str
    span_id: int
    parent_id: int
    open_ends: OpenEnd


@dataclass(frozen=True, slots=True)
class LinkingSpan:
    """A span that has a link to another one."""

    trace_id: str
    span_id: int
    service: str
    name: str
    start_ns: int


@dataclass(frozen=True, slots=True)
class Linking:
    """The first spans that link to one, and how many there are."""

    total: int
    spans: tuple[LinkingSpan, ...]


@dataclass(frozen=True, slots=True)
class LateSpans:
    """Spans of a trace that were stored lately: how many, and when the last one was; 0 without one."""

    count: int
    newest_ns: int


@dataclass(frozen=True, slots=True)
class OperationPercentiles:
    """Durations of an operation's recent spans: how many were looked at, and a duration of theirs
    (nearest rank, in nanoseconds) for each quantile asked for, in that order."""

    samples: int
    durations_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PageExtent:
    """All traces of a page, those behind the query's ``head`` too: how many there are, the longest
    duration, and the first and the last start (0 where a trace has none)."""

    traces: int
    longest_ns: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class TracePage:
    """One page of results: ``traces`` are its first ones, as many as the query's ``head`` says, and
    ``extent`` is of all. ``next`` is None at the end."""

    traces: tuple[TraceSummary, ...]
    next: Cursor | None = None
    extent: PageExtent = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class TraceCounts:
    """``total`` counts all matching traces; ``stored_traces`` and ``searched_spans`` (rows, re-deliveries
    included, always exact) what there is within the query's time range. ``estimated_total`` is how many
    traces matched before sampling, as their weights tell; None where nothing stored was sampled. With
    ``one_in`` above 1 traces were not all counted: one in so many was, and the numbers are estimates."""

    total: int
    stored_traces: int
    searched_spans: int
    estimated_total: float | None = None
    one_in: int = 1


@dataclass(frozen=True, slots=True)
class DistributionCell:
    """A cell of the time × duration plane. Bounds in nanoseconds: time_ns ≤ trace start <
    time_ns + time step; duration bucket b holds floor(log2(max(duration,1)) * 2) = b."""

    time_ns: int
    duration_bucket: int
    traces: int
    errors: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """All matching traces of a query over time and duration; estimates where ``one_in`` is above 1, as
    in `TraceCounts`."""

    start_ns: int
    step_ns: int
    cells: tuple[DistributionCell, ...]
    one_in: int = 1


@dataclass(frozen=True, slots=True)
class ServiceStats:
    """What is stored of a service."""

    service: str
    span_rows: int
    oldest_ns: int
    newest_ns: int


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is stored. ``span_rows`` includes re-deliveries; ``bytes`` is the space in use on disk,
    without freed space that later writes fill (0 in memory). oldest/newest are span starts, 0 when
    there is none."""

    span_rows: int
    traces: int
    bytes: int
    oldest_ns: int
    newest_ns: int
    services: tuple[ServiceStats, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention removed: span rows, and how many of them for which reason."""

    span_rows: int
    by_age: int
    by_size: int


FILE_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FileImport:
    """How far a file has been imported. It is known by its content: ``digest`` is of its first
    ``bytes`` bytes, ``head_digest`` of the first FILE_HEAD_BYTES of it (or of all). ``path`` and
    ``status`` are where it was, and what the file system said of it, when its ``digest`` was taken;
    ``status`` is empty where that says nothing.

    ``spans`` spans are stored of it, which end at ``place``, as whoever imports it has written that;
    ``noted_ns`` is when. Of one ``key`` the last note stands.
    """

    key: str
    path: str
    status: str
    bytes: int
    digest: str
    head_digest: str
    place: str
    spans: int
    is_done: bool
    noted_ns: int


class SpanTable(Protocol):
    """A file's spans, to be iterated once, in chunks. ``rejected`` says what was left out."""

    rejected: list[Rejection]

    def __iter__(self) -> Iterator[SpanBatch]: ...

    def close(self) -> None:
        """Release the file; done by itself after the last chunk."""


class SpanStore(Protocol):
    """A place for spans. See the module's text for the promises common to all methods."""

    capabilities: Capabilities
    url: str

    @property
    def generation(self) -> int:
        """A number that grows with every write and prune, across restarts where the engine is
        durable; equal numbers mean unchanged content."""

    def close(self) -> None:
        """Flush and release; later calls are errors."""

    def write_spans(
        self,
        batches: Sequence[SpanBatch],
        mark: int | None = None,
        replaced: Sequence[SpanKey] = (),
        imports: Sequence[FileImport] = (),
    ) -> None:
        """Store the batches in one transaction, with ``mark`` as the new `journal_mark`. All rows of
        the ``replaced`` spans go in the same transaction, before it; they are few. A batch's weight
        is kept with its rows; a trace's is the smallest of them. The ``imports``, of different keys,
        are noted in the same transaction."""

    def imports_of(self, path: str, head_digest: str, most_bytes: int) -> list[FileImport]:
        """Return what was noted of the file at this path, and of all that may be the begin of one
        with this ``head_digest`` and ``most_bytes`` bytes; what was noted last comes first."""
        ...

    def import_noted(self, key: str) -> FileImport | None:
        """Return the last note of this key, None without one."""

    def open_spans(self, since_ns: int) -> list[OpenSpan]:
        """Return the spans with an open end that were stored at ``since_ns`` or later, in no order."""

    def journal_mark(self) -> int:
        """Return the mark of the last committed write that carried one; 0 at first."""

    def find_traces(self, query: TraceQuery) -> TracePage:
        """Return the matching traces in the query's sort order, after its cursor. The limit is held
        within 1 to MAX_LIMIT, the head within 1 to the limit. The next page begins behind the limit;
        `cursor_of` says where one begins that goes on behind any trace returned."""

    def count_traces(self, query: TraceQuery, *, exact: bool = True) -> TraceCounts:
        """Count all matching traces (sort, limit and cursor ignored). Where that takes long it may be
        estimated from a part of the traces unless it is to be ``exact``."""
        ...

    def span_rows(self) -> int:
        """Return how many spans are stored, re-deliveries included; quick, however many they are."""
        ...

    def distribution(self, query: TraceQuery, columns: int, *, exact: bool = True) -> Distribution:
        """Count all matching traces (sort, limit and cursor ignored) in ``columns`` steps of time,
        over the query's time range or, where it has none, the matches' own extent. A trace that
        starts outside of it (only one of its spans starts within) counts in the nearest step. Cells
        are sorted by time, then duration. ``exact`` is as in `count_traces`."""

    def count_spans(self, trace_id: str) -> int:
        """Return how many spans of a trace are stored, re-deliveries included; 0 if it is unknown.
        It is quick: what it would take to load the trace is judged by it."""
        ...

    def get_columns(self, trace_id: str) -> TraceColumns | None:
        """Return a trace's columns in no order, re-deliveries included; None if unknown."""

    def get_spans(self, trace_id: str, span_ids: Sequence[int] | None = None) -> list[StoredSpan]:
        """Return a trace's spans (all, or those with these IDs as sent), by start, then span ID,
        then digest; re-deliveries once."""

    def late_spans(self, trace_id: str, since_ns: int) -> LateSpans:
        """Count a trace's spans that were stored after ``since_ns`` only: what is delivered again of
        those before is none of them, the final form of one that was in progress is."""

    def match_spans(self, trace_id: str, terms: Sequence[str]) -> list[tuple[int, int]]:
        """Return (span ID, digest) of the spans in which any term occurs, letter case ignored: in
        name, service, status message, span and resource attributes (as ``key=value``), or event
        names and attributes."""

    def spans_linking_to(self, trace_id: str, span_ids: Sequence[int], limit: int) -> Linking:
        """Return the spans, of whatever trace, that have a link to one of these of a trace (0 = to the
        trace as a whole): by start, then trace ID, span ID, service and name, re-deliveries once."""

    def attribute_of_spans(
        self, trace_id: str, key: str, span_ids: Sequence[int] | None = None
    ) -> dict[tuple[int, int], str]:
        """Return an attribute's value as text, by span ID and digest, of a trace's spans (all, or
        those with these IDs as sent) that have it: their own, else their resource's. Of several
        values of a span the first."""

    def attribute_keys_of_trace(self, trace_id: str, limit: int) -> list[str]:
        """Return the keys of span and resource attributes of a trace's spans, sorted."""

    def events_of_trace(self, trace_id: str, query: EventQuery) -> EventPage:
        """Return the events of a trace's spans that the query asks for, by time (an event without
        one stands at its span's start), then span ID, digest and place within the span. A page
        takes no more memory in a trace of millions."""

    def removed_trace(self, trace_id: str) -> RemovedTrace | None:
        """Return what is remembered of a trace of which retention removed spans; None if nothing is.
        Remembered are the MOST_REMEMBERED traces removed last (fewer where ``max_bytes`` is small); of
        one whose spans went by several prunes all are counted."""

    def traces_with_prefix(self, prefix: str, limit: int) -> list[str]:
        """Return stored trace IDs whose 32-digit or printed 16-digit form starts so, ascending; for
        16 digits also those whose lower half they are, as Datadog's users know a trace by it."""

    def traces_with_span(self, span_id: int, limit: int) -> list[str]:
        """Return IDs of traces that hold this span ID, ascending."""

    def services(self) -> list[str]:
        """Return the names of all services stored, sorted; the absent one ("") is not a name."""

    def operations(
        self, service: str, kind: int | None = None, limit: int = MOST_OPERATIONS
    ) -> list[Operation]:
        """Return the distinct operations of a service, sorted by name and kind; the first ones if
        there are more than ``limit``."""

    def operation_percentiles(
        self, pairs: Sequence[tuple[str, str]], quantiles: Sequence[float]
    ) -> dict[tuple[str, str], OperationPercentiles]:
        """Return how long operations, named by service and name, usually take, for those of which
        there are spans. Looked at are an operation's recent spans, re-deliveries included: the
        RECENT_SPANS rows of it that start last, and those that start with the first of these.
        Quantiles are from 0 to 1."""

    def attribute_keys(self, service: str | None, prefix: str, limit: int) -> list[str]:
        """Return keys of span and resource attributes that start so, in recent spans, sorted.
        Recent are the RECENT_SPANS rows of the service (or of all) that start last, and those that
        start in the same nanosecond as the first of these."""

    def attribute_values(self, service: str | None, key: str, prefix: str, limit: int) -> list[str]:
        """Return values of an attribute in recent spans that start so, most frequent first, then
        sorted. Values longer than MAX_SUGGESTED letters are left out."""

    def dependencies(self, start_ns: int, end_ns: int) -> list[DependencyLink]:
        """Count parent→child calls between services (a service's calls to itself included) for
        child spans that start in the range, sorted by parent and child. Of several spans with the
        parent's ID, the parent is chosen as in `trace.tree`."""

    def stats(self) -> StoreStats:
        """Count what is stored; services sorted by name."""

    def prune(self, before_ns: int | None, max_bytes: int | None) -> Pruned:
        """Remove spans that were stored before ``before_ns``, then those stored longest ago until
        ``stats().bytes`` is no larger than ``max_bytes``; the freed space is used again or given
        back. Age counts from storing, not from the span's start: a file from last year that is
        opened today stays as long as everything else. Whole writes go at a time."""

    def tend(self) -> bool:
        """Do a piece of what makes reads quicker, such as noting where things lie, without keeping
        writers for longer than a write does; say whether there is more to do. Raises StoreError."""
        ...

    def compact(self) -> int:
        """Give space that was freed back to the disk, if it is much; return how many bytes. Others may
        read and write meanwhile, but not prune. Raises StoreError if that has to wait."""
        ...


def sort_key(sort: Sort, trace: TraceSummary) -> int:
    """Return the number that a trace is sorted by."""
    if sort in (Sort.NEWEST, Sort.OLDEST):
        return trace.start_ns
    if sort in (Sort.LONGEST, Sort.SHORTEST):
        return trace.duration_ns
    return trace.spans if sort is Sort.MOST_SPANS else trace.errors


def cursor_of(sort: Sort, trace: TraceSummary) -> Cursor:
    """Return where the results go on behind this trace, in whichever engine they are."""
    return Cursor(sort_key(sort, trace), trace.start_ns, trace.trace_id)


def page_extent(traces: Iterable[tuple[int, int]]) -> PageExtent:
    """Return the extent of traces, each given as its start and its duration."""
    pairs = list(traces)
    starts = [start_ns for start_ns, _ in pairs]
    longest_ns = max((duration_ns for _, duration_ns in pairs), default=0)
    return PageExtent(len(pairs), longest_ns, min(starts, default=0), max(starts, default=0))


def page_sizes(query: TraceQuery) -> tuple[int, int]:
    """Return a query's limit and its head as they are held within bounds."""
    limit = max(1, min(query.limit, MAX_LIMIT))
    return limit, limit if query.head is None else max(1, min(query.head, limit))


def traces_with_lower_half(store: SpanStore, half: str, limit: int) -> list[str]:
    """Return IDs of traces whose last 16 digits these are, ascending."""
    return [found for found in store.traces_with_prefix(half, limit) if found.endswith(half)]


def trace_with_half(store: SpanStore, trace_id: str) -> str | None:
    """Return the stored trace whose lower half an ID of 64 bits is; None if it is longer, or if there
    is no such trace or more than one."""
    half = lower_half(trace_id)
    found = traces_with_lower_half(store, half, 2) if half else []
    return found[0] if len(found) == 1 else None


def percentiles(ordered: Sequence[int], quantiles: Sequence[float]) -> OperationPercentiles:
    """Return the quantiles of durations in ascending order, of which there is at least one."""
    count = len(ordered)
    ranks = (min(max(math.ceil(count * quantile), 1), count) for quantile in quantiles)
    return OperationPercentiles(count, tuple(int(ordered[rank - 1]) for rank in ranks))


def fold_case(text: str) -> str:
    """Return the text with each letter's simple lower-case form in its place (Unicode's mapping
    without context or expansion, which is what databases do)."""
    if text.isascii():
        return text.lower()
    return "".join(letter.lower()[0] for letter in text)


def field_of_tag(key: str, value: str) -> tuple[str, list[int]] | None:
    """Return the field ("kind" or "status") that a tag of a query means and the numbers that meet
    it, or None for an ordinary attribute. The rule is `TraceQuery`'s."""
    said = value.upper()
    if key == "error" and said in ("TRUE", "FALSE"):
        return "status", [
            code for code in StatusCode if (code == StatusCode.ERROR) == (said == "TRUE")
        ]
    if key == "span.kind":
        return "kind", [kind for kind in SpanKind if kind.name == said]
    if key == "otel.status_code":
        return "status", [code for code in StatusCode if code.name == said]
    return None


def time_steps(start_ns: int, end_ns: int, columns: int) -> tuple[int, int]:
    """Return where the steps of a distribution begin, and how long each is, at least 1 ns."""
    return start_ns, max(1, -(-(end_ns - start_ns) // columns))
