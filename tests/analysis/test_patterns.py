"""Repeated calls, retries, calls in a row: each found, and not found where it is not."""

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.patterns import (
    InARow,
    Repetition,
    Retry,
    calls_in_a_row,
    repetitions,
    retries,
)
from viewer.analysis.siblings import siblings
from viewer.analysis.visible import children_of
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import TraceTree


def root(duration_ms: int = 1000) -> Span:
    return a_span(1, name="root", service="web", duration_ns=duration_ms * MS)


def call(
    span_id: int,
    begin_ms: float,
    length_ms: float,
    name: str = "query",
    *,
    parent: int = 1,
    error: bool = False,
    kind: SpanKind = SpanKind.CLIENT,
) -> Span:
    return a_span(
        span_id,
        parent,
        name=name,
        service="web",
        kind=kind,
        error=error,
        start_ns=START_NS + int(begin_ms * MS),
        duration_ns=int(length_ms * MS),
    )


def repeated(*spans: Span) -> list[Repetition]:
    tree = a_tree(spans)
    return repetitions(tree, siblings(tree, children_of(tree)))


def retried(*spans: Span) -> list[Retry]:
    tree = a_tree(spans)
    return retries(tree, siblings(tree, children_of(tree)))


def in_a_row(*spans: Span) -> list[InARow]:
    tree = a_tree(spans)
    return calls_in_a_row(tree, siblings(tree, children_of(tree)))


# Repeated calls.


def test_five_calls_one_after_the_other_are_told_with_their_time() -> None:
    (found,) = repeated(root(), *(call(10 + n, 100 * n, 50) for n in range(5)))
    assert (found.count, found.families, found.parent) == (5, 1, 0)
    assert (found.total_ns, found.share) == (250 * MS, 0.25)
    assert found.rows.tolist() == [1, 2, 3, 4, 5]


def test_four_calls_or_calls_at_once_or_of_different_names_are_none() -> None:
    assert repeated(root(), *(call(10 + n, 100 * n, 50) for n in range(4))) == []
    assert repeated(root(), *(call(10 + n, 10 * n, 500) for n in range(8))) == []
    assert repeated(root(), *(call(10 + n, 100 * n, 50, f"q{n}") for n in range(8))) == []


def test_parents_of_one_operation_are_told_together() -> None:
    spans = [root()]
    for number in range(3):
        parent = 100 * (number + 1)
        spans.append(call(parent, 300 * number, 300, "page"))
        spans += [
            call(parent + n, 300 * number + 40 * n, 20, parent=parent) for n in range(1, 6 + number)
        ]
    (found,) = repeated(*spans)
    assert (found.count, found.families) == (5 + 6 + 7, 3)
    assert found.total_ns == 18 * 20 * MS


# Retries.


def test_a_call_that_failed_and_is_made_again_is_a_retry() -> None:
    spans = [call(11, 0, 50, error=True), call(12, 200, 50, error=True), call(13, 400, 50)]
    (found,) = retried(root(), *spans)
    assert (found.attempts, found.recovered, found.lost_ns) == (3, True, 400 * MS)
    (failed,) = retried(root(), *spans[:2])
    assert (failed.attempts, failed.recovered) == (2, False)


def test_a_failure_after_success_or_beside_it_is_no_retry() -> None:
    assert retried(root(), call(11, 0, 50), call(12, 100, 50, error=True)) == []
    assert retried(root(), call(11, 0, 50, error=True), call(12, 20, 50)) == []
    assert retried(root(), call(11, 0, 50, error=True), call(12, 100, 50, "other")) == []


def test_many_attempts_are_a_retry_and_no_repetition() -> None:
    spans = [root(), *(call(10 + n, 100 * n, 50, error=True) for n in range(8))]
    assert repeated(*spans) == []
    (found,) = retried(*spans)
    assert (found.attempts, len(found.rows), found.rows[-1]) == (8, 5, 8)


# Calls in a row.


def test_different_calls_one_after_the_other_could_be_made_at_once() -> None:
    spans = [call(11, 0, 100, "a"), call(12, 110, 300, "b"), call(13, 410, 200, "c")]
    (found,) = in_a_row(root(), *spans)
    assert (found.parent, found.count, found.rows.tolist()) == (0, 3, [1, 2, 3])
    assert (found.total_ns, found.saved_ns, found.share) == (600 * MS, 300 * MS, 0.6)


def test_steps_of_the_service_itself_are_no_calls() -> None:
    steps = [call(10 + n, 100 * n, 100, f"s{n}", kind=SpanKind.INTERNAL) for n in range(5)]
    assert in_a_row(root(), *steps) == []


def test_overlapping_distant_short_or_equal_calls_are_none() -> None:
    three = ("a", "b", "c")
    overlapping = [call(11 + n, 80 * n, 100, name) for n, name in enumerate(three)]
    assert in_a_row(root(), *overlapping) == []
    distant = [call(11 + n, 200 * n, 100, name) for n, name in enumerate(three)]
    assert in_a_row(root(), *distant) == []
    short = [call(11 + n, 30 * n, 30, name) for n, name in enumerate(three)]
    assert in_a_row(root(), *short) == []
    one_long = [call(11, 0, 1, "a"), call(12, 1, 900, "b"), call(13, 901, 1, "c")]
    assert in_a_row(root(), *one_long) == []
    assert in_a_row(root(), *(call(11 + n, 50 * n, 50) for n in range(5))) == []


@st.composite
def forests(draw: st.DrawFn) -> TraceTree:
    """Any spans: parents that are missing, circles, times of all sizes."""
    times = st.one_of(st.integers(0, 30), st.sampled_from([0, START_NS, (1 << 63) - 1]))
    spans = [
        a_span(
            number,
            draw(st.integers(0, 12)),
            name=draw(st.sampled_from(["", "a", "b"])),
            service=draw(st.sampled_from(["", "x"])),
            start_ns=draw(times),
            duration_ns=draw(times),
            kind=draw(st.sampled_from(SpanKind)),
            error=draw(st.booleans()),
        )
        for number in range(1, draw(st.integers(1, 14)) + 1)
    ]
    return a_tree(spans)


@given(forests())
def test_any_forest_has_patterns_of_its_own_rows_only(tree: TraceTree) -> None:
    found = siblings(tree, children_of(tree))
    for one in (*repetitions(tree, found), *retries(tree, found), *calls_in_a_row(tree, found)):
        assert 1 < len(one.rows) <= 5
        assert (tree.parent[one.rows] == one.parent).all()
