"""The cache of traces: fresh within two seconds, bounded, and never wrong about absence."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from types import ModuleType

import numpy as np
import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_batch, a_forest, a_span, a_trace
from tests.ui.stage import a_loaded_trace, a_store
from viewer.analysis.critical_path import CriticalPath, critical_path
from viewer.store.memory import MemoryStore
from viewer.trace.columns import TraceColumns
from viewer.trace.span import Event, Span, SpanKind
from viewer.trace.tree import Rows, TraceTree
from viewer.ui import loaded_trace
from viewer.ui.loaded_trace import (
    MOST_FOUND,
    MOST_PARTS,
    LoadedTrace,
    TraceCache,
    sent_spans,
    spans_of_rows,
)
from viewer.ui.loading import MOST_AT_ONCE, Busy, Once, Room

SECOND = 1_000 * MS


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingStore(MemoryStore):
    """Counts how often a trace's columns are read."""

    reads = 0

    def get_columns(self, trace_id: str) -> TraceColumns | None:
        self.reads += 1
        return super().get_columns(trace_id)


def a_cache() -> tuple[TraceCache, CountingStore, Clock]:
    store, clock = CountingStore(), Clock()
    return TraceCache(store, clock), store, clock


def rows_of(found: LoadedTrace | None) -> int:
    assert found is not None
    return len(found.tree)


def test_a_trace_is_read_once_while_nothing_changes() -> None:
    cache, store, clock = a_cache()
    store.write_spans([a_batch([a_span(1)])])
    first = cache.get(TRACE_ID)
    clock.now = 1000
    assert cache.get(TRACE_ID) is first
    assert store.reads == 1


def test_late_spans_are_shown_within_two_seconds() -> None:
    cache, store, clock = a_cache()
    store.write_spans([a_batch([a_span(1)])])
    assert rows_of(cache.get(TRACE_ID)) == 1
    store.write_spans([a_batch([a_span(2, 1)])])
    clock.now = 2.0
    assert rows_of(cache.get(TRACE_ID)) == 2


def test_while_spans_pour_in_a_trace_is_not_read_for_every_window() -> None:
    cache, store, clock = a_cache()
    store.write_spans([a_batch([a_span(1)])])
    for number in range(10):
        clock.now = number / 10
        store.write_spans([a_batch(a_trace(number + 1))])
        cache.get(TRACE_ID)
    assert store.reads == 1


def test_spans_of_other_traces_leave_a_trace_as_it_is() -> None:
    cache, store, clock = a_cache()
    store.write_spans([a_batch([a_span(1)])])
    first = cache.get(TRACE_ID)
    store.write_spans([a_batch(a_trace(7))])
    clock.now = 10
    assert cache.get(TRACE_ID) is first
    assert cache.get(TRACE_ID) is first
    assert store.reads == 2


def test_spans_that_replace_as_many_others_are_noticed() -> None:
    clock, times = Clock(), iter([100, 200, 300])
    store = MemoryStore(clock=lambda: next(times))
    cache = TraceCache(store, clock)
    store.write_spans([a_batch([a_span(1)])])
    cache.get(TRACE_ID)
    store.write_spans([a_batch([a_span(2)])])
    store.prune(150, None)
    clock.now = 10
    found = cache.get(TRACE_ID)
    assert found is not None
    assert found.tree.shown_id.tolist() == [2]


def test_an_unknown_trace_is_none_also_once_it_was_known() -> None:
    clock = Clock()
    store = MemoryStore(clock=lambda: 100)
    cache = TraceCache(store, clock)
    assert cache.get(TRACE_ID) is None
    store.write_spans([a_batch([a_span(1)])])
    assert rows_of(cache.get(TRACE_ID)) == 1
    store.prune(200, None)
    clock.now = 10
    assert cache.get(TRACE_ID) is None


def test_the_traces_drawn_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_trace, "MOST_TRACES", 3)
    store = CountingStore()
    store.write_spans([a_batch(span for number in range(1, 6) for span in a_trace(number))])
    cache = TraceCache(store, Clock())
    ids = [f"{number:032x}" for number in range(1, 6)]
    for trace_id in ids:
        cache.get(trace_id)
        cache.get(ids[0])
    assert store.reads == 5
    cache.get(ids[4])
    cache.get(ids[3])
    assert store.reads == 5
    cache.get(ids[1])
    assert store.reads == 6


def test_large_traces_push_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_trace, "MOST_SPANS", 10)
    store = CountingStore()
    store.write_spans(
        [a_batch([*a_trace(1, spans=6), *a_trace(2, spans=6), *a_trace(3, spans=20)])]
    )
    cache = TraceCache(store, Clock())
    for number in (1, 2, 1, 3, 3, 1):
        cache.get(f"{number:032x}")
    # The first two are too large together, but any two can be compared; the third pushes one out.
    assert store.reads == 3
    cache.get(f"{2:032x}")
    assert store.reads == 4


def test_a_trace_remembers_what_a_few_terms_found() -> None:
    trace = a_loaded_trace(a_span(1))
    rows: Rows = np.array([0], np.int32)
    for number in range(MOST_FOUND * 3):
        assert trace.remember(f"term {number}", rows) is rows
        assert trace.found[f"term {number}"] is rows
        assert len(trace.found) <= MOST_FOUND


def test_it_holds_what_all_windows_need() -> None:
    trace = TraceCache(a_store(a_trace(1, spans=4, error=True))).get(f"{1:032x}")
    assert trace is not None
    trace.tree.check()
    assert trace.children.of(0).tolist() == [1, 2, 3]
    assert trace.errors_below.tolist() == [1, 0, 0, 0]
    assert trace.self_ns.tolist() == [25_000_000] * 4


def test_the_critical_path_is_computed_once_whoever_asks_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[TraceTree] = []

    def counting(tree: TraceTree) -> CriticalPath:
        asked.append(tree)
        return critical_path(tree)

    monkeypatch.setattr(loaded_trace, "critical_path", counting)
    trace = a_loaded_trace(a_span(1), a_span(2, 1))
    assert not asked
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: trace.critical, range(16)))
    assert asked == [trace.tree]
    assert all(path is found[0] for path in found)
    assert found[0].rows.tolist() == [0, 1]


def test_what_the_skeleton_tells_is_computed_once() -> None:
    found = TraceCache(a_store(a_trace())).get(f"{1:032x}")
    assert found is not None
    assert found.overview() is found.overview()
    assert found.overview().findings


def test_the_last_parts_of_a_trace_are_remembered() -> None:
    trace = a_loaded_trace(*a_forest(range(MOST_PARTS + 2)))
    parts = [trace.part(row) for row in range(MOST_PARTS + 1)]
    assert [len(part.tree) for part in parts] == list(range(MOST_PARTS + 2, 1, -1))
    assert trace.part(MOST_PARTS) is parts[-1]
    assert trace.part(0) is not parts[0]
    assert parts[1].self_ns.tolist() == trace.self_ns[1:].tolist()
    assert parts[1].children.of(0).tolist() == [1]


class SlowStore(CountingStore):
    """Reads columns only when it is let to; counts how many are being read."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Semaphore(0), threading.Event()

    def count_spans(self, trace_id: str) -> int:
        # As large as a trace may be for a second one to fit beside it.
        return super().count_spans(trace_id) * (MOST_AT_ONCE // 2)

    def get_columns(self, trace_id: str) -> TraceColumns | None:
        self.begun.release()
        assert self.let_go.wait(10)
        return super().get_columns(trace_id)


def test_who_opens_a_trace_at_once_shares_one_load() -> None:
    store = SlowStore()
    store.write_spans([a_batch([a_span(1)])])
    cache = TraceCache(store)
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(cache.get, TRACE_ID) for _ in range(8)]
        assert store.begun.acquire(timeout=5)
        store.let_go.set()
        found = [one.result(10) for one in running]
    assert rows_of(found[0]) == 1
    assert all(one is found[0] for one in found)
    assert store.reads == 1


def test_of_different_large_traces_two_are_loaded_at_once_and_the_others_in_turn() -> None:
    store = SlowStore()
    ids = [f"{number:032x}" for number in range(1, 7)]
    store.write_spans([a_batch([a_span(1, trace_id=trace_id)]) for trace_id in ids])
    cache = TraceCache(store)
    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(cache.get, trace_id) for trace_id in ids]
        assert store.begun.acquire(timeout=5)
        assert store.begun.acquire(timeout=5)
        assert not store.begun.acquire(timeout=0.2)
        store.let_go.set()
        assert [rows_of(one.result(10)) for one in running] == [1] * 6


def test_a_large_trace_that_gets_no_turn_in_time_is_refused() -> None:
    store = SlowStore()
    ids = [f"{number:032x}" for number in range(1, 4)]
    store.write_spans([a_batch([a_span(1, trace_id=trace_id)]) for trace_id in ids])
    cache = TraceCache(store, wait_s=0.05)
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(cache.get, trace_id) for trace_id in ids[:2]]
        for _ in running:
            assert store.begun.acquire(timeout=5)
        with pytest.raises(Busy):
            cache.get(ids[2])
        store.let_go.set()
        assert [rows_of(one.result(10)) for one in running] == [1, 1]
    assert rows_of(cache.get(ids[2])) == 1


def held_bytes(*roots: object) -> int:
    """How much memory the arrays below some objects take, each counted once."""
    seen: set[int] = set()
    waiting, total = list(roots), 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | Room | str):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            total += 0 if one.base is not None else one.nbytes
            waiting += [] if one.base is None else [one.base]
        elif is_dataclass(one):
            waiting += [getattr(one, each.name) for each in fields(one)]
        elif isinstance(one, Once):
            assert one._made, "something that is remembered was not computed"
            waiting += one._made
        elif isinstance(one, list | tuple):
            total += sys.getsizeof(one)
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
    return total


def test_all_that_is_remembered_of_a_trace_is_bounded_by_its_spans() -> None:
    spans = [a_span(1), *(a_span(number, number // 2) for number in range(2, 4_001))]
    loaded = a_loaded_trace(*spans)
    for number in range(3 * MOST_FOUND):
        loaded.remember(str(number), np.arange(len(spans), dtype=np.int32))
    assert loaded.critical is not None
    assert loaded.flame is not None
    assert loaded.repeats is not None
    assert loaded.skew is not None
    assert loaded.overview() is not None
    assert held_bytes(loaded) < 300 * len(spans)


def a_skewed_trace(*, late: int = 0) -> list[Span]:
    """A call from another service that began a second before its caller, and what it called."""
    early = START_NS - SECOND
    event = Event(early + MS, "sent"), Event(0, "untimed")
    return [
        a_span(1, duration_ns=100 * MS, kind=SpanKind.CLIENT),
        a_span(2, 1, service="db", start_ns=early, duration_ns=60 * MS, events=event),
        a_span(3, 1, start_ns=START_NS + 10 * MS, duration_ns=MS),
        *(a_span(10 + number, 1, start_ns=START_NS + 50 * MS) for number in range(late)),
    ]


def test_an_adjusted_trace_has_other_times_and_the_same_spans() -> None:
    store = a_store(a_skewed_trace())
    cache = TraceCache(store)
    sent, adjusted = cache.get(TRACE_ID), cache.get_adjusted(TRACE_ID)
    assert sent is not None
    assert adjusted is not None
    assert (sent.adjusted, adjusted.adjusted) == (False, True)
    assert sent.tree.shown_id.tolist() == [1, 2, 3]
    # Siblings stand in the order of their start, which is another one now.
    assert adjusted.tree.shown_id.tolist() == [1, 3, 2]
    assert sent.tree.duration_ns == SECOND + 100 * MS
    assert adjusted.tree.duration_ns == 100 * MS
    assert adjusted.skew.shift_ns.tolist() == [0, 0, SECOND + 20 * MS]
    assert adjusted.skew.first.tolist() == [2]
    assert adjusted.self_ns.tolist() == [39 * MS, MS, 60 * MS]


def test_spans_of_an_adjusted_trace_have_its_times_and_their_own_when_asked_for() -> None:
    store = a_store(a_skewed_trace())
    adjusted = TraceCache(store).get_adjusted(TRACE_ID)
    assert adjusted is not None
    moved, sent = spans_of_rows(store, adjusted, [2])[2], sent_spans(store, adjusted, [2])[2]
    assert sent.start_ns == START_NS - SECOND
    assert moved.start_ns == START_NS + 20 * MS
    assert [event.time_ns for event in moved.events] == [START_NS + 21 * MS, 0]
    assert spans_of_rows(store, adjusted, [0])[0].start_ns == START_NS


def test_a_trace_without_skew_is_its_own_adjusted_one() -> None:
    cache = TraceCache(a_store(a_trace()))
    assert cache.get_adjusted(f"{1:032x}") is cache.get(f"{1:032x}")
    assert cache.get_adjusted("f" * 32) is None


def test_an_adjusted_trace_is_kept_as_long_as_what_it_was_made_of_is_the_same() -> None:
    cache, store, clock = a_cache()
    store.write_spans([a_batch(a_skewed_trace())])
    first = cache.get_adjusted(TRACE_ID)
    assert cache.get_adjusted(TRACE_ID) is first
    store.write_spans([a_batch(a_skewed_trace(late=2)[3:])])
    clock.now = 10
    assert rows_of(cache.get_adjusted(TRACE_ID)) == 5
    assert rows_of(cache.get(TRACE_ID)) == 5
    store.prune(1 << 62, None)
    clock.now = 20
    assert cache.get_adjusted(TRACE_ID) is None


def test_a_part_of_an_adjusted_trace_has_its_times() -> None:
    store = a_store(a_skewed_trace())
    adjusted = TraceCache(store).get_adjusted(TRACE_ID)
    assert adjusted is not None
    part = adjusted.part(2)
    assert part.adjusted
    assert part.tree.start_ns == START_NS + 20 * MS
    assert spans_of_rows(store, part, [0])[0].start_ns == START_NS + 20 * MS
    assert sent_spans(store, part, [0])[0].start_ns == START_NS - SECOND
