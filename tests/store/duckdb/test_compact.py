"""Freed space goes back to the disk while others read and write, and nothing is lost on the way."""

import itertools
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import a_batch, a_trace
from tests.store.duckdb.test_engine import a_store
from viewer.store import open_store
from viewer.store.base import StoreError, StoreUnavailable
from viewer.store.disk import Disk, DiskFull
from viewer.store.duckdb import compact, connection, notes, segments
from viewer.store.duckdb.engine import DuckDbStore


@pytest.fixture(autouse=True)
def small_files_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "WORTH_BYTES", 1 << 18)


def a_half_empty_store(path: Path) -> DuckDbStore:
    """Return a store of 60 traces whose file is mostly free: a million more spans were deleted."""
    store = a_store(path)
    store._clock = lambda: 1
    store.write_spans([a_batch(a_trace(1))])
    with store._connections.writing() as con:
        con.execute(
            "INSERT INTO spans SELECT spans.* REPLACE (hash(range) AS span_id)"
            " FROM (FROM spans LIMIT 1) AS spans, range(1_000_000)"
        ).fetchall()
    store._connections.checkpoint()
    store._clock = lambda: 2
    for number in range(2, 61):
        store.write_spans([a_batch(a_trace(number, spans=200, service=f"s{number}"))], number)
    store.prune(2, None)
    return store


def test_the_file_gets_smaller_and_holds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    store = a_half_empty_store(path)
    before, stats, services = path.stat().st_size, store.stats(), store.services()
    spans, generation = store.get_spans(f"{60:032x}"), store.generation
    saved = store.compact()
    assert path.stat().st_size == before - saved < before * 0.7
    assert os.listdir(tmp_path) == ["spans.duckdb"]
    again = store.stats()
    assert (again.span_rows, again.traces, again.services) == (
        stats.span_rows,
        stats.traces,
        stats.services,
    )
    assert store.services() == services
    assert store.get_spans(f"{60:032x}") == spans
    assert (store.journal_mark(), store.generation) == (60, generation)
    assert store.removed_trace(f"{1:032x}") is not None
    store.write_spans([a_batch(a_trace(100, service="new"))], 61)
    store.close()
    reopened = a_store(path)
    assert reopened.stats().traces == stats.traces + 1
    assert [found.span.service for found in reopened.get_spans(f"{100:032x}")] == ["new"] * 3
    reopened.close()


def test_what_was_known_of_the_old_file_is_not_taken_for_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "MOST_TOKENS", 12)
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 400)
    store = a_half_empty_store(tmp_path / "spans.duckdb")
    while store.tend():
        pass
    assert store.compact() > 0
    # The new file's segments have the old ones' numbers, and lie elsewhere.
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 1_000)
    for _ in range(8):
        assert store.tend()
        found = [len(store.get_spans(f"{number:032x}")) for number in range(2, 61)]
        assert found == [200] * 59
    store.close()


def test_a_file_without_much_free_space_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_half_empty_store(tmp_path / "spans.duckdb")
    monkeypatch.setattr(compact, "WORTH_BYTES", 1 << 30)
    assert store.compact() == 0
    store.close()


def test_others_read_and_write_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    store = a_half_empty_store(path)
    stats, over, faults = store.stats(), threading.Event(), list[BaseException]()
    written = list[int]()

    def write() -> None:
        number = 1_000
        try:
            while not over.is_set():
                store.write_spans([a_batch(a_trace(number, spans=50))], number)
                written.append(number)
                number += 1
        except BaseException as error:
            faults.append(error)

    def read() -> None:
        try:
            while not over.is_set():
                assert len(store.get_spans(f"{60:032x}")) == 200
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for work in (write, read)]
    for thread in threads:
        thread.start()
    while len(written) < 5:
        assert not faults
    assert store.compact() > 0
    at_the_end = len(written)
    while len(written) < at_the_end + 5:
        assert not faults
    over.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert store.stats().traces == stats.traces + len(written)
    assert store.journal_mark() == written[-1]
    store.close()


def test_without_room_for_the_copy_it_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_half_empty_store(tmp_path / "spans.duckdb")
    with monkeypatch.context() as patched:
        patched.setattr(Disk, "free_bytes", lambda disk: 1 << 20)
        with pytest.raises(DiskFull, match="to make the file smaller"):
            store.compact()
    assert "spans.duckdb.compact" not in os.listdir(tmp_path)
    store.close()


@pytest.mark.parametrize("is_noted", [True, False])
def test_rows_replaced_meanwhile_are_copied_again_and_a_copy_that_differs_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_noted: bool
) -> None:
    path = tmp_path / "spans.duckdb"
    store = a_half_empty_store(path)
    first, second, *_ = (found.span for found in store.get_spans(f"{60:032x}"))
    final = replace(first, name="final")
    rows, copy_spans, passes = store.stats().span_rows, compact._copy_spans, itertools.count()

    def replace_behind_the_first_pass(*arguments: Any) -> tuple[int, int]:
        found = copy_spans(*arguments)
        if next(passes) == 0:
            if not is_noted:
                store._replaced = None
            keys = [(span.trace_id, span.span_id) for span in (first, second)]
            store.write_spans([a_batch([final])], None, keys)
        return found

    monkeypatch.setattr(compact, "_copy_spans", replace_behind_the_first_pass)
    if is_noted:
        assert store.compact() > 0
    else:
        with pytest.raises(StoreError, match="the copy differs"):
            store.compact()
    assert store.stats().span_rows == rows - 1
    spans = {found.span.span_id: found.span.name for found in store.get_spans(f"{60:032x}")}
    assert spans[first.span_id] == "final"
    assert second.span_id not in spans
    assert store.compact() > 0 or is_noted
    assert store.stats().span_rows == rows - 1
    store.close()


def test_a_reader_that_takes_long_puts_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_REOPEN_SECONDS", 0.1)
    path = tmp_path / "spans.duckdb"
    store = a_half_empty_store(path)
    rows = store.stats().span_rows
    with store._connections.reading() as con:
        with pytest.raises(StoreUnavailable, match="is being read"):
            store.compact()
        assert con.execute("SELECT count(*) FROM spans").fetchall() == [(rows,)]
    store.write_spans([a_batch(a_trace(99))], 99)
    assert store.compact() > 0
    assert store.stats().span_rows == rows + 3
    store.close()


def test_what_a_crash_leaves_of_a_copy_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'spans.duckdb'}"
    open_store(url).close()
    for name in ("spans.duckdb.compact", "spans.duckdb.compact.wal"):
        (tmp_path / name).write_bytes(b"half a file")
    open_store(url).close()
    assert os.listdir(tmp_path) == ["spans.duckdb"]
