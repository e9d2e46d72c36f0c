"""The timeline: toolbar, axis and the window of rows that the page begins with."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viewer.trace.ids import InvalidId, format_span_id, parse_span_id
from viewer.trace.span import Span, StatusCode
from viewer.trace.tree import Rows
from viewer.ui.filters import format_count, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.crumbs import Trail
from viewer.ui.viewmodel.folds import Folds, folds_of, name_of, runs_named
from viewer.ui.viewmodel.minimap import Minimap, Tick, minimap, ticks
from viewer.ui.viewmodel.only import NOTHING
from viewer.ui.viewmodel.only_form import Kept, OnlyForm, is_kept, only_form
from viewer.ui.viewmodel.rows import WINDOW_ROWS, Window, named_mask, window_of
from viewer.ui.viewmodel.trace_state import MOST_COLLAPSED, TraceState
from viewer.ui.viewmodel.trail import window_trail, with_known_ancestors

_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class FindBar:
    """The find box. ``count`` says how many spans match, empty without a term. The URLs lead to the
    matches before and after the selected span, around the ends; empty without a match.
    ``out_of_band`` marks one that goes along with a newly selected span's panel."""

    text: str
    count: str
    previous_url: str
    next_url: str
    clear_url: str
    hidden_fields: tuple[tuple[str, str], ...]
    out_of_band: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """``window`` holds the first rows; ``rows_url`` plus an offset gives others. ``trail`` is the way
    to the first of them, None in a trace that is not deep. ``focus`` is the index of the row to bring
    into view, -1 for none. ``critical`` says whether the critical path is marked, ``critical_url``
    changes that; ``folding`` whether repeated siblings are folded, likewise, its URL empty in a trace
    without any."""

    find: FindBar
    only: OnlyForm
    minimap: Minimap
    ticks: tuple[Tick, ...]
    window: Window
    trail: Trail | None
    rows_url: str
    window_rows: int
    focus: int
    hidden: str
    all_collapsed: bool
    collapse_all_url: str
    expand_all_url: str
    critical: bool
    critical_url: str
    folding: bool
    folding_url: str
    previous_rows_url: str
    next_rows_url: str
    error_url: str
    notes: tuple[str, ...]


def shown_state(
    trace: LoadedTrace, state: TraceState, folded: int | None = None, of_part: bool = True
) -> TraceState:
    """Return the state without what this trace does not have, with notes of it, and with the runs
    unfolded that the selected span is in; but if ``folded``, a span of the run that has just been
    folded, is in one of these, no span is selected. ``of_part`` says whether the view shows the part
    in focus alone."""
    notes = list(state.notes)
    span, focus = state.span, state.focus
    collapsed, unfolded = state.collapsed, state.unfolded
    if span is not None and trace.tree.row_of(span) is None:
        notes.append(f"Span {format_span_id(span)} is not in this trace; no span is selected.")
        span = None
    if focus is not None and trace.tree.row_of(focus) is None:
        notes.append(f"Span {format_span_id(focus)} is not in this trace; the whole is shown.")
        focus = None
    if (
        span is not None
        and of_part
        and not _in_focus(trace, state, int(trace.tree.row_of(span) or 0))
    ):
        notes.append("The selected span is outside of the part that is shown.")
    shown = trace.tree.shown_id
    if collapsed:
        collapsed = collapsed & set(shown[named_mask(trace, collapsed)].tolist())
        _note_stale(notes, "collapsed span", state.collapsed, collapsed)
    if unfolded:
        named = trace.repeats.named[runs_named(trace, state, trace.repeats)]
        unfolded = unfolded & set(shown[named].tolist())
        _note_stale(notes, "unfolded span", state.unfolded, unfolded)
    if state.adjusted and not trace.adjusted:
        notes.append("No clock skew is seen in this trace; times are as they were sent.")
    state = replace(
        state,
        focus=focus,
        collapsed=collapsed,
        unfolded=unfolded,
        adjusted=trace.adjusted,
        notes=tuple(notes),
    )
    around = set() if span is None else _folds_around(trace, state, trace.tree.row_of(span))
    just_now = set() if folded is None else _folds_around(trace, state, trace.tree.row_of(folded))
    if around & just_now:
        return replace(state, span=None)
    return replace(state.unfolding(around), span=span)


def _note_stale(notes: list[str], name: str, said: frozenset[int], known: frozenset[int]) -> None:
    if known != said:
        stale = format_plural(len(said) - len(known), name)
        notes.append(f"Of what the address says, {stale} cannot be found in this trace.")


def _folds_around(trace: LoadedTrace, state: TraceState, row: int | None) -> set[int]:
    """Return the names of the folded runs that a row is in."""
    if row is None or state.all_unfolded:
        return set()
    runs = trace.repeats
    return {name_of(trace, runs, run) for run in runs.around(row).tolist()} - state.unfolded


def first_offset(trace: LoadedTrace, state: TraceState, visible: Rows, near: int | None) -> int:
    """Return where the page's first window begins: a window's edge, so that further windows fit.

    It holds the row ``near`` (a span's shown ID), else the row that the state asks for, else the
    selected span."""
    index = focus_index(trace, visible, near)
    if index < 0:
        index = state.offset or max(focus_index(trace, visible, state.span), 0)
    return min(index, max(len(visible) - 1, 0)) // WINDOW_ROWS * WINDOW_ROWS


def focus_index(trace: LoadedTrace, visible: Rows, span: int | None) -> int:
    """Return the index among the visible rows of a span, or of the ancestor that hides it; -1 if
    the span is None or unknown."""
    row = None if span is None else trace.tree.row_of(span)
    if row is None:
        return -1
    # Preorder: the last visible row at or above a hidden one is the collapsed ancestor, or, where a
    # filter hides it, the nearest one before it.
    return int(np.searchsorted(visible, row, side="right")) - 1


def timeline(
    trace: LoadedTrace,
    state: TraceState,
    visible: Rows,
    matches: Rows | None,
    offset: int,
    near: int | None,
    spans: Mapping[int, Span],
    kept: Kept | None = None,
    folds: Folds | None = None,
) -> Timeline:
    """Return everything the timeline prints. ``matches`` are the found rows, None without a term;
    ``kept`` is what a filter lets through, None without one; ``folds`` are those of `folds_of`."""
    folds = folds or folds_of(trace, state, kept)
    window = window_to_draw(trace, state, visible, matches, offset, spans, kept, folds)
    to_ns = trace.tree.duration_ns if state.to_ns is None else state.to_ns
    before, after = offset - WINDOW_ROWS, offset + WINDOW_ROWS
    return Timeline(
        find=find_bar(trace, state, matches),
        only=only_form(trace, state, kept),
        minimap=minimap(trace, state),
        ticks=ticks(state.from_ns or 0, to_ns),
        window=window,
        trail=window_trail(trace, visible, offset, _selecting(trace, state)),
        rows_url=state.rows_url,
        window_rows=WINDOW_ROWS,
        focus=focus_index(trace, visible, near if near is not None else state.span),
        hidden=_hidden(trace, visible, kept, folds),
        all_collapsed=state.all_collapsed,
        collapse_all_url=state.collapsing_all(True).url,
        expand_all_url=state.collapsing_all(False).url,
        critical=state.critical,
        critical_url=state.marking_critical(not state.critical).url,
        folding=not state.all_unfolded,
        folding_url=state.folding_all(state.all_unfolded).url if len(trace.repeats) else "",
        previous_rows_url=state.at(max(before, 0)).url if offset else "",
        next_rows_url=state.at(after).url if after < len(visible) else "",
        error_url=_step(trace, state, _error_rows(trace), 1),
        notes=state.notes,
    )


def window_to_draw(
    trace: LoadedTrace,
    state: TraceState,
    visible: Rows,
    matches: Rows | None,
    offset: int,
    spans: Mapping[int, Span],
    kept: Kept | None,
    folds: Folds,
) -> Window:
    """Return the window from ``offset`` on with all that the browser needs of it."""
    window = window_of(trace, state, visible, matches, offset, spans, kept, folds)
    return with_known_ancestors(trace, visible, window, _selecting(trace, state))


def _selecting(trace: LoadedTrace, state: TraceState) -> Callable[[int], str]:
    # Ancestors of a visible row are visible: nothing needs to be revealed.
    return lambda row: state.selecting(int(trace.tree.shown_id[row])).url


def _hidden(trace: LoadedTrace, visible: Rows, kept: Kept | None, folds: Folds) -> str:
    """Return how many spans have no row of their own, and why."""
    first, end = folds.folded.first, folds.folded.end
    at = np.minimum(np.searchsorted(visible, first), max(len(visible) - 1, 0))
    # Folds in sight lie apart from one another.
    seen = visible[at] == first
    first, end = first[seen], end[seen]
    if kept is None:
        shown, folded = len(trace.tree), int((end - first - 1).sum())
    else:
        before = np.r_[0, np.cumsum(kept.shown)]
        shown, folded = int(before[-1]), int((before[end] - before[first] - 1).sum())
    collapsed = shown - len(visible) - folded
    told = [format_plural(collapsed, "span") + " collapsed"] if collapsed else []
    if folded:
        told.append(f"{format_count(folded)} folded")
    return ", ".join(told)


def _error_rows(trace: LoadedTrace) -> Rows:
    return np.flatnonzero(trace.tree.columns.status == StatusCode.ERROR).astype(np.int32)


def find_bar(trace: LoadedTrace, state: TraceState, matches: Rows | None) -> FindBar:
    """Return the find box for these matches; None without a term."""
    hidden = [(key, value) for key, value in state.query.items() if key not in ("find", "offset")]
    if matches is None:
        return FindBar("", "", "", "", "", tuple(hidden))
    count = format_plural(len(matches), "match", "matches")
    at = -1 if state.span is None else trace.tree.row_of(state.span)
    place = np.flatnonzero(matches == at)
    if len(place):
        count = f"{format_count(int(place[0]) + 1)} of {count}"
    return FindBar(
        text=state.find,
        count=count,
        previous_url=_step(trace, state, matches, -1),
        next_url=_step(trace, state, matches, 1),
        clear_url=state.finding("").url,
        hidden_fields=tuple(hidden),
    )


def _step(trace: LoadedTrace, state: TraceState, rows: Rows, direction: int) -> str:
    """Return the address that selects the next or previous of these rows, its ancestors expanded."""
    if not len(rows):
        return ""
    at = -1 if state.span is None else trace.tree.row_of(state.span)
    if at is None or at < 0:
        index = 0 if direction > 0 else len(rows) - 1
    elif direction > 0:
        index = int(np.searchsorted(rows, at, side="right")) % len(rows)
    else:
        index = int(np.searchsorted(rows, at, side="left")) - 1
    return reveal(trace, state, int(rows[index])).url


def reveal(trace: LoadedTrace, state: TraceState, row: int) -> TraceState:
    """Return the state that selects a row, expands whatever hides it, and is without a filter that
    does not let it through, and without a focus that it is not in."""
    if not _in_focus(trace, state, row):
        state = state.focusing(None)
    if not is_kept(trace, state.only, trace.found.get(state.find), row):
        state = state.narrowed(NOTHING)
    shown = trace.tree.shown_id
    if state.all_collapsed and int(trace.tree.depth[row]) > MOST_COLLAPSED:
        # An address cannot name so many ancestors, so they need not be looked for.
        state = state.collapsing_all(False)
    elif state.all_collapsed or state.collapsed:
        above = set(shown[trace.tree.ancestors(row)].tolist())
        state = state.showing(above)
    state = state.selecting(int(shown[row]))
    return state.unfolding(_folds_around(trace, state, row))


def _in_focus(trace: LoadedTrace, state: TraceState, row: int) -> bool:
    top = None if state.focus is None else trace.tree.row_of(state.focus)
    return top is None or top <= row < trace.tree.subtree_end[top]


def matched_rows(trace: LoadedTrace, keys: Sequence[tuple[int, int]], find: str) -> Rows:
    """Return the rows of spans found by the store as (span ID, digest), and of a span ID typed
    (16 digits), be it one that was sent or one that is shown."""
    columns = trace.tree.columns
    ids = np.fromiter((span_id for span_id, _ in keys), np.uint64, len(keys))
    digests = np.fromiter((digest for _, digest in keys), np.uint64, len(keys))
    # An ID's place among the found ones and a digest, 32 bits each, make one number to compare.
    known, place = np.unique(ids, return_inverse=True)
    at = np.searchsorted(known, columns.span_id)
    at[at == len(known)] = 0
    has_id = known[at] == columns.span_id if len(known) else np.zeros(len(trace.tree), bool)
    found = has_id & np.isin(_joined(at, columns.digest), _joined(place, digests))
    if len(find) == _ID_DIGITS:
        with suppress(InvalidId):
            typed = np.uint64(parse_span_id(find))
            found |= (columns.span_id == typed) | (trace.tree.shown_id == typed)
    return np.flatnonzero(found).astype(np.int32)


def _joined(
    places: NDArray[np.intp], digests: NDArray[np.uint32] | NDArray[np.uint64]
) -> NDArray[np.uint64]:
    joined: NDArray[np.uint64] = places.astype(np.uint64) << np.uint64(32) | digests
    return joined
