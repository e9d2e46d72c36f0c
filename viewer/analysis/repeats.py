"""Repeated siblings: what a loop or a fan-out leaves in a trace, to be told in one line.

A run is five or more children of one span that stand next to each other, are of one service and
operation, and have at most a few spans below them: a call, what answers it, and a query or two.
(Sentry's trace view asks for the first two as well, and for no children at all, which would leave
out all calls that are traced on both sides.) A run is one stretch of rows: from its first member to
the end of the last one's subtree. Runs may lie within a member of another run. Roots have no parent
that would have called them repeatedly; they are no run.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.visible import Children
from viewer.trace.tree import Rows, TraceTree

LEAST_REPEATS = 5
MOST_BELOW = 4
_Places = NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """The runs of a trace, by their first member ascending. ``named`` is the row that a run is known
    by: its first member, or where some members are left aside, what would be the first. ``begin``
    delimits a run's slice of ``members``; ``end`` is the row behind its last member's subtree."""

    named: Rows
    members: Rows
    begin: _Places
    end: Rows

    def __len__(self) -> int:
        return len(self.named)

    @cached_property
    def first(self) -> Rows:
        """Return the first member of each run."""
        return self.members[self.begin[:-1]]

    def of(self, run: int) -> Rows:
        """Return the members of a run, in drawing order."""
        return self.members[self.begin[run] : self.begin[run + 1]]

    def around(self, row: int) -> _Places:
        """Return the runs that a row is in, be it as a member or below one."""
        upto = int(np.searchsorted(self.first, row, side="right"))
        return np.flatnonzero(self.end[:upto] > row)

    def chosen(self, runs: NDArray[np.bool_]) -> "Repeats":
        """Return these of the runs."""
        if runs.all():
            return self
        sizes = np.diff(self.begin)
        begin = np.r_[0, np.cumsum(sizes[runs])].astype(np.int64)
        return Repeats(
            self.named[runs], self.members[np.repeat(runs, sizes)], begin, self.end[runs]
        )

    def among(self, shown: NDArray[np.bool_]) -> "Repeats":
        """Return what of the runs is left of the rows shown: those with members enough."""
        if not len(self):
            return self
        kept = shown[self.members]
        sizes = np.add.reduceat(kept, self.begin[:-1], dtype=np.int64)
        begin = np.r_[0, np.cumsum(sizes)].astype(np.int64)
        # A run may be left without any member here, and has no place then; it goes in this step.
        enough = sizes >= LEAST_REPEATS
        left = Repeats(self.named, self.members[kept], begin, self.end).chosen(enough)
        # Run within run, the first that is shown may not stand in the order of the first ones.
        return left._sorted()

    def _sorted(self) -> "Repeats":
        order = np.argsort(self.first, kind="stable")
        if (order[1:] > order[:-1]).all():
            return self
        sizes = np.diff(self.begin)[order]
        begin = np.r_[0, np.cumsum(sizes)].astype(np.int64)
        places = np.repeat(self.begin[order] - begin[:-1], sizes) + np.arange(len(self.members))
        return Repeats(self.named[order], self.members[places], begin, self.end[order])


def repeats(tree: TraceTree, children: Children) -> Repeats:
    """Return all runs of repeated siblings of a trace."""
    columns, rows = tree.columns, children.rows
    below = tree.subtree_end[rows] - rows - 1
    small = below <= MOST_BELOW
    like = small[1:] & small[:-1]
    for column in (tree.parent, columns.name, columns.service):
        values = column[rows]
        like &= values[1:] == values[:-1]
    edges = np.diff(np.r_[False, like, False].astype(np.int8))
    low = np.flatnonzero(edges == 1)
    high = np.flatnonzero(edges == -1) + 1
    long = high - low >= LEAST_REPEATS
    low, high = low[long], high[long]
    change = np.zeros(len(rows) + 1, np.int8)
    change[low] += 1
    change[high] -= 1
    begin = np.r_[0, np.cumsum(high - low)].astype(np.int64)
    last = rows[high - 1]
    member = np.cumsum(change[:-1]).astype(bool)
    return Repeats(rows[low], rows[member], begin, tree.subtree_end[last])._sorted()
