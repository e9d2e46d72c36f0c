"""The timeline: where its first window begins, what the find bar counts, what a step reveals."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace, a_store
from viewer.analysis.visible import visible_rows
from viewer.trace.ids import format_span_id
from viewer.trace.span import SpanKind
from viewer.trace.tree import Rows
from viewer.ui.loaded_trace import LoadedTrace, TraceCache
from viewer.ui.viewmodel.rows import WINDOW_ROWS, collapsed_mask
from viewer.ui.viewmodel.timeline import (
    Timeline,
    find_bar,
    first_offset,
    focus_index,
    matched_rows,
    reveal,
    shown_state,
    timeline,
)
from viewer.ui.viewmodel.trace_state import MOST_COLLAPSED, TraceState, read_state

STATE = TraceState(f"/trace/{TRACE_ID}")
_PARENTS = st.lists(st.integers(0, 20), min_size=1, max_size=20)


def visible_in(trace: LoadedTrace, state: TraceState) -> Rows:
    return visible_rows(trace.tree, collapsed_mask(trace, state))


def drawn(trace: LoadedTrace, state: TraceState, near: int | None = None) -> Timeline:
    visible = visible_in(trace, state)
    offset = first_offset(trace, state, visible, near)
    return timeline(trace, state, visible, None, offset, near, {})


def state_at(url: str) -> TraceState:
    parts = urlsplit(url)
    return read_state(parts.path, dict(parse_qsl(parts.query)), 10**12)


def a_wide_trace(children: int) -> LoadedTrace:
    return a_loaded_trace(*a_forest([0] + [1] * children))


# Stale parts.


def test_a_span_of_another_trace_is_not_selected_and_told() -> None:
    trace = a_loaded_trace(*a_forest([0, 1]))
    state = shown_state(trace, replace(STATE, span=99, notes=("earlier",)))
    assert state.span is None
    assert state.notes[0] == "earlier"
    assert "Span 0000000000000063 is not in this trace" in state.notes[1]


def test_collapsed_spans_of_another_trace_are_dropped_and_told() -> None:
    trace = a_loaded_trace(*a_forest([0, 1]))
    state = shown_state(trace, replace(STATE, collapsed=frozenset({1, 98, 99})))
    assert state.collapsed == {1}
    assert "2 collapsed spans cannot be found" in state.notes[0]


def test_what_is_there_is_kept_without_a_note() -> None:
    trace = a_loaded_trace(*a_forest([0, 1]))
    state = replace(STATE, span=2, collapsed=frozenset({1}))
    assert shown_state(trace, state) == state


def test_a_focus_on_a_span_of_another_trace_is_told_and_dropped() -> None:
    trace = a_loaded_trace(*a_forest([0, 1]))
    state = shown_state(trace, replace(STATE, focus=99))
    assert state.focus is None
    assert "Span 0000000000000063 is not in this trace; the whole is shown" in state.notes[0]


def test_a_selected_span_out_of_focus_is_told() -> None:
    trace = a_loaded_trace(*a_forest([0, 1, 2, 1]))
    state = shown_state(trace, replace(STATE, focus=2, span=4))
    assert (state.focus, state.span) == (2, 4)
    assert state.notes == ("The selected span is outside of the part that is shown.",)
    assert not shown_state(trace, replace(STATE, focus=2, span=3)).notes


# Where the first window begins.


@given(
    st.integers(0, 350),
    st.none() | st.integers(1, 351),
    st.none() | st.integers(1, 400),
    st.sampled_from([0, 1, 99, 100, 250, 10**18]),
)
def test_the_first_window_begins_at_an_edge_and_holds_the_row_in_focus(
    children: int, span: int | None, near: int | None, offset: int
) -> None:
    trace = a_wide_trace(children)
    state = shown_state(trace, replace(STATE, span=span, offset=offset))
    visible = visible_in(trace, state)
    first = first_offset(trace, state, visible, near)
    assert first % WINDOW_ROWS == 0
    assert 0 <= first < len(visible)
    near_index = focus_index(trace, visible, near)
    focus = near_index if near_index >= 0 else focus_index(trace, visible, state.span)
    if near_index >= 0 or (focus >= 0 and not offset):
        assert first <= focus < first + WINDOW_ROWS
    elif offset:
        assert first == min(offset, len(visible) - 1) // WINDOW_ROWS * WINDOW_ROWS


def test_a_hidden_span_is_in_focus_at_the_ancestor_that_hides_it() -> None:
    trace = a_loaded_trace(*a_forest([0, 1, 2, 3, 1]))
    state = replace(STATE, collapsed=frozenset({2, 3}), span=4)
    assert focus_index(trace, visible_in(trace, state), 4) == 1
    assert drawn(trace, state).focus == 1


def test_without_script_windows_are_pages() -> None:
    trace = a_wide_trace(2 * WINDOW_ROWS + 49)
    first = drawn(trace, STATE)
    assert first.previous_rows_url == ""
    second = drawn(trace, state_at(first.next_rows_url))
    assert second.window.offset == WINDOW_ROWS
    third = drawn(trace, state_at(second.next_rows_url))
    assert (third.window.offset, len(third.window.rows)) == (2 * WINDOW_ROWS, 50)
    assert third.next_rows_url == ""
    assert state_at(third.previous_rows_url).offset == WINDOW_ROWS
    assert state_at(second.previous_rows_url).offset == 0


def test_it_says_how_much_is_collapsed() -> None:
    trace = a_wide_trace(249)
    assert drawn(trace, STATE).hidden == ""
    assert drawn(trace, STATE.collapsing_all(True)).hidden == "249 spans collapsed"
    assert state_at(drawn(trace, STATE).collapse_all_url).all_collapsed
    marked = drawn(trace, STATE)
    unmarked = drawn(trace, state_at(marked.critical_url))
    assert (marked.critical, unmarked.critical) == (True, False)
    assert state_at(unmarked.critical_url) == STATE
    assert not state_at(drawn(trace, STATE.collapsing_all(True)).expand_all_url).all_collapsed


# Steps.


@given(_PARENTS, st.sets(st.integers(1, 20)), st.booleans(), st.integers(0, 19))
def test_a_step_expands_exactly_the_ancestors(
    parents: list[int], folded: set[int], all_collapsed: bool, row: int
) -> None:
    trace = a_loaded_trace(*a_forest(parents))
    row %= len(trace.tree)
    state = replace(STATE, collapsed=frozenset(folded), all_collapsed=all_collapsed)
    revealed = reveal(trace, state, row)
    assert revealed.span == trace.tree.shown_id[row]
    before, after = collapsed_mask(trace, state), collapsed_mask(trace, revealed)
    ancestors = trace.tree.ancestors(row)
    assert row in visible_in(trace, revealed)
    for other in range(len(trace.tree)):
        assert after[other] == (before[other] and other not in ancestors)


def test_a_step_too_deep_to_say_expands_all() -> None:
    trace = a_loaded_trace(*a_forest(range(MOST_COLLAPSED + 10)))
    revealed = reveal(trace, STATE.collapsing_all(True), MOST_COLLAPSED + 9)
    assert len(revealed.url) < 1000
    assert len(visible_in(trace, state_at(revealed.url))) == MOST_COLLAPSED + 10
    last = reveal(trace, STATE.collapsing_all(True), MOST_COLLAPSED)
    assert last.all_collapsed
    assert len(last.collapsed) == MOST_COLLAPSED


def test_a_step_to_a_span_out_of_focus_leaves_the_focus() -> None:
    trace = a_loaded_trace(*a_forest([0, 1, 2, 1]))
    focused = STATE.focusing(2).zoomed(1, 2)
    assert reveal(trace, focused, 2) == focused.selecting(3)
    assert reveal(trace, focused, 3) == STATE.selecting(4)
    # Of the part alone, all rows are in focus.
    assert reveal(trace.part(1), focused, 1) == focused.selecting(3)


def test_next_error_goes_round() -> None:
    trace = a_loaded_trace(
        a_span(1),
        a_span(2, 1, start_ns=START_NS + 1, error=True),
        a_span(3, 1, start_ns=START_NS + 2),
        a_span(4, 1, start_ns=START_NS + 3, error=True),
    )
    seen = []
    state = STATE
    for _ in range(3):
        state = state_at(drawn(trace, state).error_url)
        seen.append(state.span)
    assert seen == [2, 4, 2]
    assert drawn(a_wide_trace(1), STATE).error_url == ""


# Find.


def rows(*numbers: int) -> Rows:
    return np.array(numbers, np.int32)


def test_the_find_bar_counts_and_steps_round_the_ends() -> None:
    trace = a_wide_trace(5)
    state = replace(STATE, find="x")
    unselected = find_bar(trace, state, rows(1, 3, 5))
    assert unselected.count == "3 matches"
    assert state_at(unselected.next_url).span == 2
    assert state_at(unselected.previous_url).span == 6
    last = find_bar(trace, state.selecting(6), rows(1, 3, 5))
    assert last.count == "3 of 3 matches"
    assert state_at(last.next_url).span == 2
    assert state_at(last.previous_url).span == 4
    between = find_bar(trace, state.selecting(3), rows(1, 3, 5))
    assert between.count == "3 matches"
    assert state_at(between.next_url).span == 4
    assert state_at(between.previous_url).span == 2


def test_one_match_and_none_are_said() -> None:
    trace = a_wide_trace(2)
    state = replace(STATE, find="x")
    assert find_bar(trace, state, rows(1)).count == "1 match"
    nothing = find_bar(trace, state, rows())
    assert nothing.count == "0 matches"
    assert nothing.next_url == nothing.previous_url == ""
    assert state_at(nothing.clear_url).find == ""


def test_the_form_keeps_everything_but_the_term_and_the_place() -> None:
    state = replace(STATE, span=2, find="x", offset=300, utc=True).zoomed(1, 2)
    kept = dict(find_bar(a_wide_trace(2), state, rows(1)).hidden_fields)
    assert kept == {"span": "0000000000000002", "from": "1", "to": "2", "tz": "utc"}
    assert find_bar(a_wide_trace(2), STATE, None).count == ""


def test_spans_of_one_id_are_told_apart_by_their_content() -> None:
    spans = [
        a_span(1),
        a_span(2, 1, kind=SpanKind.CLIENT, attributes={"peer": "north"}),
        a_span(2, 1, kind=SpanKind.SERVER, attributes={"host": "south"}),
    ]
    store = a_store(spans)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    for term, kind in (("north", SpanKind.CLIENT), ("south", SpanKind.SERVER)):
        found = matched_rows(trace, store.match_spans(TRACE_ID, [term]), term)
        assert trace.tree.columns.kind[found].tolist() == [kind]


@given(_PARENTS, st.sets(st.integers(0, 19)), st.lists(st.integers(21, 30), max_size=3))
def test_it_finds_the_rows_of_the_keys(
    parents: list[int], wanted: set[int], strangers: list[int]
) -> None:
    trace = a_loaded_trace(*a_forest(parents))
    columns = trace.tree.columns
    expected = sorted(row % len(parents) for row in wanted)
    keys = [(int(columns.span_id[row]), int(columns.digest[row])) for row in expected]
    # Spans that came since the trace was read, and other content under known IDs.
    keys += [(number, 7) for number in strangers]
    keys += [(span_id, (digest + 1) % 2**32) for span_id, digest in keys[:2]]
    assert matched_rows(trace, keys, "x").tolist() == sorted(set(expected))


def test_a_span_id_finds_its_span_as_sent_and_as_shown() -> None:
    client = a_span(2, 1, kind=SpanKind.CLIENT)
    server = a_span(2, 1, kind=SpanKind.SERVER, start_ns=START_NS + 1)
    trace = a_loaded_trace(a_span(1), client, server)
    shown = int(trace.tree.shown_id[2])
    assert shown != 2
    assert matched_rows(trace, [], format_span_id(2)).tolist() == [1, 2]
    assert matched_rows(trace, [], format_span_id(shown)).tolist() == [2]
    assert matched_rows(trace, [], format_span_id(shown).upper()).tolist() == [2]
    assert matched_rows(trace, [], format_span_id(99)).tolist() == []


@pytest.mark.parametrize(
    "term",
    ["-000000000000001", "+000000000000001", "0x00000000000001", "0000_0000_0000_1", "0" * 16],
)
def test_what_only_looks_like_an_id_finds_nothing(term: str) -> None:
    assert len(term) == 16
    assert matched_rows(a_wide_trace(3), [], term).tolist() == []
