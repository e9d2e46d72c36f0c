"""The minimap: the whole trace on one strip of constant size, however many spans it has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import StatusCode
from viewer.ui.filters import format_duration, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.rows import BAR_UNITS, Scale
from viewer.ui.viewmodel.trace_state import TraceState

HEIGHT = 60
_LANES = 30
_COLUMNS = 200
_TICKS = 4


@dataclass(frozen=True, slots=True)
class MinimapBar:
    """One span of a small trace."""

    x: float
    y: float
    width: float
    height: float
    css_class: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis; ``x`` in BAR_UNITS."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Minimap:
    """Bars for a small trace, else two paths (all spans, failed spans) on a grid. ``from_x`` and
    ``to_x`` bound the shown range in BAR_UNITS."""

    bars: tuple[MinimapBar, ...]
    path: str
    error_path: str
    from_x: float
    to_x: float
    from_ns: int
    to_ns: int
    duration_ns: int
    zoomed: bool
    reset_url: str


def minimap(trace: LoadedTrace, state: TraceState) -> Minimap:
    """Draw the trace's spans in lanes from first row to last, and the shown range over them."""
    tree = trace.tree
    whole = Scale(0, max(tree.duration_ns, 1))
    from_ns, to_ns = state.from_ns or 0, tree.duration_ns if state.to_ns is None else state.to_ns
    small = len(tree) <= _LANES
    failed = tree.columns.status == StatusCode.ERROR
    return Minimap(
        bars=_bars(trace, whole) if small else (),
        path="" if small else _grid_path(trace, np.ones(len(tree), bool)),
        error_path="" if small or not failed.any() else _grid_path(trace, failed),
        from_x=whole.x(from_ns),
        to_x=whole.x(to_ns),
        from_ns=from_ns,
        to_ns=to_ns,
        duration_ns=tree.duration_ns,
        zoomed=state.from_ns is not None,
        reset_url=state.zoomed(None, None).url,
    )


def ticks(from_ns: int, to_ns: int) -> tuple[Tick, ...]:
    """Return evenly spaced marks of a time range, its bounds included."""
    length = to_ns - from_ns
    return tuple(
        Tick(BAR_UNITS * mark / _TICKS, _tick_label(from_ns + length * mark // _TICKS))
        for mark in range(_TICKS + 1)
    )


def _tick_label(offset_ns: int) -> str:
    return format_duration(offset_ns) if offset_ns else "0"


def _bars(trace: LoadedTrace, scale: Scale) -> tuple[MinimapBar, ...]:
    tree, columns = trace.tree, trace.tree.columns
    height = min(HEIGHT / len(tree), 6.0)
    bars: list[MinimapBar] = []
    for row in range(len(tree)):
        start = int(columns.start_ns[row]) - tree.start_ns if columns.start_ns[row] else 0
        x = scale.x(start)
        width = max(scale.x(start + int(columns.dur_ns[row])) - x, 2.0)
        failed = columns.status[row] == StatusCode.ERROR
        css = "is-error" if failed else service_class(columns.services[columns.service[row]])
        bars.append(MinimapBar(x, round(row * height, 2), round(width, 2), height * 0.8, css))
    return tuple(bars)


def _grid_path(trace: LoadedTrace, chosen: NDArray[np.bool_]) -> str:
    """Return the cells of a lanes × columns grid that the chosen spans touch, as runs."""
    tree = trace.tree
    rows = np.flatnonzero(chosen)
    start = np.maximum(tree.columns.start_ns[rows] - tree.start_ns, 0)
    cell = max(tree.duration_ns, 1) / _COLUMNS
    first = np.minimum((start / cell).astype(np.int64), _COLUMNS - 1)
    last = np.minimum(((start + tree.columns.dur_ns[rows]) / cell).astype(np.int64), _COLUMNS - 1)
    lane = rows * _LANES // len(tree)
    change = np.zeros((_LANES, _COLUMNS + 1), np.int64)
    np.add.at(change, (lane, first), 1)
    np.add.at(change, (lane, last + 1), -1)
    touched = np.cumsum(change, axis=1)[:, :_COLUMNS] > 0
    edges = np.diff(np.pad(touched, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    begins, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    unit, height = BAR_UNITS / _COLUMNS, HEIGHT / _LANES
    return "".join(
        f"M{begin * unit:g} {lane * height:g}h{(end - begin) * unit:g}v{height * 0.75:g}"
        f"H{begin * unit:g}z"
        for (lane, begin), (_, end) in zip(begins.tolist(), ends.tolist(), strict=True)
    )
