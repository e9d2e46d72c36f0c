"""Between those who send and the committer stands a thread that decides."""

import threading
from collections.abc import Callable

import pytest

from tests.builders import a_batch, a_span, a_trace
from viewer.collector.policy import SamplingPolicy, SamplingRule
from viewer.collector.sampling import TailSampler
from viewer.collector.sampling_thread import SamplingThread
from viewer.trace.batch import SpanBatch

S = 10**9


class _Recorder:
    """What was submitted, as numbers of spans and positions; tells when there is something."""

    def __init__(self) -> None:
        self.submitted: list[tuple[int, int | None]] = []
        self.came = threading.Event()

    def __call__(self, batch: SpanBatch, position: int | None) -> None:
        self.submitted.append((len(batch), position))
        if position is not None:
            self.came.set()


def started(recorder: _Recorder, clock: Callable[[], int]) -> SamplingThread:
    sampler = TailSampler(SamplingPolicy(SamplingRule(100.0)))
    thread = SamplingThread(sampler, recorder, 0.01, clock)
    thread.start()
    return thread


def test_kept_spans_come_first_and_then_the_position_they_allow() -> None:
    recorder, now = _Recorder(), [0]
    thread = started(recorder, lambda: now[0])
    thread.take(a_batch(a_trace(1)), 1, 10)
    thread.take(a_batch(a_trace(2)), 2, 10)
    while thread.report().undecided_traces < 2:
        pass
    assert recorder.submitted == []
    now[0] = 5 * S
    assert recorder.came.wait(10)
    assert recorder.submitted == [(6, None), (0, 2)]
    thread.stop()
    assert thread.report().kept_by_percent == 2
    assert thread.failure == ""


def test_when_it_ends_all_that_has_come_is_decided() -> None:
    recorder = _Recorder()
    thread = started(recorder, lambda: 0)
    for position in range(1, 51):
        thread.take(a_batch([a_span(position, trace_id=f"{position:032x}")]), position, 10)
    thread.stop()
    assert sum(spans for spans, _ in recorder.submitted) == 50
    assert recorder.submitted[-1] == (0, 50)


def test_a_fault_of_its_own_is_said(caplog: pytest.LogCaptureFixture) -> None:
    recorder = _Recorder()
    thread = started(recorder, lambda: 0)
    broken = SpanBatch()
    broken.trace_id.append("no ID")  # columns of different lengths
    thread.take(broken, 1, 10)
    thread.stop()
    assert thread.failure.startswith("sampling failed: ")
    assert "acknowledged spans wait in the journal" in caplog.text
    assert recorder.submitted == []
