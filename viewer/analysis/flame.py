"""A trace as a flame graph: its tree merged by path, each node as wide as the self times below it.

So a node's own part and its children fill it exactly: nothing is inflated to cover what lies below
(as Jaeger does, whose width is the summed duration), nothing overlaps, and equal widths are equal
amounts of work, also where calls ran at the same time. Where no span took any time, widths are
numbers of spans instead. All steps are linear in spans, whatever the depth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.merged import MergedForest, merge, spans_of_nodes
from viewer.trace.tree import Rows, TraceTree

WHOLE = -1
"""Stands above the roots: the node whose children they are."""
# Sums must fit into 64 bits; who claims to have run for centuries is cut to what does.
_MOST_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class FlameGraph(MergedForest):
    """``width`` is a node's with all below it, in nanoseconds of self time or, with ``by_count``, in
    spans. ``longest`` is the row of each node's longest span, ``node_of`` the node of each row."""

    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    total_ns: NDArray[np.float64]
    self_ns: NDArray[np.int64]
    width: NDArray[np.int64]
    by_count: bool
    longest: NDArray[np.int64]
    node_of: Rows

    @property
    def own(self) -> NDArray[np.int64]:
        """Return what of each node's width is not its children's."""
        return self.count if self.by_count else self.self_ns

    def within(self, node: int) -> tuple[int, int]:
        """Return where a node and those below it begin and end; of ``WHOLE``, all of them."""
        return (0, len(self)) if node == WHOLE else (node, int(self.subtree_end[node]))

    def width_of(self, node: int) -> int:
        """Return a node's width; of ``WHOLE``, of all roots together."""
        return int(self.own.sum() if node == WHOLE else self.width[node])

    def path(self, node: int) -> list[int]:
        """Return the nodes from the root down to, and with, this one; none for ``WHOLE``."""
        if node == WHOLE:
            return []
        above: list[int] = np.flatnonzero(self.subtree_end[:node] > node).tolist()
        return [*above, node]


@dataclass(frozen=True, slots=True)
class Box:
    """A node as drawn: ``x`` and ``width`` are shares of the shown width, ``level`` counts from the
    top shown. With ``hidden`` it stands for so many nodes below ``node`` that are not drawn."""

    node: int
    level: int
    x: float
    width: float
    hidden: int = 0


def flame_graph(tree: TraceTree, self_ns: NDArray[np.int64]) -> FlameGraph:
    """Merge a trace's spans; ``self_ns`` is from `self_time.self_times`."""
    forest, (node_of,) = merge(tree)
    count = len(forest)
    if self_ns.sum(dtype=np.float64) > _MOST_NS:
        self_ns = np.minimum(self_ns, _MOST_NS // len(self_ns))
    own_ns = np.zeros(count, np.int64)
    np.add.at(own_ns, node_of, self_ns)
    spans = spans_of_nodes(tree, node_of, count)
    by_count = not own_ns.any()
    before = np.r_[0, np.cumsum(spans.count if by_count else own_ns)]
    durations = tree.columns.dur_ns.astype(np.float64)
    return FlameGraph(
        parent=forest.parent,
        depth=forest.depth,
        subtree_end=forest.subtree_end,
        operation=forest.operation,
        operations=forest.operations,
        count=spans.count,
        errors=spans.errors,
        total_ns=np.bincount(node_of, durations, count).astype(np.float64),
        self_ns=own_ns,
        width=before[forest.subtree_end] - before[:-1],
        by_count=by_count,
        longest=spans.longest,
        node_of=node_of,
    )


def boxes(flame: FlameGraph, top: int, most: int, levels: int, least: float) -> tuple[Box, ...]:
    """Return what is drawn of ``top`` and below: the ``most`` widest nodes that have at least the
    share ``least`` of the width, ``levels`` deep, siblings from the widest on; and behind each one's
    children what of it is not drawn, where that is as wide. Of a ``top`` that took no time, as others
    did, only itself."""
    whole = flame.width_of(top)
    if not whole:
        return (Box(top, 0, 0.0, 1.0),)
    begin, end = flame.within(top)
    level = flame.depth[begin:end] - (0 if top == WHOLE else flame.depth[top])
    width = flame.width[begin:end]
    near = np.flatnonzero((level < levels) & (width >= least * whole))
    # Stable, and no child is wider than its parent, which stands before it: that is taken first.
    widest = near[np.argsort(-width[near], kind="stable")][:most]
    order = widest[np.lexsort((-width[widest], level[widest]))]
    # Where the next child of a node begins.
    free = {WHOLE: 0, top: 0}
    drawn: list[Box] = []
    for index in order.tolist():
        node = begin + index
        above = WHOLE if node == top else int(flame.parent[node])
        size, x = int(width[index]), free[above]
        drawn.append(Box(node, int(level[index]), x / whole, size / whole))
        free[above] += size
        free[node] = x
    return (*drawn, *_remainders(flame, top, drawn, free, least))


def _remainders(
    flame: FlameGraph, top: int, drawn: list[Box], free: dict[int, int], least: float
) -> list[Box]:
    """Return a box for the nodes below each drawn one that are not drawn themselves."""
    whole = flame.width_of(top)
    level = {box.node: box.level for box in drawn}
    level[WHOLE] = -1
    begin, end = flame.within(top)
    # One more entry, the last, for what stands above the roots: -1 finds it.
    shown = np.zeros(len(flame) + 1, np.bool_)
    shown[list(level)] = True
    nodes = np.arange(begin, end)
    cut = nodes[~shown[nodes] & shown[flame.parent[nodes]]]
    above = flame.parent[cut]
    parents, group = np.unique(above, return_inverse=True)
    hidden = np.bincount(group, flame.subtree_end[cut] - cut, len(parents))
    widths = np.bincount(group, flame.width[cut].astype(np.float64), len(parents)) / whole
    return [
        Box(parent, level[parent] + 1, free[parent] / whole, float(width), int(number))
        for parent, width, number in zip(parents.tolist(), widths, hidden, strict=True)
        if width >= least
    ]
