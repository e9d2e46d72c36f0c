"""Rows of repeated siblings: what they say and draw, and how one gets in and out of them."""

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.visible import visible_rows
from viewer.trace.span import Span
from viewer.trace.tree import Rows
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.folds import folds_of
from viewer.ui.viewmodel.only import Only
from viewer.ui.viewmodel.only_form import kept_rows
from viewer.ui.viewmodel.rows import Row, collapsed_mask
from viewer.ui.viewmodel.timeline import Timeline, first_offset, reveal, shown_state, timeline
from viewer.ui.viewmodel.trace_state import MOST_COLLAPSED, TraceState, read_state

STATE = TraceState(f"/trace/{TRACE_ID}")


def a_loop(calls: int = 37, failed: tuple[int, ...] = (), step_ns: int = 10 * MS) -> list[Span]:
    """Return a root (span 1) with calls (spans 10, 11 …) of 5 ms each, and one of another kind."""
    root = a_span(1, duration_ns=calls * step_ns)
    last = a_span(2, 1, name="render", start_ns=START_NS + calls * step_ns - 1, duration_ns=1)
    return [root, last] + [
        a_span(
            10 + call,
            1,
            name="GET /item",
            start_ns=START_NS + call * step_ns,
            duration_ns=5 * MS,
            error=call in failed,
        )
        for call in range(calls)
    ]


def drawn(
    trace: LoadedTrace,
    state: TraceState = STATE,
    matched: list[int] | None = None,
    near: int | None = None,
) -> Timeline:
    found: Rows | None = None if matched is None else np.array(matched, np.int32)
    kept = kept_rows(trace, state.only, found)
    folds = folds_of(trace, state, kept)
    shown = None if kept is None else kept.shown
    visible = visible_rows(trace.tree, collapsed_mask(trace, state), shown, folds.folded)
    offset = first_offset(trace, state, visible, near)
    return timeline(trace, state, visible, found, offset, near, {}, kept, folds)


def rows(
    trace: LoadedTrace, state: TraceState = STATE, matched: list[int] | None = None
) -> list[Row]:
    return list(drawn(trace, state, matched).window.rows)


def ids(found: list[Row]) -> list[int]:
    return [int(row.span_id, 16) for row in found]


def state_at(url: str) -> TraceState:
    parts = urlsplit(url)
    return read_state(parts.path, dict(parse_qsl(parts.query)), 10**12)


def test_a_run_is_one_row_that_says_number_sum_longest_and_errors() -> None:
    root, loop, last = rows(a_loaded_trace(*a_loop(failed=(3, 4))))
    assert (root.fold, last.fold, last.name) == (None, None, "render")
    assert loop.fold is not None
    assert loop.name == "GET /item"
    assert loop.fold.text == "×37 · Σ 185 ms · max 5.00 ms"
    assert loop.fold.failed == "2 failed"
    assert loop.error == "own"
    assert (loop.duration, loop.offset, loop.self_time) == ("365 ms", "0 ns", "")
    assert (loop.collapsed, loop.descendants, loop.level) == (True, 36, 2)
    assert (loop.place, loop.siblings, last.place, last.siblings) == (1, 2, 2, 2)


def test_unfolding_shows_the_members_and_the_first_folds_them_again() -> None:
    trace = a_loaded_trace(*a_loop())
    loop = rows(trace)[1]
    opened = state_at(loop.toggle_url)
    found = rows(trace, opened)
    assert ids(found) == [1, *range(10, 47), 2]
    assert [row.run_position for row in found] == [0, *[2] * 37, 0]
    assert [bool(row.fold_url) for row in found] == [False, True, *[False] * 37]
    assert state_at(found[1].fold_url) == STATE
    assert found[5].place == 5


def test_folding_again_is_not_undone_by_a_selected_member() -> None:
    trace = a_loaded_trace(*a_loop())
    opened = shown_state(trace, STATE.selecting(20))
    assert opened.unfolded == {10}
    first = rows(trace, opened)[1]
    assert state_at(first.fold_url) == STATE
    # A script has put the selected span back into the address, and says what it folded.
    assert shown_state(trace, STATE.selecting(20), folded=10) == STATE
    # Under a filter, the first that is shown folds the run.
    assert shown_state(trace, STATE.selecting(20), folded=15) == STATE
    assert shown_state(trace, STATE.selecting(20), folded=2).unfolded == {10}
    assert shown_state(trace, STATE.selecting(2), folded=10).span == 2


def test_links_to_a_folded_span_reveal_it() -> None:
    trace = a_loaded_trace(*a_loop(failed=(7,)))
    shown = state_at(drawn(trace).error_url)
    assert (shown.span, shown.unfolded) == (17, {10})
    assert 17 in ids(rows(trace, shown))
    assert reveal(trace, STATE.folding_all(False), 5).unfolded == set()


def test_a_run_below_a_member_of_a_run_is_revealed_with_it() -> None:
    spans = [a_span(1)]
    for call in range(5):
        outer = 100 * (call + 1)
        spans.append(a_span(outer, 1, name="outer", start_ns=START_NS + outer))
        spans.append(a_span(outer + 1, outer, name="inner", start_ns=START_NS + outer + 1))
    trace = a_loaded_trace(*spans)
    assert ids(rows(trace)) == [1, 100]
    state = shown_state(trace, STATE.selecting(301))
    assert ids(rows(trace, state)) == [1, 100, 101, 200, 201, 300, 301, 400, 401, 500, 501]


def test_all_can_be_unfolded_and_then_nothing_speaks_of_folds() -> None:
    trace = a_loaded_trace(*a_loop())
    folded = drawn(trace)
    assert folded.folding
    assert folded.hidden == "36 folded"
    opened = drawn(trace, state_at(folded.folding_url))
    assert not opened.folding
    assert opened.hidden == ""
    assert len(opened.window.rows) == 39
    assert not any(row.fold or row.fold_url or row.run_size for row in opened.window.rows)
    assert state_at(opened.folding_url) == STATE
    assert drawn(a_loaded_trace(a_span(1))).folding_url == ""


def test_what_is_collapsed_and_what_is_folded_is_told_apart() -> None:
    trace = a_loaded_trace(
        *a_loop(),
        a_span(3, 2, start_ns=START_NS + 400 * MS),
        a_span(4, 2, start_ns=START_NS + 401 * MS),
    )
    state = replace(STATE, collapsed=frozenset({2}))
    assert drawn(trace, state).hidden == "2 spans collapsed, 36 folded"
    assert drawn(trace, STATE.collapsing_all(True)).hidden == "40 spans collapsed"


def test_a_filter_counts_the_members_that_it_lets_through() -> None:
    trace = a_loaded_trace(*a_loop(failed=tuple(range(3, 11))))
    only = STATE.narrowed(Only(errors=True))
    root, loop = rows(trace, only)
    assert loop.fold is not None
    assert loop.fold.text.startswith("×8 · ")
    assert (ids([loop]), loop.descendants) == ([13], 7)
    # The run is the same one, so that what is unfolded stays so without the filter.
    assert state_at(loop.toggle_url).unfolded == {10}
    assert drawn(trace, only).hidden == "7 folded"
    few = a_loaded_trace(*a_loop(failed=(3, 4)))
    assert ids(rows(few, only)) == [1, 13, 14]
    assert root.context


def test_matches_within_are_counted_on_the_row() -> None:
    trace = a_loaded_trace(*a_loop())
    loop = rows(trace, replace(STATE, find="x"), matched=[0, 2, 3, 38])[1]
    assert loop.fold is not None
    assert (loop.fold.found, loop.matched) == ("2 matches", True)
    bar = drawn(trace, replace(STATE, find="x"), matched=[2, 3]).find
    assert state_at(bar.next_url).unfolded == {10}


def test_few_calls_are_drawn_one_by_one_and_many_by_how_busy_they_are() -> None:
    few = rows(a_loaded_trace(*a_loop(10)))[1]
    bars = re.findall(r"M([\d.]+) 7h([\d.]+)v10H\1z", few.self_path)
    assert [(float(x), float(width)) for x, width in bars] == [(100 * n, 50) for n in range(10)]
    assert (few.x, few.width) == (0, 950)
    many = rows(a_loaded_trace(*a_loop(1000)))[1]
    assert len(many.self_path) < 2000
    # Half of the time is taken in all of it: three fifths of the height, being rounded up.
    assert many.self_path.startswith("M0 9h")
    assert "v6H0z" in many.self_path


def test_the_critical_path_of_a_run_is_that_of_its_members() -> None:
    trace = a_loaded_trace(*a_loop(10))
    loop = rows(trace)[1]
    assert loop.critical == "50.0 ms on the critical path, with the spans that are hidden here"
    assert loop.critical_path.count("M") == 10
    assert rows(trace, STATE.marking_critical(False))[1].critical_path == ""


def test_stale_names_of_runs_are_told() -> None:
    trace = a_loaded_trace(*a_loop())
    state = shown_state(trace, replace(STATE, unfolded=frozenset({10, 11, 99})))
    assert state.unfolded == {10}
    assert "2 unfolded spans cannot be found" in state.notes[0]


def test_more_unfolded_runs_than_an_address_can_say_unfold_all() -> None:
    state = STATE.unfolding(set(range(1, MOST_COLLAPSED + 2)))
    assert state.all_unfolded
    assert state.url.endswith("?unfold=*")


@given(
    st.lists(
        st.tuples(st.integers(0, 10**19), st.sampled_from([0, 1, MS, 2**62, 2**63 - 1])),
        min_size=5,
        max_size=60,
    ),
    st.none() | st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)),
)
def test_bars_of_runs_stay_within_the_range(
    calls: list[tuple[int, int]], zoom: tuple[int, int] | None
) -> None:
    spans = [
        a_span(10 + number, 1, name="x", start_ns=start % 2**63, duration_ns=duration)
        for number, (start, duration) in enumerate(calls)
    ]
    trace = a_loaded_trace(a_span(1), *spans)
    state = STATE if zoom is None else STATE.zoomed(zoom[0], zoom[0] + zoom[1])
    (loop,) = [row for row in rows(trace, state) if row.fold]
    assert 0 <= loop.x <= loop.x + loop.width <= 1000
    assert len(loop.self_path) < 2500
    for x, width in re.findall(r"M([\d.e+]+) \d+h([\d.e+]+)v", loop.self_path):
        assert 0 <= float(x) <= float(x) + float(width) <= 1000.01
