"""A trace as a flame graph: its tree merged by path, each node as wide as the self times below it.

Self times add up where durations do not: what runs at once counts for each of those that run, so a
node is always as wide as its children and its own time together. All steps are linear in spans.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.merged import MergedTree, number_operations
from viewer.trace.span import StatusCode
from viewer.trace.tree import Rows, TraceTree

# Sums must fit into 64 bits; who claims to have run for centuries is cut to what does.
_MOST_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class FlameGraph:
    """The nodes in preorder, as in `TraceTree`. ``x_ns`` and ``width_ns`` place a node among all, in
    nanoseconds of self time; a node's children stand from its left on, its own time behind them.
    ``longest`` is the row of each node's longest span, ``node_of`` the node of each row."""

    parent: Rows
    depth: Rows
    subtree_end: Rows
    operation: Rows
    operations: Sequence[tuple[str, str]]
    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    self_ns: NDArray[np.int64]
    x_ns: NDArray[np.int64]
    width_ns: NDArray[np.int64]
    longest: NDArray[np.int64]
    node_of: Rows

    def __len__(self) -> int:
        return len(self.parent)

    def ancestors(self, node: int) -> list[int]:
        """Return the nodes from the root down to, but without, this one."""
        above: list[int] = np.flatnonzero(self.subtree_end[:node] > node).tolist()
        return above


def flame_graph(tree: TraceTree, self_ns: NDArray[np.int64]) -> FlameGraph:
    """Return the graph; self times are from `self_time.self_times`."""
    operations: dict[tuple[str, str], int] = {}
    numbers = number_operations(tree, operations)
    merged = MergedTree(len(operations))
    nodes = merged.add(tree.parent.tolist(), numbers.tolist())
    order, depth, subtree_end = merged.preorder()
    count = len(order)
    place = np.empty(count + 1, np.int32)
    # Node 0 of the merging stands above the roots.
    place[0] = -1
    place[order] = np.arange(count, dtype=np.int32)
    node_of = place[nodes]
    if self_ns.sum(dtype=np.float64) > _MOST_NS:
        self_ns = np.minimum(self_ns, _MOST_NS // len(self_ns))
    own = np.zeros(count, np.int64)
    np.add.at(own, node_of, self_ns)
    before = np.r_[0, np.cumsum(own)]
    # The own time of a node's ancestors stands behind it.
    change = np.zeros(count + 1, np.int64)
    change[1:] += own
    np.add.at(change, subtree_end, -own)
    durations = tree.columns.dur_ns
    longest = np.zeros(count, np.int64)
    # Assigned in ascending order of duration: the longest, of equal ones the first, comes last.
    rows = np.argsort(durations[::-1], kind="stable")
    rows = len(durations) - 1 - rows
    longest[node_of[rows]] = rows
    failed = tree.columns.status == StatusCode.ERROR
    return FlameGraph(
        parent=place[np.array(merged.parent, np.int32)[order]],
        depth=depth,
        subtree_end=subtree_end,
        operation=np.array(merged.operation, np.int32)[order],
        operations=tuple(operations),
        count=np.bincount(node_of, minlength=count),
        errors=np.bincount(node_of[failed], minlength=count),
        self_ns=own,
        x_ns=before[:-1] - np.cumsum(change[:-1]),
        width_ns=before[subtree_end] - before[:-1],
        longest=longest,
        node_of=node_of,
    )
