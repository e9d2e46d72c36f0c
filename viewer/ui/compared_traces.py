"""A bounded cache of comparisons: filters, orders and nodes of one pair answer from the same one."""

import threading
from collections import OrderedDict

from viewer.analysis.compare import Comparison, compare
from viewer.ui.loaded_trace import LoadedTrace, content_of

MOST_NODES = 2_500_000
MOST_PAIRS = 16
_Key = tuple[object, ...]


class ComparisonCache:
    """The comparisons made last: at most MOST_PAIRS of them, and MOST_NODES nodes (or one that has
    more). A trace that has changed is compared anew."""

    def __init__(self) -> None:
        self._entries: OrderedDict[_Key, Comparison] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, a: LoadedTrace, b: LoadedTrace) -> Comparison:
        """Return the comparison of two traces."""
        key = (*_key(a), *_key(b))
        with self._lock:
            known = self._entries.get(key)
            if known is not None:
                self._entries.move_to_end(key)
                return known
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
