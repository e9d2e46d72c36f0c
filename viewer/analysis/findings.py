"""What a colleague would say first of a trace: where it failed, and what took the time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import StatusCode
from viewer.trace.tree import TraceTree


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The span with the longest self time. ``share`` is of the trace's duration, 0 to 1."""

    row: int
    self_ns: int
    share: float


def bottleneck(tree: TraceTree, self_ns: NDArray[np.int64]) -> Bottleneck | None:
    """Return the slowest span by self time (the first in drawing order among equals); None if no
    span took any time. ``self_ns`` is from `self_time.self_times`."""
    if not len(tree) or tree.duration_ns == 0:
        return None
    row = int(np.argmax(self_ns))
    longest = int(self_ns[row])
    return Bottleneck(row, longest, longest / tree.duration_ns) if longest else None


def first_error(tree: TraceTree) -> int | None:
    """Return the row where an error began: the earliest-ending failed span without a failed
    descendant, since errors travel from callee to caller. None if nothing failed."""
    failed = tree.columns.status == StatusCode.ERROR
    if not failed.any():
        return None
    origins = np.flatnonzero(failed & (errors_below(tree) == 0))
    ends = tree.columns.start_ns[origins] + tree.columns.dur_ns[origins]
    return int(origins[np.argmin(ends)])


def errors_below(tree: TraceTree) -> NDArray[np.int64]:
    """Return, per row, how many of its descendants failed."""
    before = np.r_[0, np.cumsum(tree.columns.status == StatusCode.ERROR)]
    rows = np.arange(len(tree))
    below: NDArray[np.int64] = before[tree.subtree_end] - before[rows + 1]
    return below
