"""What a find term finds: words, and words that quotes hold together."""

import pytest

from tests.builders import TRACE_ID, a_span
from tests.ui.stage import a_store
from viewer.ui.found_rows import find_rows
from viewer.ui.loaded_trace import TraceCache
from viewer.ui.viewmodel.trace_state import TraceState

SPANS = [a_span(1, name="GET /cart"), a_span(2, 1, name="cart get"), a_span(3, 1, name="none")]


@pytest.mark.parametrize(
    ("find", "rows"),
    [("cart", [0, 1]), ("none cart", [0, 1, 2]), ('"get /"', [0]), ("0000000000000003", [2]),
     ("nowhere", [])],
)  # fmt: skip
def test_any_word_finds(find: str, rows: list[int]) -> None:
    store = a_store(SPANS)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    found = find_rows(store, trace, TraceState("/", find=find))
    assert found is not None
    assert found.tolist() == rows


def test_no_word_is_no_search() -> None:
    store = a_store(SPANS)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    assert find_rows(store, trace, TraceState("/", find=" ")) is None


def test_a_term_is_asked_of_the_store_once() -> None:
    store = a_store(SPANS)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    assert find_rows(store, trace, TraceState("/", find="cart")) is find_rows(
        a_store(), trace, TraceState("/", find="cart")
    )
