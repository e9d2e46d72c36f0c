"""The critical path: the spans that decided when the trace ended, and when each of them did.

As CRISP defines it (Zhang et al., USENIX ATC 2022; Uber's github.com/uber-research/CRISP): a span
waits for the child that ends last; before that child began, for the one that ended last until then;
and so on down the tree. What of a span on the path no child on the path covers is the span's own.

- Children count as far as they lie within their parent; what a producer's consumers do, not at all.
- A child that ends just when the next begins is on the path. One that overlaps the next by less
  than a hundredth of their parent, and no third child has to do with it, is taken for its
  predecessor on a clock that is off; the path changes over where the next begins.
- Of children that end together the longest is waited for.
- The path of several roots leads through the one that ends last; from where that began, back through
  the one that ended last of those begun earlier. Spans whose parent is missing, and others that are
  no true root, stand in for roots only where there is none. A root without a start time is passed over.

No step is a loop over spans: chains are followed by doubling pointers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.self_time import is_waited_for
from viewer.trace.tree import Rows, TraceTree

Times = NDArray[np.int64]
_Places = NDArray[np.int64]
_OVERLAP_ALLOWANCE = 0.01
_LEAST = np.iinfo(np.int64).min
_MOST = 1 << 62


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """``rows`` are the spans on the path, ascending. The one at i is on it, with all below it, from
    ``windows[i, 0]`` to ``windows[i, 1]``, and by itself in the segments ``first[i]`` to
    ``first[i + 1]`` of ``segments``, a row (begin, end) each. Times are as the spans have them.
    No two segments of a path overlap, and a window is filled by those of its span and below.
    ``total_ns`` is what each row of the trace contributes, 0 off the path."""

    rows: Rows
    windows: Times
    first: NDArray[np.int64]
    segments: Times
    total_ns: Times

    def segments_of(self, row: int) -> Times:
        """Return when the path is with this row's own span."""
        at = self._place(row)
        return self.segments[:0] if at < 0 else self.segments[self.first[at] : self.first[at + 1]]

    def window_of(self, row: int) -> Times:
        """Return when the path is with this row's span or any below it: one segment or none."""
        at = self._place(row)
        return self.windows[:0] if at < 0 else self.windows[at : at + 1]

    def _place(self, row: int) -> int:
        at = int(np.searchsorted(self.rows, row))
        return at if at < len(self.rows) and self.rows[at] == row else -1


def critical_path(tree: TraceTree) -> CriticalPath:
    """Return the path of a trace; the module's text has the rules."""
    columns, count = tree.columns, len(tree)
    begin, end = columns.start_ns, columns.start_ns + columns.dur_ns
    timed = (begin != 0) | (tree.start_ns == 0)
    waited_for = _waited_for(tree, timed)
    tops, until = _chain_of_roots(tree, timed, begin, end)
    end[tops] = until
    # The entry behind the last row stands above the roots.
    above = np.append(np.where(waited_for, tree.parent, count), count)
    inherited = _inherit(above, np.append(np.column_stack((begin, -end)), [[_LEAST] * 2], axis=0))
    low, high = inherited[:-1, 0], -inherited[:-1, 1]
    inside = np.flatnonzero(waited_for & (high > low))
    chosen, overlapping, later = _chosen(tree, inside, low, high)
    on_path = np.zeros(count, bool)
    on_path[tops] = True
    on_path[chosen] = True
    on_path &= ~_below(tree, ~on_path & (timed | (tree.parent >= 0)))
    cut = high
    if len(overlapping):
        bound = np.append(-high, _LEAST)
        bound[overlapping] = -low[later]
        cut = -_inherit(above, bound)[:-1]
    return _path(tree, waited_for, np.flatnonzero(on_path & (high > low)), low, high, cut)


def _waited_for(tree: TraceTree, timed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each row whether its parent, if it has one, may wait for it."""
    rows = np.flatnonzero(tree.parent >= 0)
    result = np.zeros(len(tree), bool)
    result[rows] = is_waited_for(tree, rows) & timed[rows] & timed[tree.parent[rows]]
    return result


def _chain_of_roots(
    tree: TraceTree, timed: NDArray[np.bool_], begin: Times, end: Times
) -> tuple[_Places, Times]:
    """Return the roots that the path leads through, and until when each is on it."""
    above = tree.parent
    untimed_root = ~timed & (above < 0)
    tops = np.flatnonzero(timed & ((above < 0) | untimed_root[above]))
    true_root = tree.columns.parent_id[np.where(above < 0, np.arange(len(tree)), above)[tops]] == 0
    if true_root.any():
        tops = tops[true_root]
    if not len(tops):
        return tops, np.empty(0, np.int64)
    tops = tops[np.argsort(begin[tops], kind="stable")]
    begins, ends = begin[tops], end[tops]
    latest = np.maximum.accumulate(ends)
    # Of all up to each one, the first that ends last; and how many began earlier.
    record = np.r_[True, latest[1:] > latest[:-1]]
    last = np.maximum.accumulate(np.where(record, np.arange(len(tops)), 0)).tolist()
    earlier = np.searchsorted(begins, begins, side="left").tolist()
    chain = [last[-1]]
    while earlier[chain[-1]]:
        chain.append(last[earlier[chain[-1]] - 1])
    until = ends[chain]
    until[1:] = np.minimum(until[1:], begins[chain[:-1]])
    return tops[chain], until


def _inherit(above: _Places, values: Times) -> Times:
    """Return, per row, the greatest of its own and its ancestors' values."""
    nothing = len(above) - 1
    while (above != nothing).any():
        values = np.maximum(values, values[above])
        above = above[above]
    return values


def _below(tree: TraceTree, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each row whether it or an ancestor is marked."""
    rows = np.flatnonzero(marked)
    change = -np.bincount(tree.subtree_end[rows], minlength=len(tree) + 1)
    change[rows] += 1
    result: NDArray[np.bool_] = np.cumsum(change[:-1]) > 0
    return result


def _chosen(
    tree: TraceTree, rows: _Places, low: Times, high: Times
) -> tuple[_Places, _Places, _Places]:
    """Return which of these rows their parents wait for, each family by itself; and of pairs of them
    that overlap the earlier and the later ones. ``low`` and ``high`` bound each row."""
    count = len(rows)
    if not count:
        return rows, rows, rows
    # Latest ends last, of equal ones the longest last: siblings stand in order of their start.
    rows = rows[::-1]
    family, begins, ends = _by_family(tree.parent[rows].astype(np.int64), low[rows], high[rows])
    order = np.argsort(ends, kind="stable")
    rows, family, begins, ends = rows[order], family[order], begins[order], ends[order]
    # Looked up in their order, a million are found ten times as fast as at random.
    by_begin = np.argsort(begins, kind="stable")
    started = begins[by_begin]
    at = np.empty(count, np.int64)
    at[by_begin] = np.searchsorted(ends, started, side="right") - 1
    # Before the first of a family comes another family's last.
    before = np.where((at >= 0) & (family[at] == family), at, count)
    later, overlapping = _overlapping(tree, rows, begins, ends, started, at, low, high)
    before[later] = overlapping
    # What is last in its family, and all that comes before; behind the rows stands "nothing".
    reached = np.append(family[1:] != family[:-1], [True, False])
    jump = np.append(before, count)
    while (jump != count).any():
        reached[jump[reached]] = True
        jump = jump[jump]
    kept = reached[later]
    return rows[reached[:-1]], rows[overlapping[kept]], rows[later[kept]]


def _by_family(parents: _Places, low: Times, high: Times) -> tuple[_Places, _Places, _Places]:
    """Return numbers that order by family, and by family and time for either bound."""
    least = int(low.min())
    width = int(high.max()) - least + 1
    if (int(parents.max()) + 1) * width < _MOST:
        family = parents * width
        return family, family + (low - least), family + (high - least)
    # Where that would leave 64 bits, a time's rank takes its place.
    times, rank = np.unique(np.concatenate((low, high)), return_inverse=True)
    family = parents * len(times)
    return family, family + rank[: len(low)], family + rank[len(low) :]


def _overlapping(
    tree: TraceTree,
    rows: _Places,
    begins: _Places,
    ends: _Places,
    started: _Places,
    before: _Places,
    low: Times,
    high: Times,
) -> tuple[_Places, _Places]:
    """Return where a row overlaps the next of its family by so little that it comes before it: the
    places of the later and of the earlier ones. ``before`` is the last place that ends in time,
    ``started`` all that begins in order."""
    later = np.arange(len(rows))
    earlier = before + 1
    overlaps = ends[earlier] < ends
    later, earlier = later[overlaps], earlier[overlaps]
    above = tree.parent[rows[later]]
    overlap = high[rows[earlier]] - low[rows[later]]
    little = overlap / np.maximum(high[above] - low[above], 1) < _OVERLAP_ALLOWANCE
    # Nothing else of the family may begin or end while both run, nor the earlier one begin then.
    little &= (ends[earlier + 1] > ends[earlier]) & (ends[before[later]] != begins[later])
    later, earlier = later[little], earlier[little]
    last = np.searchsorted(started, ends[earlier], side="right")
    lone = last - np.searchsorted(started, begins[later], side="left") == 1
    return later[lone], earlier[lone]


def _path(
    tree: TraceTree,
    waited_for: NDArray[np.bool_],
    rows: _Places,
    low: Times,
    high: Times,
    cut: Times,
) -> CriticalPath:
    """Return the path through these rows. Each has the time from ``low`` to ``high`` less its
    children's, and nothing from ``cut`` on."""
    children = rows[waited_for[rows]]
    children = children[np.argsort(tree.parent[children], kind="stable")]
    parents = tree.parent[children]
    # A parent has the time before its first child, between two, and after its last one.
    firsts, lasts = np.ones(len(children), bool), np.ones(len(children), bool)
    firsts[1:] = lasts[:-1] = parents[1:] != parents[:-1]
    since = low[parents]
    since[~firsts] = high[children[~lasts]]
    rest = low.copy()
    rest[parents[lasts]] = high[children[lasts]]
    owners = np.concatenate((parents, rows))
    begins = np.concatenate((since, rest[rows]))
    ends = np.minimum(np.concatenate((low[children], high[rows])), cut[owners])
    kept = np.flatnonzero(ends > begins)
    kept = kept[np.argsort(owners[kept], kind="stable")]
    segments = np.column_stack((begins[kept], ends[kept]))
    rows = rows[cut[rows] > low[rows]]
    first = np.searchsorted(owners[kept], np.append(rows, len(tree)))
    passed = np.r_[0, np.cumsum(segments[:, 1] - segments[:, 0])]
    total = np.zeros(len(tree), np.int64)
    total[rows] = np.diff(passed[first])
    windows = np.column_stack((low[rows], cut[rows]))
    return CriticalPath(rows.astype(np.int32), windows, first, segments, total)
