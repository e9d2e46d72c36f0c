"""Repeated siblings as one row: which runs are folded, and what the row of one says and draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.repeats import Repeats
from viewer.trace.span import StatusCode
from viewer.trace.tree import Rows
from viewer.ui.filters import format_count, format_duration, format_duration_exact, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.only_form import Kept
from viewer.ui.viewmodel.scale import MOST_SEGMENTS, Scale
from viewer.ui.viewmodel.trace_state import TraceState

_CELLS = 50
_TALLEST = 5
_Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Folds:
    """The runs of repeated siblings that a view has: those ``folded`` into a row each, and those
    that are ``open`` and can be folded again."""

    folded: Repeats
    open: Repeats

    def folded_at(self, row: int) -> int:
        """Return the folded run that this visible row stands for, -1 if it is only itself."""
        return _place(self.folded.first, row)

    def open_at(self, row: int) -> int:
        """Return the open run that this row is a member of, -1 if there is none."""
        runs = self.open.around(row)
        # Of the runs around a row the innermost stands last; the row may be below its members.
        if not len(runs) or _place(self.open.of(int(runs[-1])), row) < 0:
            return -1
        return int(runs[-1])


@dataclass(frozen=True, slots=True)
class Fold:
    """What a folded run's row says: ``text`` is ×37 · Σ 1.2 s · max 80 ms, ``failed`` and ``found``
    how many of its spans, those below them included, are so; "" where none is. ``duration_ns`` is
    from the first's start to the last's end, ``busy_path`` when any of them ran."""

    count: int
    text: str
    title: str
    failed: str
    found: str
    offset_ns: int
    duration_ns: int
    x: float
    width: float
    busy_path: str


def folds_of(trace: LoadedTrace, state: TraceState, kept: Kept | None = None) -> Folds:
    """Return the state's folds; ``kept`` is what a filter lets through, None without one."""
    runs = trace.repeats
    if state.all_unfolded or not len(runs):
        nothing = runs.chosen(np.zeros(len(runs), bool))
        return Folds(nothing, nothing)
    if kept is not None:
        runs = runs.among(kept.shown)
    unfolded = runs_named(trace, state, runs)
    return Folds(runs.chosen(~unfolded), runs.chosen(unfolded))


def runs_named(trace: LoadedTrace, state: TraceState, runs: Repeats) -> NDArray[np.bool_]:
    """Say of each run whether the state names it as unfolded."""
    ids = np.fromiter(state.unfolded, np.uint64, len(state.unfolded))
    named: NDArray[np.bool_] = np.isin(trace.tree.shown_id[runs.named], ids)
    return named


def name_of(trace: LoadedTrace, runs: Repeats, run: int) -> int:
    """Return the span ID that addresses name a run by."""
    return int(trace.tree.shown_id[runs.named[run]])


def fold(
    trace: LoadedTrace,
    scale: Scale,
    folds: Folds,
    run: int,
    hidden: int,
    matched: Rows | None,
) -> Fold:
    """Return what the row of a folded run says. ``hidden`` is how many spans it hides, ``matched``
    the rows that the find term finds."""
    tree, columns = trace.tree, trace.tree.columns
    members, end = folds.folded.of(run), int(folds.folded.end[run])
    durations = columns.dur_ns[members]
    total, longest = _sum(durations), int(durations.max())
    count, below = len(members), hidden + 1 - len(members)
    found = 0
    if matched is not None:
        first, last = np.searchsorted(matched, (members[0], end))
        found = int(last - first)
    failed = int((columns.status[members[0] : end] == StatusCode.ERROR).sum())
    title = f"{format_count(count)} spans of one operation in a row"
    if below:
        title += f", and {format_count(below)} below them"
    stretches = _union(columns.start_ns[members], durations, tree.start_ns)
    begin_ns, end_ns = int(stretches[0, 0]), int(stretches[-1, 1])
    x, width = scale.bar(begin_ns, end_ns)
    return Fold(
        count=count,
        text=f"×{format_count(count)} · Σ {format_duration(total)} · max {format_duration(longest)}",
        title=f"{title}; {format_duration_exact(total)} together, "
        f"{format_duration_exact(longest)} the longest",
        failed=f"{format_count(failed)} failed" if failed else "",
        found=format_plural(found, "match", "matches") if found else "",
        offset_ns=begin_ns,
        duration_ns=end_ns - begin_ns,
        x=x,
        width=width,
        busy_path=_busy_path(scale, stretches),
    )


def on_path(trace: LoadedTrace, folds: Folds, run: int) -> _Times:
    """Return when the critical path is with a member of a folded run or a span below it."""
    path, members = trace.critical, folds.folded.of(run)
    low, high = np.searchsorted(path.rows, (members[0], folds.folded.end[run]))
    return path.windows[low:high][np.isin(path.rows[low:high], members)]


def _place(rows: Rows, row: int) -> int:
    at = int(np.searchsorted(rows, row))
    return at if at < len(rows) and rows[at] == row else -1


def _sum(durations: _Times) -> int:
    # A few spans of centuries are more than 64 bits hold.
    return (int((durations >> 32).sum()) << 32) + int((durations & 0xFFFFFFFF).sum())


def _union(start: _Times, durations: _Times, origin: int) -> _Times:
    """Return the stretches in which any of the spans runs, as offsets from the trace's start."""
    begin = np.where(start != 0, start - origin, 0)
    end = begin + durations
    # Siblings stand in order of start; only those without one may be out of it.
    if (begin[1:] < begin[:-1]).any():
        order = np.argsort(begin, kind="stable")
        begin, end = begin[order], end[order]
    reached = np.maximum.accumulate(end)
    fresh = np.flatnonzero(np.r_[True, begin[1:] > reached[:-1]])
    return np.column_stack((begin[fresh], reached[np.r_[fresh[1:] - 1, len(begin) - 1]]))


def _busy_path(scale: Scale, stretches: _Times) -> str:
    """Return the stretches as bars. Very many are drawn as cells, the taller the busier."""
    first = np.searchsorted(stretches[:, 1], scale.from_ns, side="left")
    last = np.searchsorted(stretches[:, 0], scale.to_ns, side="right")
    shown = stretches[first:last]
    if len(shown) > MOST_SEGMENTS:
        return _cells_path(scale, shown)
    bars = (scale.bar(begin, end) for begin, end in shown.tolist())
    return "".join(f"M{x:g} 7h{width:g}v10H{x:g}z" for x, width in bars)


def _cells_path(scale: Scale, stretches: _Times) -> str:
    low = max(scale.from_ns, int(stretches[0, 0]))
    high = min(scale.to_ns, int(stretches[-1, 1]))
    edges = np.linspace(low, high, _CELLS + 1)
    lengths = stretches[:, 1] - stretches[:, 0]
    before = np.r_[0, np.cumsum(lengths)]
    # How much is covered up to each stretch's ends grows evenly from one to the next.
    busy = np.column_stack((before[:-1], before[1:])).ravel()
    covered = np.diff(np.interp(edges, stretches.ravel(), busy))
    first = np.searchsorted(stretches[:, 1], edges[:-1], side="left")
    touched = np.searchsorted(stretches[:, 0], edges[1:], side="left") > first
    share = covered / max((high - low) / _CELLS, 1)
    heights = np.where(touched, np.clip(np.ceil(share * _TALLEST), 1, _TALLEST), 0).astype(int)
    starts = np.flatnonzero(np.r_[True, heights[1:] != heights[:-1]])
    parts: list[str] = []
    for cell, after in zip(starts.tolist(), [*starts[1:].tolist(), _CELLS], strict=True):
        if half := int(heights[cell]):
            x, width = scale.bar(int(edges[cell]), int(edges[after]))
            parts.append(f"M{x:g} {12 - half}h{width:g}v{2 * half}H{x:g}z")
    return "".join(parts)
