from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.builders import a_batch, a_trace
from tests.store.contract import Clock, ids
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store.base import SpanStore
from viewer.store.duckdb import prune as prune_module
from viewer.store.duckdb.removed import remember
from viewer.trace.batch import SpanBatch

ROW_GROUP = 122_880


def a_full_row_group(number: int) -> SpanBatch:
    """Return a row group's worth of spans with values that do not compress to nothing."""
    batch = a_batch(a_trace(number, spans=1, service=f"s{number}"))
    for index in range(ROW_GROUP - 1):
        batch.trace_id.append(f"{number * 10**6 + index:032x}")
        batch.span_id.append((index * 0x9E3779B97F4A7C15 + number) % (1 << 64) or 1)
    for name in ("parent_id", "service", "name", "kind", "status", "start_ns", "dur_ns"):
        getattr(batch, name).extend(getattr(batch, name) * (ROW_GROUP - 1))
    for name in ("attr_types", "events", "links", "status_message", "trace_state", "flags"):
        getattr(batch, name).extend(getattr(batch, name) * (ROW_GROUP - 1))
    for name in ("extra", "resource", "scope"):
        getattr(batch, name).extend(getattr(batch, name) * (ROW_GROUP - 1))
    batch.attr_offsets.extend([0] * (ROW_GROUP - 1))
    return batch


def fill(store: SpanStore, clock: Clock, numbers: range) -> None:
    for number in numbers:
        clock.now_ns = number * 1000
        store.write_spans([a_full_row_group(number)])


def test_it_frees_the_oldest_until_the_rest_fits_and_uses_the_space_again(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "spans.duckdb"
    store = a_store(path, clock)
    fill(store, clock, range(1, 5))
    store.prune(None, 1 << 40)
    full = store.stats()
    pruned = store.prune(None, full.bytes * 6 // 10)
    left = store.stats()
    assert left.bytes <= full.bytes * 6 // 10
    assert pruned.by_size == pruned.span_rows == full.span_rows - left.span_rows
    assert pruned.by_size % ROW_GROUP == 0, "part of a write went"
    assert left.services[-1].service == "s4"
    assert "s1" not in store.services()
    size = path.stat().st_size
    fill(store, clock, range(5, 7))
    store.prune(None, 1 << 40)
    assert path.stat().st_size <= size * 1.15
    store.close()


def test_it_removes_by_age_first_and_then_by_size(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path / "spans.duckdb", clock)
    fill(store, clock, range(1, 4))
    pruned = store.prune(1500, 0)
    assert (pruned.by_age, pruned.by_size) == (ROW_GROUP, 2 * ROW_GROUP)
    assert store.stats().span_rows == 0
    store.write_spans([a_batch(a_trace(9))])
    assert ids(store, TraceQuery()) == [9]
    store.close()


def test_it_removes_nothing_from_a_store_that_fits(tmp_path: Path) -> None:
    store = a_store(tmp_path / "spans.duckdb")
    store.write_spans([a_batch(a_trace(1))])
    generation = store.generation
    assert store.prune(0, 1 << 40).span_rows == 0
    assert store.prune(None, None).span_rows == 0
    assert store.generation == generation
    store.close()


def test_it_remembers_the_latest_that_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_module, "MOST_REMEMBERED", 3)
    clock = Clock()
    store = a_store(tmp_path / "spans.duckdb", clock)
    for number in range(1, 9):
        clock.now_ns = number * 1000
        store.write_spans([a_batch(a_trace(number))])
        if number in (2, 6):
            store.prune(number * 1000 + 1, None)
    known = [number for number in range(1, 9) if store.removed_trace(f"{number:032x}")]
    assert known == [4, 5, 6]
    store.prune(9000, 1200)  # room for one
    known = [number for number in range(1, 9) if store.removed_trace(f"{number:032x}")]
    assert known == [8]
    store.close()


def test_what_could_not_be_removed_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a crash between the two would leave it: both are in one transaction."""
    store = a_store(tmp_path / "spans.duckdb")
    store.write_spans([a_batch(a_trace(1))])

    def remember_and_fail(con: duckdb.DuckDBPyConnection, *said: Any) -> None:
        remember(con, *said)
        raise OSError("the power went")

    monkeypatch.setattr(prune_module, "remember", remember_and_fail)
    with pytest.raises(OSError, match="power"):
        store.prune(1 << 62, None)
    assert store.removed_trace(f"{1:032x}") is None
    assert ids(store, TraceQuery()) == [1]
    store.close()


def test_a_clock_that_goes_back_neither_loses_nor_keeps_anything_but_by_its_stamp(
    tmp_path: Path,
) -> None:
    clock = Clock()
    store = a_store(tmp_path / "spans.duckdb", clock)
    # Ahead for one write, then back to before the first one: stamps grow all the same.
    for number, now_ns in enumerate((1_000, 9_000, 500, 1_500), 1):
        clock.now_ns = now_ns
        store.write_spans([a_batch(a_trace(number))])
    assert store.prune(1_200, None).span_rows == 3
    assert sorted(ids(store, TraceQuery())) == [2, 3, 4]
    assert store.prune(9_001, None).span_rows == 3
    # By size goes what has the smallest stamp.
    assert store.prune(None, 1).span_rows == 6
    assert store.stats().span_rows == 0
    store.close()
