"""Traces are kept or dropped as wholes, by what they are and not by how their spans came."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_batch, a_span, a_trace
from viewer.collector.policy import SamplingPolicy, SamplingRule
from viewer.collector.sampling import Decided, TailSampler
from viewer.trace.batch import SpanBatch
from viewer.trace.span import Scope, Span

S = 10**9
IDLE, LONGEST = 5 * S, 60 * S
NONE = SamplingPolicy(SamplingRule(0.0, keep_slower_than_ns=S))


class Stage:
    """A sampler, its clock, and all it has handed over."""

    def __init__(self, policy: SamplingPolicy, **limits: int) -> None:
        self.sampler = TailSampler(policy, **limits)  # type: ignore[arg-type]
        self.now = 0
        self.position = 0
        self.batches: list[SpanBatch] = []
        self.marks: list[int] = []

    def send(self, spans: Iterable[Span], size: int = 100) -> int:
        """Send a batch; return its position."""
        self.position += 1
        self.take(self.sampler.add(a_batch(spans), self.position, size, self.now))
        return self.position

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * S)
        self.take(self.sampler.tick(self.now))

    def close(self) -> None:
        self.take(self.sampler.close())

    def take(self, decided: Decided) -> None:
        self.batches += decided.batches
        if decided.mark is not None:
            self.marks.append(decided.mark)

    @property
    def spans(self) -> list[Span]:
        return [span for batch in self.batches for span in batch.spans()]

    @property
    def weights(self) -> dict[str, float]:
        return {trace_id(span): batch.weight for batch in self.batches for span in batch.spans()}

    @property
    def kept(self) -> set[str]:
        return set(self.weights)


def trace_id(span: Span) -> str:
    return span.trace_id


def ids(*numbers: int) -> set[str]:
    return {f"{number:032x}" for number in numbers}


def test_a_trace_is_decided_when_nothing_has_come_for_the_idle_time() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(100.0)))
    first, second, third = a_trace(1)
    stage.send([first])
    stage.wait(4)
    stage.send([second])
    stage.wait(4)
    assert not stage.batches
    stage.send([third])
    stage.wait(4.9)
    assert not stage.batches
    stage.wait(0.1)
    (batch,) = stage.batches
    assert list(batch.spans()) == [first, second, third]
    assert stage.sampler.report().undecided_traces == 0


def test_a_trace_that_goes_on_is_decided_after_the_longest_time() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(100.0)))
    for number in range(1, 60):
        stage.send([a_span(number)])
        stage.wait(1)
    assert not stage.batches
    stage.send([a_span(60)])
    stage.wait(1)
    assert [len(batch) for batch in stage.batches] == [60]
    assert stage.sampler.report().decided_early == 0


def test_failed_and_slow_traces_are_kept_with_a_weight_of_one() -> None:
    stage = Stage(NONE)
    stage.send(
        [
            *a_trace(1),
            *a_trace(2, error=True),
            *a_trace(3, duration_ns=S),
            *a_trace(4, duration_ns=S - 1),
        ]
    )
    stage.wait(5)
    assert stage.weights == dict.fromkeys(ids(2, 3), 1.0)
    report = stage.sampler.report()
    assert (report.kept_for_error, report.kept_for_latency, report.dropped) == (1, 1, 2)
    assert (report.kept_spans, report.dropped_spans) == (6, 6)


def test_a_trace_is_as_slow_as_all_of_its_spans_together() -> None:
    stage = Stage(NONE)
    stage.send([a_span(1, start_ns=START_NS, duration_ns=MS)])
    stage.send([a_span(2, start_ns=START_NS + S, duration_ns=MS)])
    # Without a start nothing is known but its duration.
    other = {"trace_id": f"{7:032x}", "start_ns": 0}
    stage.send([a_span(3, duration_ns=MS, **other), a_span(4, trace_id=f"{7:032x}")])  # type: ignore[arg-type]
    stage.wait(5)
    assert [span.span_id for span in stage.spans] == [1, 2]


def test_a_percentage_of_the_rest_is_kept_and_weighs_for_those_dropped() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(10.0)))
    stage.send(span for number in range(1, 5001) for span in a_trace(number, spans=2))
    stage.wait(5)
    assert set(stage.weights.values()) == {10.0}
    assert 400 < len(stage.kept) < 600
    report = stage.sampler.report()
    assert report.kept_by_percent == len(stage.kept) == 5000 - report.dropped
    assert Counter(map(trace_id, stage.spans)) == dict.fromkeys(stage.kept, 2)


def test_what_a_smaller_percentage_keeps_a_larger_one_keeps_too() -> None:
    kept = []
    for percent in (1.0, 5.0, 50.0, 100.0):
        stage = Stage(SamplingPolicy(SamplingRule(percent)))
        stage.send(a_span(1, trace_id=f"{number:032x}") for number in range(1, 2001))
        stage.close()
        kept.append(stage.kept)
    assert kept[0] < kept[1] < kept[2] < kept[3]
    assert len(kept[3]) == 2000


def test_the_most_generous_rule_of_a_traces_services_holds() -> None:
    policy = SamplingPolicy(
        SamplingRule(0.0, S),
        {
            "checkout": SamplingRule(100.0, S),
            "quick": SamplingRule(0.0, S // 10),
            "noisy": SamplingRule(0.0, None, keep_errors=False),
        },
    )
    stage = Stage(policy)
    stage.send([*a_trace(1), a_span(7, trace_id=f"{1:032x}", service="checkout")])
    stage.send(a_trace(2))
    stage.send(a_trace(3, service="quick", duration_ns=S // 10))
    stage.send(a_trace(4, duration_ns=S // 10))
    stage.send(a_trace(5, service="noisy", error=True, duration_ns=9 * S))
    # The error of another service counts, in a trace with the noisy one too.
    stage.send([*a_trace(6, service="noisy"), *a_trace(6, error=True)])
    stage.wait(5)
    assert stage.kept == ids(1, 3, 6)


def test_half_a_trace_id_and_the_whole_are_one_trace() -> None:
    stage = Stage(NONE)
    stage.send([a_span(1, trace_id="0" * 16 + "00000000000000aa")])
    stage.send([a_span(2, trace_id="1" * 16 + "00000000000000aa", error=True)])
    stage.send([a_span(3, trace_id="2" * 16 + "0" * 16, error=True)])
    stage.send([a_span(4, trace_id="3" * 16 + "0" * 16)])
    stage.wait(5)
    assert [span.span_id for span in stage.spans] == [1, 2, 3]


def test_late_spans_follow_the_decision_about_their_trace() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(10.0)))
    stage.send(a_span(1, trace_id=f"{number:032x}") for number in range(1, 1001))
    stage.wait(5)
    kept = stage.kept
    stage.batches = []
    stage.send(a_span(2, trace_id=f"{number:032x}") for number in range(1, 1001))
    # At once, as nothing has to be waited for.
    assert stage.kept == kept
    assert set(stage.weights.values()) == {10.0}
    report = stage.sampler.report()
    assert report.late_spans_kept == len(kept)
    assert report.late_spans_dropped == 1000 - len(kept)
    assert report.undecided_spans == 0


@pytest.mark.parametrize("late", [{"error": True}, {"duration_ns": 2 * S}])
def test_a_late_span_that_failed_or_was_slow_brings_its_trace_back(late: dict[str, int]) -> None:
    stage = Stage(NONE)
    stage.send([a_span(1)])
    stage.wait(5)
    stage.send([a_span(2, **late)])  # type: ignore[arg-type]
    stage.send([a_span(3)])
    assert [span.span_id for span in stage.spans] == [2, 3]
    assert {batch.weight for batch in stage.batches} == {1.0}
    report = stage.sampler.report()
    assert (report.late_fragments, report.late_spans_kept, report.dropped_spans) == (1, 2, 1)


def test_the_mark_never_passes_a_batch_with_an_undecided_span() -> None:
    stage = Stage(NONE)
    stage.send(a_trace(1))
    stage.now = 3 * S
    stage.send([*a_trace(2), *a_trace(3)])
    stage.send([a_span(9, trace_id=f"{1:032x}")])
    stage.now = 7 * S
    stage.send(a_trace(3))
    assert stage.marks == []
    stage.wait(1)  # traces 1 and 2 are decided, 3 is not
    assert stage.marks == [1]
    stage.wait(4)
    assert stage.marks == [1, 4]
    stage.send(a_trace(4))
    stage.close()
    assert stage.marks == [1, 4, 5]


def test_the_oldest_traces_are_decided_early_when_memory_is_short() -> None:
    one = a_batch(a_trace(1)).to_arrow().nbytes + 400
    stage = Stage(SamplingPolicy(SamplingRule(100.0)), memory_bytes=3 * one)
    for number in range(1, 11):
        stage.send(a_trace(number))
        assert stage.sampler.report().undecided_bytes <= 3 * one
    assert stage.kept == ids(*range(1, 8))
    assert stage.sampler.report().decided_early == 7
    stage.close()
    assert stage.sampler.report().undecided_bytes == 0


def test_the_oldest_traces_are_decided_early_when_the_journal_fills() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(100.0)), journal_bytes=1000)
    for number in range(1, 11):
        stage.send(a_trace(number), size=300)
    # What is undecided begins no more than 1,000 bytes back.
    assert stage.marks[-1] == 7
    assert stage.sampler.report().decided_early == 7


def test_one_huge_batch_is_decided_rather_than_held() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(100.0)), memory_bytes=10)
    stage.send(a_trace(1))
    assert (stage.kept, stage.marks) == (ids(1), [1])


def test_resources_and_scopes_come_along_but_none_that_no_span_has() -> None:
    stage = Stage(NONE)
    for number in (1, 2):
        bad = a_span(
            number, error=True, resource={"pod": number}, scope=Scope(f"lib {number}"), service="a"
        )
        good = a_span(9, trace_id=f"{number:032x}", resource={"pod": 9}, scope=Scope("other"))
        stage.send([good, bad])
    stage.wait(5)
    (batch,) = stage.batches
    assert [dict(resource.attributes)["pod"] for resource in batch.resources] == [1, 2]
    assert [scope.name for scope in batch.scopes] == ["lib 1", "lib 2"]
    assert [span.scope.name for span in batch.spans()] == ["lib 1", "lib 2"]


def test_a_weight_that_spans_came_with_is_multiplied() -> None:
    stage = Stage(SamplingPolicy(SamplingRule(100.0)))
    batch = a_batch(a_trace(1))
    batch.weight = 4.0
    stage.take(stage.sampler.add(batch, 1, 0, 0))
    stage.close()
    assert [batch.weight for batch in stage.batches] == [4.0]


_SPANS = st.builds(
    a_span,
    st.integers(1, 50),
    trace_id=st.integers(1, 12).map(lambda number: f"{number * 0x9E3779B97F4A7C15:032x}"),
    service=st.sampled_from(["shop", "checkout", ""]),
    error=st.sampled_from([False, False, False, True]),
    duration_ns=st.sampled_from([MS, MS, 2 * S]),
)
_POLICY = SamplingPolicy(SamplingRule(40.0, S), {"checkout": SamplingRule(70.0, None, False)})


@st.composite
def _sendings(draw: st.DrawFn) -> list[tuple[list[Span], float]]:
    """Spans cut into batches, and how long it takes until the next of them."""
    batches = draw(st.lists(st.lists(_SPANS, min_size=1, max_size=8), max_size=8))
    return [(batch, draw(st.sampled_from([0.0, 0.5, 3.0, 6.0]))) for batch in batches]


@given(_sendings(), st.sampled_from([300, 10_000, 1 << 30]))
def test_spans_are_kept_or_dropped_none_is_lost_and_none_made_up(
    sendings: list[tuple[list[Span], float]], memory_bytes: int
) -> None:
    stage = Stage(_POLICY, memory_bytes=memory_bytes)
    sent: list[Span] = []
    for spans, pause in sendings:
        stage.send(spans)
        sent += spans
        stage.wait(pause)
    stage.close()
    report = stage.sampler.report()
    assert Counter(stage.spans) <= Counter(sent)
    assert report.kept_spans == len(stage.spans)
    assert report.kept_spans + report.dropped_spans == len(sent)
    assert (report.undecided_traces, report.undecided_spans, report.undecided_bytes) == (0, 0, 0)
    assert stage.marks == sorted(set(stage.marks))
    assert stage.marks[-1:] == ([len(sendings)] if sendings else [])
    for batch in stage.batches:
        assert batch.weight in (1.0, 100 / 40, 100 / 70)


@given(st.lists(_SPANS, max_size=30), st.data())
def test_decisions_depend_neither_on_order_nor_on_batches(
    spans: list[Span], data: st.DataObject
) -> None:
    whole, cut = Stage(_POLICY), Stage(_POLICY)
    whole.send(spans or [a_span(1)])
    shuffled = data.draw(st.permutations(spans or [a_span(1)]))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        cut.send(shuffled[:size])
        shuffled = shuffled[size:]
    whole.close()
    cut.close()
    assert Counter(whole.spans) == Counter(cut.spans)
    assert whole.weights == cut.weights
