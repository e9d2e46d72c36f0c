"""Many small batches become few transactions."""

import itertools
import threading
import time

import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.builders import a_batch, a_trace
from viewer.collector import commit
from viewer.collector.commit import Committer
from viewer.store import open_store
from viewer.store.base import StoreError, StoreUnavailable
from viewer.trace.batch import SpanBatch


class _Recorder:
    """A memory store that remembers each transaction."""

    def __init__(self, poison: SpanBatch | None = None) -> None:
        self.store = open_store("memory:")
        self.groups: list[tuple[int, int | None]] = []
        self._poison = poison
        self.commits_and_fails = False

    def journal_mark(self) -> int:
        return self.store.journal_mark()

    def write_spans(self, batches: list[SpanBatch], mark: int | None) -> None:
        refused = set(self._poison.trace_id) if self._poison else set()
        if any(refused & set(table["trace_id"].to_pylist()) for table in map(to_arrow, batches)):
            raise StoreError("this one cannot be stored")
        self.groups.append((len(batches), mark))
        self.store.write_spans(batches, mark)
        if self.commits_and_fails:
            self.commits_and_fails = False
            raise StoreUnavailable("failed behind the commit")


def to_arrow(batch: SpanBatch) -> pa.Table:
    return batch.to_arrow()


def not_aside(batch: SpanBatch, position: int | None, reason: str) -> None:
    raise AssertionError(f"{len(batch)} spans at {position} are not to be put aside: {reason}")


def test_batches_that_wait_are_written_together_with_the_last_mark() -> None:
    recorder, marks = _Recorder(), list[int]()
    committer = Committer(recorder, marks.append, not_aside)  # type: ignore[arg-type]
    for position in range(1, 6):
        committer.submit(a_batch(a_trace(position)), position)
    committer.start()
    committer.stop()
    assert recorder.groups == [(5, 5)]
    assert marks == [5]


def test_a_batch_that_cannot_be_stored_does_not_hold_up_its_neighbours() -> None:
    poison = a_batch(a_trace(2))
    recorder = _Recorder(poison)
    committer = Committer(recorder, lambda mark: None, not_aside)  # type: ignore[arg-type]
    committer.submit(a_batch(a_trace(1)), 1)
    committer.start()
    with pytest.raises(StoreError, match="cannot be stored"):
        committer.write(poison)
    committer.write(a_batch(a_trace(3)))
    committer.stop()
    assert recorder.store.stats().traces == 2


def test_a_batch_given_up_at_the_end_and_those_behind_it_stay_in_the_journal() -> None:
    poison = a_batch(a_trace(2))
    recorder, marks = _Recorder(poison), list[int]()
    committer = Committer(recorder, marks.append, not_aside)  # type: ignore[arg-type]
    for position, batch in enumerate([a_batch(a_trace(1)), poison, a_batch(a_trace(3))], 1):
        committer.submit(batch, position)
    committer.start()
    committer.stop()
    assert recorder.groups == [(1, 1)]
    assert marks == [1]


def test_spans_that_are_refused_for_good_are_put_aside_and_all_others_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.01)
    monkeypatch.setattr(commit, "_SMALLEST_PART", 1)
    aside = list[tuple[SpanBatch, int | None, str]]()
    recorder, marks = _Recorder(a_batch(a_trace(2, spans=2))), list[int]()
    committer = Committer(recorder, marks.append, lambda *refused: aside.append(refused))  # type: ignore[arg-type]
    mixed = a_batch([*a_trace(4), *a_trace(2, spans=2)])
    for position, batch in enumerate([a_batch(a_trace(1)), mixed, a_batch(a_trace(3))], 1):
        committer.submit(batch, position)
    committer.start()
    committer.wait_for(0)
    while committer.failure:
        time.sleep(0.01)
    committer.wait_for(0)
    committer.stop()
    assert [(len(batch), position) for batch, position, _ in aside] == [(1, None), (1, 2)]
    assert {reason for _, _, reason in aside} == {"this one cannot be stored"}
    assert {span.trace_id for batch, _, _ in aside for span in batch.spans()} == {
        a_trace(2)[0].trace_id
    }
    assert recorder.store.stats().traces == 3
    assert recorder.store.stats().span_rows == 9
    assert recorder.store.journal_mark() == marks[-1] == 3


def test_a_batch_that_nothing_can_be_put_aside_for_is_tried_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.01)
    poison, tries = a_batch(a_trace(2)), itertools.count()
    recorder = _Recorder(poison)
    enough = threading.Event()

    def full(*_: object) -> None:
        if next(tries) > 2:
            enough.set()
        raise OSError("no room")

    committer = Committer(recorder, lambda mark: None, full)  # type: ignore[arg-type]
    committer.submit(poison, 1)
    committer.start()
    assert enough.wait(5)
    assert "cannot be put aside: no room" in committer.failure
    committer.stop()
    assert recorder.store.journal_mark() == 0


class _Columns:
    """Columns that are being filled with the spans of some batches."""

    is_full = False

    def __init__(self, *batches: SpanBatch) -> None:
        self._whole = SpanBatch()
        for batch in batches:
            self._whole.extend(batch)

    def __len__(self) -> int:
        return len(self._whole)

    def append(self, body: bytes) -> None:
        raise NotImplementedError

    def undo(self) -> None:
        raise NotImplementedError

    def seal(self) -> SpanBatch:
        return self._whole


def test_what_is_announced_is_collected_and_written_in_its_turn() -> None:
    recorder, marks = _Recorder(), list[int]()

    def collect() -> None:
        if waiting:
            committer.submit_announced(waiting.pop(), 2)

    waiting = [_Columns(a_batch(a_trace(2)), a_batch(a_trace(3)))]
    committer = Committer(recorder, marks.append, not_aside, collect)  # type: ignore[arg-type]
    committer.start()
    committer.submit(a_batch(a_trace(1)), 1)
    committer.announce(6)
    committer.wait_for(0)
    assert committer.pending_rows == 0
    assert sum(size for size, _ in recorder.groups) == 2
    assert marks[-1] == 2
    assert recorder.store.stats().span_rows == 9
    committer.stop()


def test_what_is_announced_alone_is_written_soon() -> None:
    recorder, waiting = _Recorder(), [_Columns(a_batch(a_trace(2)))]

    def collect() -> None:
        if waiting:
            committer.submit_announced(waiting.pop(), 1)

    committer = Committer(recorder, lambda mark: None, not_aside, collect)  # type: ignore[arg-type]
    committer.announce(3)
    committer.start()
    committer.stop()
    assert recorder.groups == [(1, 1)]


def test_a_store_that_fails_behind_its_commit_is_not_given_the_same_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.01)
    recorder, marks = _Recorder(), list[int]()
    recorder.commits_and_fails = True
    committer = Committer(recorder, marks.append, not_aside)  # type: ignore[arg-type]
    for position in (1, 2):
        committer.submit(a_batch(a_trace(position)), position)
    committer.start()
    committer.stop()
    assert recorder.groups == [(2, 2)]
    assert recorder.store.stats().span_rows == 6
    assert marks[-1] == 2


def test_a_journal_that_cannot_be_cleared_does_not_have_the_batch_written_again() -> None:
    def fail(mark: int) -> None:
        raise OSError("no room")

    recorder = _Recorder()
    committer = Committer(recorder, fail, not_aside)  # type: ignore[arg-type]
    committer.submit(a_batch(a_trace(1)), 1)
    committer.start()
    committer.stop()
    assert recorder.groups == [(1, 1)]
    assert not committer.failure


def test_a_position_may_follow_the_batches_that_it_is_about() -> None:
    recorder, marks = _Recorder(), list[int]()
    committer = Committer(recorder, marks.append, not_aside)  # type: ignore[arg-type]
    committer.submit(a_batch(a_trace(1)), None)
    committer.submit(SpanBatch(), 7)
    committer.start()
    committer.stop()
    assert recorder.groups == [(2, 7)]
    assert marks == [7]


def test_nothing_is_taken_once_it_is_stopped() -> None:
    committer = Committer(open_store("memory:"), lambda mark: None, not_aside)
    committer.start()
    committer.stop()
    with pytest.raises(StoreError, match="closed"):
        committer.write(a_batch(a_trace(1)))
