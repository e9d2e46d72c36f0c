"""The bar of a focus: how much is shown, and the ways back up."""

from urllib.parse import parse_qsl, urlsplit

from tests.builders import TRACE_ID, a_forest
from tests.ui.stage import a_loaded_trace
from viewer.ui.viewmodel.focus_bar import FocusBar, focus_bar
from viewer.ui.viewmodel.trace_state import TraceState, read_state

STATE = TraceState(f"/trace/{TRACE_ID}")


def state_at(url: str) -> TraceState:
    parts = urlsplit(url)
    return read_state(parts.path, dict(parse_qsl(parts.query)), 10**12)


def bar_of(parents: list[int], span: int, state: TraceState = STATE) -> FocusBar:
    whole = a_loaded_trace(*a_forest(parents))
    row = whole.tree.row_of(span)
    assert row is not None
    bar = focus_bar(whole, whole.part(row), state.focusing(span))
    assert bar is not None
    return bar


def test_it_says_how_much_is_shown_and_of_what() -> None:
    bar = bar_of([0, 1, 2, 2, 1], 2)
    assert bar.says == "3 of 5 spans, 4.00 ms of 5.00 ms"
    assert bar.trail.current is not None
    assert bar.trail.current.name == "step 2"


def test_each_ancestor_and_the_whole_are_one_step_away() -> None:
    bar = bar_of([0, 1, 2, 3], 4, STATE.selecting(4).zoomed(1, 2).finding("x"))
    assert [state_at(crumb.url).focus for crumb in bar.trail.last] == [1, 2, 3]
    whole = state_at(bar.whole_url)
    assert whole == STATE.selecting(4).finding("x")


def test_without_a_focus_there_is_no_bar() -> None:
    whole = a_loaded_trace(*a_forest([0, 1]))
    assert focus_bar(whole, whole, STATE) is None
