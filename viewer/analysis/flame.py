"""A flame graph: spans merged by their path of (service, operation) from the root.

A node is as wide as the self times of its subtree's spans together. So a node's own part and its
children fill it exactly: nothing is inflated to cover what lies below (as Jaeger does, whose width
is the summed duration), nothing overlaps, and equal widths are equal amounts of work, also where
calls ran at the same time. Where no span took any time, widths are numbers of spans instead.
Sums are floats: exact up to 2⁵³ ns (104 days) of time in one trace, near enough beyond.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import StatusCode
from viewer.trace.tree import Rows, TraceTree

WHOLE = -1
"""Stands above the roots: the node whose children they are."""


@dataclass(frozen=True, slots=True)
class FlameGraph:
    """The nodes, each behind its parent (``WHOLE`` for roots); ``node_of`` is each row's node.
    ``service`` and ``name`` index as the tree's columns do. ``own`` is a node's own width,
    ``width`` that with all below it, ``below`` the number of nodes there; ``longest`` is the row of
    the longest span, the first of equals. ``by_count`` says that widths are numbers of spans."""

    node_of: Rows
    parent: Rows
    depth: Rows
    service: Rows
    name: Rows
    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    total_ns: NDArray[np.float64]
    self_ns: NDArray[np.float64]
    own: NDArray[np.float64]
    width: NDArray[np.float64]
    below: NDArray[np.int64]
    longest: NDArray[np.int64]
    by_count: bool

    def __len__(self) -> int:
        return len(self.parent)

    def path(self, node: int) -> list[int]:
        """Return the nodes from the root down to, and with, this one."""
        nodes: list[int] = []
        while node != WHOLE:
            nodes.append(node)
            node = int(self.parent[node])
        return nodes[::-1]

    def width_of(self, node: int) -> float:
        """Return a node's width; of ``WHOLE``, of all roots together."""
        if node == WHOLE:
            return float(self.width[self.parent == WHOLE].sum())
        return float(self.width[node])


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
    columns = tree.columns
    node_of, first = _merge(tree)
    nodes = len(first)
    above = tree.parent[first]
    parent = np.where(above >= 0, node_of[above], WHOLE).astype(np.int32)
    own_ns = self_ns.astype(np.float64)
    by_count = not own_ns.any()
    own = np.ones(len(tree)) if by_count else own_ns
    before = np.r_[0.0, np.cumsum(own)]
    of_subtree = before[tree.subtree_end] - before[:-1]
    durations = columns.dur_ns
    failed = columns.status == StatusCode.ERROR
    return FlameGraph(
        node_of=node_of,
        parent=parent,
        depth=tree.depth[first],
        service=columns.service[first],
        name=columns.name[first],
        count=np.bincount(node_of, minlength=nodes),
        errors=np.bincount(node_of[failed], minlength=nodes),
        total_ns=_sums(node_of, durations.astype(np.float64), nodes),
        self_ns=_sums(node_of, own_ns, nodes),
        own=_sums(node_of, own, nodes),
        width=_sums(node_of, of_subtree, nodes),
        below=_numbers_below(parent),
        longest=_longest(node_of, durations, nodes),
        by_count=by_count,
    )


def nodes_within(flame: FlameGraph, tree: TraceTree, top: int) -> NDArray[np.bool_]:
    """Say per node whether it is ``top`` or below it."""
    if top == WHOLE:
        return np.ones(len(flame), np.bool_)
    rows = np.flatnonzero(flame.node_of == top)
    change = np.zeros(len(tree) + 1, np.int64)
    change[rows] += 1
    # Spans of one node are never within one another, so no two of their subtrees end at one row.
    change[tree.subtree_end[rows]] -= 1
    within = np.zeros(len(flame), np.bool_)
    within[flame.node_of[np.cumsum(change[:-1]) > 0]] = True
    return within


def boxes(
    flame: FlameGraph, within: NDArray[np.bool_], top: int, most: int, levels: int, least: float
) -> tuple[Box, ...]:
    """Return what is drawn of ``top`` and below, ``within`` of it: the ``most`` widest nodes that have
    at least the share ``least`` of the width, ``levels`` deep, siblings from the widest on; and
    behind each one's children, what of it is not drawn."""
    whole = flame.width_of(top)
    if not whole:
        return ()
    level = flame.depth - (0 if top == WHOLE else flame.depth[top])
    candidates = np.flatnonzero(within & (level < levels) & (flame.width >= least * whole))
    # Stable, and a parent has a lower number than its children: of equals it is taken first.
    widest = candidates[np.argsort(-flame.width[candidates], kind="stable")][:most]
    order = widest[np.lexsort((-flame.width[widest], level[widest]))]
    drawn: dict[int, Box] = {}
    # Where the next child of a node begins; children of WHOLE begin at the left edge.
    free = {WHOLE: 0.0}
    for node in order.tolist():
        above = WHOLE if node == top else int(flame.parent[node])
        if above not in free:
            continue  # sums of centuries round, so that a child may seem wider than its parent
        width = min(float(flame.width[node]) / whole, _end(drawn, above) - free[above])
        drawn[node] = Box(node, int(level[node]), free[above], width)
        free[node] = free[above]
        free[above] += width
    return (*drawn.values(), *_remainders(flame, top, drawn, free, within, least))


def _remainders(
    flame: FlameGraph,
    top: int,
    drawn: dict[int, Box],
    free: dict[int, float],
    within: NDArray[np.bool_],
    least: float,
) -> list[Box]:
    """Return a box for the nodes below each drawn one that are not drawn themselves."""
    # One more entry, the last, for WHOLE: -1 finds it.
    shown = np.zeros(len(flame) + 1, np.bool_)
    shown[list(drawn)] = True
    shown[WHOLE] = top == WHOLE
    cut = np.flatnonzero(within & ~shown[:-1] & shown[flame.parent])
    above = flame.parent[cut]
    hidden = np.bincount(above + 1, 1 + flame.below[cut], len(flame) + 1)
    widths = np.bincount(above + 1, flame.width[cut], len(flame) + 1)
    whole = flame.width_of(top)
    found: list[Box] = []
    for node in np.unique(above).tolist():
        width = min(float(widths[node + 1]) / whole, _end(drawn, node) - free[node])
        if width >= least:
            level = drawn[node].level + 1 if node != WHOLE else 0
            found.append(Box(node, level, free[node], width, int(hidden[node + 1])))
    return found


def _end(drawn: dict[int, Box], node: int) -> float:
    return drawn[node].x + drawn[node].width if node != WHOLE else 1.0


def _merge(tree: TraceTree) -> tuple[Rows, NDArray[np.intp]]:
    """Return each row's node, and each node's first row. One loop over rows in preorder, whatever
    their depth: a level at a time would cost a pass per level of a deep chain."""
    columns = tree.columns
    pairs = columns.service.astype(np.int64) * max(len(columns.names), 1) + columns.name
    kinds, operations = np.unique(pairs, return_inverse=True)
    width = max(len(kinds), 1)
    known: dict[int, int] = {}
    first: list[int] = []
    # Roots name -1 as their parent, and the last entry stands above the roots.
    nodes = [0] * len(tree) + [WHOLE]
    rows = zip(tree.parent.tolist(), operations.tolist(), strict=True)
    for row, (above, operation) in enumerate(rows):
        key = (nodes[above] + 1) * width + operation
        node = known.get(key)
        if node is None:
            node = known[key] = len(first)
            first.append(row)
        nodes[row] = node
    return np.array(nodes[:-1], np.int32), np.array(first, np.intp)


def _sums(node_of: Rows, values: NDArray[np.float64], nodes: int) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.bincount(node_of, values, nodes).astype(np.float64)
    return sums


def _numbers_below(parent: Rows) -> NDArray[np.int64]:
    above = parent.tolist()
    sizes = [0] * (len(above) + 1)
    for node in range(len(above) - 1, -1, -1):
        sizes[above[node]] += 1 + sizes[node]
    return np.array(sizes[:-1], np.int64)


def _longest(node_of: Rows, durations: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    most = np.full(nodes, -1, np.int64)
    np.maximum.at(most, node_of, durations)
    # Of equally long ones the first is assigned last.
    rows = np.flatnonzero(durations == most[node_of])[::-1]
    longest = np.full(nodes, -1, np.int64)
    longest[node_of[rows]] = rows
    return longest
