"""One trace ready to be drawn, and a bounded cache of them: the skeleton every part answers from.

A trace can be had as it was sent, or with its times adjusted for clock skew."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.clock_skew import ClockSkew, clock_skew
from viewer.analysis.critical_path import CriticalPath, critical_path
from viewer.analysis.findings import errors_below
from viewer.analysis.flame import FlameGraph, flame_graph
from viewer.analysis.overview import Overview, overview
from viewer.analysis.self_time import self_times
from viewer.analysis.visible import Children, children_of
from viewer.store.base import SpanStore
from viewer.trace.columns import TraceColumns
from viewer.trace.span import Span
from viewer.trace.tree import Rows, TraceTree, build_tree, with_starts

MOST_SPANS = 1_500_000
MOST_TRACES = 64
MOST_FOUND = 8
MOST_COMPARED = 2
_FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class LoadedTrace:
    """A trace's tree with what is computed once for all its windows. ``found`` remembers the rows
    that the last find terms found, at most MOST_FOUND of them; `remember` fills it. The critical
    path is computed when it is first asked for. ``adjusted`` says that clock skew is taken out of
    the tree's times."""

    tree: TraceTree
    children: Children
    self_ns: NDArray[np.int64]
    errors_below: NDArray[np.int64]
    adjusted: bool = False
    found: dict[str, Rows] = field(default_factory=dict, compare=False)
    _critical: list[CriticalPath] = field(default_factory=list, compare=False, repr=False)
    _flame: list[FlameGraph] = field(default_factory=list, compare=False, repr=False)
    _overview: list[Overview] = field(default_factory=list, compare=False, repr=False)
    _skew: list[ClockSkew] = field(default_factory=list, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def critical(self) -> CriticalPath:
        """Return the critical path; who asks for it meanwhile waits for the one being computed."""
        with self._lock:
            if not self._critical:
                self._critical.append(critical_path(self.tree))
            return self._critical[0]

    @property
    def flame(self) -> FlameGraph:
        """Return the flame graph; computed when it is first asked for, likewise."""
        with self._lock:
            if not self._flame:
                self._flame.append(flame_graph(self.tree, self.self_ns))
            return self._flame[0]

    @property
    def skew(self) -> ClockSkew:
        """Return what is to be moved for clock skew or, in an adjusted trace, what was; likewise."""
        with self._lock:
            if not self._skew:
                self._skew.append(clock_skew(self.tree))
            return self._skew[0]

    def overview(self) -> Overview:
        """Return what the skeleton tells; computed when it is first asked for, likewise."""
        with self._lock:
            if not self._overview:
                self._overview.append(overview(self.tree, self.children, self.self_ns))
            return self._overview[0]

    def remember(self, find: str, rows: Rows) -> Rows:
        """Keep what a term found for the windows that follow, and return it."""
        if len(self.found) >= MOST_FOUND:
            self.found.clear()
        self.found[find] = rows
        return rows


@dataclass(slots=True)
class _Entry:
    trace: LoadedTrace
    content: tuple[int, ...]
    generation: int
    checked_at: float


class TraceCache:
    """The traces drawn last: at most MOST_TRACES of them, and MOST_SPANS spans (or two traces that are
    larger, so that any two can be compared). A trace is looked up again when the store has changed,
    though not more often than every two seconds, so that windows of a large trace stay quick while
    spans pour in."""

    def __init__(
        self,
        store: SpanStore,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._clock, self._now_ns = store, clock, now_ns
        self._entries: OrderedDict[tuple[str, bool], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, trace_id: str) -> LoadedTrace | None:
        """Return the trace, or None if it is unknown; raises StoreError."""
        with self._lock:
            entry = self._entries.get((trace_id, False))
            if entry is not None:
                self._entries.move_to_end((trace_id, False))
        now, generation = self._clock(), self._store.generation
        if entry is not None and (
            entry.generation == generation or now - entry.checked_at < _FRESH_S
        ):
            return entry.trace
        columns = self._store.get_columns(trace_id)
        if columns is None:
            with self._lock:
                for adjusted in (False, True):
                    self._entries.pop((trace_id, adjusted), None)
            return None
        content = content_of(columns)
        if entry is not None and entry.content == content:
            entry.generation, entry.checked_at = generation, now
            return entry.trace
        tree = build_tree(columns, self._now_ns())
        trace = _loaded(tree)
        self._keep((trace_id, False), _Entry(trace, content, generation, now))
        return trace

    def get_adjusted(self, trace_id: str) -> LoadedTrace | None:
        """Return the trace with its times adjusted for clock skew: as it was sent where there is
        none. None if it is unknown; raises StoreError."""
        sent = self.get(trace_id)
        if sent is None or not len(sent.skew):
            return sent
        key = (trace_id, True)
        content = content_of(sent.tree.columns)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.content == content:
                self._entries.move_to_end(key)
                return entry.trace
        start_ns = sent.tree.columns.start_ns + sent.skew.shift_ns
        tree, old_rows = with_starts(sent.tree, start_ns, self._now_ns())
        skew = sent.skew.rearranged(old_rows)
        trace = replace(_loaded(tree), adjusted=True, _skew=[skew])
        self._keep(key, _Entry(trace, content, 0, 0.0))
        return trace

    def recheck(self, trace_id: str) -> None:
        """Look the trace up at the next request for it, however shortly that was done before."""
        with self._lock:
            entry = self._entries.get((trace_id, False))
            if entry is not None:
                entry.checked_at = -_FRESH_S

    def _keep(self, key: tuple[str, bool], entry: _Entry) -> None:
        with self._lock:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            spans = sum(len(known.trace.tree) for known in self._entries.values())
            while len(self._entries) > MOST_COMPARED and (
                spans > MOST_SPANS or len(self._entries) > MOST_TRACES
            ):
                _, oldest = self._entries.popitem(last=False)
                spans -= len(oldest.trace.tree)


def _loaded(tree: TraceTree) -> LoadedTrace:
    return LoadedTrace(tree, children_of(tree), self_times(tree), errors_below(tree))


def spans_of_rows(store: SpanStore, trace: LoadedTrace, rows: Sequence[int]) -> dict[int, Span]:
    """Fetch the span objects of a few rows, with the trace's times; a row whose span has gone is
    absent. Raises StoreError."""
    sent = sent_spans(store, trace, rows)
    if not trace.adjusted:
        return sent
    return {row: _moved(span, int(trace.skew.shift_ns[row])) for row, span in sent.items()}


def _moved(span: Span, by_ns: int) -> Span:
    events = tuple(
        replace(event, time_ns=event.time_ns + by_ns) if event.time_ns else event
        for event in span.events
    )
    return replace(span, start_ns=span.start_ns + by_ns, events=events) if by_ns else span


def sent_spans(store: SpanStore, trace: LoadedTrace, rows: Sequence[int]) -> dict[int, Span]:
    """Fetch the span objects of a few rows as they were sent, likewise."""
    columns = trace.tree.columns
    wanted = {(int(columns.span_id[row]), int(columns.digest[row])): row for row in rows}
    ids = sorted({span_id for span_id, _ in wanted})
    stored = store.get_spans(trace.tree.trace_id, ids) if ids else []
    return {
        wanted[key]: found.span
        for found in stored
        if (key := (found.span.span_id, found.digest)) in wanted
    }


def content_of(columns: TraceColumns) -> tuple[int, int, int]:
    """Return what differs when spans have come or gone, in whatever order they are stored."""
    digests, ids = columns.digest.astype(np.uint64), columns.span_id
    # Sums wrap around; that is as good.
    return len(columns), int(digests.sum()), int((ids ^ digests).sum())
