"""A trace as a flame graph: its tree merged by path, each node as wide as the self times below it.

Self times add up where durations do not: what runs at once counts for each of those that run, so a
node is always as wide as its children and its own time together. All steps are linear in spans.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.merged import MergedForest, merge, spans_of_nodes
from viewer.trace.tree import Rows, TraceTree

# Sums must fit into 64 bits; who claims to have run for centuries is cut to what does.
_MOST_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class FlameGraph(MergedForest):
    """``x_ns`` and ``width_ns`` place a node among all, in nanoseconds of self time; a node's children
    stand from its left on, its own time behind them. ``longest`` is the row of each node's longest
    span, ``node_of`` the node of each row."""

    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    self_ns: NDArray[np.int64]
    x_ns: NDArray[np.int64]
    width_ns: NDArray[np.int64]
    longest: NDArray[np.int64]
    node_of: Rows

    def ancestors(self, node: int) -> list[int]:
        """Return the nodes from the root down to, but without, this one."""
        above: list[int] = np.flatnonzero(self.subtree_end[:node] > node).tolist()
        return above


def flame_graph(tree: TraceTree, self_ns: NDArray[np.int64]) -> FlameGraph:
    """Return the graph; self times are from `self_time.self_times`."""
    forest, (node_of,) = merge(tree)
    count = len(forest)
    if self_ns.sum(dtype=np.float64) > _MOST_NS:
        self_ns = np.minimum(self_ns, _MOST_NS // len(self_ns))
    own = np.zeros(count, np.int64)
    np.add.at(own, node_of, self_ns)
    before = np.r_[0, np.cumsum(own)]
    # The own time of a node's ancestors stands behind it.
    change = np.zeros(count + 1, np.int64)
    change[1:] += own
    np.add.at(change, forest.subtree_end, -own)
    spans = spans_of_nodes(tree, node_of, count)
    return FlameGraph(
        parent=forest.parent,
        depth=forest.depth,
        subtree_end=forest.subtree_end,
        operation=forest.operation,
        operations=forest.operations,
        count=spans.count,
        errors=spans.errors,
        self_ns=own,
        x_ns=before[:-1] - np.cumsum(change[:-1]),
        width_ns=before[forest.subtree_end] - before[:-1],
        longest=spans.longest,
        node_of=node_of,
    )
