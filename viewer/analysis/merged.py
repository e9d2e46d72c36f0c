"""Trees merged by path: spans whose (service, operation) and ancestors' ones are alike become one node."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import StatusCode
from viewer.trace.tree import Rows, TraceTree

_NONE = -1


@dataclass(frozen=True, slots=True)
class MergedForest:
    """The merged nodes in preorder: node i's subtree is i … subtree_end[i]-1, ``parent`` a node or -1,
    ``depth`` 0 for roots. ``operation`` indexes into ``operations``, pairs of service and name."""

    parent: Rows
    depth: Rows
    subtree_end: Rows
    operation: Rows
    operations: Sequence[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.parent)


@dataclass(frozen=True, slots=True)
class NodeSpans:
    """What one trace has of each node: spans and failed ones; ``longest`` is the row of its longest
    span, of equal ones the first, -1 without one."""

    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    longest: NDArray[np.int64]


def merge(*trees: TraceTree) -> tuple[MergedForest, list[Rows]]:
    """Merge the trees; also return, per tree, the node of each of its rows. All walks are loops, linear
    in spans, whatever the depth."""
    operations: dict[tuple[str, str], int] = {}
    numbers = [_number_operations(tree, operations) for tree in trees]
    merged = _MergedTree(len(operations))
    nodes = [
        merged.add(tree.parent.tolist(), of_tree.tolist())
        for tree, of_tree in zip(trees, numbers, strict=True)
    ]
    order, depth, subtree_end = merged.preorder()
    place = np.empty(len(order) + 1, np.int32)
    # Node 0 of the merging stands above the roots.
    place[0] = _NONE
    place[order] = np.arange(len(order), dtype=np.int32)
    forest = MergedForest(
        parent=place[np.array(merged.parent, np.int32)[order]],
        depth=depth,
        subtree_end=subtree_end,
        operation=np.array(merged.operation, np.int32)[order],
        operations=tuple(operations),
    )
    return forest, [place[of_tree] for of_tree in nodes]


def spans_of_nodes(tree: TraceTree, node_of: Rows, nodes: int) -> NodeSpans:
    """Return what a tree has of each of so many nodes; ``node_of`` is the node of each of its rows."""
    durations = tree.columns.dur_ns
    failed = tree.columns.status == StatusCode.ERROR
    most = np.full(nodes, _NONE, np.int64)
    np.maximum.at(most, node_of, durations)
    longest = np.full(nodes, _NONE, np.int64)
    # Of equally long ones the first is assigned last.
    rows = np.flatnonzero(durations == most[node_of])[::-1]
    longest[node_of[rows]] = rows
    return NodeSpans(
        count=np.bincount(node_of, minlength=nodes),
        errors=np.bincount(node_of[failed], minlength=nodes),
        longest=longest,
    )


def _number_operations(tree: TraceTree, known: dict[tuple[str, str], int]) -> Rows:
    """Return each row's number among the known operations; new ones are added."""
    columns = tree.columns
    width = max(len(columns.names), 1)
    pairs, number = np.unique(
        columns.service.astype(np.int64) * width + columns.name, return_inverse=True
    )
    shared = [
        known.setdefault((columns.services[service], columns.names[name]), len(known))
        for service, name in zip(*(part.tolist() for part in np.divmod(pairs, width)), strict=True)
    ]
    return np.array(shared, np.int32)[number]


class _MergedTree:
    """The merged tree while it grows: children and siblings as linked lists, node 0 above the roots."""

    def __init__(self, operations: int) -> None:
        self._operations = operations
        self._known: dict[int, int] = {}
        self.parent = [0]
        self.operation = [_NONE]
        self._child = [0]
        self._sibling = [0]

    def add(self, parents: list[int], operations: list[int]) -> Rows:
        """Merge in a trace's rows, which are in preorder; returns each one's node."""
        known, child, sibling = self._known, self._child, self._sibling
        add_parent, add_operation = self.parent.append, self.operation.append
        count = self._operations
        # The child of each node that this trace had last; a new one stands behind it.
        last = [0] * len(self.parent)
        # Roots name -1 as their parent, and the last entry stands above the roots.
        nodes = [0] * (len(parents) + 1)
        for row, (above, operation) in enumerate(zip(parents, operations, strict=True)):
            parent = nodes[above]
            key = parent * count + operation
            node = known.get(key)
            if node is None:
                node = known[key] = len(last)
                add_parent(parent)
                add_operation(operation)
                child.append(0)
                last.append(0)
                if before := last[parent]:
                    sibling.append(sibling[before])
                    sibling[before] = node
                else:
                    sibling.append(child[parent])
                    child[parent] = node
            last[parent] = node
            nodes[row] = node
        return np.array(nodes[:-1], np.int32)

    def preorder(self) -> tuple[Rows, Rows, Rows]:
        """Return the nodes in preorder, and each one's depth and subtree end."""
        parent, child, sibling = self.parent, self._child, self._sibling
        order: list[int] = []
        depths: list[int] = []
        ends = [0] * (len(parent) - 1)
        places = [0] * len(parent)
        node, depth = child[0], 0
        while node:
            places[node] = len(order)
            order.append(node)
            depths.append(depth)
            if child[node]:
                node = child[node]
                depth += 1
                continue
            ends[places[node]] = len(order)
            while node and not sibling[node]:
                node = parent[node]
                depth -= 1
                if node:
                    ends[places[node]] = len(order)
            if node:
                node = sibling[node]
        return np.array(order, np.int32), np.array(depths, np.int32), np.array(ends, np.int32)
