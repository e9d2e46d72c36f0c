"""The minimap: the whole trace on one strip of constant size, however many spans it has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import StatusCode
from viewer.ui.filters import format_duration, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.scale import BAR_UNITS, Scale
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
    """A mark of the time axis; ``x`` in percent of its width."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Minimap:
    """Bars for a small trace, else two paths (all spans, failed spans) on a grid. In
    BAR_UNITS, ``before`` and ``after`` are how much of it lies outside the shown range. ``part`` says that
    it is of a span in focus only."""

    bars: tuple[MinimapBar, ...]
    path: str
    error_path: str
    before: float
    after_x: float
    after: float
    from_ns: int
    to_ns: int
    duration_ns: int
    zoomed: bool
    part: bool
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
        before=whole.x(from_ns),
        after_x=whole.x(to_ns),
        after=round(BAR_UNITS - whole.x(to_ns), 2),
        from_ns=from_ns,
        to_ns=to_ns,
        duration_ns=tree.duration_ns,
        zoomed=state.from_ns is not None,
        part=state.focus is not None,
        reset_url=state.zoomed(None, None).url,
    )


def ticks(from_ns: int, to_ns: int) -> tuple[Tick, ...]:
    """Return evenly spaced marks of a time range, its bounds included. Where the range is so short
    that their labels would be the same, all but the first count from there: ``1.24 s``, ``+2 ns``."""
    length = to_ns - from_ns
    offsets = sorted({length * mark // _TICKS for mark in range(_TICKS + 1)})
    labels = [format_duration(from_ns + offset) if from_ns + offset else "0" for offset in offsets]
    if len(set(labels)) < len(labels):
        labels[1:] = [f"+{format_duration(offset)}" for offset in offsets[1:]]
    return tuple(
        Tick(round(100 * offset / max(length, 1), 2), label)
        for offset, label in zip(offsets, labels, strict=True)
    )


def _bars(trace: LoadedTrace, scale: Scale) -> tuple[MinimapBar, ...]:
    tree, columns = trace.tree, trace.tree.columns
    height = min(HEIGHT / len(tree), 6.0)
    bars: list[MinimapBar] = []
    for row in range(len(tree)):
        start = int(columns.start_ns[row]) - tree.start_ns if columns.start_ns[row] else 0
        x, width = scale.bar(start, start + int(columns.dur_ns[row]), least=2.0)
        failed = columns.status[row] == StatusCode.ERROR
        css = "is-error" if failed else service_class(columns.services[columns.service[row]])
        bars.append(MinimapBar(x, round(row * height, 2), width, round(height * 0.8, 2), css))
    return tuple(bars)


def _grid_path(trace: LoadedTrace, chosen: NDArray[np.bool_]) -> str:
    """Return the cells of a lanes × columns grid that the chosen spans touch, as runs."""
    tree = trace.tree
    rows = np.flatnonzero(chosen)
    start = np.maximum(tree.columns.start_ns[rows] - tree.start_ns, 0)
    # A span without a start time may be longer than the trace.
    end = np.minimum(start + tree.columns.dur_ns[rows], tree.duration_ns)
    cell = max(tree.duration_ns, 1) / _COLUMNS
    first = np.minimum((start / cell).astype(np.int64), _COLUMNS - 1)
    last = np.minimum((end / cell).astype(np.int64), _COLUMNS - 1)
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
