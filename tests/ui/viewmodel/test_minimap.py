"""The minimap: of constant size, and no failed span is lost in it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.columns import TraceColumns
from viewer.trace.span import StatusCode
from viewer.trace.tree import build_tree
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.minimap import minimap, ticks
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}")
LANES, COLUMNS, LANE_HEIGHT, CELL_WIDTH = 30, 200, 2, 5


def a_large_trace(spans: int, seed: int = 1) -> LoadedTrace:
    """A root, and children at random places of which one in a thousand failed."""
    random = np.random.default_rng(seed)
    start = np.r_[0, random.integers(0, 10**9, spans - 1)].astype(np.int64)
    duration = np.r_[10**9, random.integers(0, 10**6, spans - 1)].astype(np.int64)
    status = np.where(random.random(spans) < 0.001, StatusCode.ERROR, 0).astype(np.uint8)
    columns = TraceColumns(
        TRACE_ID,
        span_id=np.arange(1, spans + 1, dtype=np.uint64),
        parent_id=np.r_[0, np.ones(spans - 1)].astype(np.uint64),
        digest=np.arange(spans, dtype=np.uint32),
        kind=np.zeros(spans, np.uint8),
        status=status,
        start_ns=START_NS + start,
        dur_ns=np.minimum(duration, 10**9 - start),
        service=np.zeros(spans, np.int32),
        name=np.zeros(spans, np.int32),
        services=("shop",),
        names=("op",),
    )
    empty = a_loaded_trace(a_span())
    return LoadedTrace(build_tree(columns), empty.children, empty.self_ns, empty.errors_below)


def cells_of(path: str) -> set[tuple[int, int]]:
    """Return the (lane, column) cells that a path fills."""
    runs = re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v1\.5H\1z", path)
    assert "".join(f"M{x} {y}h{width}v1.5H{x}z" for x, y, width in runs) == path
    return {
        (round(float(y) / LANE_HEIGHT), round(float(x) / CELL_WIDTH) + step)
        for x, y, width in runs
        for step in range(round(float(width) / CELL_WIDTH))
    }


def test_a_small_trace_is_bars_of_its_services() -> None:
    trace = a_loaded_trace(
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, start_ns=START_NS + 50 * MS, duration_ns=50 * MS, error=True),
    )
    drawn = minimap(trace, STATE)
    assert [(bar.x, bar.width) for bar in drawn.bars] == [(0, 1000), (500, 500)]
    assert drawn.bars[0].css_class.startswith("svc-")
    assert drawn.bars[1].css_class == "is-error"
    assert drawn.bars[0].y < drawn.bars[1].y
    assert not drawn.path


def test_bars_lie_within_the_strip() -> None:
    spans = [a_span(n, 0, start_ns=START_NS + n * 3 * MS, duration_ns=n % 3) for n in range(1, 31)]
    for bar in minimap(a_loaded_trace(*spans), STATE).bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 1000
        assert 0 <= bar.y <= bar.y + bar.height <= 60
        assert bar.width >= 2


def test_it_stays_small_for_50000_spans() -> None:
    drawn = minimap(a_large_trace(50_000), STATE)
    assert not drawn.bars
    assert 0 < len(drawn.path) < 100_000
    assert len(cells_of(drawn.path)) <= LANES * COLUMNS


@pytest.mark.parametrize("spans", [31, 1000, 50_000])
def test_every_failed_span_is_marked(spans: int) -> None:
    trace = a_large_trace(spans)
    columns = trace.tree.columns
    columns.status[spans // 2] = StatusCode.ERROR
    marked = cells_of(minimap(trace, STATE).error_path)
    failed = np.flatnonzero(columns.status == StatusCode.ERROR).tolist()
    expected = set()
    for row in failed:
        start = int(columns.start_ns[row]) - trace.tree.start_ns
        first, last = (
            min(at * COLUMNS // trace.tree.duration_ns, COLUMNS - 1)
            for at in (start, start + int(columns.dur_ns[row]))
        )
        expected |= {(row * LANES // spans, column) for column in range(first, last + 1)}
    assert marked == expected


def test_without_errors_no_error_is_drawn() -> None:
    assert minimap(a_loaded_trace(*a_forest([0] * 40)), STATE).error_path == ""


def test_a_span_without_a_start_may_be_longer_than_all() -> None:
    spans = [a_span(1, duration_ns=0), a_span(2, 0, start_ns=0, duration_ns=2**62, error=True)]
    spans += [a_span(number, duration_ns=0) for number in range(3, 40)]
    drawn = minimap(a_loaded_trace(*spans), STATE)
    assert cells_of(drawn.path)
    assert cells_of(drawn.error_path)


def test_the_zoom_shades_what_lies_outside() -> None:
    trace = a_loaded_trace(a_span(1, duration_ns=100 * MS))
    drawn = minimap(trace, STATE.zoomed(25 * MS, 50 * MS))
    assert drawn.zoomed
    assert (drawn.before, drawn.after_x, drawn.after) == (250, 500, 500)
    assert (drawn.from_ns, drawn.to_ns) == (25 * MS, 50 * MS)
    assert drawn.reset_url == STATE.url
    whole = minimap(trace, STATE)
    assert not whole.zoomed
    assert (whole.before, whole.after) == (0, 0)


# The axis.


def test_ticks_are_quarters() -> None:
    assert [(tick.x, tick.label) for tick in ticks(0, 100 * MS)] == [
        (0, "0"),
        (25, "25.0 ms"),
        (50, "50.0 ms"),
        (75, "75.0 ms"),
        (100, "100 ms"),
    ]


def test_close_up_ticks_count_from_the_first() -> None:
    labels = [tick.label for tick in ticks(10**9, 10**9 + 400)]
    assert labels == ["1.00 s", "+100 ns", "+200 ns", "+300 ns", "+400 ns"]


def test_a_moment_has_one_tick() -> None:
    assert [(tick.x, tick.label) for tick in ticks(0, 0)] == [(0, "0")]


@given(st.integers(0, 2**62), st.integers(0, 2**62) | st.integers(0, 1000))
def test_ticks_ascend_and_no_two_say_the_same(from_ns: int, length: int) -> None:
    marks = ticks(from_ns, from_ns + length)
    places = [mark.x for mark in marks]
    assert places == sorted(set(places))
    assert 0 <= places[0] <= places[-1] <= 100
    assert len({mark.label for mark in marks}) == len(marks)
