"""One trace ready to be drawn, and a bounded cache of them: the skeleton every part answers from.

A trace can be had as it was sent, or with its times adjusted for clock skew."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.clock_skew import ClockSkew, clock_skew
from viewer.analysis.critical_path import CriticalPath, critical_path
from viewer.analysis.findings import errors_below
from viewer.analysis.flame import FlameGraph, flame_graph
from viewer.analysis.overview import Overview, overview
from viewer.analysis.repeats import Repeats, repeats
from viewer.analysis.self_time import self_times
from viewer.analysis.visible import Children, children_of
from viewer.store.base import SpanStore
from viewer.store.cancel import check
from viewer.trace.columns import TraceColumns
from viewer.trace.span import Span
from viewer.trace.subtree import subtree
from viewer.trace.tree import Rows, TraceTree, build_tree, with_starts
from viewer.ui.loading import WAIT_S, Flights, Once, Room

MOST_SPANS = 1_500_000
MOST_TRACES = 64
MOST_FOUND = 8
MOST_COMPARED = 2
MOST_PARTS = 4
_FEW_SPANS = 10_000
_FRESH_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedTrace:
    """A trace's tree with what is computed once for all its windows. ``found`` remembers the rows
    that the last find terms found, at most MOST_FOUND of them; `remember` fills it. What not every
    view needs is computed when it is first asked for, and raises Busy while too much else is.
    Nothing that is remembered may grow faster than the trace: the cache counts its spans.
    ``adjusted`` says that clock skew is taken out of the tree's times."""

    tree: TraceTree
    children: Children
    self_ns: NDArray[np.int64]
    errors_below: NDArray[np.int64]
    adjusted: bool = False
    found: dict[str, Rows] = field(default_factory=dict, compare=False)
    room: Room = field(default_factory=Room, compare=False, repr=False)
    _critical: Once[CriticalPath] = field(default_factory=Once, compare=False, repr=False)
    _flame: Once[FlameGraph] = field(default_factory=Once, compare=False, repr=False)
    _overview: Once[Overview] = field(default_factory=Once, compare=False, repr=False)
    _repeats: Once[Repeats] = field(default_factory=Once, compare=False, repr=False)
    _skew: Once[ClockSkew] = field(default_factory=Once, compare=False, repr=False)
    _parts: OrderedDict[int, "LoadedTrace"] = field(
        default_factory=OrderedDict, compare=False, repr=False
    )
    _parts_lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def critical(self) -> CriticalPath:
        """Return the critical path."""
        return self._once(self._critical, lambda: critical_path(self.tree))

    @property
    def flame(self) -> FlameGraph:
        """Return the flame graph."""
        return self._once(self._flame, lambda: flame_graph(self.tree, self.self_ns))

    @property
    def repeats(self) -> Repeats:
        """Return the repeated siblings."""
        return self._once(self._repeats, lambda: repeats(self.tree, self.children))

    @property
    def skew(self) -> ClockSkew:
        """Return what is to be moved for clock skew or, in an adjusted trace, what was."""
        return self._once(self._skew, lambda: clock_skew(self.tree))

    def overview(self) -> Overview:
        """Return what the skeleton tells."""
        return self._once(self._overview, lambda: overview(self.tree, self.children, self.self_ns))

    def _once(self, kept: Once[T], make: Callable[[], T]) -> T:
        def make_in_turn() -> T:
            with self.room.taken(len(self.tree)):
                check()
                return make()

        return kept.get(make_in_turn)

    def part(self, row: int) -> "LoadedTrace":
        """Return a row's span and all below it as a trace of its own. The last few are remembered, at
        most as many spans of them as the trace has, or _FEW_SPANS."""
        with self._parts_lock:
            part = self._parts.pop(row, None)
            if part is None:
                with self.room.taken(int(self.tree.subtree_end[row]) - row):
                    part = self._make_part(row)
            self._parts[row] = part
            most = max(len(self.tree), _FEW_SPANS)
            while len(self._parts) > 1 and (
                len(self._parts) > MOST_PARTS
                or sum(len(each.tree) for each in self._parts.values()) > most
            ):
                self._parts.popitem(last=False)
            return part

    def _make_part(self, row: int) -> "LoadedTrace":
        tree, end = subtree(self.tree, row), int(self.tree.subtree_end[row])
        own, below = self.self_ns[row:end], self.errors_below[row:end]
        # What was moved is not to be seen in the part's times any more.
        skew = Once(self.skew.within(row, end)) if self.adjusted else Once[ClockSkew]()
        return LoadedTrace(
            tree, children_of(tree), own, below, self.adjusted, room=self.room, _skew=skew
        )

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
        wait_s: float = WAIT_S,
    ) -> None:
        self._store, self._clock, self._now_ns = store, clock, now_ns
        self._entries: OrderedDict[tuple[str, bool], _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._room = Room(wait_s=wait_s)
        self._flights: Flights[LoadedTrace | None] = Flights(wait_s)

    def get(self, trace_id: str) -> LoadedTrace | None:
        """Return the trace, or None if it is unknown; raises StoreError, and Busy if too much else is
        being loaded. Who asks for a trace that is being loaded gets that one."""
        return self._fresh(trace_id) or self._flights.join(
            trace_id,
            # Between the look and the flight another one may have landed.
            lambda: self._fresh(trace_id) or self._load(trace_id),
        )

    def _fresh(self, trace_id: str) -> LoadedTrace | None:
        with self._lock:
            entry = self._entries.get((trace_id, False))
            if entry is None:
                return None
            self._entries.move_to_end((trace_id, False))
        known = entry.generation == self._store.generation
        return entry.trace if known or self._clock() - entry.checked_at < _FRESH_S else None

    def _load(self, trace_id: str) -> LoadedTrace | None:
        now, generation = self._clock(), self._store.generation
        with self._room.taken(self._store.count_spans(trace_id)):
            columns = self._store.get_columns(trace_id)
            if columns is None:
                with self._lock:
                    for adjusted in (False, True):
                        self._entries.pop((trace_id, adjusted), None)
                return None
            content = content_of(columns)
            with self._lock:
                entry = self._entries.get((trace_id, False))
            if entry is not None and entry.content == content:
                entry.generation, entry.checked_at = generation, now
                return entry.trace
            check()
            tree = build_tree(columns, self._now_ns())
            check()
            trace = self._loaded(tree)
            self._keep((trace_id, False), _Entry(trace, content, generation, now))
            return trace

    def get_adjusted(self, trace_id: str) -> LoadedTrace | None:
        """Return the trace with its times adjusted for clock skew: as it was sent where there is
        none. None if it is unknown; raises StoreError."""
        sent = self.get(trace_id)
        if sent is None or not len(sent.skew):
            return sent
        return self._adjusted(sent) or self._flights.join(
            (trace_id, True), lambda: self._adjusted(sent) or self._adjust(sent)
        )

    def _adjusted(self, sent: LoadedTrace) -> LoadedTrace | None:
        key, content = (sent.tree.trace_id, True), content_of(sent.tree.columns)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.content != content:
                return None
            self._entries.move_to_end(key)
            return entry.trace

    def _adjust(self, sent: LoadedTrace) -> LoadedTrace:
        skew = sent.skew
        with self._room.taken(len(sent.tree)):
            start_ns = sent.tree.columns.start_ns + skew.shift_ns
            tree, old_rows = with_starts(sent.tree, start_ns, self._now_ns())
            moved = Once(skew.rearranged(old_rows))
            trace = replace(self._loaded(tree), adjusted=True, _skew=moved)
        content = content_of(sent.tree.columns)
        self._keep((sent.tree.trace_id, True), _Entry(trace, content, 0, 0.0))
        return trace

    def _loaded(self, tree: TraceTree) -> LoadedTrace:
        below, own_ns = errors_below(tree), self_times(tree)
        return LoadedTrace(tree, children_of(tree), own_ns, below, room=self._room)

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
