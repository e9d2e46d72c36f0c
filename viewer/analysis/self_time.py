"""Self time: a span's duration minus the union of its children, clipped to it.

A consumer below a producer runs when it gets to it, so it does not count as the producer's time
(`reference/jaeger.md` §2.6 tells how two of Jaeger's views disagree for want of one definition).
"""

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import SpanKind
from viewer.trace.tree import TraceTree

_MOST = np.int64(1 << 62)


def self_times(tree: TraceTree) -> NDArray[np.int64]:
    """Return each row's self time in nanoseconds."""
    result = tree.columns.dur_ns.copy()
    rows = np.flatnonzero(tree.parent >= 0)
    rows = rows[is_waited_for(tree, rows)]
    if not len(rows):
        return result
    parents, begins, ends = _clipped(tree, rows)
    # Siblings stand in order of their start, so those of each parent are sorted already.
    order = np.argsort(parents, kind="stable")
    parents, begins, ends = parents[order], begins[order], ends[order]
    first = np.flatnonzero(np.r_[True, parents[1:] != parents[:-1]])
    # One running maximum serves all families if each is shifted past the one before; where the
    # shifts would leave 64 bits, the families are taken in several goes.
    lengths = tree.columns.dur_ns[parents[first]]
    family = np.repeat(np.arange(len(first)), np.diff(np.r_[first, len(parents)]))
    covered = np.zeros(len(first), np.int64)
    begin = 0
    while begin < len(first):
        total = np.cumsum(lengths[begin:].astype(np.float64))
        end = begin + max(1, int(np.searchsorted(total, float(_MOST))))
        chosen = slice(first[begin], first[end] if end < len(first) else len(parents))
        shifts = np.zeros(end - begin, np.int64)
        np.cumsum(lengths[begin : end - 1], out=shifts[1:])
        shift = shifts[family[chosen] - begin]
        low, high = begins[chosen] + shift, ends[chosen] + shift
        reached = np.maximum.accumulate(high)
        before = np.r_[low[:1], reached[:-1]]
        # The maximum carried over from the family before is at most this one's own beginning.
        fresh = np.maximum(high - np.maximum(low, np.maximum(before, shift)), 0)
        covered[begin:end] = np.add.reduceat(fresh, first[begin:end] - first[begin])
        begin = end
    result[parents[first]] -= covered
    return result


def self_intervals(tree: TraceTree, row: int, children: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the stretches of a span without any child, a row (begin, end) each, as offsets in
    nanoseconds from its start. ``children`` are the rows directly below it."""
    duration = int(tree.columns.dur_ns[row])
    waited_for = children[is_waited_for(tree, children)]
    if not len(waited_for):
        return np.array([(0, duration)] if duration else [], np.int64).reshape(-1, 2)
    _, begins, ends = _clipped(tree, waited_for)
    order = np.argsort(begins, kind="stable")
    begins, reached = begins[order], np.maximum.accumulate(ends[order])
    gaps = np.column_stack((np.r_[0, reached], np.r_[begins, duration]))
    return gaps[gaps[:, 1] > gaps[:, 0]]


def is_waited_for(tree: TraceTree, rows: NDArray[np.intp] | NDArray[np.int32]) -> NDArray[np.bool_]:
    """Say of rows that have a parent whether it waits for them."""
    kind = tree.columns.kind
    consumed = kind[rows] == SpanKind.CONSUMER
    result: NDArray[np.bool_] = ~(consumed & (kind[tree.parent[rows]] == SpanKind.PRODUCER))
    return result


def _clipped(
    tree: TraceTree, rows: NDArray[np.intp] | NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows' parents, and their begin and end within the parent, from its start on."""
    columns = tree.columns
    parents = tree.parent[rows]
    origin, length = columns.start_ns[parents], columns.dur_ns[parents]
    begins = np.clip(columns.start_ns[rows] - origin, 0, length)
    ends = np.clip(columns.start_ns[rows] + columns.dur_ns[rows] - origin, 0, length)
    return parents, begins, ends
