"""Where matches stand in the plane of time and duration."""

import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS
from viewer.store.base import Distribution, DistributionCell
from viewer.trace.summary import ServiceCount, TraceSummary
from viewer.ui.viewmodel.distribution import (
    BOTTOM,
    TOP,
    DistributionView,
    heat_view,
    points_view,
)

S = 1000 * MS
SUMMARY = TraceSummary(
    trace_id="1".zfill(32),
    root_service="shop",
    root_name="GET /",
    has_root=True,
    start_ns=START_NS,
    duration_ns=100 * MS,
    spans=3,
    errors=0,
    services=(ServiceCount("shop", 3, 0),),
)


def points(*places: tuple[int, int]) -> DistributionView:
    traces = [
        replace(SUMMARY, start_ns=START_NS + offset, duration_ns=duration)
        for offset, duration in places
    ]
    view = points_view(traces, "/search")
    assert view is not None
    return view


def cells(*counts: tuple[int, int, int, int]) -> Distribution:
    step = 60 * S
    return Distribution(
        START_NS,
        step,
        tuple(DistributionCell(START_NS + x * step, y, n, bad) for x, y, n, bad in counts),
    )


def test_later_is_further_right_and_longer_is_higher() -> None:
    early_short, late_long = points((0, MS), (S, S)).points
    assert float(early_short.x[:-1]) < float(late_long.x[:-1])
    assert float(early_short.y) > float(late_long.y)


def test_equal_factors_of_duration_are_equal_distances() -> None:
    low, middle, high = (
        float(point.y) for point in points((0, MS), (1, 10 * MS), (2, 100 * MS)).points
    )
    assert low - middle == pytest.approx(middle - high, abs=0.11)


@given(st.lists(st.tuples(st.integers(0, 10**16), st.integers(0, 2**62)), min_size=2, max_size=20))
def test_every_point_lies_within_the_plot(places: list[tuple[int, int]]) -> None:
    view = points(*places)
    for point in view.points:
        assert 0 <= float(point.x[:-1]) <= 100
        assert TOP <= float(point.y) <= BOTTOM
    assert view.start_us < view.end_us
    assert float(view.low) < float(view.high)


def test_errors_lie_on_top_and_have_their_own_mark() -> None:
    view = points_view([replace(SUMMARY, errors=2), SUMMARY], "/search")
    assert view is not None
    assert [point.error for point in view.points] == [False, True]
    assert "2 errors" in view.points[1].title
    assert view.summary == "2 traces over time and duration, 1 with errors"


def test_one_trace_or_none_has_nothing_to_compare() -> None:
    assert points_view([], "/search") is None
    assert points_view([SUMMARY], "/search") is None
    assert points_view([SUMMARY, replace(SUMMARY, start_ns=0)], "/search") is None


def test_a_heat_map_holds_every_cell_once() -> None:
    view = heat_view(cells((0, 50, 1, 0), (1, 50, 10, 0), (2, 52, 100, 0)), "/search", 0)
    assert view is not None
    drawn = [place for level in view.heat for place in re.findall(r"M(\d+) (\d+)h", level.path)]
    assert len(drawn) == len(set(drawn)) == 3
    assert [level.css for level in view.heat] == ["heat-1", "heat-3", "heat-5"]


def test_errors_fill_their_share_of_a_cell_from_below() -> None:
    view = heat_view(cells((0, 50, 4, 2)), "/search", 0)
    assert view is not None
    errors = next(level for level in view.heat if level.css == "heat-error")
    assert errors.path.endswith("h1v0.50h-1z")


def test_the_scale_of_a_heat_map_is_that_of_its_buckets() -> None:
    view = heat_view(cells((0, 40, 1, 0), (9, 59, 1, 0)), "/search", 0)
    assert view is not None
    assert (float(view.low), float(view.high)) == (20, 30)
    assert view.heat_box == "0 0 10 20"
    assert view.end_us - view.start_us == 10 * 60 * 10**6


def test_nothing_matched_draws_nothing() -> None:
    assert heat_view(cells(), "/search", 0) is None


@given(st.integers(0, 10**16), st.integers(1, 2**62))
def test_ticks_are_round_inside_and_never_on_one_another(span: int, duration: int) -> None:
    view = points((0, 1), (span, duration))
    heights = [float(tick.place) for tick in view.durations]
    assert all(above - below >= 10 for above, below in pairwise(heights))
    assert len(view.times) <= 20
    for tick in view.durations:
        digits = tick.label.split(" ")[0]
        assert digits.strip("0")[:1] in ("1", "2", "3", "5", "8", "6"), tick.label
    for tick in view.times:
        assert 0 <= float(tick.place[:-1]) <= 100


def test_a_tick_stands_where_its_duration_belongs() -> None:
    view = points((0, MS), (S, 100 * MS))
    low, high = float(view.low), float(view.high)
    tick = next(tick for tick in view.durations if tick.label == "10 ms")
    place = BOTTOM - (BOTTOM - TOP) * (math.log2(10 * MS) - low) / (high - low)
    assert float(tick.place) == pytest.approx(place, abs=0.1)


def test_what_has_no_time_does_not_squeeze_the_rest_and_is_said() -> None:
    timeless = replace(SUMMARY, start_ns=100_000)
    view = points_view([SUMMARY, timeless, replace(SUMMARY, start_ns=START_NS + S)], "/search")
    assert view is not None
    assert len(view.points) == 2
    assert view.left_out == "1 trace without a time"
    assert view.start_us > START_NS // 1000 - 10**6


def test_a_heat_map_says_how_many_it_leaves_out() -> None:
    view = heat_view(cells((0, 50, 10, 0)), "/search", 13)
    assert view is not None
    assert view.left_out == "3 traces without a time"


def test_an_estimated_heat_map_says_that_it_is_one() -> None:
    drawn = replace(cells((0, 50, 6_400, 640), (1, 50, 64_000, 0)), one_in=64)
    view = heat_view(drawn, "/search", 99_999)
    assert view is not None
    assert view.summary == "About 70,000 traces over time and duration, about 640 with errors"
    assert view.left_out == ""
