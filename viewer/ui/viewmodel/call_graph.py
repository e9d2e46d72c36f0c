"""The graph view: which services (or operations) of a trace call which, drawn from left to right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.call_graph import CallGraph, call_graph
from viewer.analysis.layered import layered
from viewer.ui.filters import (
    format_duration,
    format_duration_exact,
    format_many,
    format_plural,
    format_service,
    service_class,
)
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.graph_drawing import CELL, SMALL_CELL, Place, Size, cells, draw
from viewer.ui.viewmodel.only import NOTHING
from viewer.ui.viewmodel.rows import cut
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

MOST_NODES = 60
MOST_EDGES = 80
_GROUPINGS = ("service", "operation")
_LONGEST_CELLS = 32
_LINE = 17
_TEXT_X = 12
_PADDING = 10
_ICON_ROOM = 16
_WIDEST_LINE, _THINNEST_LINE = 5.0, 1.2


@dataclass(frozen=True, slots=True)
class GraphGrouping:
    """What the nodes may be, and the address for it."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A box at a place in pixels; within it, a frame and up to three lines of text. ``service`` is
    empty where the name is one, ``failed`` (the number of errors, behind an icon) without any.
    ``url`` leads to its longest span. ``merged`` marks the one of all further nodes."""

    x: float
    y: float
    width: float
    height: float
    frame_width: float
    frame_height: float
    css: str
    name: str
    service: str
    numbers: str
    failed: str
    failed_x: float
    name_y: float
    service_y: float
    numbers_y: float
    icon_x: float
    icon_y: float
    title: str
    url: str
    selected: bool
    merged: bool


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A line with its arrow and label; ``leftward`` marks one that closes a circle."""

    path: str
    arrow: str
    thickness: str
    label: str
    failed: str
    label_x: float
    label_y: float
    leftward: bool
    title: str


@dataclass(frozen=True, slots=True)
class GraphEnd:
    """A caller or callee as the table prints it."""

    name: str
    service: str
    css: str


@dataclass(frozen=True, slots=True)
class GraphCall:
    """A row of the table: the calls from one node to another; ``url`` leads to the longest."""

    caller: GraphEnd
    callee: GraphEnd
    url: str
    calls: int
    errors: int
    total_ns: int
    mean_ns: int


@dataclass(frozen=True, slots=True)
class Graph:
    """The drawing of ``width`` by ``height`` pixels, and the same edges as a table. ``left_out`` says
    what is not drawn."""

    by: str
    groupings: tuple[GraphGrouping, ...]
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    width: float
    height: float
    summary: str
    left_out: str
    calls: tuple[GraphCall, ...]
    statistics_url: str


def graph(trace: LoadedTrace, state: TraceState) -> Graph:
    """Return the view, of services or of operations as the state's ``by`` says."""
    by = state.option("by") if state.option("by") in _GROUPINGS else _GROUPINGS[0]
    group, services, names = _groups(trace, by)
    found = call_graph(trace.tree, trace.self_ns, group, len(services), MOST_NODES, MOST_EDGES)
    part = _Part(trace, state, by, found, services, names)
    edges = list(zip(found.caller.tolist(), found.callee.tolist(), strict=True))
    labels = [part.label(number) for number in range(len(edges))]
    texts = [part.texts(node) for node in range(len(found))]
    drawing = draw(layered(len(found), edges), [text.size for text in texts], labels)
    selected = None if state.span is None else trace.tree.row_of(state.span)
    chosen = -1 if selected is None else int(found.node_of[selected])
    return Graph(
        by=by,
        groupings=tuple(
            GraphGrouping(name, state.viewing(state.view, by=name).url, name == by)
            for name in _GROUPINGS
        ),
        nodes=tuple(
            part.node(node, text, place, node == chosen)
            for node, (text, place) in enumerate(zip(texts, drawing.places, strict=True))
        ),
        edges=tuple(
            GraphEdge(
                path=line.path,
                arrow=line.arrow,
                thickness=part.thickness(number),
                label=part.count(number),
                failed=part.failures(number),
                label_x=line.label_x,
                label_y=line.label_y,
                leftward=line.leftward,
                title=part.edge_title(number),
            )
            for number, line in enumerate(drawing.lines)
        ),
        width=drawing.width,
        height=drawing.height,
        summary=_summary(by, found),
        left_out=_left_out(by, found),
        calls=tuple(part.call(number) for number in range(len(edges))),
        statistics_url=state.viewing("statistics", by=by).url,
    )


@dataclass(frozen=True, slots=True)
class _Texts:
    """A node's lines as they are printed, and the size they need."""

    name: str
    service: str
    numbers: str
    failed: str
    icon_x: float
    size: Size


@dataclass(frozen=True, slots=True)
class _Part:
    """The graph, and how its nodes and edges are printed."""

    trace: LoadedTrace
    state: TraceState
    by: str
    found: CallGraph
    services: list[str]
    names: list[str]

    def texts(self, node: int) -> _Texts:
        nodes = self.found.nodes
        end = self.end(node)
        name, service = _fitting(end.name), _fitting(end.service)
        whole = float(nodes.self_ns.sum()) or 1.0
        count, inner = int(nodes.count[node]), int(self.found.inner_calls[node])
        numbers = f"{format_many(count)} {'span' if count == 1 else 'spans'}"
        numbers += f" · {_percent(float(nodes.self_ns[node]) / whole)} self"
        if inner:
            numbers += f" · ↻ {format_many(inner)}"
        failed = format_many(int(nodes.errors[node])) if nodes.errors[node] else ""
        icon_x = _TEXT_X + cells(numbers) * SMALL_CELL + 6
        width = max(
            cells(name) * CELL,
            cells(service) * SMALL_CELL,
            icon_x - _TEXT_X + (_ICON_ROOM + cells(failed) * SMALL_CELL if failed else 0),
        )
        lines = 3 if service else 2
        return _Texts(
            name=name,
            service=service,
            numbers=numbers,
            failed=failed,
            icon_x=round(icon_x, 1),
            size=Size(round(_TEXT_X + width + _PADDING, 1), lines * _LINE + _PADDING),
        )

    def node(self, node: int, text: _Texts, place: Place, selected: bool) -> GraphNode:
        top = (place.height - text.size.height) / 2 + _PADDING / 2
        lines = [top + 13 + index * _LINE for index in range(3)]
        return GraphNode(
            x=place.x,
            y=place.y,
            width=place.width,
            height=place.height,
            frame_width=place.width - 1,
            frame_height=place.height - 1,
            css=self.end(node).css,
            name=text.name,
            service=text.service,
            numbers=text.numbers,
            failed=text.failed,
            failed_x=round(text.icon_x + _ICON_ROOM, 1),
            name_y=round(lines[0], 1),
            service_y=round(lines[1], 1),
            numbers_y=round(lines[2 if text.service else 1], 1),
            icon_x=text.icon_x,
            icon_y=round(lines[2 if text.service else 1] - 11, 1),
            title=self._node_title(node),
            url=self._reveal(int(self.found.nodes.longest[node])),
            selected=selected,
            merged=self._is_rest(node),
        )

    def end(self, node: int) -> GraphEnd:
        if self._is_rest(node):
            return GraphEnd(format_plural(self.found.merged, f"more {self.by}"), "", "")
        group = int(self.found.kept[node])
        service = self.services[group]
        shown = cut(format_service(service))
        if self.by == "service":
            return GraphEnd(shown, "", service_class(service))
        return GraphEnd(cut(self.names[group]) or "(no name)", shown, service_class(service))

    def label(self, number: int) -> str:
        """Return a label's whole text, for its width."""
        failures = self.failures(number)
        return f"{self.count(number)} !{failures}" if failures else self.count(number)

    def count(self, number: int) -> str:
        return f"×{format_many(int(self.found.calls[number]))}"

    def failures(self, number: int) -> str:
        errors = int(self.found.errors[number])
        return format_many(errors) if errors else ""

    def thickness(self, number: int) -> str:
        most = float(self.found.total_ns.max(initial=0.0)) or 1.0
        share = (float(self.found.total_ns[number]) / most) ** 0.5
        return f"{_THINNEST_LINE + share * (_WIDEST_LINE - _THINNEST_LINE):.2f}"

    def edge_title(self, number: int) -> str:
        found = self.found
        caller, callee = (self.end(int(ends[number])) for ends in (found.caller, found.callee))
        calls, errors = int(found.calls[number]), int(found.errors[number])
        failed = f", {format_plural(errors, 'error')}" if errors else ""
        total = int(found.total_ns[number])
        return (
            f"{_words(caller)} → {_words(callee)}\n{format_plural(calls, 'call')}{failed}\n"
            f"total {_exactly(total)}, mean {format_duration(total // calls)}"
        )

    def call(self, number: int) -> GraphCall:
        found = self.found
        calls, total = int(found.calls[number]), int(found.total_ns[number])
        return GraphCall(
            caller=self.end(int(found.caller[number])),
            callee=self.end(int(found.callee[number])),
            url=self._reveal(int(found.longest[number])),
            calls=calls,
            errors=int(found.errors[number]),
            total_ns=total,
            mean_ns=total // calls,
        )

    def _node_title(self, node: int) -> str:
        nodes, inner = self.found.nodes, int(self.found.inner_calls[node])
        count, errors = int(nodes.count[node]), int(nodes.errors[node])
        lines = [
            _words(self.end(node)),
            format_plural(count, "span")
            + (f", {format_plural(errors, 'error')}" if errors else ""),
            f"self {_exactly(int(nodes.self_ns[node]))}",
            f"longest {_exactly(int(nodes.max_ns[node]))}",
        ]
        if inner:
            lines.append(f"{format_plural(inner, 'call')} within")
        return "\n".join(lines)

    def _is_rest(self, node: int) -> bool:
        return bool(self.found.merged) and node == len(self.found.kept)

    def _reveal(self, row: int) -> str:
        return reveal(self.trace, self.state.viewing(TIMELINE).narrowed(NOTHING), row).url


def _groups(trace: LoadedTrace, by: str) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Return each row's group, and each group's service and operation."""
    columns = trace.tree.columns
    services = columns.service.astype(np.int64)
    if by == "service":
        return services, list(columns.services), [""] * len(columns.services)
    width = max(len(columns.names), 1)
    pairs, group = np.unique(services * width + columns.name, return_inverse=True)
    of_service, of_name = np.divmod(pairs, width)
    return (
        group.astype(np.int64),
        [columns.services[number] for number in of_service.tolist()],
        [columns.names[number] for number in of_name.tolist()],
    )


def _fitting(text: str) -> str:
    """Return a text for a box: printable, and cut to so many cells that boxes stay readable."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    if cells(text) <= _LONGEST_CELLS:
        return text
    taken, used = "", 1
    for sign in text:
        used += cells(sign)
        if used > _LONGEST_CELLS:
            break
        taken += sign
    return f"{taken}…"


def _words(end: GraphEnd) -> str:
    return f"{end.name} · {end.service}" if end.service else end.name


def _exactly(duration_ns: int) -> str:
    return f"{format_duration(duration_ns)} ({format_duration_exact(duration_ns)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else "under 1 %"


def _summary(by: str, found: CallGraph) -> str:
    edges = len(found.caller) + found.edges_left_out
    nodes = len(found) - 1 + found.merged if found.merged else len(found)
    connections = format_plural(edges, "connection")
    signs = ", × the calls, ! the failed ones" if edges else ""
    return f"{format_plural(nodes, by)}, {connections}. Thickness is time{signs}."


def _left_out(by: str, found: CallGraph) -> str:
    told: list[str] = []
    if found.merged:
        told.append(f"{format_plural(found.merged, by)} of less time drawn as one")
    if found.edges_left_out:
        edges = format_plural(found.edges_left_out, "connection")
        told.append(f"{edges} ({format_plural(found.calls_left_out, 'call')}) not drawn")
    return ", ".join(told)
