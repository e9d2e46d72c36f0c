"""The way to a span: bounded, in order, and known for every row of a window."""

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.visible import visible_rows
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.crumbs import Crumb, Trail
from viewer.ui.viewmodel.rows import MOST_INDENT, WINDOW_ROWS, Window, collapsed_mask, window_of
from viewer.ui.viewmodel.trace_state import TraceState
from viewer.ui.viewmodel.trail import (
    MOST_KNOWN,
    MOST_LAST,
    trail,
    window_trail,
    with_known_ancestors,
)

STATE = TraceState(f"/trace/{TRACE_ID}")


def levels(crumbs: tuple[Crumb, ...]) -> list[int]:
    return [crumb.level for crumb in crumbs]


def a_chain(length: int) -> LoadedTrace:
    return a_loaded_trace(*a_forest(range(length)))


def row_url(row: int) -> str:
    return f"row {row}"


def test_a_short_way_is_told_in_full() -> None:
    way = trail(a_chain(6), 4, row_url)
    assert (levels(way.first), way.between, levels(way.last)) == ([], 0, [1, 2, 3, 4])
    assert [crumb.name for crumb in way.last] == ["step 1", "step 2", "step 3", "step 4"]
    assert way.last[2].url == "row 2"
    assert trail(a_chain(1), 0, row_url) == Trail((), 0, ())


def test_of_a_long_way_the_first_and_the_last_few_are_told() -> None:
    way = trail(a_chain(2000), 1999, row_url)
    assert (levels(way.first), way.between) == ([1], 1994)
    assert levels(way.last) == [1996, 1997, 1998, 1999]
    five = trail(a_chain(6), 5, row_url)
    assert (levels(five.first), five.between, levels(five.last)) == ([1], 0, [2, 3, 4, 5])


def test_a_long_name_is_cut() -> None:
    trace = a_loaded_trace(a_span(1, name="x" * 10_000), a_span(2, 1))
    assert len(trail(trace, 1, row_url).last[0].name) == 60


def window(trace: LoadedTrace, offset: int) -> tuple[Window, list[int]]:
    visible = visible_rows(trace.tree, collapsed_mask(trace, STATE))
    drawn = window_of(trace, STATE, visible, None, offset, {})
    return with_known_ancestors(trace, visible, drawn, row_url), visible.tolist()


def test_only_deep_traces_have_a_line_of_ancestors() -> None:
    for length, deep in ((MOST_INDENT + 1, False), (MOST_INDENT + 2, True)):
        trace = a_chain(length)
        visible = visible_rows(trace.tree, collapsed_mask(trace, STATE))
        way = window_trail(trace, visible, 0, row_url)
        assert (way is not None) == deep
        assert way is None or (way.top, way.selects) == (f"{length} levels", True)
        assert window_trail(trace, visible, length, row_url) is None


_SHAPE = st.lists(st.integers(0, 40), min_size=150, max_size=250)


@given(_SHAPE, st.sampled_from([0, 50, 100, 149]))
def test_the_last_few_ancestors_of_every_row_stand_in_its_window_or_are_told(
    steps: list[int], offset: int
) -> None:
    # Each span hangs below the one before it, or below one of that one's ancestors.
    parents, path = [0], [1]
    for number, up in enumerate(steps, 2):
        path = path[: max(len(path) - up // 8 * (up % 7), 1)]
        parents.append(path[-1])
        path.append(number)
    trace = a_loaded_trace(*a_forest(parents))
    drawn, visible = window(trace, offset)
    if int(trace.tree.depth.max()) <= MOST_INDENT:
        assert drawn.ancestors == ()
        return
    assert len(drawn.ancestors) <= MOST_KNOWN + 1
    told = {crumb.url: crumb.level for crumb in drawn.ancestors}
    assert list(told.values()) == sorted(set(told.values()))
    for at, row in enumerate(visible[offset : offset + WINDOW_ROWS], offset):
        above = trace.tree.ancestors(row)
        for step in [*above[:1], *above[-MOST_LAST:]]:
            inside = visible.index(step) >= offset
            assert inside or row_url(step) in told or len(told) > MOST_KNOWN, at
