"""The rows of the waterfall: what each prints, computed for one window of at most WINDOW_ROWS."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.self_time import self_intervals
from viewer.trace.attributes import Value, show_value
from viewer.trace.ids import format_span_id
from viewer.trace.span import Span, SpanKind, StatusCode
from viewer.trace.tree import Oddity, Rows
from viewer.ui.filters import format_duration, format_service, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.crumbs import Crumb
from viewer.ui.viewmodel.folds import Fold, Folds, fold, name_of, on_path
from viewer.ui.viewmodel.only_form import Kept
from viewer.ui.viewmodel.scale import BAR_UNITS, Scale
from viewer.ui.viewmodel.trace_state import TraceState

WINDOW_ROWS = 75
MOST_INDENT = 10
_MOST_TICKS = 200
_LONGEST_NAME = 200
_NEVER = np.empty((0, 2), np.int64)
_KINDS = {
    int(SpanKind.SERVER): "server",
    int(SpanKind.CLIENT): "client",
    int(SpanKind.PRODUCER): "producer",
    int(SpanKind.CONSUMER): "consumer",
}
_BADGES = (
    "http.response.status_code",
    "http.status_code",
    "rpc.grpc.status_code",
    "db.system.name",
    "db.system",
    "messaging.system",
    "gen_ai.request.model",
)
_ROW_ODDITIES = {
    Oddity.ORPHAN: "its parent is missing",
    Oddity.SELF_PARENT: "names itself as parent",
    Oddity.CYCLE: "its parents form a circle",
    Oddity.DUPLICATE_ID: "shares its span ID with another span",
    Oddity.FAR_TIME: "starts before 2000 or after tomorrow",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A span's row. ``position`` counts visible rows from 1. ``x``, ``width`` and the paths are in
    BAR_UNITS of the shown time range; a span outside of it has no width. ``critical`` says how long the
    critical path is with the span, and with those that its row hides; "" where it is not. ``context``
    rows stand only above others that a filter lets through; ``descendants`` are those it shows.
    A row with a ``fold`` stands for a run of repeated siblings, whose first is ``span_id``. Of an
    unfolded run each member has ``run_size`` and the first one's ``run_position``; that one has ``fold_url``.
    ``place`` and ``siblings`` count the visible rows of one parent."""

    span_id: str
    position: int
    level: int
    indent: int
    deep: bool
    name: str
    service: str
    service_class: str
    kind: str
    descendants: int
    collapsed: bool
    toggle_url: str
    select_url: str
    selected: bool
    matched: bool
    context: bool
    error: str
    oddity: str
    badges: tuple[str, ...]
    offset: str
    duration: str
    duration_ns: int
    self_time: str
    x: float
    width: float
    self_path: str
    event_path: str
    critical: str
    critical_path: str
    fold: Fold | None = None
    fold_url: str = ""
    run_size: int = 0
    run_position: int = 0
    place: int = 1
    siblings: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """A run of rows of the waterfall: from ``offset`` on, of ``total`` that are not collapsed away.
    In a deep trace ``ancestors`` are some of its rows' that stand before it, top down."""

    rows: tuple[Row, ...]
    offset: int
    total: int
    ancestors: tuple[Crumb, ...] = ()


def collapsed_mask(trace: LoadedTrace, state: TraceState) -> NDArray[np.bool_]:
    """Say per row whether the state collapses it."""
    has_children = trace.children.count() > 0
    named = named_mask(trace, state.collapsed)
    mask: NDArray[np.bool_] = has_children & (~named if state.all_collapsed else named)
    return mask


def named_mask(trace: LoadedTrace, span_ids: Collection[int]) -> NDArray[np.bool_]:
    """Say per row whether its shown ID is one of these."""
    ids = np.fromiter(span_ids, np.uint64, len(span_ids))
    named: NDArray[np.bool_] = np.isin(trace.tree.shown_id, ids)
    return named


def window_of(
    trace: LoadedTrace,
    state: TraceState,
    visible: Rows,
    matched: Rows | None,
    offset: int,
    spans: Mapping[int, Span],
    kept: Kept | None = None,
    folds: Folds | None = None,
) -> Window:
    """Return the visible rows from ``offset`` on. ``spans`` holds their span objects by row; ``kept``
    is what a filter lets through, None without one; ``folds`` are the folds among the visible rows."""
    tree = trace.tree
    scale = scale_of(trace, state)
    shown = visible[offset : offset + WINDOW_ROWS]
    oddities = {oddity: _those_among(shown, tree.rows_with(oddity)) for oddity in _ROW_ODDITIES}
    found = set() if matched is None else _those_among(shown, matched)
    collapsed = collapsed_mask(trace, state)
    below = None if kept is None else kept.below(tree.subtree_end)
    places = _places(trace, visible, shown)
    rows: list[Row] = []
    for position, row in enumerate(shown.tolist(), offset + 1):
        told = [text for oddity, text in _ROW_ODDITIES.items() if row in oddities[oddity]]
        drawn = _row(
            trace,
            state,
            scale,
            row,
            position,
            spans.get(row),
            bool(collapsed[row]),
            told,
            found,
            int(tree.subtree_end[row]) - row - 1 if below is None else int(below[row]),
            kept is not None and not kept.chosen[row],
        )
        drawn = replace(drawn, place=places[row][0], siblings=places[row][1])
        if folds is not None:
            drawn = _in_run(trace, state, scale, folds, row, drawn, visible, matched, kept)
        rows.append(drawn)
    return Window(tuple(rows), offset, len(visible))


def _those_among(shown: Rows, rows: Rows) -> set[int]:
    """Return which of a window's rows are among these, of which there may be a million, in order."""
    places = np.searchsorted(rows, shown)
    inside = places < len(rows)
    return set(shown[inside][rows[places[inside]] == shown[inside]].tolist())


def window_rows(visible: Rows, offset: int) -> list[int]:
    """Return the rows that a window shows, to fetch their spans for."""
    rows: list[int] = visible[offset : offset + WINDOW_ROWS].tolist()
    return rows


def scale_of(trace: LoadedTrace, state: TraceState) -> Scale:
    """Return the scale of the state's zoom."""
    duration = trace.tree.duration_ns
    end = duration if state.to_ns is None else state.to_ns
    return Scale(state.from_ns or 0, max(end, 1))


def _row(
    trace: LoadedTrace,
    state: TraceState,
    scale: Scale,
    row: int,
    position: int,
    span: Span | None,
    collapsed: bool,
    oddities: Sequence[str],
    matched: Collection[int],
    descendants: int,
    context: bool,
) -> Row:
    tree, columns = trace.tree, trace.tree.columns
    shown_id = int(tree.shown_id[row])
    start = int(columns.start_ns[row]) - tree.start_ns if columns.start_ns[row] else 0
    duration = int(columns.dur_ns[row])
    x, width = scale.bar(start, start + duration)
    service = columns.services[columns.service[row]]
    own_error = columns.status[row] == StatusCode.ERROR
    level = int(tree.depth[row])
    on_path = _on_path(trace, state, row, collapsed)
    return Row(
        span_id=format_span_id(shown_id),
        position=position,
        level=level + 1,
        indent=min(level, MOST_INDENT),
        deep=level > MOST_INDENT,
        name=row_name(trace, row),
        service=row_service(trace, row),
        service_class=service_class(service),
        kind=_KINDS.get(int(columns.kind[row]), ""),
        descendants=descendants,
        collapsed=collapsed,
        toggle_url=state.toggling(shown_id).url,
        select_url=state.selecting(shown_id).url,
        selected=state.span == shown_id,
        matched=row in matched,
        context=context,
        error="own" if own_error else "below" if trace.errors_below[row] else "",
        oddity="; ".join(oddities),
        badges=_badges(span),
        offset=format_duration(start),
        duration=format_duration(duration),
        duration_ns=duration,
        self_time=format_duration(int(trace.self_ns[row])),
        x=x,
        width=width,
        self_path=_self_path(trace, scale, row, start),
        event_path=_event_path(scale, tree.start_ns, span),
        critical=_critical(on_path, collapsed),
        critical_path=_critical_path(scale, on_path),
    )


def _places(trace: LoadedTrace, visible: Rows, shown: Rows) -> dict[int, tuple[int, int]]:
    """Return of each row shown its place among its visible siblings, from 1, and how many they are."""
    tree = trace.tree
    is_visible = np.zeros(len(tree), bool)
    is_visible[visible] = True
    places: dict[int, tuple[int, int]] = {}
    for parent in np.unique(tree.parent[shown]).tolist():
        siblings = tree.roots if parent < 0 else trace.children.of(parent)
        siblings = siblings[is_visible[siblings]]
        own = shown[tree.parent[shown] == parent]
        for row, at in zip(own.tolist(), np.searchsorted(siblings, own).tolist(), strict=True):
            places[row] = at + 1, len(siblings)
    return places


def _in_run(
    trace: LoadedTrace,
    state: TraceState,
    scale: Scale,
    folds: Folds,
    row: int,
    drawn: Row,
    visible: Rows,
    matched: Rows | None,
    kept: Kept | None,
) -> Row:
    """Return a row as it is if it belongs to no run; of a folded one what stands for all of it."""
    run = folds.folded_at(row)
    if run < 0:
        run = folds.open_at(row)
        return drawn if run < 0 else _in_open_run(trace, state, folds, run, row, drawn, visible)
    end = int(folds.folded.end[run])
    members = folds.folded.of(run)
    hidden = end - row - 1 if kept is None else int(kept.shown[row + 1 : end].sum())
    said = fold(trace, scale, folds, run, hidden, matched)
    passed = on_path(trace, folds, run) - trace.tree.start_ns if state.critical else _NEVER
    unfold_url = state.unfolding({name_of(trace, folds.folded, run)}).url
    odd = [
        text
        for oddity, text in _ROW_ODDITIES.items()
        if np.isin(members, trace.tree.rows_with(oddity)).any()
    ]
    failed = (trace.tree.columns.status[members] == StatusCode.ERROR).any()
    return replace(
        drawn,
        fold=said,
        descendants=hidden,
        collapsed=True,
        toggle_url=unfold_url,
        select_url=unfold_url,
        selected=False,
        matched=bool(said.found),
        context=kept is not None and not kept.chosen[members].any(),
        error="own" if failed else "below" if said.failed else "",
        oddity="; ".join(odd),
        badges=(),
        offset=format_duration(said.offset_ns),
        duration=format_duration(said.duration_ns),
        duration_ns=said.duration_ns,
        self_time="",
        x=said.x,
        width=said.width,
        self_path=said.busy_path,
        event_path="",
        critical=_critical(passed, True),
        critical_path=_critical_path(scale, passed),
    )


def _in_open_run(
    trace: LoadedTrace,
    state: TraceState,
    folds: Folds,
    run: int,
    row: int,
    drawn: Row,
    visible: Rows,
) -> Row:
    first = int(folds.open.first[run])
    place = int(np.searchsorted(visible, first)) + 1
    drawn = replace(drawn, run_size=len(folds.open.of(run)), run_position=place)
    if row != first:
        return drawn
    folded = state.folding(name_of(trace, folds.open, run))
    selected = None if state.span is None else trace.tree.row_of(state.span)
    if selected is not None and first <= selected < folds.open.end[run]:
        # A selected span is always shown.
        folded = replace(folded, span=None)
    return replace(drawn, fold_url=folded.url)


def row_name(trace: LoadedTrace, row: int) -> str:
    """Return the name of a row's span for a line: a long one cut, an absent one said."""
    columns = trace.tree.columns
    return cut(columns.names[columns.name[row]]) or "(no name)"


def row_service(trace: LoadedTrace, row: int) -> str:
    """Return the service of a row's span for a line, likewise."""
    columns = trace.tree.columns
    return cut(format_service(columns.services[columns.service[row]]))


def cut(text: str, most: int = _LONGEST_NAME) -> str:
    """Return a text for a line, at most so many letters: a longer one cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _self_path(trace: LoadedTrace, scale: Scale, row: int, start: int) -> str:
    """Return the bar's stretches of self time as rectangles, the longest ones if there are many. A
    span without children needs none: all of its bar is self time."""
    children = trace.children.of(row)
    if not len(children):
        return ""
    stretches = start + self_intervals(trace.tree, row, children)
    parts: list[str] = []
    for begin, end in scale.longest(stretches):
        if scale.x(end) > scale.x(begin) or len(stretches) == 1:
            low, width = scale.bar(begin, end)
            parts.append(f"M{low:g} 7h{width:g}v10H{low:g}z")
    return "".join(parts)


def _on_path(trace: LoadedTrace, state: TraceState, row: int, collapsed: bool) -> NDArray[np.int64]:
    """Return when the critical path is with what a row stands for, from the trace's start on."""
    if not state.critical:
        return _NEVER
    path = trace.critical
    return (path.window_of(row) if collapsed else path.segments_of(row)) - trace.tree.start_ns


def _critical(on_path: NDArray[np.int64], collapsed: bool) -> str:
    passed = int((on_path[:, 1] - on_path[:, 0]).sum())
    hidden = ", with the spans that are hidden here" if collapsed else ""
    return f"{format_duration(passed)} on the critical path{hidden}" if passed else ""


def _critical_path(scale: Scale, on_path: NDArray[np.int64]) -> str:
    """Return a line per segment of the critical path, below the bar."""
    bars = (scale.bar(begin, end) for begin, end in scale.longest(on_path))
    return "".join(f"M{x:g} 20h{width:g}" for x, width in bars)


def _event_path(scale: Scale, origin_ns: int, span: Span | None) -> str:
    """Return a tick per event in the shown range; of very many, ticks a pixel or two apart."""
    if span is None:
        return ""
    offsets = [event.time_ns - origin_ns for event in span.events if event.time_ns]
    places = {scale.x(offset) for offset in offsets if scale.from_ns <= offset <= scale.to_ns}
    if len(places) > _MOST_TICKS:
        step = BAR_UNITS / _MOST_TICKS
        places = {place // step * step for place in places}
    return "".join(f"M{place:g} 4v16" for place in sorted(places))


def _badges(span: Span | None) -> tuple[str, ...]:
    if span is None:
        return ()
    found: dict[str, Value] = dict(span.attributes)
    texts = (show_value(found[key])[:24] for key in _BADGES if found.get(key) not in (None, ""))
    return tuple(dict.fromkeys(texts))[:2]
