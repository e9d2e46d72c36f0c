"""Two traces as a pair of timelines on one scale: the longest spans of each, drawn as SVG."""

from dataclasses import dataclass

import numpy as np

from viewer.analysis.compare import Side
from viewer.trace.span import StatusCode
from viewer.ui.filters import format_count, format_duration, format_plural, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.compare_state import CompareState
from viewer.ui.viewmodel.minimap import Tick, ticks
from viewer.ui.viewmodel.rows import cut, row_name, row_service

MOST_SPANS = 40
LANE = 19
_LEAST_WIDTH = 0.3
_LONGEST_LABEL = 46
_RIGHT_FROM = 50.0


@dataclass(frozen=True, slots=True)
class TimelineBar:
    """A span: its bar, and above it the label, which ends with the bar where it stands far right. x and
    widths in percent, y in pixels."""

    label: str
    title: str
    url: str
    css: str
    failed: bool
    selected: bool
    at_end: bool
    lane_y: int
    label_x: float
    label_y: int
    x: float
    width: float
    y: int


@dataclass(frozen=True, slots=True)
class SideTimeline:
    """One trace's timeline. ``says`` tells which of its spans are drawn."""

    letter: str
    says: str
    bars: tuple[TimelineBar, ...]
    height: int


@dataclass(frozen=True, slots=True)
class CompareTimelines:
    """The pair, and the marks of the axis that both have."""

    sides: tuple[SideTimeline, SideTimeline]
    ticks: tuple[Tick, ...]


def compare_timelines(
    a: LoadedTrace,
    b: LoadedTrace,
    sides: tuple[Side, Side],
    state: CompareState,
    selected: int,
) -> CompareTimelines:
    """Return the pair; ``selected`` is the node whose spans are marked."""
    longer = max(a.tree.duration_ns, b.tree.duration_ns, 1)
    return CompareTimelines(
        sides=(
            _side("A", a, sides[0], state, selected, longer),
            _side("B", b, sides[1], state, selected, longer),
        ),
        ticks=ticks(0, longer),
    )


def _side(
    letter: str, trace: LoadedTrace, side: Side, state: CompareState, selected: int, longer: int
) -> SideTimeline:
    durations = trace.tree.columns.dur_ns
    longest = np.sort(np.argsort(-durations, kind="stable")[:MOST_SPANS])
    bars = tuple(
        _bar(trace, state, row, lane, longer, int(side.node_of[row]) == selected)
        for lane, row in enumerate(longest.tolist())
    )
    count = len(trace.tree)
    says = format_plural(count, "span")
    if count > len(bars):
        says = f"the {len(bars)} longest of {format_count(count)} spans"
    return SideTimeline(letter, says, bars, len(bars) * LANE)


def _bar(
    trace: LoadedTrace, state: CompareState, row: int, lane: int, longer: int, selected: bool
) -> TimelineBar:
    tree, columns = trace.tree, trace.tree.columns
    start = max(int(columns.start_ns[row]) - tree.start_ns, 0) if columns.start_ns[row] else 0
    duration = int(columns.dur_ns[row])
    # A span without a start time may be longer than the trace.
    x = min(100 * start / longer, 100 - _LEAST_WIDTH)
    width = min(max(100 * duration / longer, _LEAST_WIDTH), 100 - x)
    name, service = row_name(trace, row), row_service(trace, row)
    at_end = x >= _RIGHT_FROM
    return TimelineBar(
        label=f"{cut(name, _LONGEST_LABEL)} {format_duration(duration)}",
        title=f"{service}: {name}, {format_duration(duration)}, starts at {format_duration(start)}",
        url=trace_url(tree.trace_id, int(tree.shown_id[row]), "utc" if state.utc else ""),
        css=service_class(columns.services[columns.service[row]]),
        failed=bool(columns.status[row] == StatusCode.ERROR),
        selected=selected,
        at_end=at_end,
        lane_y=lane * LANE,
        label_x=round(x + width if at_end else x, 2),
        label_y=lane * LANE + 11,
        x=round(x, 2),
        width=round(width, 2),
        y=lane * LANE + 13,
    )
