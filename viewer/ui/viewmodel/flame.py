"""The flame view: a trace's spans merged by path, drawn from the root down, and the heaviest paths.

A path is named in the address by the ID of any of its spans, so that a link still leads to the same
path when further spans have come in.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.flame import WHOLE, Box, FlameGraph, boxes
from viewer.trace.ids import InvalidId, format_span_id, parse_span_id
from viewer.ui.filters import (
    format_count,
    format_duration,
    format_duration_exact,
    format_plural,
    format_service,
    service_class,
)
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.only import NOTHING
from viewer.ui.viewmodel.rows import cut
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

MOST_NODES = 240
MOST_LEVELS = 40
MOST_ROWS = 50
_LEAST_SHARE = 0.001
_LEVEL_HEIGHT = 21
_READABLE = 0.012
_CRUMBS_BELOW = 6
_SORTS = {"count": "Spans", "errors": "Errors", "self": "Self", "total": "Total"}
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class FlameBox:
    """A box: ``x`` and ``width`` in percent of the drawing, ``y`` in pixels. ``url`` zooms to it,
    empty where it is zoomed to. ``text`` is empty where there is no room for any. ``more`` marks one
    that stands for nodes not drawn themselves."""

    x: str
    width: str
    y: int
    text: str
    text_x: int
    title: str
    css: str
    url: str
    failed: bool
    matched: bool
    selected: bool
    more: bool


@dataclass(frozen=True, slots=True)
class FlameCrumb:
    """An ancestor of what is zoomed to; the last one, without an address, is that itself."""

    name: str
    css: str
    url: str


@dataclass(frozen=True, slots=True)
class FlameRow:
    """A path in the table: ``url`` leads to its longest span in the timeline, ``zoom_url`` zooms to
    it. ``under`` is what calls it; ``share`` its part of the shown self time."""

    name: str
    service: str
    css: str
    under: str
    url: str
    zoom_url: str
    matched: bool
    count: int
    errors: int
    self_ns: int
    total_ns: int
    share: str
    bar_width: str


@dataclass(frozen=True, slots=True)
class FlameColumn:
    """A heading of the table, and the address that sorts by it."""

    label: str
    url: str
    sorted: bool


@dataclass(frozen=True, slots=True)
class Flame:
    """``boxes`` in order of level, ``height`` of all levels in pixels. ``crumbs`` lead back from what
    is zoomed to, ``more_crumbs`` of them left out; ``timeline_url`` shows its longest span.
    ``find_count`` says how many paths of those shown or hidden below match the find term, empty
    without one. ``left_out`` is what the table leaves."""

    boxes: tuple[FlameBox, ...]
    height: int
    width_words: str
    drawn_words: str
    whole_url: str
    timeline_url: str
    crumbs: tuple[FlameCrumb, ...]
    more_crumbs: int
    find_text: str
    find_count: str
    clear_url: str
    hidden_fields: tuple[tuple[str, str], ...]
    columns: tuple[FlameColumn, ...]
    rows: tuple[FlameRow, ...]
    left_out: str
    notes: tuple[str, ...]


def flame(trace: LoadedTrace, state: TraceState) -> Flame:
    """Return the view, zoomed to the path that the state's ``node`` names."""
    merged = trace.flame
    top, notes = _top(trace, merged, state.option("node"))
    begin, end = merged.within(top)
    matched = _matching(merged, state.terms)
    selected = None if state.span is None else trace.tree.row_of(state.span)
    part = _Part(
        trace=trace,
        merged=merged,
        state=state,
        top=top,
        whole=merged.width_of(top) or 1,
        matched=matched,
        selected=None if selected is None else int(merged.node_of[selected]),
    )
    drawn = boxes(merged, top, MOST_NODES, MOST_LEVELS, _LEAST_SHARE)
    crumbs, more = _crumbs(part)
    order = _order(merged, begin, end, _sort(state))
    hidden = end - begin - sum(not box.hidden for box in drawn)
    return Flame(
        boxes=tuple(part.box(box) for box in drawn),
        height=_LEVEL_HEIGHT * (1 + max((box.level for box in drawn), default=0)),
        width_words=_width_words(merged, top),
        drawn_words=f"{format_plural(hidden, 'smaller or deeper path')} not drawn"
        if hidden
        else "",
        whole_url=part.zoom_url(WHOLE) if top != WHOLE else "",
        timeline_url=part.timeline_url(top) if top != WHOLE else "",
        crumbs=crumbs,
        more_crumbs=more,
        find_text=state.find,
        find_count=format_plural(int(matched[begin:end].sum()), "path") if state.terms else "",
        clear_url=state.finding("").url,
        hidden_fields=tuple(
            (name, value) for name, value in state.query.items() if name not in ("find", "offset")
        ),
        columns=_columns(state),
        rows=tuple(part.row(node) for node in order[:MOST_ROWS]),
        left_out=_left_out(len(order)),
        notes=(*state.notes, *notes),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What is shown of the graph, and how its nodes are printed."""

    trace: LoadedTrace
    merged: FlameGraph
    state: TraceState
    top: int
    whole: int
    matched: NDArray[np.bool_]
    selected: int | None

    def box(self, box: Box) -> FlameBox:
        node = box.node
        zoom_url = self.zoom_url(node) if node != self.top else ""
        plain = {
            "x": f"{box.x * _PERCENT:.3f}%",
            "width": f"{box.width * _PERCENT:.3f}%",
            "y": box.level * _LEVEL_HEIGHT,
        }
        if box.hidden:
            words = f"{format_count(box.hidden)} more"
            return FlameBox(
                **plain,  # type: ignore[arg-type]
                text=f"… {words}" if box.width >= _READABLE else "",
                text_x=6,
                title=f"{format_plural(box.hidden, 'more path')}, together "
                f"{self._share(box.width)} of what is shown",
                css="",
                url=zoom_url,
                failed=False,
                matched=False,
                selected=False,
                more=True,
            )
        failed = bool(self.merged.errors[node])
        return FlameBox(
            **plain,  # type: ignore[arg-type]
            text=f"{self.name(node)} · {self._size(node)}" if box.width >= _READABLE else "",
            text_x=24 if failed else 8,
            title=self._title(node, box.width),
            css=self.css(node),
            url=zoom_url,
            failed=failed,
            matched=bool(self.matched[node]),
            selected=node == self.selected,
            more=False,
        )

    def row(self, node: int) -> FlameRow:
        merged, above = self.merged, int(self.merged.parent[node])
        share = int(merged.own[node]) / self.whole
        return FlameRow(
            name=self.name(node),
            service=self.service(node),
            css=self.css(node),
            under=self.name(above) if above != WHOLE else "",
            url=self.timeline_url(node),
            zoom_url=self.zoom_url(node) if node != self.top else "",
            matched=bool(self.matched[node]),
            count=int(merged.count[node]),
            errors=int(merged.errors[node]),
            self_ns=int(merged.self_ns[node]),
            total_ns=int(merged.total_ns[node]),
            share=self._share(share),
            bar_width=f"{max(share * _PERCENT, 0.4):.2f}%",
        )

    def name(self, node: int) -> str:
        return cut(self.merged.operations[self.merged.operation[node]][1]) or "(no name)"

    def service(self, node: int) -> str:
        return cut(format_service(self.merged.operations[self.merged.operation[node]][0]))

    def css(self, node: int) -> str:
        return service_class(self.merged.operations[self.merged.operation[node]][0])

    def zoom_url(self, node: int) -> str:
        kept = {"sort": self.state.option("sort")}
        if node != WHOLE:
            longest = int(self.trace.tree.shown_id[self.merged.longest[node]])
            kept = {"node": format_span_id(longest), **kept}
        return self.state.viewing(self.state.view, **kept).url

    def timeline_url(self, node: int) -> str:
        to_timeline = self.state.viewing(TIMELINE).narrowed(NOTHING)
        return reveal(self.trace, to_timeline, int(self.merged.longest[node])).url

    def _title(self, node: int, width: float) -> str:
        merged = self.merged
        count, errors = int(merged.count[node]), int(merged.errors[node])
        failed = f", {format_plural(errors, 'error')}" if errors else ""
        lines = [
            f"{self.name(node)} · {self.service(node)}",
            f"{format_plural(count, 'span')}{failed}",
            f"self {_exactly(merged.self_ns[node])}",
            f"total {_exactly(merged.total_ns[node])}",
            f"{self._share(width)} of what is shown, with all below",
        ]
        return "\n".join(lines)

    def _size(self, node: int) -> str:
        width = self.merged.width_of(node)
        return format_plural(width, "span") if self.merged.by_count else format_duration(width)

    @staticmethod
    def _share(share: float) -> str:
        return f"{share * _PERCENT:.1f} %"


def _exactly(duration: float) -> str:
    whole = int(duration)
    return f"{format_duration(whole)} ({format_duration_exact(whole)})"


def _top(trace: LoadedTrace, merged: FlameGraph, said: str) -> tuple[int, tuple[str, ...]]:
    """Return the node that the address names, and what to tell if there is none such."""
    if not said:
        return WHOLE, ()
    try:
        row = trace.tree.row_of(parse_span_id(said))
    except InvalidId as error:
        return WHOLE, (f"All of the trace is shown: {error}.",)
    if row is None:
        return WHOLE, (f"Span {said} is not in this trace; all of it is shown.",)
    return int(merged.node_of[row]), ()


def _matching(merged: FlameGraph, terms: list[str]) -> NDArray[np.bool_]:
    """Say per node whether its name or its service contains one of the terms, in any case."""
    if not terms:
        return np.zeros(len(merged), np.bool_)
    folded = [term.casefold() for term in terms]

    @lru_cache(maxsize=len(merged.operations))
    def contains(text: str) -> bool:
        text = text.casefold()
        return any(term in text for term in folded)

    found = (contains(name) or contains(service) for service, name in merged.operations)
    matched: NDArray[np.bool_] = np.fromiter(found, np.bool_, len(merged.operations))
    return matched[merged.operation]


def _sort(state: TraceState) -> str:
    return state.option("sort") if state.option("sort") in _SORTS else "self"


def _order(merged: FlameGraph, begin: int, end: int, sort: str) -> list[int]:
    """Return the nodes shown or hidden below, the greatest first."""
    by = {"count": merged.count, "errors": merged.errors,
          "self": merged.self_ns, "total": merged.total_ns}  # fmt: skip
    ranked: list[int] = (begin + np.argsort(-by[sort][begin:end], kind="stable")).tolist()
    return ranked


def _columns(state: TraceState) -> tuple[FlameColumn, ...]:
    node, chosen = state.option("node"), _sort(state)
    return tuple(
        FlameColumn(label, state.viewing(state.view, node=node, sort=sort).url, sort == chosen)
        for sort, label in _SORTS.items()
    )


def _crumbs(part: _Part) -> tuple[tuple[FlameCrumb, ...], int]:
    """Return the way from the root to what is zoomed to: of a long one only its end."""
    path = part.merged.path(part.top)
    shown = path[-_CRUMBS_BELOW:]
    crumbs = tuple(
        FlameCrumb(part.name(node), part.css(node), part.zoom_url(node) if node != part.top else "")
        for node in shown
    )
    return crumbs, len(path) - len(shown)


def _width_words(merged: FlameGraph, top: int) -> str:
    if merged.by_count:
        return "No span took any time: width is the number of spans."
    whole = format_duration(merged.width_of(top))
    return f"Width is self time, {whole} in all; calls that ran at once count each."


def _left_out(paths: int) -> str:
    return (
        f"{format_plural(paths - MOST_ROWS, 'more path')} not listed" if paths > MOST_ROWS else ""
    )
