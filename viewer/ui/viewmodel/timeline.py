"""The timeline: toolbar, axis and the window of rows that the page begins with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viewer.trace.ids import InvalidId, format_span_id, parse_span_id
from viewer.trace.span import Span, StatusCode
from viewer.trace.tree import Rows
from viewer.ui.filters import format_count, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.minimap import Minimap, Tick, minimap, ticks
from viewer.ui.viewmodel.only import NOTHING
from viewer.ui.viewmodel.only_form import Kept, OnlyForm, is_kept, only_form
from viewer.ui.viewmodel.rows import WINDOW_ROWS, Window, named_mask, window_of
from viewer.ui.viewmodel.trace_state import TraceState

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
    """``window`` holds the first rows; ``rows_url`` plus an offset gives others. ``focus`` is the
    index of the row to bring into view, -1 for none. ``critical`` says whether the critical path is
    marked, ``critical_url`` changes that."""

    find: FindBar
    only: OnlyForm
    minimap: Minimap
    ticks: tuple[Tick, ...]
    window: Window
    rows_url: str
    window_rows: int
    focus: int
    hidden: str
    all_collapsed: bool
    collapse_all_url: str
    expand_all_url: str
    critical: bool
    critical_url: str
    previous_rows_url: str
    next_rows_url: str
    error_url: str
    notes: tuple[str, ...]


def shown_state(trace: LoadedTrace, state: TraceState) -> TraceState:
    """Return the state without what this trace does not have, and with notes of it."""
    notes = list(state.notes)
    span, collapsed = state.span, state.collapsed
    if span is not None and trace.tree.row_of(span) is None:
        notes.append(f"Span {format_span_id(span)} is not in this trace; no span is selected.")
        span = None
    if collapsed:
        shown = trace.tree.shown_id
        known = collapsed & set(shown[named_mask(trace, collapsed)].tolist())
        if known != collapsed:
            stale = format_plural(len(collapsed) - len(known), "collapsed span")
            notes.append(f"Of what the address says, {stale} cannot be found in this trace.")
        collapsed = known
    if state.adjusted and not trace.adjusted:
        notes.append("No clock skew is seen in this trace; times are as they were sent.")
    return replace(
        state, span=span, collapsed=collapsed, adjusted=trace.adjusted, notes=tuple(notes)
    )


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
) -> Timeline:
    """Return everything the timeline prints. ``matches`` are the found rows, None without a term;
    ``kept`` is what a filter lets through, None without one."""
    window = window_of(trace, state, visible, matches, offset, spans, kept)
    to_ns = trace.tree.duration_ns if state.to_ns is None else state.to_ns
    shown = len(trace.tree) if kept is None else int(kept.shown.sum())
    hidden = shown - len(visible)
    before, after = offset - WINDOW_ROWS, offset + WINDOW_ROWS
    return Timeline(
        find=find_bar(trace, state, matches),
        only=only_form(trace, state, kept),
        minimap=minimap(trace, state),
        ticks=ticks(state.from_ns or 0, to_ns),
        window=window,
        rows_url=state.rows_url,
        window_rows=WINDOW_ROWS,
        focus=focus_index(trace, visible, near if near is not None else state.span),
        hidden=f"{format_plural(hidden, 'span')} collapsed" if hidden else "",
        all_collapsed=state.all_collapsed,
        collapse_all_url=state.collapsing_all(True).url,
        expand_all_url=state.collapsing_all(False).url,
        critical=state.critical,
        critical_url=state.marking_critical(not state.critical).url,
        previous_rows_url=state.at(max(before, 0)).url if offset else "",
        next_rows_url=state.at(after).url if after < len(visible) else "",
        error_url=_step(trace, state, _error_rows(trace), 1),
        notes=state.notes,
    )


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
    does not let it through."""
    if not is_kept(trace, state.only, trace.found.get(state.find), row):
        state = state.narrowed(NOTHING)
    shown = trace.tree.shown_id
    if state.all_collapsed or state.collapsed:
        above = set(shown[trace.tree.ancestors(row)].tolist())
        state = state.showing(above)
    return state.selecting(int(shown[row]))


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
