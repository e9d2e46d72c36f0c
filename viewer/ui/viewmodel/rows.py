"""The rows of the waterfall: what each prints, computed for one window of at most WINDOW_ROWS."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.self_time import self_intervals
from viewer.trace.attributes import Value, show_value
from viewer.trace.ids import format_span_id
from viewer.trace.span import Span, SpanKind, StatusCode
from viewer.trace.tree import Oddity, Rows
from viewer.ui.filters import format_duration, format_service, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.trace_state import TraceState

WINDOW_ROWS = 100
BAR_UNITS = 1000.0
_LEAST_WIDTH = 1.5
_MOST_INDENT = 10
_MOST_SEGMENTS = 40
_LONGEST_NAME = 200
_KINDS = {
    SpanKind.SERVER: "server",
    SpanKind.CLIENT: "client",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
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
}


@dataclass(frozen=True, slots=True)
class Row:
    """A span's row. ``x``, ``width`` and the paths are in BAR_UNITS of the shown time range."""

    span_id: str
    index: int
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
    error: str
    oddity: str
    badges: tuple[str, ...]
    duration: str
    duration_ns: int
    self_time: str
    x: float
    width: float
    self_path: str
    event_path: str


@dataclass(frozen=True, slots=True)
class Window:
    """A run of rows of the waterfall: from ``offset`` on, of ``total`` that are not collapsed away."""

    rows: tuple[Row, ...]
    offset: int
    total: int


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps offsets from the trace's start to bar units, for the shown range."""

    from_ns: int
    to_ns: int

    def x(self, offset_ns: int) -> float:
        """Return the place of an offset, cut to the range."""
        share = (offset_ns - self.from_ns) / max(self.to_ns - self.from_ns, 1)
        return round(min(max(share, 0.0), 1.0) * BAR_UNITS, 2)


def collapsed_mask(trace: LoadedTrace, state: TraceState) -> NDArray[np.bool_]:
    """Say per row whether the state collapses it."""
    has_children = trace.children.count() > 0
    ids = np.fromiter(state.collapsed, np.uint64, len(state.collapsed))
    named = np.isin(trace.tree.shown_id, ids)
    mask: NDArray[np.bool_] = has_children & (~named if state.all_collapsed else named)
    return mask


def window_of(
    trace: LoadedTrace,
    state: TraceState,
    visible: Rows,
    matched: Rows | None,
    offset: int,
    spans: Mapping[int, Span],
) -> Window:
    """Return the visible rows from ``offset`` on. ``spans`` holds their span objects by row."""
    tree = trace.tree
    scale = scale_of(trace, state)
    shown = visible[offset : offset + WINDOW_ROWS]
    oddities = {
        oddity: set(np.intersect1d(shown, tree.rows_with(oddity)).tolist())
        for oddity in _ROW_ODDITIES
    }
    found = set() if matched is None else set(np.intersect1d(shown, matched).tolist())
    collapsed = collapsed_mask(trace, state)
    rows: list[Row] = []
    for index, row in enumerate(shown.tolist(), offset):
        told = [text for oddity, text in _ROW_ODDITIES.items() if row in oddities[oddity]]
        rows.append(
            _row(trace, state, scale, row, index, spans.get(row), bool(collapsed[row]), told, found)
        )
    return Window(tuple(rows), offset, len(visible))


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
    index: int,
    span: Span | None,
    collapsed: bool,
    oddities: Sequence[str],
    matched: Collection[int],
) -> Row:
    tree, columns = trace.tree, trace.tree.columns
    shown_id = int(tree.shown_id[row])
    start = int(columns.start_ns[row]) - tree.start_ns if columns.start_ns[row] else 0
    duration = int(columns.dur_ns[row])
    x = scale.x(start)
    service = columns.services[columns.service[row]]
    own_error = columns.status[row] == StatusCode.ERROR
    level = int(tree.depth[row])
    return Row(
        span_id=format_span_id(shown_id),
        index=index,
        level=level + 1,
        indent=min(level, _MOST_INDENT),
        deep=level > _MOST_INDENT,
        name=columns.names[columns.name[row]][:_LONGEST_NAME] or "(no name)",
        service=format_service(service)[:_LONGEST_NAME],
        service_class=service_class(service),
        kind=_KINDS.get(SpanKind(int(columns.kind[row])), ""),
        descendants=int(tree.subtree_end[row]) - row - 1,
        collapsed=collapsed,
        toggle_url=state.toggling(shown_id).url,
        select_url=state.selecting(shown_id).url,
        selected=state.span == shown_id,
        matched=row in matched,
        error="own" if own_error else "below" if trace.errors_below[row] else "",
        oddity="; ".join(oddities),
        badges=_badges(span),
        duration=format_duration(duration),
        duration_ns=duration,
        self_time=format_duration(int(trace.self_ns[row])),
        x=x,
        width=max(round(scale.x(start + duration) - x, 2), _LEAST_WIDTH),
        self_path=_self_path(trace, scale, row, start),
        event_path=_event_path(scale, tree.start_ns, span),
    )


def _self_path(trace: LoadedTrace, scale: Scale, row: int, start: int) -> str:
    """Return the bar's stretches of self time as rectangles, the longest ones if there are many."""
    intervals = self_intervals(trace.tree, row, trace.children.of(row))
    if len(intervals) > _MOST_SEGMENTS:
        longest = sorted(intervals, key=lambda interval: interval[0] - interval[1])
        intervals = sorted(longest[:_MOST_SEGMENTS])
    parts: list[str] = []
    for begin, end in intervals:
        low, high = scale.x(start + begin), scale.x(start + end)
        if high > low or len(intervals) == 1:
            parts.append(f"M{low:g} 7h{max(high - low, _LEAST_WIDTH):g}v10H{low:g}z")
    return "".join(parts)


def _event_path(scale: Scale, origin_ns: int, span: Span | None) -> str:
    if span is None:
        return ""
    places = {scale.x(event.time_ns - origin_ns) for event in span.events if event.time_ns}
    return "".join(f"M{place:g} 4v16" for place in sorted(places)[:200])


def _badges(span: Span | None) -> tuple[str, ...]:
    if span is None:
        return ()
    found: dict[str, Value] = dict(span.attributes)
    texts = (show_value(found[key])[:24] for key in _BADGES if found.get(key) not in (None, ""))
    return tuple(dict.fromkeys(texts))[:2]
