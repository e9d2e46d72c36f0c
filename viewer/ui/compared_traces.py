"""A bounded cache of comparisons: filters, orders and nodes of one pair answer from the same one."""

import threading
from collections import OrderedDict

from viewer.analysis.compare import Comparison, compare
from viewer.ui.loaded_trace import LoadedTrace, content_of
from viewer.ui.loading import Flights

MOST_NODES = 2_500_000
MOST_PAIRS = 16
_Key = tuple[object, ...]


class ComparisonCache:
    """The comparisons made last: at most MOST_PAIRS of them, and MOST_NODES nodes (or one that has
    more). A trace that has changed is compared anew."""

    def __init__(self) -> None:
        self._entries: OrderedDict[_Key, Comparison] = OrderedDict()
        self._lock = threading.Lock()
        self._flights: Flights[Comparison] = Flights()

    def get(self, a: LoadedTrace, b: LoadedTrace) -> Comparison:
        """Return the comparison of two traces; raises Busy while too much else is being made."""
        key = (*_key(a), *_key(b))
        known = self._known(key)
        if known is not None:
            return known
        # Between the look and the flight another one may have landed.
        return self._flights.join(key, lambda: self._known(key) or self._make(key, a, b))

    def _known(self, key: _Key) -> Comparison | None:
        with self._lock:
            known = self._entries.get(key)
            if known is not None:
                self._entries.move_to_end(key)
            return known

    def _make(self, key: _Key, a: LoadedTrace, b: LoadedTrace) -> Comparison:
        with a.room.taken(len(a.tree) + len(b.tree)):
            made = compare(a.tree, a.self_ns, b.tree, b.self_ns)
        with self._lock:
            self._entries[key] = made
            nodes = sum(len(entry) for entry in self._entries.values())
            while len(self._entries) > 1 and (
                nodes > MOST_NODES or len(self._entries) > MOST_PAIRS
            ):
                _, oldest = self._entries.popitem(last=False)
                nodes -= len(oldest)
        return made


def _key(trace: LoadedTrace) -> _Key:
    return (trace.tree.trace_id, *content_of(trace.tree.columns))
