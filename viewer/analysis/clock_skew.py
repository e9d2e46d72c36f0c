"""Clock skew: parts of a trace whose clock was off, and by how much they have to be moved.

As Jaeger and Zipkin do it (`jaegerquery/internal/adjuster/clockskew.go`): a call that begins before
its caller, or ends after it though it is shorter, came from a clock that is off; it is moved to the
middle of its caller, and a longer one that begins too early to its caller's beginning. What hangs
below moves along. Unlike them:

- Clocks are told apart by host, and only where that is not known by service: what one host says of
  itself is never corrected.
- All calls from one part of a trace (spans of one clock that hang together) to one other clock are
  moved alike, by what suits them all; each by itself only where nothing does.
- The middle is meant where the caller is the client's half of the call, since all that it has beyond
  the server's is the way there and back. Any other caller does more than this one call, which is
  moved only as far as it has to be.
- Nobody waits for a consumer, or for what a producer sent: that is no sign of skew, and neither it
  nor what hangs below it moves with the producer.

No step is a loop over spans.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import SpanKind
from viewer.trace.tree import Rows, TraceTree

Times = NDArray[np.int64]
_Places = NDArray[np.int64]
_Number = TypeVar("_Number", np.int64, np.float64)
_NEVER = np.int64((1 << 63) - 1)
# Sums are checked as floats: up to here, with all their rounding, times fit into 63 bits.
_LATEST, _ROUNDING = 9.2e18, 1e6


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """``shift_ns`` is by how much each row has to be moved, mostly 0. The other arrays have an entry
    per correction: the first of the calls it corrects, how many ``calls`` it corrects alike, how many
    ``spans`` move by it, and by how much the calls began before (``early_ns``) or ended after
    (``late_ns``) their callers at most. The largest corrections come first."""

    shift_ns: Times
    first: Rows
    calls: NDArray[np.int64]
    spans: NDArray[np.int64]
    early_ns: Times
    late_ns: Times

    def __len__(self) -> int:
        return len(self.first)

    @property
    def largest_ns(self) -> int:
        """Return by how much some span moves at most, 0 where none does."""
        return int(np.abs(self.shift_ns).max(initial=0))

    @property
    def moved(self) -> int:
        """Return how many spans move."""
        return int(np.count_nonzero(self.shift_ns))

    def within(self, begin: int, end: int) -> "ClockSkew":
        """Return the same of the rows from ``begin`` to ``end``, which are numbered from 0 then."""
        inside = (self.first >= begin) & (self.first < end)
        return ClockSkew(
            shift_ns=self.shift_ns[begin:end],
            first=self.first[inside] - begin,
            calls=self.calls[inside],
            spans=self.spans[inside],
            early_ns=self.early_ns[inside],
            late_ns=self.late_ns[inside],
        )

    def rearranged(self, old_rows: Rows) -> "ClockSkew":
        """Return the same of a tree whose row at i was the row ``old_rows[i]`` of this one's."""
        row_of = np.empty(len(old_rows), np.int32)
        row_of[old_rows] = np.arange(len(old_rows), dtype=np.int32)
        return replace(self, shift_ns=self.shift_ns[old_rows], first=row_of[self.first])


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls to another clock that somebody waited for: the called rows, and between what bounds a
    call has to be moved to fit into its caller; what is longer has to begin with it or later.
    ``halves`` says whether the caller is the client's half of the call."""

    rows: _Places
    least: Times
    most: Times
    halves: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    def misfits(self) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = (self.least > 0) | (self.most < 0)
        return result


def clock_skew(tree: TraceTree) -> ClockSkew:
    """Return what has to be moved; the module's text has the rules. Moving it leaves none to move."""
    elsewhere = _on_another_clock(tree)
    unawaited = elsewhere & _unawaited(tree)
    calls = _calls(tree, np.flatnonzero(elsewhere & ~unawaited))
    if not calls.misfits().any():
        return _nothing(len(tree))
    group = _groups(tree, elsewhere, calls)
    by = _moves(calls, group)
    shift, possible = _shifts(tree, calls.rows, by, unawaited)
    if not possible.all():
        # Only made-up times come to this: what cannot be moved to where it fits stays, all of it.
        by = np.where(_in_trees_of(tree, calls.rows, np.flatnonzero(~possible)), 0, by)
        shift, _ = _shifts(tree, calls.rows, by, unawaited)
    shift[tree.columns.start_ns == 0] = 0
    return _told(tree, calls, group, by, shift, unawaited)


def _nothing(count: int) -> ClockSkew:
    none = np.empty(0, np.int64)
    return ClockSkew(np.zeros(count, np.int64), np.empty(0, np.int32), none, none, none, none)


def _on_another_clock(tree: TraceTree) -> NDArray[np.bool_]:
    """Say of each row whether its parent's times came from another clock."""
    columns, child = tree.columns, tree.parent >= 0
    differs = columns.service != columns.service[tree.parent]
    if columns.host is not None:
        host, above = columns.host, columns.host[tree.parent]
        told = np.array([bool(name) for name in columns.hosts])
        differs = np.where(told[host] & told[above], host != above, differs)
    result: NDArray[np.bool_] = child & differs
    return result


def _unawaited(tree: TraceTree) -> NDArray[np.bool_]:
    kind = tree.columns.kind
    result: NDArray[np.bool_] = (kind == SpanKind.CONSUMER) | (
        kind[tree.parent] == SpanKind.PRODUCER
    )
    return result


def _calls(tree: TraceTree, rows: _Places) -> _Calls:
    start, length = tree.columns.start_ns, tree.columns.dur_ns
    rows = rows[(start[rows] != 0) & (start[tree.parent[rows]] != 0)]
    callers = tree.parent[rows]
    least = start[callers] - start[rows]
    spare = length[callers] - length[rows]
    halves = tree.columns.kind[callers] == SpanKind.CLIENT
    return _Calls(rows, least, np.where(spare < 0, _NEVER, least + spare), halves)


def _groups(tree: TraceTree, elsewhere: NDArray[np.bool_], calls: _Calls) -> NDArray[np.intp]:
    """Return a number per call: equal for those that one part of the trace makes to one clock, as far
    as there is a move that suits all of them."""
    columns = tree.columns
    top = _nearest(tree, elsewhere)
    clock = columns.service.astype(np.int64)[calls.rows] + len(columns.hosts)
    if columns.host is not None:
        host = columns.host[calls.rows]
        told = np.array([bool(name) for name in columns.hosts])
        clock = np.where(told[host], host, clock)
    key = top[tree.parent[calls.rows]] * (len(columns.hosts) + len(columns.services)) + clock
    group = np.unique(key, return_inverse=True)[1]
    least, most = _bounds(calls, group)
    torn = least > most
    alone = np.arange(len(group)) + len(least)
    return np.unique(np.where(torn[group], alone, group), return_inverse=True)[1]


def _bounds(calls: _Calls, group: NDArray[np.intp]) -> tuple[Times, Times]:
    """Return between what bounds the move of each group's calls has to lie."""
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(int(group.max()) + 1))
    return (
        np.maximum.reduceat(calls.least[order], first),
        np.minimum.reduceat(calls.most[order], first),
    )


def _moves(calls: _Calls, group: NDArray[np.intp]) -> Times:
    """Return by how much each call has to be moved, its caller staying."""
    least, most = _bounds(calls, group)
    halves = np.bincount(group, weights=calls.halves) > 0
    nearest = np.where(least > 0, least, most)
    middle = np.where(halves & (most != _NEVER), least + (most - least) // 2, nearest)
    return np.where((least <= 0) & (most >= 0), 0, middle)[group]


def _shifts(
    tree: TraceTree, rows: _Places, by: Times, unawaited: NDArray[np.bool_]
) -> tuple[Times, NDArray[np.bool_]]:
    """Return by how much each row moves if these rows move so, with all below them but what nobody
    waits for; and whether each one's times are still such that 63 bits hold them."""
    exact = _below(tree, rows, by)  # wraps around on the way, but sums that fit come out right
    rounded = _below(tree, rows, by.astype(np.float64))
    stays = np.flatnonzero(unawaited)
    if len(stays):
        base = np.where(unawaited, exact[tree.parent], 0)
        rounded_base = np.where(unawaited, rounded[tree.parent], 0)
        since = _nearest(tree, unawaited)
        exact, rounded = exact - base[since], rounded - rounded_base[since]
    columns = tree.columns
    start = columns.start_ns + rounded
    fits = (start > 1) & (start + columns.dur_ns.astype(np.float64) < _LATEST)
    return exact, fits | (columns.start_ns == 0) | (exact == 0) & (np.abs(rounded) < _ROUNDING)


def _below(tree: TraceTree, rows: _Places, by: NDArray[_Number]) -> NDArray[_Number]:
    """Return, per row, the sum of what is said of it and of the rows above it."""
    change = np.zeros(len(tree) + 1, by.dtype)
    change[rows] = by
    np.subtract.at(change, tree.subtree_end[rows], by)
    result: NDArray[_Number] = np.cumsum(change[:-1])
    return result


def _nearest(tree: TraceTree, marked: NDArray[np.bool_]) -> _Places:
    """Return the nearest marked row at or above each row, the root where none is marked."""
    rows = np.arange(len(tree), dtype=np.int64)
    nearest = np.where(marked | (tree.parent < 0), rows, tree.parent)
    while True:
        further = nearest[nearest]
        if (further == nearest).all():
            return further
        nearest = further


def _in_trees_of(tree: TraceTree, rows: _Places, others: _Places) -> NDArray[np.bool_]:
    """Say of rows whether they hang below a root that some of the others hang below."""
    roots = tree.roots
    result: NDArray[np.bool_] = np.isin(
        np.searchsorted(roots, rows, side="right"), np.searchsorted(roots, others, side="right")
    )
    return result


def _told(
    tree: TraceTree,
    calls: _Calls,
    group: NDArray[np.intp],
    by: Times,
    shift: Times,
    unawaited: NDArray[np.bool_],
) -> ClockSkew:
    at = np.flatnonzero(by)
    if not len(at):
        return _nothing(len(tree))
    order = at[np.argsort(group[at], kind="stable")]
    begins = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    rows = calls.rows[order]
    moves = unawaited.copy()
    moves[rows] = True
    below = np.bincount(_nearest(tree, moves), minlength=len(tree))
    late = np.where(calls.most == _NEVER, 0, np.maximum(-calls.most, 0))
    spans = np.add.reduceat(below[rows], begins)
    first = rows[begins]
    largest = np.lexsort((first, -np.abs(by[order][begins])))
    return ClockSkew(
        shift_ns=shift,
        first=first[largest].astype(np.int32),
        calls=np.diff(np.r_[begins, len(order)])[largest],
        spans=spans[largest],
        early_ns=np.maximum.reduceat(np.maximum(calls.least[order], 0), begins)[largest],
        late_ns=np.maximum.reduceat(late[order], begins)[largest],
    )
