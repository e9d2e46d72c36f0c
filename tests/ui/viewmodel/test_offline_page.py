"""Which spans a page without a server shows, and where its links lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.ui.viewmodel.offline_page import OfflineState, offline_rows


def test_its_addresses_are_places_within_it() -> None:
    state = OfflineState("/trace/1")
    assert state.url == "#main"
    assert state.selecting(26).url == "#span-000000000000001a"
    assert state.selecting(26).viewing("flame", node="1").url == "#span-000000000000001a"


def test_a_chain_whose_ancestors_do_not_fit_is_shown_from_its_top() -> None:
    trace = a_loaded_trace(*a_forest(list(range(50))))
    kept = offline_rows(trace, 10)
    assert 0 < kept.shown.sum() <= 10


def test_all_of_a_small_trace_is_shown() -> None:
    kept = offline_rows(a_loaded_trace(a_span(1), a_span(2, 1)))
    assert kept.shown.all()
    assert kept.chosen.all()


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.integers(1, 12))
def test_never_more_are_shown_than_may_be_and_none_without_its_ancestors(
    parents: list[int], most: int
) -> None:
    trace = a_loaded_trace(*a_forest([min(parent, i) for i, parent in enumerate(parents)]))
    kept = offline_rows(trace, most)
    assert kept.shown.sum() <= most
    for row in range(len(trace.tree)):
        parent = int(trace.tree.parent[row])
        assert not kept.shown[row] or parent < 0 or kept.shown[parent]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_failed_spans_come_before_longer_ones(most: int) -> None:
    trace = a_loaded_trace(
        a_span(1, duration_ns=9), a_span(2, duration_ns=5), a_span(3, duration_ns=1, error=True)
    )
    kept = offline_rows(trace, most)
    failed = trace.tree.row_of(3)
    assert failed is not None
    assert kept.chosen[failed]
