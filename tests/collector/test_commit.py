"""Many small batches become few transactions."""

import itertools
import threading
import time
from collections.abc import Sequence

import pytest

from tests.builders import a_batch, a_trace
from viewer.collector import commit
from viewer.collector.commit import Committer
from viewer.store import open_store
from viewer.store.base import FileImport, StoreError, StoreUnavailable
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

    def write_spans(
        self, batches: list[SpanBatch], mark: int | None, imports: Sequence[FileImport] = ()
    ) -> None:
        if self._poison in batches:
            raise StoreError("this one cannot be stored")
        self.groups.append((len(batches), mark))
        self.store.write_spans(batches, mark)
        if self.commits_and_fails:
            self.commits_and_fails = False
            raise StoreUnavailable("failed behind the commit")


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
        committer.write([poison])
    committer.write([a_batch(a_trace(3))])
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


def test_a_batch_that_is_refused_for_good_is_put_aside_and_the_next_ones_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.01)
    poison, aside = a_batch(a_trace(2)), list[tuple[SpanBatch, int | None, str]]()
    recorder, marks = _Recorder(poison), list[int]()
    committer = Committer(recorder, marks.append, lambda *refused: aside.append(refused))  # type: ignore[arg-type]
    for position, batch in enumerate([a_batch(a_trace(1)), poison, a_batch(a_trace(3))], 1):
        committer.submit(batch, position)
    committer.start()
    committer.wait_for(0)
    while committer.failure:
        time.sleep(0.01)
    committer.wait_for(0)
    committer.stop()
    assert aside == [(poison, 2, "this one cannot be stored")]
    assert recorder.store.stats().traces == 2
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
        committer.write([a_batch(a_trace(1))])
