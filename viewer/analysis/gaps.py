"""Stretches of time within a span of which nothing is recorded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.self_time import is_waited_for, self_intervals
from viewer.analysis.visible import Children
from viewer.trace.tree import TraceTree

_LEAST_NS = 10_000_000
_LEAST_SHARE = 0.1
# Of very many long spans with children the heaviest by self time are looked at.
_MOST_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of ``row``'s time in which none of its descendants runs, between two children:
    ``after`` ended before it and ``before`` began after it."""

    row: int
    after: int
    before: int
    length_ns: int
    share: float


def gaps(tree: TraceTree, children: Children, self_ns: NDArray[np.int64]) -> list[Gap]:
    """Return the gaps of at least a tenth of the trace and 10 ms, the longest first."""
    least = max(_LEAST_NS, tree.duration_ns * _LEAST_SHARE)
    held = (children.count() >= 2) & (self_ns >= least) & (tree.columns.start_ns != 0)
    candidates = np.flatnonzero(held)
    candidates = candidates[np.argsort(-self_ns[candidates], kind="stable")][:_MOST_LOOKED_AT]
    found = []
    for row in candidates.tolist():
        below = children.of(row)
        below = below[(tree.columns.start_ns[below] != 0) & is_waited_for(tree, below)]
        stretches = self_intervals(tree, row, below)
        long = stretches[stretches[:, 1] - stretches[:, 0] >= least]
        for begin, end in (long + tree.columns.start_ns[row]).tolist():
            gap = _gap(tree, row, below, begin, end)
            if gap is not None:
                found.append(gap)
    return sorted(found, key=lambda gap: -gap.length_ns)


def _gap(tree: TraceTree, row: int, below: NDArray[np.int32], begin: int, end: int) -> Gap | None:
    starts = tree.columns.start_ns
    ends = starts + tree.columns.dur_ns
    inner = slice(row + 1, int(tree.subtree_end[row]))
    # A grandchild may run on when its parent has ended; then something is recorded after all.
    if ((starts[inner] < end) & (ends[inner] > begin)).any():
        return None
    ended, begun = below[ends[below] <= begin], below[starts[below] >= end]
    if not len(ended) or not len(begun):
        return None
    return Gap(
        row=row,
        after=int(ended[np.argmax(ends[ended])]),
        before=int(begun[np.argmin(starts[begun])]),
        length_ns=end - begin,
        share=(end - begin) / tree.duration_ns,
    )
