from tests.builders import a_batch, a_trace
from tests.store.contract import Clock, ids
from viewer.search.query import TraceQuery
from viewer.store.base import Pruned
from viewer.store.memory import MemoryStore
from viewer.store.retention import apply_retention


def a_filled_store(clock: Clock) -> MemoryStore:
    store = MemoryStore(clock=clock)
    for number in (1, 2, 3):
        clock.now_ns = number * 100
        store.write_spans([a_batch(a_trace(number))])
    return store


def test_it_removes_what_was_stored_longer_ago_than_the_age() -> None:
    store = a_filled_store(Clock())
    assert apply_retention(store, 300, 100, None) == Pruned(3, 3, 0)
    assert ids(store, TraceQuery()) == [2, 3]


def test_no_bound_removes_nothing() -> None:
    store = a_filled_store(Clock())
    assert apply_retention(store, 10**18, None, None) == Pruned(0, 0, 0)
    assert ids(store, TraceQuery()) == [1, 2, 3]


def test_a_store_that_cannot_prune_is_left_alone() -> None:
    store = MemoryStore(writable=False)
    assert apply_retention(store, 10**18, 1, 1) == Pruned(0, 0, 0)
