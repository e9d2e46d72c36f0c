"""The calls that each span makes of one operation, for all spans in one go.

Spans without a start time take no part, nor do consumers below a producer: nobody waits for them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.intervals import reached_before
from viewer.analysis.self_time import is_waited_for
from viewer.analysis.visible import Children
from viewer.trace.span import SpanKind
from viewer.trace.tree import Rows, TraceTree

_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Siblings:
    """The children of all spans, sorted by parent, operation and start; ``first`` is where each
    group of one parent and operation begins, ``size`` how many it has, ``overlapping`` how many of
    these begin before all earlier ones have ended. ``operation`` is a number of every row of the trace.
    ``by_start`` are the same children sorted by parent and start only."""

    rows: Rows
    by_start: Rows
    group: _Numbers
    first: _Numbers
    size: _Numbers
    overlapping: _Numbers
    operation: _Numbers

    def of(self, group: int) -> Rows:
        """Return the rows of a group."""
        begin = self.first[group]
        return self.rows[begin : begin + self.size[group]]


def siblings(tree: TraceTree, children: Children) -> Siblings:
    """Group the children of every span by operation."""
    columns = tree.columns
    operation = operations(tree)
    # Children stand in order of their start, so it takes no part in the sorting.
    by_start = children.rows[columns.start_ns[children.rows] != 0]
    by_start = by_start[is_waited_for(tree, by_start)]
    kinds = int(operation.max(initial=0)) + 1
    both = tree.parent[by_start].astype(np.int64) * kinds + operation[by_start]
    rows = by_start[np.argsort(both, kind="stable")]
    parents, kinds = tree.parent[rows], operation[rows]
    new = (parents[1:] != parents[:-1]) | (kinds[1:] != kinds[:-1])
    first = np.flatnonzero(np.r_[True, new][: len(rows)]).astype(np.int64)
    size = np.diff(np.r_[first, len(rows)]).astype(np.int64)
    group = np.repeat(np.arange(len(first), dtype=np.int64), size)
    begin = columns.start_ns[rows]
    before = reached_before(group, begin, begin + columns.dur_ns[rows])
    overlapping = np.bincount(group, begin < before, len(first)).astype(np.int64)
    return Siblings(rows, by_start, group, first, size, overlapping, operation)


def operations(tree: TraceTree) -> _Numbers:
    """Return a number per row, the same for spans of one service and name. Client spans are often
    named by the method only ("GET"), so the operation that answers is part of theirs."""
    columns = tree.columns
    own = columns.service.astype(np.int64) * max(len(columns.names), 1) + columns.name
    numbers = _renumbered(own)
    callers = np.flatnonzero(
        (tree.parent[1:] == np.arange(max(len(tree) - 1, 0)))
        & (columns.kind[:-1] == SpanKind.CLIENT)
        & (columns.kind[1:] == SpanKind.SERVER)
    )
    if len(callers):
        kinds = int(numbers.max()) + 1
        numbers *= kinds + 1
        numbers[callers] += 1 + numbers[callers + 1] // (kinds + 1)
        numbers = _renumbered(numbers)
    return numbers


def _renumbered(numbers: _Numbers) -> _Numbers:
    """Return the numbers as ranks, from 0."""
    most = int(numbers.max(initial=0)) + 1
    if most > 4 * len(numbers):
        return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    met = np.zeros(most, np.int64)
    met[numbers] = 1
    ranks: _Numbers = (np.cumsum(met) - 1)[numbers]
    return ranks
