"""How calls follow one another below one span: repeated, retried, or in a row for no reason."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.intervals import reached_before
from viewer.analysis.siblings import Siblings
from viewer.trace.span import SpanKind, StatusCode
from viewer.trace.tree import Rows, TraceTree

LEAST_REPEATED = 5
LEAST_IN_A_ROW = 3
_MOST_OVERLAPPING = 0.1
_LEAST_SHARE = 0.1
_LEAST_SAVED = 0.05
_SMALL_GAP_NS, _SMALL_GAP_SHARE = 1_000_000, 0.05
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Repetition:
    """One operation called again and again, one call after the other. ``count`` and ``total_ns``
    are of all ``families`` (parents of one operation at which it happens); ``parent`` is the one
    with most calls, ``rows`` the first of these."""

    parent: int
    rows: Rows
    count: int
    families: int
    total_ns: int
    share: float


@dataclass(frozen=True, slots=True)
class Retry:
    """One operation tried again after it had failed. ``lost_ns`` is from the first attempt's start
    to the last one's; ``recovered`` says that the last one did not fail. ``rows`` are the first
    attempts and the last, ``families`` at how many parents it happens; the rest is of the longest."""

    parent: int
    rows: Rows
    attempts: int
    families: int
    lost_ns: int
    recovered: bool


@dataclass(frozen=True, slots=True)
class InARow:
    """Different calls of one span, each begun when the one before had ended. ``saved_ns`` is what
    is won at most if they ran at once: their sum without the longest."""

    parent: int
    rows: Rows
    count: int
    total_ns: int
    saved_ns: int
    share: float


def repetitions(tree: TraceTree, found: Siblings) -> list[Repetition]:
    """Return the operations that are called at least LEAST_REPEATED times by one span, one call
    after the other (the N+1 pattern), those that take longest first."""
    pairs = np.maximum(found.size - 1, 1)
    groups = np.flatnonzero(
        (found.size >= LEAST_REPEATED)
        & (found.overlapping <= pairs * _MOST_OVERLAPPING)
        & ~_is_retried(tree, found)
    )
    if not len(groups):
        return []
    lengths = np.add.reduceat(tree.columns.dur_ns[found.rows].astype(np.float64), found.first)
    result = []
    for family in _families(tree, found, groups):
        largest = family[np.argmax(found.size[family])]
        total = int(lengths[family].sum())
        result.append(
            Repetition(
                parent=int(tree.parent[found.rows[found.first[largest]]]),
                rows=found.of(int(largest))[:_SHOWN].astype(np.int32),
                count=int(found.size[family].sum()),
                families=len(family),
                total_ns=total,
                share=_share(tree, total),
            )
        )
    return sorted(result, key=lambda one: -one.total_ns)


def retries(tree: TraceTree, found: Siblings) -> list[Retry]:
    """Return the operations that one span tried again: all attempts failed, or all but the last,
    and none began before the one before had ended. Those that lost most time first."""
    groups = np.flatnonzero(_is_retried(tree, found))
    if not len(groups):
        return []
    columns = tree.columns
    last = found.first + found.size - 1
    starts = columns.start_ns[found.rows]
    lost = starts[last] - starts[found.first]
    result = []
    for family in _families(tree, found, groups):
        longest = int(family[np.argmax(lost[family])])
        members = found.of(longest).astype(np.int32)
        result.append(
            Retry(
                parent=int(tree.parent[members[0]]),
                rows=np.r_[members[: _SHOWN - 1], members[_SHOWN - 1 :][-1:]],
                attempts=len(members),
                families=len(family),
                lost_ns=int(lost[longest]),
                recovered=bool(columns.status[members[-1]] != StatusCode.ERROR),
            )
        )
    return sorted(result, key=lambda one: -one.lost_ns)


def calls_in_a_row(tree: TraceTree, found: Siblings) -> list[InARow]:
    """Return the runs of at least LEAST_IN_A_ROW calls of different operations below one span, none
    of which overlaps another, that take a tenth of the trace. What could be saved most first."""
    columns = tree.columns
    rows = found.by_start
    # Steps within a service do the work themselves; it is calls that could be made at once.
    own = (columns.kind[rows] == SpanKind.INTERNAL) & (
        columns.service[rows] == columns.service[tree.parent[rows]]
    )
    rows = rows[~own]
    if len(rows) < LEAST_IN_A_ROW or not tree.duration_ns:
        return []
    parents, begin = tree.parent[rows], columns.start_ns[rows]
    length = columns.dur_ns[rows]
    family = np.cumsum(np.r_[False, parents[1:] != parents[:-1]]).astype(np.int64)
    pause = begin - reached_before(family, begin, begin + length)
    small = np.maximum(_SMALL_GAP_NS, columns.dur_ns[parents] * _SMALL_GAP_SHARE)
    follows = np.r_[False, family[1:] == family[:-1]] & (pause >= 0) & (pause <= small)
    run = np.cumsum(~follows) - 1
    first = np.flatnonzero(~follows)
    size = np.diff(np.r_[first, len(rows)])
    total = np.add.reduceat(length.astype(np.float64), first)
    saved = total - np.maximum.reduceat(length, first)
    meant = (size >= LEAST_IN_A_ROW) & (total >= tree.duration_ns * _LEAST_SHARE)
    meant &= saved >= tree.duration_ns * _LEAST_SAVED
    # Of the few that are long enough, those of mostly different operations.
    kinds = int(found.operation.max()) + 1
    within = meant[run]
    met = np.unique(run[within] * kinds + found.operation[rows[within]]) // kinds
    different = np.bincount(met, minlength=len(first))
    chosen = np.flatnonzero(meant & (different >= LEAST_IN_A_ROW) & (size <= 2 * different))
    chosen = chosen[np.argsort(-saved[chosen], kind="stable")]
    return [
        InARow(
            parent=int(parents[first[one]]),
            rows=rows[first[one] : first[one] + min(int(size[one]), _SHOWN)].astype(np.int32),
            count=int(size[one]),
            total_ns=int(total[one]),
            saved_ns=int(saved[one]),
            share=_share(tree, int(total[one])),
        )
        for one in chosen.tolist()
    ]


def _is_retried(tree: TraceTree, found: Siblings) -> NDArray[np.bool_]:
    """Say per group whether it is one operation tried again after it failed."""
    failed = tree.columns.status[found.rows] == StatusCode.ERROR
    failures = np.bincount(found.group, failed, len(found.first))
    last_failed = failed[found.first + found.size - 1]
    retried: NDArray[np.bool_] = (
        (found.size >= 2) & (found.overlapping == 0) & (failures - last_failed == found.size - 1)
    )
    return retried


def _families(tree: TraceTree, found: Siblings, groups: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the groups together that are of one operation below one operation."""
    heads = found.rows[found.first[groups]]
    kinds = int(found.operation.max()) + 1
    both = found.operation[tree.parent[heads]] * kinds + found.operation[heads]
    order = np.argsort(both, kind="stable")
    cuts = np.flatnonzero(np.diff(both[order])) + 1
    return np.split(groups[order], cuts)


def _share(tree: TraceTree, length_ns: int) -> float:
    return length_ns / tree.duration_ns if tree.duration_ns else 0.0
