"""One trace ready to be drawn, and a bounded cache of them: the skeleton every part answers from."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.findings import errors_below
from viewer.analysis.self_time import self_times
from viewer.analysis.visible import Children, children_of
from viewer.store.base import SpanStore
from viewer.trace.tree import TraceTree, build_tree

_MOST_SPANS = 1_500_000
_FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class LoadedTrace:
    """A trace's tree with what is computed once for all its windows."""

    tree: TraceTree
    children: Children
    self_ns: NDArray[np.int64]
    errors_below: NDArray[np.int64]


@dataclass(slots=True)
class _Entry:
    trace: LoadedTrace
    stored_rows: int
    generation: int
    checked_at: float


class TraceCache:
    """The traces drawn last, at most _MOST_SPANS spans of them. A trace is looked up again when the
    store has changed, though not more often than every two seconds, so that windows of a large
    trace stay quick while spans pour in."""

    def __init__(self, store: SpanStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, trace_id: str) -> LoadedTrace | None:
        """Return the trace, or None if it is unknown; raises StoreError."""
        with self._lock:
            entry = self._entries.get(trace_id)
            if entry is not None:
                self._entries.move_to_end(trace_id)
        now, generation = self._clock(), self._store.generation
        if entry is not None and (
            entry.generation == generation or now - entry.checked_at < _FRESH_S
        ):
            return entry.trace
        columns = self._store.get_columns(trace_id)
        if columns is None:
            with self._lock:
                self._entries.pop(trace_id, None)
            return None
        if entry is not None and entry.stored_rows == len(columns):
            entry.generation, entry.checked_at = generation, now
            return entry.trace
        tree = build_tree(columns)
        trace = LoadedTrace(tree, children_of(tree), self_times(tree), errors_below(tree))
        self._keep(trace_id, _Entry(trace, len(columns), generation, now))
        return trace

    def _keep(self, trace_id: str, entry: _Entry) -> None:
        with self._lock:
            self._entries[trace_id] = entry
            self._entries.move_to_end(trace_id)
            spans = sum(len(known.trace.tree) for known in self._entries.values())
            while spans > _MOST_SPANS and len(self._entries) > 1:
                _, oldest = self._entries.popitem(last=False)
                spans -= len(oldest.trace.tree)
