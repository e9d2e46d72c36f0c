"""What groups of spans took: counts, errors, durations and self times, group by group."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import StatusCode
from viewer.trace.tree import TraceTree

_P50, _P95 = 0.50, 0.95


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """One value a group in each array; durations in nanoseconds. Percentiles are durations of spans
    of the group (nearest rank), not between two of them. ``longest`` is the row of its longest span."""

    count: NDArray[np.int64]
    errors: NDArray[np.int64]
    total_ns: NDArray[np.float64]
    self_ns: NDArray[np.float64]
    p50_ns: NDArray[np.int64]
    p95_ns: NDArray[np.int64]
    max_ns: NDArray[np.int64]
    longest: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.count)


def group_statistics(
    tree: TraceTree, self_ns: NDArray[np.int64], group: NDArray[np.int64], groups: int
) -> GroupStatistics:
    """Return the statistics of ``groups`` groups; ``group`` is each row's number (from 0), -1 for
    rows of none; ``self_ns`` is from `self_time.self_times`. Groups without a row have zeros, and
    -1 as their longest row."""
    rows = np.flatnonzero(group >= 0)
    durations = tree.columns.dur_ns[rows]
    order = np.lexsort((durations, group[rows]))
    rows, durations = rows[order], durations[order]
    numbers = group[rows]
    count = np.bincount(numbers, minlength=groups)
    failed = tree.columns.status[rows] == StatusCode.ERROR
    ends = np.cumsum(count)
    filled = count > 0

    def at(share: float) -> NDArray[np.int64]:
        """Return the duration at this rank within each group, whose durations lie in order."""
        rank = np.maximum(np.ceil(count * share).astype(np.int64), 1) - 1
        found = np.zeros(groups, np.int64)
        found[filled] = durations[(ends - count + rank)[filled]]
        return found

    longest = np.full(groups, -1, np.int64)
    longest[filled] = rows[ends[filled] - 1]
    return GroupStatistics(
        count=count,
        errors=np.bincount(numbers, weights=failed, minlength=groups).astype(np.int64),
        total_ns=np.bincount(numbers, durations.astype(np.float64), groups).astype(np.float64),
        self_ns=np.bincount(numbers, self_ns[rows].astype(np.float64), groups).astype(np.float64),
        p50_ns=at(_P50),
        p95_ns=at(_P95),
        max_ns=at(1.0),
        longest=longest,
    )
