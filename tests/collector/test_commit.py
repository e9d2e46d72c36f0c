"""Many small batches become few transactions."""

import pytest

from tests.builders import a_batch, a_trace
from viewer.collector.commit import Committer
from viewer.store import open_store
from viewer.store.base import StoreError
from viewer.trace.batch import SpanBatch


class _Recorder:
    """A memory store that remembers each transaction."""

    def __init__(self, poison: SpanBatch | None = None) -> None:
        self.store = open_store("memory:")
        self.groups: list[tuple[int, int | None]] = []
        self._poison = poison

    def write_spans(self, batches: list[SpanBatch], mark: int | None) -> None:
        if self._poison in batches:
            raise StoreError("this one cannot be stored")
        self.groups.append((len(batches), mark))
        self.store.write_spans(batches, mark)


def test_batches_that_wait_are_written_together_with_the_last_mark() -> None:
    recorder, marks = _Recorder(), list[int]()
    committer = Committer(recorder, marks.append)  # type: ignore[arg-type]
    for position in range(1, 6):
        committer.submit(a_batch(a_trace(position)), position)
    committer.start()
    committer.stop()
    assert recorder.groups == [(5, 5)]
    assert marks == [5]


def test_a_batch_that_cannot_be_stored_does_not_hold_up_its_neighbours() -> None:
    poison = a_batch(a_trace(2))
    recorder = _Recorder(poison)
    committer = Committer(recorder, lambda mark: None)  # type: ignore[arg-type]
    committer.submit(a_batch(a_trace(1)), 1)
    committer.start()
    with pytest.raises(StoreError, match="cannot be stored"):
        committer.write(poison)
    committer.write(a_batch(a_trace(3)))
    committer.stop()
    assert recorder.store.stats().traces == 2


def test_a_batch_given_up_at_the_end_keeps_the_mark_before_it() -> None:
    poison = a_batch(a_trace(2))
    recorder, marks = _Recorder(poison), list[int]()
    committer = Committer(recorder, marks.append)  # type: ignore[arg-type]
    for position, batch in enumerate([a_batch(a_trace(1)), poison, a_batch(a_trace(3))], 1):
        committer.submit(batch, position)
    committer.start()
    committer.stop()
    assert recorder.groups == [(1, 1), (1, None)]
    assert marks == [1]


def test_a_position_may_follow_the_batches_that_it_is_about() -> None:
    recorder, marks = _Recorder(), list[int]()
    committer = Committer(recorder, marks.append)  # type: ignore[arg-type]
    committer.submit(a_batch(a_trace(1)), None)
    committer.submit(SpanBatch(), 7)
    committer.start()
    committer.stop()
    assert recorder.groups == [(2, 7)]
    assert marks == [7]


def test_nothing_is_taken_once_it_is_stopped() -> None:
    committer = Committer(open_store("memory:"), lambda mark: None)
    committer.start()
    committer.stop()
    with pytest.raises(StoreError, match="closed"):
        committer.write(a_batch(a_trace(1)))
