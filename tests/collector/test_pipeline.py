"""Acknowledged means: it is in the store sooner or later, whatever happens in between."""

import threading
import time
from pathlib import Path

import pytest

from tests.builders import a_batch, a_span, a_trace
from viewer.collector import commit
from viewer.collector import pipeline as pipeline_module
from viewer.collector.pipeline import Overloaded, Pipeline
from viewer.store import open_store
from viewer.store.base import SpanStore, StoreError


@pytest.fixture
def store(tmp_path: Path) -> SpanStore:
    return open_store(f"duckdb:{tmp_path / 'a.duckdb'}")


def wait_for(condition: object, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def test_accepted_spans_are_found_within_two_seconds(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")
    pipeline.accept(a_batch(a_trace(1)))
    wait_for(lambda: store.stats().span_rows == 3, 2)
    pipeline.close()
    store.close()


def test_what_was_accepted_before_a_crash_is_written_at_the_next_start_and_only_once(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A committer that never runs stands for a process that died right after the answer.
    monkeypatch.setattr(commit.Committer, "start", lambda self: None)
    crashed = Pipeline(store, tmp_path / "journal")
    for number in range(1, 4):
        crashed.accept(a_batch(a_trace(number)))
    assert store.stats().span_rows == 0
    monkeypatch.undo()
    for _ in range(2):
        pipeline = Pipeline(store, tmp_path / "journal")
        assert store.stats().span_rows == 9
        pipeline.close()
    store.close()


def test_close_commits_what_is_pending(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")
    for number in range(1, 20):
        pipeline.accept(a_batch(a_trace(number)))
    pipeline.close()
    assert store.stats().traces == 19
    with pytest.raises(Overloaded):
        pipeline.accept(a_batch(a_trace(30)))
    store.close()


def test_many_senders_at_once_lose_nothing(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")

    def send(first: int) -> None:
        for number in range(first, first + 25):
            pipeline.accept(a_batch(a_trace(number, spans=2)))

    senders = [threading.Thread(target=send, args=(first,)) for first in range(1, 200, 25)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    pipeline.close()
    assert (store.stats().traces, store.stats().span_rows) == (200, 400)
    assert not list((tmp_path / "journal").glob("*.spans"))
    store.close()


class _Broken:
    """A store whose disk is full until it is repaired."""

    def __init__(self, store: SpanStore) -> None:
        self._store, self.full = store, True

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write_spans(self, *arguments: object) -> None:
        if self.full:
            raise StoreError("no space left on device")
        self._store.write_spans(*arguments)  # type: ignore[arg-type]


def _fill(pipeline: Pipeline) -> int:
    """Send until the pipeline refuses; return how many traces it took."""
    for number in range(1, 1000):
        try:
            pipeline.accept(a_batch(a_trace(number)))
        except Overloaded:
            return number - 1
    raise AssertionError("it never refused")


def test_it_refuses_when_the_journal_is_full_and_recovers_by_itself(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.05)
    broken = _Broken(store)
    pipeline = Pipeline(broken, tmp_path / "journal", limit_bytes=30_000)  # type: ignore[arg-type]
    accepted = _fill(pipeline)
    with pytest.raises(Overloaded, match="more spans arrive"):
        pipeline.accept(a_batch(a_trace(4000)))
    wait_for(lambda: pipeline.failure == "no space left on device")
    broken.full = False
    wait_for(lambda: store.stats().traces == accepted)
    pipeline.accept(a_batch(a_trace(5000)))
    pipeline.close()
    assert store.stats().traces == accepted + 1
    assert pipeline.failure == ""
    store.close()


def test_a_write_that_fails_is_told_to_the_importer(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(_Broken(store), tmp_path / "journal")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="no space"):
        pipeline.write(a_batch([a_span(1)]))
    pipeline.close()
    store.close()


def test_an_unwritable_journal_refuses(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline_module.Journal, "append", full)
    with pytest.raises(Overloaded, match="No space left"):
        pipeline.accept(a_batch([a_span(1)]))
    pipeline.close()
    store.close()


def test_without_a_journal_accepting_is_committing() -> None:
    store = open_store("memory:")
    pipeline = Pipeline(store, None)
    pipeline.accept(a_batch(a_trace(1)))
    assert store.stats().span_rows == 3
    pipeline.close()
