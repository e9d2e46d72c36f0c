"""The merged tree of two traces as a table: one row a node that the filter lets through."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.compare import Change, Comparison
from viewer.ui.filters import format_count, format_duration, format_service, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.compare_state import (
    CHANGED,
    DIFFERENCE,
    SHOWS,
    TREE,
    CompareState,
    NodeKey,
)
from viewer.ui.viewmodel.rows import cut

MOST_ROWS = 400
BAR_CENTRE = 100.0
_MOST_INDENT = 10
_LEAST_BAR = 1.0
_MINUS = "\N{MINUS SIGN}"
_LABELS = {CHANGED: "Changed", "all": "All"}
_CHANGES = {
    "added": Change.ADDED,
    "removed": Change.REMOVED,
    "slower": Change.SLOWER,
    "faster": Change.FASTER,
}


@dataclass(frozen=True, slots=True)
class CompareRow:
    """A node. ``context`` rows only lead to others; ``under`` names the node above where the table is
    no tree. Totals are None for the trace that lacks the node. The bar is in units of 2 × BAR_CENTRE,
    to the right of the centre where B takes longer."""

    id: str
    url: str
    selected: bool
    context: bool
    level: int
    indent: int
    deep: bool
    name: str
    service: str
    css: str
    under: str
    change: str
    spans: str
    errors: str
    total_a_ns: int | None
    total_b_ns: int | None
    difference_ns: int
    difference: str
    share: str
    bar_x: float
    bar_width: float
    self_difference_ns: int
    self_difference: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter or an order: its address, and how many nodes it shows (empty = not counted)."""

    label: str
    count: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class CompareTable:
    """The table; ``left_out`` says what it leaves out, ``nothing`` why it is empty, ``all_url`` leads
    to all nodes."""

    shows: tuple[Choice, ...]
    sorts: tuple[Choice, ...]
    rows: tuple[CompareRow, ...]
    left_out: str
    nothing: str
    all_url: str


def compare_table(
    a: LoadedTrace, b: LoadedTrace, compared: Comparison, state: CompareState, selected: int
) -> CompareTable:
    """Return the table; ``selected`` is the selected node."""
    masks = {show: _mask(compared, show) for show in SHOWS}
    chosen = np.flatnonzero(masks[state.show])
    count = len(chosen)
    size = np.abs(compared.difference_ns)
    if state.sort == DIFFERENCE:
        order = np.argsort(-size[chosen], kind="stable")[:MOST_ROWS]
        nodes, context = chosen[order], set[int]()
    else:
        nodes, context = _with_context(compared, _largest(chosen, size))
    shown = nodes.tolist()
    widest = float(size[nodes].max(initial=0.0)) or 1.0
    return CompareTable(
        shows=tuple(
            Choice(
                _LABELS.get(show, show.capitalize()),
                format_count(int(mask.sum())),
                state.showing(show).url,
                show == state.show,
            )
            for show, mask in masks.items()
        ),
        sorts=(
            Choice("tree", "", state.sorted_by(TREE).url, state.sort == TREE),
            Choice("difference", "", state.sorted_by(DIFFERENCE).url, state.sort == DIFFERENCE),
        ),
        rows=tuple(
            _row(a, b, compared, state, node, node == selected, node in context, widest)
            for node in shown
        ),
        left_out=_left_out(count, len(shown) - len(context), state.show),
        nothing="" if count else _nothing(state.show),
        all_url=state.showing("all").url,
    )


def node_key(a: LoadedTrace, b: LoadedTrace, compared: Comparison, node: int) -> NodeKey:
    """Return the key of a node: its longest span in A or, where A lacks it, in B."""
    row = int(compared.a.longest[node])
    if row >= 0:
        return NodeKey("a", int(a.tree.shown_id[row]))
    return NodeKey("b", int(b.tree.shown_id[int(compared.b.longest[node])]))


def node_of_key(a: LoadedTrace, b: LoadedTrace, compared: Comparison, key: NodeKey) -> int | None:
    """Return the node that holds the key's span, None if there is no such span."""
    trace, side = (a, compared.a) if key.side == "a" else (b, compared.b)
    row = trace.tree.row_of(key.span)
    return None if row is None else int(side.node_of[row])


def node_name(compared: Comparison, node: int) -> str:
    """Return a node's operation for a line: a long one cut, an absent one said."""
    return cut(compared.operations[compared.operation[node]][1]) or "(no name)"


def node_service(compared: Comparison, node: int) -> str:
    """Return a node's service for a line, likewise."""
    return cut(format_service(compared.operations[compared.operation[node]][0]))


def format_signed(difference_ns: int) -> str:
    """Print a difference with its sign: ``+1.20 s``."""
    if difference_ns == 0:
        return "±0"
    sign = "+" if difference_ns > 0 else _MINUS
    return f"{sign}{format_duration(abs(difference_ns))}"


def _mask(compared: Comparison, show: str) -> NDArray[np.bool_]:
    if show == "all":
        return np.ones(len(compared), bool)
    if show == CHANGED:
        return compared.differs()
    mask: NDArray[np.bool_] = compared.change == _CHANGES[show]
    return mask


def _largest(chosen: NDArray[np.intp], size: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the MOST_ROWS of the chosen nodes that differ most, in tree order."""
    if len(chosen) <= MOST_ROWS:
        return chosen
    return np.sort(chosen[np.argsort(-size[chosen], kind="stable")[:MOST_ROWS]])


def _with_context(
    compared: Comparison, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.intp], set[int]]:
    """Add the nodes that lead to the chosen ones, those nearest to the root first, while there is
    room; return all in tree order, and which are added."""
    marked = np.zeros(len(compared) + 1, np.int64)
    marked[chosen + 1] = 1
    before = np.cumsum(marked)
    nodes = np.arange(len(compared))
    leads = (before[compared.subtree_end] > before[nodes + 1]) & (marked[1:] == 0)
    above = np.flatnonzero(leads)
    room = MOST_ROWS - len(chosen)
    added = above[np.argsort(compared.depth[above], kind="stable")[:room]]
    return np.sort(np.concatenate((chosen, added))), set(added.tolist())


def _left_out(count: int, shown: int, show: str) -> str:
    if count == shown:
        return ""
    which = {"all": "", CHANGED: "changed "}.get(show, f"{show} ")
    return (
        f"{format_count(shown)} of {format_count(count)} {which}nodes are shown, "
        "those that differ most."
    )


def _nothing(show: str) -> str:
    if show == CHANGED:
        return "No node differs by enough to count as changed."
    return f"No node is {show}."


def _row(
    a: LoadedTrace,
    b: LoadedTrace,
    compared: Comparison,
    state: CompareState,
    node: int,
    selected: bool,
    context: bool,
    widest: float,
) -> CompareRow:
    key = node_key(a, b, compared, node)
    level, above = int(compared.depth[node]), int(compared.parent[node])
    service = compared.operations[compared.operation[node]][0]
    in_a, in_b = compared.a.count[node] > 0, compared.b.count[node] > 0
    total_a, total_b = int(compared.a.total_ns[node]), int(compared.b.total_ns[node])
    difference = int(compared.difference_ns[node])
    own = int(compared.self_difference_ns[node])
    width = min(BAR_CENTRE * abs(difference) / widest, BAR_CENTRE)
    width = max(round(width, 2), _LEAST_BAR) if difference else 0.0
    flat = state.sort == DIFFERENCE
    change = Change(int(compared.change[node]))
    return CompareRow(
        id=f"node-{key.side}-{key.span:016x}",
        url=state.selecting(key).url,
        selected=selected,
        context=context,
        level=level + 1,
        indent=0 if flat else min(level, _MOST_INDENT),
        deep=flat or level > _MOST_INDENT,
        name=node_name(compared, node),
        service=node_service(compared, node),
        css=service_class(service),
        under=node_name(compared, above) if flat and above >= 0 else "",
        change="" if change is Change.SAME else change.name.lower(),
        spans=_both(int(compared.a.count[node]), int(compared.b.count[node])),
        errors=_errors(int(compared.a.errors[node]), int(compared.b.errors[node])),
        total_a_ns=total_a if in_a else None,
        total_b_ns=total_b if in_b else None,
        difference_ns=difference,
        difference=format_signed(difference),
        share=_share(difference, total_a) if in_a and in_b else "",
        bar_x=BAR_CENTRE if difference > 0 else round(BAR_CENTRE - width, 2),
        bar_width=width,
        self_difference_ns=own,
        self_difference=format_signed(own),
    )


def _both(a: int, b: int) -> str:
    return format_count(a) if a == b else f"{format_count(a)} → {format_count(b)}"


def _errors(a: int, b: int) -> str:
    return _both(a, b) if a or b else ""


def _share(difference_ns: int, of_ns: int) -> str:
    """Return a difference relative to A; nothing where A took no time."""
    if not of_ns or not difference_ns:
        return ""
    share = difference_ns / of_ns
    sign = "+" if share > 0 else _MINUS
    if share >= 9.995:
        return f"×{format_count(round(1 + share))}"
    return f"{sign}{abs(share):.0%}" if abs(share) >= 0.01 else f"{sign}<1%"
