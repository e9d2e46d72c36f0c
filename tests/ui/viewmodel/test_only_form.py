"""What the timeline's filter lets through, which ancestors it keeps, and what is said of the rest."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.visible import visible_rows, with_ancestors
from viewer.ui.viewmodel.only import NOTHING, Only
from viewer.ui.viewmodel.only_form import is_kept, kept_rows, only_form
from viewer.ui.viewmodel.rows import Row, collapsed_mask, window_of
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}", find="x")
# Drawn in order of start and ID: row 3 is span 4.
TRACE = a_loaded_trace(
    a_span(1, service="web", duration_ns=100 * MS),
    a_span(2, 1, service="shop", duration_ns=40 * MS),
    a_span(3, 2, service="db", duration_ns=30 * MS, error=True),
    a_span(4, 1, service="db", duration_ns=MS),
    a_span(5, 1, service="cache", duration_ns=MS),
)


def rows(only: Only, matches: list[int] | None = None) -> tuple[Row, ...]:
    found = None if matches is None else np.array(matches, np.int32)
    state = STATE.narrowed(only)
    kept = kept_rows(TRACE, only, found)
    mask = None if kept is None else kept.shown
    visible = visible_rows(TRACE.tree, collapsed_mask(TRACE, state), mask)
    return window_of(TRACE, state, visible, found, 0, {}, kept).rows


def ids(found: tuple[Row, ...]) -> list[int]:
    return [int(row.span_id, 16) for row in found]


def test_failed_spans_keep_their_ancestors_which_are_marked() -> None:
    found = rows(Only(errors=True))
    assert ids(found) == [1, 2, 3]
    assert [row.context for row in found] == [True, True, False]
    assert [row.descendants for row in found] == [2, 1, 0]


def test_services_are_any_of_these_and_all_else_must_hold_too() -> None:
    assert ids(rows(Only(services=("cache", "db")))) == [1, 2, 3, 4, 5]
    assert ids(rows(Only(services=("cache", "db"), min_text="2ms", min_ns=2 * MS))) == [1, 2, 3]
    assert ids(rows(Only(services=("unknown",)))) == []


def test_matches_are_what_the_find_term_found_and_nothing_without_one() -> None:
    assert ids(rows(Only(matches=True), [3])) == [1, 4]
    assert ids(rows(Only(matches=True))) == []


def test_without_a_filter_all_is_shown() -> None:
    found = rows(NOTHING)
    assert ids(found) == [1, 2, 3, 4, 5]
    assert not any(row.context for row in found)


def test_what_is_left_out_is_counted() -> None:
    only = Only(errors=True)
    form = only_form(TRACE, STATE.narrowed(only), kept_rows(TRACE, only, None))
    assert form.told == "2 spans filtered out, 2 ancestors kept"
    assert form.clear_url == STATE.url
    assert [choice.name for choice in form.services] == ["cache", "db", "shop", "web"]
    assert dict(form.hidden_fields) == {"find": "x"}
    assert only_form(TRACE, STATE, None).told == ""


def test_a_chosen_service_stands_first_and_is_ticked() -> None:
    form = only_form(TRACE, STATE.narrowed(Only(services=("shop",))), None)
    first = form.services[0]
    assert (first.name, first.value, first.checked) == ("shop", "service:shop", True)
    assert not any(choice.checked for choice in form.services[1:])


def test_a_step_to_a_span_that_is_filtered_out_ends_the_filter() -> None:
    narrow = STATE.narrowed(Only(errors=True))
    assert reveal(TRACE, narrow, 4).only == NOTHING
    assert reveal(TRACE, narrow, 2).only == narrow.only


@given(
    st.builds(
        Only,
        errors=st.booleans(),
        matches=st.booleans(),
        min_ns=st.sampled_from([0, 2 * MS]),
        services=st.sampled_from([(), ("db",), ("cache", "web")]),
    ),
    st.none() | st.sets(st.integers(0, 4)).map(sorted),
)
def test_of_one_row_it_says_what_it_says_of_all(only: Only, matches: list[int] | None) -> None:
    found = None if matches is None else np.array(matches, np.int32)
    kept = kept_rows(TRACE, only, found)
    for row in range(len(TRACE.tree)):
        expected = kept is None or bool(kept.shown[row])
        assert is_kept(TRACE, only, found, row) == expected


@given(st.lists(st.integers(0, 14), min_size=1, max_size=14), st.sets(st.integers(0, 13)))
def test_a_row_is_kept_if_it_or_one_below_is_chosen(parents: list[int], picked: set[int]) -> None:
    tree = a_loaded_trace(*a_forest(parents)).tree
    chosen = np.array([row in picked for row in range(len(tree))])
    expected = chosen.copy()
    for row in np.flatnonzero(chosen).tolist():
        expected[tree.ancestors(row)] = True
    assert with_ancestors(tree, chosen).tolist() == expected.tolist()
