"""Rows of the waterfall: windows tile them, bars lie within the range, names say what is odd."""

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.visible import visible_rows
from viewer.trace.span import Event, Span, SpanKind
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.rows import (
    WINDOW_ROWS,
    Row,
    Window,
    collapsed_mask,
    window_of,
    window_rows,
)
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}")
_PARENTS = st.lists(st.integers(0, 30), min_size=1, max_size=30)


def window(
    trace: LoadedTrace, state: TraceState = STATE, offset: int = 0, spans: Iterable[Span] = ()
) -> Window:
    visible = visible_rows(trace.tree, collapsed_mask(trace, state))
    by_id = {span.span_id: span for span in spans}
    ids = trace.tree.columns.span_id.tolist()
    fetched = {row: by_id[ids[row]] for row in window_rows(visible, offset) if ids[row] in by_id}
    return window_of(trace, state, visible, None, offset, fetched)


def rows_of(*spans: Span, state: TraceState = STATE) -> list[Row]:
    return list(window(a_loaded_trace(*spans), state, spans=spans).rows)


def ends_of_path(path: str) -> list[tuple[float, float]]:
    found = re.findall(r"M([\d.]+) 7h([\d.]+)v10H\1z", path)
    return [(float(x), float(x) + float(width)) for x, width in found]


def test_a_row_says_what_the_span_is() -> None:
    root, child = rows_of(
        a_span(1, name="GET /", service="shop", duration_ns=100 * MS, kind=SpanKind.SERVER),
        a_span(
            2,
            1,
            name="",
            service="",
            start_ns=START_NS + 20 * MS,
            duration_ns=50 * MS,
            attributes={"db.system": "postgresql", "http.status_code": 504},
        ),
    )
    assert (root.name, root.service, root.kind) == ("GET /", "shop", "server")
    assert (root.duration, root.self_time, root.offset) == ("100 ms", "50.0 ms", "0 ns")
    assert (root.level, root.descendants, root.position) == (1, 1, 1)
    assert (child.name, child.service, child.kind) == ("(no name)", "(no service)", "")
    assert (child.level, child.descendants, child.position) == (2, 0, 2)
    assert (child.x, child.width) == (200, 500)
    assert child.badges == ("504", "postgresql")


def test_a_span_of_a_kind_nobody_knows_is_shown() -> None:
    trace = a_loaded_trace(a_span(1))
    trace.tree.columns.kind[0] = 77
    assert window(trace).rows[0].kind == ""


def test_errors_are_told_apart_from_errors_below() -> None:
    rows = rows_of(a_span(1), a_span(2, 1, start_ns=START_NS + 1, error=True), a_span(3, 1))
    assert [row.error for row in rows] == ["below", "", "own"]


def test_oddities_are_named_on_their_row() -> None:
    orphan, twin, other = rows_of(
        a_span(1, 99), a_span(2, 2, start_ns=START_NS + 1), a_span(2, 2, start_ns=START_NS + 2)
    )
    assert orphan.oddity == "its parent is missing"
    assert twin.oddity == "names itself as parent; shares its span ID with another span"
    assert other.oddity == twin.oddity
    assert twin.span_id != other.span_id


def test_a_long_name_is_cut_and_says_so() -> None:
    (row,) = rows_of(a_span(1, name="x" * 1_000_000, service="y" * 1_000_000))
    assert len(row.name) == len(row.service) == 200
    assert row.name.endswith("…")
    assert row.service.endswith("…")


def test_deep_levels_stop_to_indent_and_print_a_number() -> None:
    rows = rows_of(*a_forest(range(15)))
    assert [row.indent for row in rows] == [*range(11), 10, 10, 10, 10]
    assert [row.deep for row in rows] == [False] * 11 + [True] * 4
    assert rows[14].level == 15


# Windows.


@given(_PARENTS, st.sets(st.integers(1, 30)), st.booleans())
def test_windows_tile_all_visible_rows(
    parents: list[int], folded: set[int], all_collapsed: bool
) -> None:
    trace = a_loaded_trace(*a_forest(parents))
    state = replace(STATE, collapsed=frozenset(folded), all_collapsed=all_collapsed)
    visible = visible_rows(trace.tree, collapsed_mask(trace, state))
    rows: list[Row] = []
    for offset in range(0, len(visible), 7):
        got = window(trace, state, offset)
        assert got.total == len(visible)
        rows += got.rows[:7]
    assert [row.position for row in rows] == list(range(1, len(visible) + 1))
    shown = trace.tree.shown_id[visible].tolist()
    assert [int(row.span_id, 16) for row in rows] == shown


@given(_PARENTS, st.sets(st.integers(1, 30)), st.integers(0, 29))
def test_a_row_knows_its_place_among_its_visible_siblings(
    parents: list[int], folded: set[int], offset: int
) -> None:
    trace = a_loaded_trace(*a_forest(parents))
    state = replace(STATE, collapsed=frozenset(folded))
    visible = visible_rows(trace.tree, collapsed_mask(trace, state)).tolist()
    for row in window(trace, state, offset).rows:
        parent = trace.tree.parent[visible[row.position - 1]]
        siblings = [other for other in visible if trace.tree.parent[other] == parent]
        assert siblings[row.place - 1] == visible[row.position - 1]
        assert row.siblings == len(siblings)


def test_a_window_holds_at_most_its_rows_whatever_the_offset() -> None:
    trace = a_loaded_trace(*a_forest([0] + [1] * 249))
    assert [len(window(trace, offset=at).rows) for at in (0, 100, 200, 250, 10**19)] == [
        WINDOW_ROWS,
        WINDOW_ROWS,
        50,
        0,
        0,
    ]


# Collapsing.


def test_a_star_collapses_all_but_the_named_ones() -> None:
    trace = a_loaded_trace(*a_forest([0, 1, 2, 1, 4]))
    everything = replace(STATE, all_collapsed=True)
    assert collapsed_mask(trace, everything).tolist() == [True, True, False, True, False]
    but_root = replace(everything, collapsed=frozenset({1}))
    assert collapsed_mask(trace, but_root).tolist() == [False, True, False, True, False]
    assert [row.name for row in window(trace, but_root).rows] == ["step 1", "step 2", "step 4"]


def test_a_leaf_is_never_collapsed() -> None:
    trace = a_loaded_trace(*a_forest([0, 1]))
    assert not collapsed_mask(trace, replace(STATE, collapsed=frozenset({2}))).any()


def test_the_twisty_leads_to_the_other_state() -> None:
    trace = a_loaded_trace(*a_forest([0, 1, 2]))
    for state in (
        STATE,
        replace(STATE, collapsed=frozenset({2})),
        replace(STATE, all_collapsed=True, collapsed=frozenset({1})),
    ):
        row = window(trace, state).rows[1]
        assert row.toggle_url == state.toggling(2).url
        toggled = window(trace, state.toggling(2))
        assert toggled.rows[1].collapsed != row.collapsed


# Bars.


def test_zooming_in_stretches_bars() -> None:
    spans = (
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, start_ns=START_NS + 20 * MS, duration_ns=10 * MS),
    )
    zoomed = STATE.zoomed(20 * MS, 40 * MS)
    root, child = rows_of(*spans, state=zoomed)
    assert (root.x, root.width) == (0, 1000)
    assert (child.x, child.width) == (0, 500)


def test_a_span_outside_of_the_zoom_has_no_bar() -> None:
    spans = (
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, duration_ns=10 * MS),
        a_span(3, 1, start_ns=START_NS + 90 * MS, duration_ns=10 * MS),
    )
    rows = rows_of(*spans, state=STATE.zoomed(40 * MS, 60 * MS))
    assert [row.width for row in rows] == [1000, 0, 0]
    assert rows[1].self_path == rows[2].self_path == ""


def test_the_last_instant_of_a_trace_has_a_bar_within_it() -> None:
    spans = (a_span(1), a_span(2, 1, start_ns=START_NS + 100 * MS, duration_ns=0))
    row = rows_of(*spans)[1]
    assert (row.x, row.width) == (998.5, 1.5)


def test_self_time_is_drawn_where_no_child_runs() -> None:
    spans = (
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, start_ns=START_NS + 20 * MS, duration_ns=30 * MS),
    )
    assert ends_of_path(rows_of(*spans)[0].self_path) == [(0, 200), (500, 1000)]
    zoomed = rows_of(*spans, state=STATE.zoomed(40 * MS, 60 * MS))[0]
    assert ends_of_path(zoomed.self_path) == [(500, 1000)]


def test_of_many_stretches_the_longest_in_sight_are_drawn() -> None:
    root = a_span(1, duration_ns=1000 * MS)
    # Gaps of 1 ms between children at first, of 0.5 ms in the second half.
    children = [
        a_span(
            number + 1,
            1,
            start_ns=START_NS + number * 10 * MS,
            duration_ns=9 * MS if number < 50 else 19 * MS // 2,
        )
        for number in range(1, 100)
    ]
    whole = ends_of_path(rows_of(root, *children)[0].self_path)
    assert len(whole) == 40
    assert all(begin < 510 for begin, _ in whole)
    zoomed = rows_of(root, *children, state=STATE.zoomed(700 * MS, 800 * MS))[0]
    assert len(ends_of_path(zoomed.self_path)) == 10


def lines_of(path: str) -> list[tuple[float, float]]:
    found = re.findall(r"M([\d.]+) 20h([\d.]+)", path)
    assert "".join(f"M{x} 20h{width}" for x, width in found) == path
    return [(float(x), float(x) + float(width)) for x, width in found]


CRITICAL = (
    a_span(1, duration_ns=100 * MS),
    a_span(2, 1, start_ns=START_NS + 20 * MS, duration_ns=60 * MS),
    a_span(3, 2, start_ns=START_NS + 30 * MS, duration_ns=10 * MS),
    a_span(4, 1, start_ns=START_NS + 30 * MS, duration_ns=10 * MS),
)


def test_the_critical_path_is_a_line_below_the_bar() -> None:
    rows = rows_of(*CRITICAL)
    assert [lines_of(row.critical_path) for row in rows] == [
        [(0, 200), (800, 1000)],
        [(200, 300), (400, 800)],
        [(300, 400)],
        [],
    ]
    assert [row.critical for row in rows] == [
        "40.0 ms on the critical path",
        "50.0 ms on the critical path",
        "10.0 ms on the critical path",
        "",
    ]
    zoomed = rows_of(*CRITICAL, state=STATE.zoomed(50 * MS, 90 * MS))
    assert [lines_of(row.critical_path) for row in zoomed] == [[(750, 1000)], [(0, 750)], [], []]


def test_a_collapsed_row_has_the_critical_path_of_all_that_it_hides() -> None:
    root, child, _ = rows_of(*CRITICAL, state=replace(STATE, collapsed=frozenset({2})))
    assert lines_of(root.critical_path) == [(0, 200), (800, 1000)]
    assert lines_of(child.critical_path) == [(200, 800)]
    assert child.critical == "60.0 ms on the critical path, with the spans that are hidden here"
    # A span without children hides nothing, whatever the address says.
    leaf = rows_of(*CRITICAL, state=replace(STATE, collapsed=frozenset({3})))[2]
    assert leaf.critical == "10.0 ms on the critical path"


def test_the_critical_path_can_be_left_out() -> None:
    rows = rows_of(*CRITICAL, state=STATE.marking_critical(False))
    assert {(row.critical, row.critical_path) for row in rows} == {("", "")}


def test_a_moment_on_the_critical_path_can_be_seen() -> None:
    spans = (a_span(1, duration_ns=100 * MS), a_span(2, 1, start_ns=START_NS + MS, duration_ns=1))
    assert lines_of(rows_of(*spans)[1].critical_path) == [(10, 11.5)]


def test_events_are_ticks_within_the_range() -> None:
    span = a_span(
        1,
        duration_ns=100 * MS,
        events=[
            Event(0, "no time"),
            Event(START_NS - 1, "before"),
            Event(START_NS + 50 * MS, "amid"),
            Event(START_NS + 200 * MS, "after"),
        ],
    )
    assert rows_of(span)[0].event_path == "M500 4v16"
    assert rows_of(span, state=STATE.zoomed(60 * MS, 70 * MS))[0].event_path == ""


def test_very_many_events_stay_a_short_path_to_the_end() -> None:
    events = [Event(START_NS + number * MS // 100, "tick") for number in range(10_000)]
    path = rows_of(a_span(1, duration_ns=100 * MS, events=events))[0].event_path
    places = [float(place) for place in re.findall(r"M([\d.]+)", path)]
    assert len(places) <= 201
    assert places[0] == 0
    assert places[-1] >= 995


@pytest.mark.parametrize("untimed", [0, START_NS])
def test_times_at_the_end_of_64_bits_are_drawn(untimed: int) -> None:
    longest = 2**63 - 1 - START_NS
    rows = rows_of(
        a_span(1, duration_ns=longest), a_span(2, 1, start_ns=untimed, duration_ns=longest)
    )
    assert all(0 <= row.x <= row.x + row.width <= 1000 for row in rows)
