"""TraceTree: the spans of one trace in drawing order, with every oddity named.

Building is total and iterative: any set of spans becomes a forest in which each span stands exactly
once, whatever its parent links say. The order depends on the spans alone, not on how they arrived.
Shared IDs follow Zipkin (`trace.shared_ids`).
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from viewer.trace.columns import TraceColumns
from viewer.trace.preorder import preorder
from viewer.trace.shared_ids import Bearers, bearers, share_ids, shown_ids
from viewer.trace.span import EARLIEST_PLAUSIBLE_NS, PLAUSIBLE_AHEAD_NS, SpanKind

Rows = NDArray[np.int32]
_ABSENT = -1
_LAST_NS = np.int64((1 << 63) - 1)


class Oddity(Enum):
    """What can be strange about a trace or a span of it; the value is its public name."""

    ORPHAN = "orphan"
    SEVERAL_ROOTS = "several-roots"
    NO_ROOT = "no-root"
    SELF_PARENT = "self-parent"
    CYCLE = "cycle"
    DUPLICATE_ID = "duplicate-id"
    SHARED_ID = "shared-id"
    REDELIVERED = "redelivered"
    STARTS_EARLY = "starts-before-parent"
    ENDS_LATE = "ends-after-parent"
    ZERO_DURATION = "zero-duration"
    NO_START = "no-start-time"
    FAR_TIME = "implausible-time"


_OF_TIME = frozenset(
    {
        Oddity.STARTS_EARLY,
        Oddity.ENDS_LATE,
        Oddity.ZERO_DURATION,
        Oddity.NO_START,
        Oddity.FAR_TIME,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """An oddity with how often it occurs and the rows concerned (empty for REDELIVERED)."""

    oddity: Oddity
    count: int
    rows: Rows


@dataclass(frozen=True, slots=True)
class TraceTree:
    """A trace in preorder: row i's subtree is rows i … subtree_end[i]-1.

    ``parent`` is a row or -1, ``depth`` 0 for roots. ``span_id`` and ``parent_id`` are as sent;
    ``shown_id`` is unique within the trace (derived for a re-used ID) and what links carry.
    ``start_ns`` and ``end_ns`` bound all spans that have a start time.
    """

    columns: TraceColumns
    parent: Rows
    depth: Rows
    subtree_end: Rows
    shown_id: NDArray[np.uint64]
    findings: tuple[Finding, ...]
    start_ns: int
    end_ns: int

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def trace_id(self) -> str:
        return self.columns.trace_id

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def roots(self) -> Rows:
        return np.flatnonzero(self.parent == _ABSENT).astype(np.int32)

    def row_of(self, shown_id: int) -> int | None:
        """Return the row of a shown span ID, or None."""
        found = np.flatnonzero(self.shown_id == np.uint64(shown_id))
        return int(found[0]) if len(found) else None

    def ancestors(self, row: int) -> list[int]:
        """Return the rows from the root down to, but without, this row."""
        # Of the rows above, exactly the ancestors' subtrees reach this far.
        above: list[int] = np.flatnonzero(self.subtree_end[:row] > row).tolist()
        return above

    def rows_with(self, oddity: Oddity) -> Rows:
        """Return the rows that a finding of this kind names; empty if there is none."""
        for finding in self.findings:
            if finding.oddity is oddity:
                return finding.rows
        return np.empty(0, np.int32)

    def check(self) -> None:
        """Raise AssertionError unless this is a forest in preorder that holds every span once."""
        count = len(self)
        rows = np.arange(count)
        child = self.parent != _ABSENT
        parents = self.parent[child]
        assert len(np.unique(self.shown_id)) == count, "shown IDs are not unique"
        assert not count or self.parent[0] == _ABSENT, "the first row has a parent"
        assert (parents < rows[child]).all(), "a parent stands below its child"
        assert (self.depth[~child] == 0).all(), "a root is not at depth 0"
        assert (self.depth[child] == self.depth[parents] + 1).all(), "a depth is wrong"
        assert (self.subtree_end > rows).all(), "a subtree is empty"
        assert (self.subtree_end <= count).all(), "a subtree ends beyond the trace"
        assert (self.subtree_end[child] <= self.subtree_end[parents]).all(), "subtrees overlap"
        sizes = np.ones(count, np.int64)
        for row in range(count - 1, 0, -1):
            if self.parent[row] != _ABSENT:
                sizes[self.parent[row]] += sizes[row]
        assert (sizes == self.subtree_end - rows).all(), "a subtree's end is wrong"


def build_tree(columns: TraceColumns, now_ns: int | None = None) -> TraceTree:
    """Place every span of a trace exactly once; see the module's text for the rules. Without
    ``now_ns`` nothing is said of how likely the times are."""
    ordered, redelivered = _in_base_order(columns)
    by_id = np.argsort(ordered.span_id, kind="stable")
    several = bearers(ordered, by_id)
    parent, flags = _parents(ordered, by_id, several)
    flags[Oddity.CYCLE] = _cut_cycles(parent)
    order, depth, subtree_end = preorder(parent)
    row_of = np.empty(len(order), np.int32)
    row_of[order] = np.arange(len(order), dtype=np.int32)
    placed = _take(ordered, order)
    above = parent[order]
    parent_row = np.where(above == _ABSENT, _ABSENT, row_of[above]).astype(np.int32)
    rows_by_oddity = {oddity: np.sort(row_of[rows]) for oddity, rows in flags.items() if len(rows)}
    _add_time_oddities(placed, parent_row, rows_by_oddity)
    if now_ns is not None:
        _add_far_times(placed.start_ns, now_ns, rows_by_oddity)
    _add_root_oddities(parent_row, rows_by_oddity)
    findings = [
        Finding(oddity, len(rows_by_oddity[oddity]), rows_by_oddity[oddity])
        for oddity in Oddity
        if oddity in rows_by_oddity
    ]
    if redelivered:
        findings.append(Finding(Oddity.REDELIVERED, redelivered, np.empty(0, np.int32)))
    start_ns, end_ns = time_bounds(placed)
    return TraceTree(
        columns=placed,
        parent=parent_row,
        depth=depth,
        subtree_end=subtree_end,
        shown_id=shown_ids(ordered, several)[order],
        findings=tuple(findings),
        start_ns=start_ns,
        end_ns=end_ns,
    )


def with_starts(
    tree: TraceTree, start_ns: NDArray[np.int64], now_ns: int | None = None
) -> tuple[TraceTree, Rows]:
    """Return the tree of the same spans with other start times, and which row of this one each of
    its rows was. Spans keep their parents and shown IDs; siblings stand in the order of their start."""
    count = len(tree)
    order = np.argsort(start_ns, kind="stable")
    place = np.empty(count, np.int32)
    place[order] = np.arange(count, dtype=np.int32)
    above = tree.parent[order]
    drawn, depth, subtree_end = preorder(
        np.where(above < 0, _ABSENT, place[above]).astype(np.int32)
    )
    rows = order[drawn].astype(np.int32)
    row_of = np.empty(count, np.int32)
    row_of[rows] = np.arange(count, dtype=np.int32)
    columns = replace(_take(tree.columns, rows), start_ns=start_ns[rows])
    above = tree.parent[rows]
    parent = np.where(above < 0, _ABSENT, row_of[above]).astype(np.int32)
    kept = [finding for finding in tree.findings if finding.oddity not in _OF_TIME]
    found = {finding.oddity: np.sort(row_of[finding.rows]) for finding in kept}
    _add_time_oddities(columns, parent, found)
    if now_ns is not None:
        _add_far_times(columns.start_ns, now_ns, found)
    counts = {finding.oddity: finding.count for finding in kept}
    start, end = time_bounds(columns)
    moved = TraceTree(
        columns=columns,
        parent=parent,
        depth=depth,
        subtree_end=subtree_end,
        shown_id=tree.shown_id[rows],
        findings=tuple(
            Finding(oddity, counts.get(oddity, len(found[oddity])), found[oddity])
            for oddity in Oddity
            if oddity in found
        ),
        start_ns=start,
        end_ns=end,
    )
    return moved, rows


def _take(columns: TraceColumns, rows: NDArray[np.intp] | Rows) -> TraceColumns:
    return TraceColumns(
        trace_id=columns.trace_id,
        span_id=columns.span_id[rows],
        parent_id=columns.parent_id[rows],
        digest=columns.digest[rows],
        kind=columns.kind[rows],
        status=columns.status[rows],
        start_ns=columns.start_ns[rows],
        dur_ns=columns.dur_ns[rows],
        service=columns.service[rows],
        name=columns.name[rows],
        services=columns.services,
        names=columns.names,
        weight=columns.weight,
        host=None if columns.host is None else columns.host[rows],
        hosts=columns.hosts,
        stored_ns=columns.stored_ns,
    )


def _in_base_order(columns: TraceColumns) -> tuple[TraceColumns, int]:
    """Sort by start, then by what distinguishes spans; drop exact re-deliveries and count them."""
    order = np.argsort(columns.start_ns, kind="stable")
    start = columns.start_ns[order]
    same = start[1:] == start[:-1]
    # Few spans start in the same nanosecond: only those need the further keys.
    tied = np.flatnonzero(np.r_[False, same] | np.r_[same, False])
    rows = order[tied]
    keys = (columns.digest[rows], columns.kind[rows], columns.span_id[rows], start[tied])
    order[tied] = rows = rows[np.lexsort(keys)]
    # Re-deliveries have equal start, kind, ID and digest, so they stand side by side.
    ids, digests = columns.span_id[rows], columns.digest[rows]
    alike = (ids[1:] == ids[:-1]) & (digests[1:] == digests[:-1]) & (np.diff(start[tied]) == 0)
    again = tied[1:][alike]
    kept = _take(columns, np.delete(order, again) if len(again) else order)
    # Ends are computed everywhere from here on; none may pass what 64 bits hold.
    np.minimum(kept.dur_ns, _LAST_NS - kept.start_ns, out=kept.dur_ns)
    return kept, len(again)


def _parents(
    columns: TraceColumns, by_id: NDArray[np.intp], several: Bearers
) -> tuple[Rows, dict[Oddity, NDArray[np.intp]]]:
    """Resolve parent IDs to rows (-1 = none) and note orphans, self-parents and shared IDs."""
    ids, wanted = columns.span_id[by_id], columns.parent_id
    # Looked up in their order, a million are found much faster than at random.
    by_wanted = np.argsort(wanted)
    at = np.empty(len(ids), np.intp)
    at[by_wanted] = np.searchsorted(ids, wanted[by_wanted])
    np.minimum(at, max(len(ids) - 1, 0), out=at)
    found = (wanted != 0) & (ids[at] == wanted)
    own = wanted == columns.span_id
    orphan = (wanted != 0) & ~found
    parent = np.where(found & ~own, by_id[at], _ABSENT).astype(np.int32)
    flags: dict[Oddity, NDArray[np.intp]] = {}
    if len(several):
        flags[Oddity.DUPLICATE_ID] = share_ids(columns, several, parent)
        flags[Oddity.SHARED_ID] = shared = several.rows[several.halves]
        # A half that was thought an orphan or its own parent has its client as parent after all.
        own[shared] = orphan[shared] = False
    flags[Oddity.SELF_PARENT], flags[Oddity.ORPHAN] = np.flatnonzero(own), np.flatnonzero(orphan)
    return parent, flags


def _cut_cycles(parent: Rows) -> NDArray[np.intp]:
    """Make the first span of each cycle a root, so that the rest hangs below it; return all that
    were in one."""
    count = len(parent)
    # Pointer doubling: after 2^k ≥ count steps only rows that never reach a root have an ancestor.
    above = parent.copy()
    for _ in range(count.bit_length() + 1):
        if (above == _ABSENT).all():
            return np.empty(0, np.intp)
        above = np.where(above == _ABSENT, _ABSENT, above[above])
    on_cycle = np.unique(above[above != _ABSENT]).tolist()
    members: list[int] = []
    seen: set[int] = set()
    for row in on_cycle:
        if row in seen:
            continue
        # Rows ascend in base order, so the first one met is the earliest of its cycle.
        member = row
        while member not in seen:
            seen.add(member)
            members.append(member)
            member = int(parent[member])
        parent[row] = _ABSENT
    return np.array(members, np.intp)


def _add_time_oddities(
    columns: TraceColumns, parent: Rows, rows_by_oddity: dict[Oddity, Rows]
) -> None:
    start, end = columns.start_ns, columns.start_ns + columns.dur_ns
    timed = start != 0
    compared = (parent != _ABSENT) & timed & (start[parent] != 0) if len(start) else timed
    # A consumer runs when it gets to it: outliving its producer is no oddity.
    waited_for = columns.kind != SpanKind.CONSUMER
    for oddity, odd in (
        (Oddity.STARTS_EARLY, compared & (start < start[parent])),
        (Oddity.ENDS_LATE, compared & waited_for & (end > end[parent])),
        (Oddity.ZERO_DURATION, columns.dur_ns == 0),
        (Oddity.NO_START, ~timed),
    ):
        if odd.any():
            rows_by_oddity[oddity] = np.flatnonzero(odd).astype(np.int32)


def _add_far_times(
    start: NDArray[np.int64], now_ns: int, rows_by_oddity: dict[Oddity, Rows]
) -> None:
    far = (start < EARLIEST_PLAUSIBLE_NS) | (start > now_ns + PLAUSIBLE_AHEAD_NS)
    if (far & (start != 0)).any():
        rows_by_oddity[Oddity.FAR_TIME] = np.flatnonzero(far & (start != 0)).astype(np.int32)


def _add_root_oddities(parent: Rows, rows_by_oddity: dict[Oddity, Rows]) -> None:
    roots = np.flatnonzero(parent == _ABSENT).astype(np.int32)
    headless = np.zeros(len(parent), bool)
    for oddity in (Oddity.ORPHAN, Oddity.SELF_PARENT, Oddity.CYCLE):
        headless[rows_by_oddity.get(oddity, roots[:0])] = True
    true_roots = roots[~headless[roots]]
    if len(roots) and not len(true_roots):
        rows_by_oddity[Oddity.NO_ROOT] = roots
    elif len(true_roots) > 1:
        rows_by_oddity[Oddity.SEVERAL_ROOTS] = true_roots


def time_bounds(columns: TraceColumns) -> tuple[int, int]:
    """Return the first start and the last end of the spans that have a start time."""
    timed = columns.start_ns != 0
    if not timed.any():
        return 0, int(columns.dur_ns.max(initial=0))
    ends = columns.start_ns[timed] + columns.dur_ns[timed]
    return int(columns.start_ns[timed].min()), int(ends.max())
