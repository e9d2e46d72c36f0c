"""The cache of comparisons: made once, bounded, and anew when a trace has changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.builders import a_span, a_trace
from tests.ui.stage import a_loaded_trace
from viewer.ui import compared_traces
from viewer.ui.compared_traces import ComparisonCache


def test_a_pair_is_compared_once() -> None:
    a, b = a_loaded_trace(*a_trace(1)), a_loaded_trace(*a_trace(2))
    cache = ComparisonCache()
    found = cache.get(a, b)
    assert cache.get(a, b) is found
    assert cache.get(b, a) is not found
    # The same content loaded again is the same pair.
    assert cache.get(a_loaded_trace(*a_trace(1)), b) is found


def test_a_trace_that_has_grown_is_compared_anew() -> None:
    a, b = a_loaded_trace(a_span(1)), a_loaded_trace(*a_trace(2))
    cache = ComparisonCache()
    found = cache.get(a, b)
    assert len(cache.get(a_loaded_trace(a_span(1), a_span(2, 1, name="late")), b)) > len(found)


def test_the_pairs_made_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared_traces, "MOST_PAIRS", 2)
    traces = [a_loaded_trace(*a_trace(number)) for number in range(1, 5)]
    cache = ComparisonCache()
    first, second = (cache.get(traces[0], traces[number]) for number in (1, 2))
    assert cache.get(traces[0], traces[1]) is first
    cache.get(traces[0], traces[3])
    assert cache.get(traces[0], traces[1]) is first
    assert cache.get(traces[0], traces[2]) is not second


def test_large_pairs_push_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared_traces, "MOST_NODES", 5)
    traces = [a_loaded_trace(*a_trace(number, spans=3)) for number in range(1, 4)]
    cache = ComparisonCache()
    first = cache.get(traces[0], traces[1])
    second = cache.get(traces[0], traces[2])
    assert cache.get(traces[0], traces[2]) is second
    assert cache.get(traces[0], traces[1]) is not first


def test_who_compares_a_pair_at_once_shares_one_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = a_loaded_trace(*a_trace(1)), a_loaded_trace(*a_trace(2))
    cache, compare = ComparisonCache(), compared_traces.compare
    begun, let_go = threading.Semaphore(0), threading.Event()

    def slowly(*sides: Any) -> Any:
        begun.release()
        assert let_go.wait(10)
        return compare(*sides)

    monkeypatch.setattr(compared_traces, "compare", slowly)
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(cache.get, a, b) for _ in range(4)]
        assert begun.acquire(timeout=5)
        assert not begun.acquire(timeout=0.2)
        let_go.set()
        found = [one.result(10) for one in running]
    assert all(one is found[0] for one in found)
