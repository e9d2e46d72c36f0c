"""The flame view: one node's subtree as bars, and a way into and out of each."""

from dataclasses import dataclass, replace

import numpy as np

from viewer.analysis.flame import FlameGraph
from viewer.trace.ids import InvalidId, format_span_id, parse_span_id
from viewer.ui.filters import (
    format_count,
    format_duration,
    format_plural,
    format_service,
    service_class,
)
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.rows import cut
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

BAR_HEIGHT = 20
MOST_BARS = 1_500
MOST_LEVELS = 60
_LEAST_SHARE = 0.0005
_LABELLED_SHARE = 0.02
_MOST_CRUMBS = 6


@dataclass(frozen=True, slots=True)
class FlameBar:
    """A node: ``x`` and ``width`` in percent of the graph, ``y`` in pixels. ``label`` is empty where
    there is no room for one."""

    url: str
    title: str
    label: str
    css: str
    x: str
    width: str
    y: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Crumb:
    """A node above the shown one."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Flame:
    """``facts`` tell of the shown node or, without one, of all; ``timeline_url`` shows its longest
    span in the timeline, "" without a node. ``left_out`` says what is not drawn."""

    bars: tuple[FlameBar, ...]
    height: int
    crumbs: tuple[Crumb, ...]
    name: str
    service: str
    css: str
    facts: str
    timeline_url: str
    left_out: str
    notes: tuple[str, ...]


def flame(trace: LoadedTrace, state: TraceState) -> Flame:
    """Return the graph from the node that the view's option ``node`` names: by any span of it."""
    graph = trace.flame
    notes: list[str] = []
    top = _node(trace, graph, state.option("node"), notes)
    begin, end, level = 0, len(graph), 0
    left, whole = 0, int(graph.self_ns.sum())
    if top is not None:
        begin, end, level = top, int(graph.subtree_end[top]), int(graph.depth[top])
        left, whole = int(graph.x_ns[top]), int(graph.width_ns[top])
    nodes = np.arange(begin, end)
    near = nodes[graph.depth[nodes] < level + MOST_LEVELS]
    wide = near[graph.width_ns[near] >= max(whole * _LEAST_SHARE, 1)]
    shown = wide
    if len(shown) > MOST_BARS:
        shown = np.sort(wide[np.argsort(-graph.width_ns[wide], kind="stable")[:MOST_BARS]])
    bars = tuple(
        _bar(trace, state, graph, node, left, max(whole, 1), level) for node in shown.tolist()
    )
    levels = int(graph.depth[shown].max()) - level + 1 if len(shown) else 0
    return Flame(
        bars=bars,
        height=levels * BAR_HEIGHT,
        crumbs=_crumbs(trace, state, graph, top),
        name="" if top is None else _name(graph, top),
        service="" if top is None else _service(graph, top),
        css="" if top is None else service_class(graph.operations[graph.operation[top]][0]),
        facts=_facts(graph, top, whole),
        timeline_url=""
        if top is None
        else reveal(trace, _timeline(state), int(graph.longest[top])).url,
        left_out=_left_out(len(nodes), len(near), len(shown)),
        notes=tuple(notes),
    )


def _node(trace: LoadedTrace, graph: FlameGraph, text: str, notes: list[str]) -> int | None:
    if not text:
        return None
    try:
        row = trace.tree.row_of(parse_span_id(text))
    except InvalidId as error:
        notes.append(f"All of the trace is shown: {error}.")
        return None
    if row is None:
        notes.append(f"All of the trace is shown: no span of it is {text}.")
        return None
    return int(graph.node_of[row])


def _timeline(state: TraceState) -> TraceState:
    return state.viewing(TIMELINE)


def _url(trace: LoadedTrace, state: TraceState, graph: FlameGraph, node: int) -> str:
    span = int(trace.tree.shown_id[int(graph.longest[node])])
    return state.viewing("flame", node=format_span_id(span)).url


def _name(graph: FlameGraph, node: int) -> str:
    return cut(graph.operations[graph.operation[node]][1]) or "(no name)"


def _service(graph: FlameGraph, node: int) -> str:
    return cut(format_service(graph.operations[graph.operation[node]][0]))


def _facts(graph: FlameGraph, node: int | None, whole: int) -> str:
    if node is None:
        spans = format_plural(int(graph.count.sum()), "span")
        return f"{spans}, {format_duration(whole)} of self time"
    errors = int(graph.errors[node])
    failed = f", {format_plural(errors, 'error')}" if errors else ""
    own = format_duration(int(graph.self_ns[node]))
    spans = format_plural(int(graph.count[node]), "span")
    return f"{spans}{failed}, {format_duration(whole)} with all below, {own} itself"


def _bar(
    trace: LoadedTrace,
    state: TraceState,
    graph: FlameGraph,
    node: int,
    left: int,
    whole: int,
    level: int,
) -> FlameBar:
    width = int(graph.width_ns[node])
    name, service = _name(graph, node), _service(graph, node)
    share = width / whole
    return FlameBar(
        url=_url(trace, state, graph, node),
        title=f"{service} · {name}: {_facts(graph, node, width)} ({share:.1%})",
        label=f"{name} · {format_duration(width)}" if share >= _LABELLED_SHARE else "",
        css=service_class(graph.operations[graph.operation[node]][0]),
        x=f"{100 * (int(graph.x_ns[node]) - left) / whole:.3f}%",
        width=f"{100 * share:.3f}%",
        y=(int(graph.depth[node]) - level) * BAR_HEIGHT,
        failed=bool(graph.errors[node]),
    )


def _crumbs(
    trace: LoadedTrace, state: TraceState, graph: FlameGraph, node: int | None
) -> tuple[Crumb, ...]:
    if node is None:
        return ()
    whole = Crumb("all", replace(state, options=(), offset=0).url)
    above = graph.ancestors(node)
    near = above[-_MOST_CRUMBS:]
    skipped = len(above) - len(near)
    crumbs = [Crumb(_name(graph, one), _url(trace, state, graph, one)) for one in near]
    if skipped:
        between = above[skipped - 1]
        crumbs.insert(0, Crumb(f"{format_count(skipped)} more", _url(trace, state, graph, between)))
    return (whole, *crumbs)


def _left_out(nodes: int, near: int, shown: int) -> str:
    parts = []
    if near < nodes:
        parts.append(f"{format_plural(nodes - near, 'node')} deeper than {MOST_LEVELS} levels")
    if shown < near:
        parts.append(f"{format_plural(near - shown, 'node')} too narrow")
    return f"Not drawn: {', '.join(parts)}; go into a node to see more of it." if parts else ""
