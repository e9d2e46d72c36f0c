"""All matches of a search over time and duration: points while they are few, a heat map beyond.

Horizontal places are percentages (the drawing takes the width there is), vertical ones pixels.
Duration is on a logarithmic scale. Heat cells are paths in a plane of one unit a cell, so that
thousands of them cost a few bytes each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from viewer.store.base import Distribution
from viewer.trace.summary import TraceSummary
from viewer.ui.filters import (
    format_about,
    format_count,
    format_duration,
    format_iso,
    format_plural,
    format_service,
    format_time,
)
from viewer.ui.viewmodel.address import trace_url

MOST_POINTS = 500
COLUMNS = 120
TOP, BOTTOM = 6, 74
# 2000-01-01: what claims to be older has no time, or that of a clock that was never set. Drawn, it
# would squeeze all others into one edge.
EARLIEST_NS = 946_684_800_000_000_000
_LEVELS = 5
_S, _MS, _DAY = 1_000_000_000, 1_000_000, 86_400_000_000_000
_STEPS = (
    *(step * _MS for step in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(step * _S for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)),
    *(step * 3600 * _S for step in (1, 2, 3, 6, 12)),
    *(step * _DAY for step in (1, 2, 7, 14, 30, 90, 180, 365, 730, 1825, 3650)),
)


@dataclass(frozen=True, slots=True)
class Point:
    """A trace: x in percent, y in pixels, radius by its number of spans."""

    url: str
    x: str
    y: str
    radius: str
    error: bool
    title: str


@dataclass(frozen=True, slots=True)
class HeatLevel:
    """All cells of one colour as one path."""

    css: str
    path: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid. ``label`` stands for a time as printed in UTC, or is a duration."""

    place: str
    label: str
    iso: str
    style: str


@dataclass(frozen=True, slots=True)
class DistributionView:
    """The drawing, and the scale that brushing needs: times in µs, durations as log2 of ns.
    ``left_out`` says how many traces are not drawn; empty when all are."""

    summary: str
    left_out: str
    points: tuple[Point, ...]
    heat: tuple[HeatLevel, ...]
    heat_box: str
    times: tuple[Tick, ...]
    durations: tuple[Tick, ...]
    start_us: int
    end_us: int
    low: str
    high: str
    brush_url: str


@dataclass(frozen=True, slots=True)
class _Plane:
    start_ns: int
    end_ns: int
    low: float
    high: float

    def x(self, time_ns: int) -> float:
        return 100 * (time_ns - self.start_ns) / (self.end_ns - self.start_ns)

    def y(self, log_duration: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (log_duration - self.low) / (self.high - self.low)


def points_view(traces: Sequence[TraceSummary], brush_url: str) -> DistributionView | None:
    """Draw each trace as a point; None when there is nothing to compare."""
    timed = [trace for trace in traces if trace.start_ns >= EARLIEST_NS]
    if len(timed) < 2:
        return None
    first = min(trace.start_ns for trace in timed)
    last = max(trace.start_ns for trace in timed)
    margin = max((last - first) // 50, _MS)
    logs = [_log(trace.duration_ns) for trace in timed]
    plane = _Plane(max(first - margin, 0), last + margin, *_log_range(min(logs), max(logs)))
    # Errors last, so that they lie on top.
    points = [_point(trace, plane) for trace in sorted(timed, key=lambda trace: trace.errors > 0)]
    failed = sum(point.error for point in points)
    summary, left_out = _summary(len(timed), failed), len(traces) - len(timed)
    return _view(plane, brush_url, summary, left_out, points=tuple(points))


def heat_view(distribution: Distribution, brush_url: str, matches: int) -> DistributionView | None:
    """Draw counts per cell, in five steps of colour by their logarithm; errors fill their share of a
    cell from below. ``matches`` counts all, those outside of the distribution's range included."""
    cells = distribution.cells
    if not cells or distribution.step_ns <= 0:
        return None
    low = min(cell.duration_bucket for cell in cells)
    high = max(cell.duration_bucket for cell in cells) + 1
    if high - low < 8:
        low, high = max(0, low - (8 - (high - low)) // 2), high + (8 - (high - low)) // 2
    columns = max((cell.time_ns - distribution.start_ns) // distribution.step_ns for cell in cells)
    columns = max(int(columns) + 1, 1)
    most = max(cell.traces for cell in cells)
    paths: dict[str, list[str]] = {f"heat-{level}": [] for level in range(1, _LEVELS + 1)}
    paths["heat-error"] = []
    for cell in cells:
        x = (cell.time_ns - distribution.start_ns) // distribution.step_ns
        y = high - 1 - cell.duration_bucket
        level = 1 + int((_LEVELS - 1) * math.log1p(cell.traces - 1) / math.log1p(max(most - 1, 1)))
        paths[f"heat-{min(level, _LEVELS)}"].append(f"M{x} {y}h1v1h-1z")
        if cell.errors:
            share = max(0.25, min(1.0, cell.errors / cell.traces))
            paths["heat-error"].append(f"M{x} {y + 1 - share:.2f}h1v{share:.2f}h-1z")
    plane = _Plane(
        distribution.start_ns,
        distribution.start_ns + columns * distribution.step_ns,
        low / 2,
        high / 2,
    )
    heat = tuple(HeatLevel(css, "".join(parts)) for css, parts in paths.items() if parts)
    total, failed = sum(cell.traces for cell in cells), sum(cell.errors for cell in cells)
    box = f"0 0 {columns} {high - low}"
    summary, left_out = _summary(total, failed), matches - total
    if distribution.one_in > 1:
        summary = (
            f"About {format_about(total)} traces over time and duration, about"
            f" {format_about(failed)} with errors"
        )
        # Several looks at a sample leave different traces out.
        left_out = 0
    return _view(plane, brush_url, summary, left_out, heat=heat, heat_box=box)


def _view(
    plane: _Plane,
    brush_url: str,
    summary: str,
    left_out: int,
    *,
    points: tuple[Point, ...] = (),
    heat: tuple[HeatLevel, ...] = (),
    heat_box: str = "0 0 1 1",
) -> DistributionView:
    return DistributionView(
        summary=summary,
        left_out=f"{format_plural(left_out, 'trace')} without a time" if left_out > 0 else "",
        points=points,
        heat=heat,
        heat_box=heat_box,
        times=_time_ticks(plane),
        durations=_duration_ticks(plane),
        start_us=plane.start_ns // 1000,
        end_us=-(-plane.end_ns // 1000),
        low=f"{plane.low:.3f}",
        high=f"{plane.high:.3f}",
        brush_url=brush_url,
    )


def _summary(traces: int, failed: int) -> str:
    return f"{format_plural(traces, 'trace')} over time and duration, {format_count(failed)} with errors"


def _point(trace: TraceSummary, plane: _Plane) -> Point:
    errors = f" · {format_plural(trace.errors, 'error')}" if trace.errors else ""
    return Point(
        url=trace_url(trace.trace_id),
        x=f"{plane.x(trace.start_ns):.2f}%",
        y=f"{plane.y(_log(trace.duration_ns)):.1f}",
        radius=f"{min(8.0, 2.5 + math.log10(max(trace.spans, 1)) * 1.3):.1f}",
        error=trace.errors > 0,
        title=(
            f"{trace.root_name} · {format_service(trace.root_service)}\n"
            f"{format_duration(trace.duration_ns)} · {format_plural(trace.spans, 'span')}{errors}\n"
            f"{format_time(trace.start_ns)} UTC"
        ),
    )


def _log(duration_ns: int) -> float:
    return math.log2(max(duration_ns, 1))


def _log_range(low: float, high: float) -> tuple[float, float]:
    """Widen a range a little, and to at least a factor of eight."""
    spare = max(0.4, (3.0 - (high - low)) / 2)
    return max(0.0, low - spare), high + spare


def _duration_ticks(plane: _Plane) -> tuple[Tick, ...]:
    """Powers of ten, every second or third of them where the range is wide; else finer steps."""
    decades = (plane.high - plane.low) / math.log2(10)
    every = 1 if decades < 4 else 2 if decades < 7 else 3
    factors = (1, 2, 5) if decades < 1.2 else (1, 3) if decades < 2 else (1,)
    ticks: list[Tick] = []
    above = math.inf
    for exponent in range(0, 20, every):
        for factor in factors:
            place = math.log2(factor * 10.0**exponent)
            y = plane.y(place)
            if not plane.low <= place <= plane.high or above - y < 11 or y < TOP + 4:
                continue
            above = y
            label = format_duration(factor * 10**exponent)
            ticks.append(Tick(f"{y:.1f}", _short(label), "", ""))
    return tuple(ticks)


def _short(label: str) -> str:
    """Print a tick without decimals: 1.00 ms is exact there."""
    number, _, unit = label.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}"


def _time_ticks(plane: _Plane) -> tuple[Tick, ...]:
    span = plane.end_ns - plane.start_ns
    step = next((step for step in _STEPS if span / step <= 8), _STEPS[-1])
    style = "date" if step >= _DAY else "minute" if step >= 60 * _S else "clock"
    if style == "minute" and span > _DAY:
        style = "moment"
    ticks: list[Tick] = []
    time_ns = -(-plane.start_ns // step) * step
    while time_ns < plane.end_ns and len(ticks) < 20:
        x = plane.x(time_ns)
        if 2.5 <= x <= 97.5:
            ticks.append(Tick(f"{x:.2f}%", _time_label(time_ns, style), format_iso(time_ns), style))
        time_ns += step
    return tuple(ticks)


def _time_label(time_ns: int, style: str) -> str:
    text = format_time(time_ns)
    return {"date": text[:10], "minute": text[11:16], "moment": text[5:16]}.get(style, text[11:])
