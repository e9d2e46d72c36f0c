"""Which rows of a trace are drawn when subtrees are collapsed, and where the children stand."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viewer.trace.tree import Rows, TraceTree


@dataclass(frozen=True, slots=True)
class Children:
    """The rows directly below each row, as one array with a slice per row."""

    rows: Rows
    begin: NDArray[np.int64]

    def of(self, row: int) -> Rows:
        """Return the children of a row, in drawing order."""
        return self.rows[self.begin[row] : self.begin[row + 1]]

    def count(self) -> NDArray[np.int64]:
        """Return the number of children per row."""
        return np.diff(self.begin)


class Folded(Protocol):
    """Stretches of rows of which only the first is drawn, for all of them: ``end`` is the row after."""

    @property
    def first(self) -> Rows: ...

    @property
    def end(self) -> Rows: ...


def children_of(tree: TraceTree) -> Children:
    """Group all rows by their parent."""
    order = np.argsort(tree.parent, kind="stable").astype(np.int32)
    roots = int((tree.parent < 0).sum())
    counts = np.bincount(tree.parent[tree.parent >= 0], minlength=len(tree))
    return Children(order[roots:], np.r_[0, np.cumsum(counts)].astype(np.int64))


def visible_rows(
    tree: TraceTree,
    collapsed: NDArray[np.bool_],
    kept: NDArray[np.bool_] | None = None,
    folded: Folded | None = None,
) -> Rows:
    """Return the rows that have no collapsed ancestor, in drawing order; of those ``kept``, if given,
    and of each ``folded`` stretch the first."""
    rows = np.flatnonzero(collapsed)
    first, end = rows, tree.subtree_end[rows]
    if folded is not None:
        first, end = np.r_[first, folded.first], np.r_[end, folded.end]
    change = np.bincount(first + 1, minlength=len(tree) + 1)
    change -= np.bincount(end, minlength=len(tree) + 1)
    shown = np.cumsum(change[:-1]) == 0
    if kept is not None:
        shown &= kept
    return np.flatnonzero(shown).astype(np.int32)


def with_ancestors(tree: TraceTree, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each row whether it or any row below it is chosen."""
    before = np.r_[0, np.cumsum(chosen)]
    result: NDArray[np.bool_] = before[tree.subtree_end] > before[:-1]
    return result
