"""What the store refuses for good is kept beside it, within bounds, and said."""

import time
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.builders import a_batch, a_trace
from viewer.app import Ingest
from viewer.collector import commit
from viewer.collector.pipeline import Pipeline
from viewer.collector.quarantine import Quarantine
from viewer.store import open_store
from viewer.store.base import StoreError
from viewer.trace.batch import SpanBatch


def test_it_is_empty_and_makes_no_directory_until_something_comes(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "spans.refused")
    assert quarantine.report().batches == 0
    assert not (tmp_path / "spans.refused").exists()


def test_what_was_put_aside_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "spans.refused"
    quarantine = Quarantine(folder)
    for _ in range(2):
        quarantine.put(7, b"spans", "it does not fit")
    report = quarantine.report()
    assert (report.batches, report.bytes, report.last_reason) == (1, 5, "it does not fit")
    assert Quarantine(folder).report() == report
    assert sorted(path.read_bytes() for path in folder.iterdir()) == [
        b"it does not fit\n",
        b"spans",
    ]


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "spans.refused", limit_bytes=10)
    quarantine.put(1, b"x" * 8, "no")
    with pytest.raises(OSError, match="is full"):
        quarantine.put(2, b"x" * 8, "no")


def test_a_batch_that_the_store_refuses_holds_up_neither_others_nor_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.01)
    path = tmp_path / "spans.duckdb"
    store = open_store(f"duckdb:{path}")
    write_spans = store.write_spans

    def write(batches: list[SpanBatch], *rest: object) -> None:
        if any("poison" in batch.to_arrow().column("service").to_pylist() for batch in batches):
            raise StoreError("a value that no column takes")
        write_spans(batches, *rest)  # type: ignore[arg-type]

    store.write_spans = write  # type: ignore[assignment, method-assign]
    for start in (1, 4):
        # The second time it comes out of the journal, whose server did not get to it.
        pipeline = Pipeline(store, Path(f"{path}.journal"))
        pipeline.accept(a_batch(a_trace(start)))
        pipeline.accept(a_batch(a_trace(start + 1, service="poison")))
        pipeline.accept(a_batch(a_trace(start + 2)))
        pipeline.close()
    again = Pipeline(store, Path(f"{path}.journal"))
    deadline = time.monotonic() + 10
    while again.failure or again.journal_bytes:
        assert time.monotonic() < deadline, again.failure
        time.sleep(0.01)
    again.close()
    report = again.quarantine_report()
    store.close()
    assert report.batches == 2
    assert report.last_reason == "a value that no column takes"
    (first, _) = sorted(Path(report.directory).glob("*.arrow"))
    with pa.ipc.open_stream(first.read_bytes()) as stream:
        assert stream.read_all().column("service").to_pylist() == ["poison"] * 3
    ingest = Ingest(f"duckdb:{path}")
    assert ingest.store.stats().traces == 4
    ingest.close()


def test_a_record_of_the_journal_that_cannot_be_read_is_put_aside_at_the_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "spans.duckdb"
    ingest = Ingest(f"duckdb:{path}")
    journal = ingest.pipeline._journal
    assert journal is not None
    journal.sync(journal.append(b"no Arrow at all"))
    ingest.close()
    again = Ingest(f"duckdb:{path}")
    again.pipeline.accept(a_batch(a_trace(1)))
    assert again.pipeline.quarantine_report().batches == 1
    again.close()
    third = Ingest(f"duckdb:{path}")
    assert third.pipeline.quarantine_report().batches == 1
    assert third.store.stats().traces == 1
    assert third.pipeline.journal_bytes == 0
    third.close()
