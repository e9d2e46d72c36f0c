"""Trees merged by path: spans whose (service, operation) and ancestors' ones are alike become one node."""

import numpy as np

from viewer.trace.tree import Rows, TraceTree

_NONE = -1


def number_operations(tree: TraceTree, known: dict[tuple[str, str], int]) -> Rows:
    """Return each row's number in the operations that both traces share; new ones are added."""
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


class MergedTree:
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
