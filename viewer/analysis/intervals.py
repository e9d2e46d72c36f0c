"""Intervals in groups: how far each group has reached, for all groups in one go."""

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
_MOST = 1 << 62


def reached_before(group: NDArray[np.int64], begin: Times, end: Times) -> Times:
    """Return, per interval, the latest end among those before it in its group; for a group's first
    its own begin. The intervals are sorted by group (numbers from 0), within it in any order."""
    if not len(group):
        return np.empty(0, np.int64)
    # Group and end in one number that only grows from group to group: one running maximum serves
    # all groups. Where that would leave 64 bits, an end's rank takes its place.
    least = int(end.min())
    width = int(end.max()) - least + 1
    if (int(group[-1]) + 1) * width < _MOST:
        reached = np.maximum.accumulate(group * width + (end - least)) % width + least
    else:
        ends, rank = np.unique(end, return_inverse=True)
        reached = ends[np.maximum.accumulate(group * len(ends) + rank) % len(ends)]
    before = np.r_[begin[:1], reached[:-1]]
    first = np.r_[True, group[1:] != group[:-1]]
    return np.where(first, begin, before)


def covered(group: NDArray[np.int64], begin: Times, end: Times) -> Times:
    """Return the length of the union of each group's intervals, which are sorted by group, then
    begin; every group from 0 to the last has at least one."""
    if not len(group):
        return np.empty(0, np.int64)
    fresh = np.maximum(end - np.maximum(begin, reached_before(group, begin, end)), 0)
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    lengths: Times = np.add.reduceat(fresh, first)
    return lengths
