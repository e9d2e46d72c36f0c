"""Two traces side by side: their trees merged by path, and what each node took in one and the other.

A node is a path of (service, operation) from the root; spans of one path are one node, as a flame
graph merges them. Siblings stand in order of start as A has them; what only B has stands behind
what precedes it there. All walks are loops, linear in spans, whatever the depth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.merged import MergedTree, number_operations
from viewer.trace.span import StatusCode
from viewer.trace.tree import Rows, TraceTree

LEAST_SHARE = 0.10
LEAST_NS = 1_000_000
LEAST_OF_TRACE = 0.01
_ABOUT = 1.02
_NONE = -1


class Change(IntEnum):
    """What became of a node from A to B. It is slower or faster if its total differs by at least
    LEAST_SHARE of the shorter and LEAST_NS, or by LEAST_OF_TRACE of the longer trace."""

    SAME = 0
    ADDED = 1
    REMOVED = 2
    SLOWER = 3
    FASTER = 4


@dataclass(frozen=True, slots=True)
class Side:
    """What one trace has of each node: spans, failed ones, durations in nanoseconds; ``longest`` is
    the row of its longest span, -1 without one. ``node_of`` is the node of each row of the trace."""

    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    total_ns: NDArray[np.float64]
    self_ns: NDArray[np.float64]
    longest: NDArray[np.int64]
    node_of: Rows


@dataclass(frozen=True, slots=True)
class Comparison:
    """The merged nodes in preorder: node i's subtree is i … subtree_end[i]-1, ``parent`` a node or -1,
    ``depth`` 0 for roots. ``operation`` indexes into ``operations``, pairs of service and name.
    ``change`` holds numbers of `Change`; ``longer_ns`` is the longer trace's duration."""

    parent: Rows
    depth: Rows
    subtree_end: Rows
    operation: Rows
    operations: Sequence[tuple[str, str]]
    a: Side
    b: Side
    change: NDArray[np.int8]
    difference_ns: NDArray[np.float64]
    self_difference_ns: NDArray[np.float64]
    longer_ns: int

    def __len__(self) -> int:
        return len(self.parent)

    def differs(self) -> NDArray[np.bool_]:
        """Say per node whether anything worth a look differs: the change, spans, or errors."""
        result: NDArray[np.bool_] = (
            (self.change != Change.SAME)
            | (self.a.count != self.b.count)
            | (self.a.errors != self.b.errors)
        )
        return result

    def check(self) -> None:
        """Raise AssertionError unless this is a forest in preorder that holds every span once."""
        count, rows = len(self), np.arange(len(self))
        child = self.parent != _NONE
        parents = self.parent[child]
        assert (parents < rows[child]).all(), "a parent stands below its child"
        assert (self.depth[~child] == 0).all(), "a root is not at depth 0"
        assert (self.depth[child] == self.depth[parents] + 1).all(), "a depth is wrong"
        assert (self.subtree_end > rows).all(), "a subtree is empty"
        assert (rows[child] < self.subtree_end[parents]).all(), "a child lies outside its parent"
        assert (self.subtree_end[child] <= self.subtree_end[parents]).all(), "subtrees overlap"
        assert (self.a.count + self.b.count > 0).all(), "a node has no span"
        for side in (self.a, self.b):
            assert side.count.sum() == len(side.node_of), "spans were lost"
            assert (np.bincount(side.node_of, minlength=count) == side.count).all()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The node that explains most of a difference, and by how much (signed)."""

    node: int
    difference_ns: float


def compare(
    a: TraceTree, a_self_ns: NDArray[np.int64], b: TraceTree, b_self_ns: NDArray[np.int64]
) -> Comparison:
    """Merge two trees; self times are from `self_time.self_times`."""
    operations: dict[tuple[str, str], int] = {}
    of_a, of_b = number_operations(a, operations), number_operations(b, operations)
    merged = MergedTree(len(operations))
    nodes_a = merged.add(a.parent.tolist(), of_a.tolist())
    nodes_b = merged.add(b.parent.tolist(), of_b.tolist())
    order, depth, subtree_end = merged.preorder()
    place = np.empty(len(order) + 1, np.int32)
    # Node 0 of the merging stands above the roots.
    place[0] = _NONE
    place[order] = np.arange(len(order), dtype=np.int32)
    side_a = _side(a, a_self_ns, place[nodes_a], len(order))
    side_b = _side(b, b_self_ns, place[nodes_b], len(order))
    longer_ns = max(a.duration_ns, b.duration_ns)
    difference = side_b.total_ns - side_a.total_ns
    return Comparison(
        parent=place[np.array(merged.parent, np.int32)[order]],
        depth=depth,
        subtree_end=subtree_end,
        operation=np.array(merged.operation, np.int32)[order],
        operations=tuple(operations),
        a=side_a,
        b=side_b,
        change=_changes(side_a, side_b, difference, longer_ns),
        difference_ns=difference,
        self_difference_ns=side_b.self_ns - side_a.self_ns,
        longer_ns=longer_ns,
    )


def is_much(difference_ns: float, shorter_ns: float, longer_trace_ns: int) -> bool:
    """Say of one difference whether `Change` calls it slower or faster."""
    return bool(
        _much(np.array([difference_ns]), np.array([shorter_ns], np.float64), longer_trace_ns)[0]
    )


def explain(compared: Comparison, difference_ns: int) -> Explanation | None:
    """Return the node that explains most of the traces' difference in duration, which is given: the
    one whose self time differs most in the same direction, or, where all of a subtree is added or
    removed, the top of it by its total. None where no self time differs so.

    What differs by more than the traces do ran beside other work; it is named only where nothing
    that fits into the difference explains half of it."""
    own = compared.self_difference_ns
    if not len(own):
        return None
    towards = np.abs(own) if difference_ns == 0 else own * np.sign(difference_ns)
    node = int(np.argmax(towards))
    if difference_ns and towards[node] > abs(difference_ns) * _ABOUT:
        fitting = int(np.argmax(np.where(towards <= abs(difference_ns) * _ABOUT, towards, 0)))
        if towards[fitting] >= abs(difference_ns) / 2:
            node = fitting
    if towards[node] <= 0:
        return None
    change = compared.change[node]
    if change not in (Change.ADDED, Change.REMOVED):
        return Explanation(node, float(own[node]))
    while (above := int(compared.parent[node])) != _NONE and compared.change[above] == change:
        node = above
    return Explanation(node, float(compared.difference_ns[node]))


def _side(tree: TraceTree, self_ns: NDArray[np.int64], node_of: Rows, nodes: int) -> Side:
    durations = tree.columns.dur_ns
    failed = tree.columns.status == StatusCode.ERROR
    most = np.full(nodes, _NONE, np.int64)
    np.maximum.at(most, node_of, durations)
    longest = np.full(nodes, _NONE, np.int64)
    # Of equally long ones the first is assigned last.
    rows = np.flatnonzero(durations == most[node_of])[::-1]
    longest[node_of[rows]] = rows
    return Side(
        count=np.bincount(node_of, minlength=nodes),
        errors=np.bincount(node_of[failed], minlength=nodes),
        total_ns=np.bincount(node_of, durations.astype(np.float64), nodes).astype(np.float64),
        self_ns=np.bincount(node_of, self_ns.astype(np.float64), nodes).astype(np.float64),
        longest=longest,
        node_of=node_of,
    )


def _changes(a: Side, b: Side, difference: NDArray[np.float64], longer_ns: int) -> NDArray[np.int8]:
    much = _much(difference, np.minimum(a.total_ns, b.total_ns), longer_ns)
    changes = np.full(len(difference), Change.SAME, np.int8)
    changes[much & (difference > 0)] = Change.SLOWER
    changes[much & (difference < 0)] = Change.FASTER
    changes[a.count == 0] = Change.ADDED
    changes[b.count == 0] = Change.REMOVED
    return changes


def _much(
    difference: NDArray[np.float64], shorter: NDArray[np.float64], longer_ns: int
) -> NDArray[np.bool_]:
    size = np.abs(difference)
    result: NDArray[np.bool_] = ((size >= LEAST_NS) & (size >= LEAST_SHARE * shorter)) | (
        (size >= LEAST_OF_TRACE * longer_ns) & (size > 0)
    )
    return result
