"""Spans that took far longer than their operation does."""

from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.self_time import self_times
from viewer.analysis.slow_spans import MOST_ASKED, Usual, heaviest_rows, slower_than_usual

TREE = a_tree(
    [
        a_span(1, name="root", duration_ns=1000 * MS),
        a_span(2, 1, name="slow", duration_ns=400 * MS),
        a_span(3, 1, name="slow", duration_ns=300 * MS, start_ns=START_NS + 400 * MS),
        a_span(4, 1, name="quick", duration_ns=MS, start_ns=START_NS + 700 * MS),
    ]
)
ROWS = heaviest_rows(TREE, self_times(TREE))


def test_the_heaviest_rows_are_few_and_matter() -> None:
    assert ROWS.tolist() == [1, 2, 0]
    many = a_tree([a_span(n, duration_ns=100 * MS) for n in range(1, 20)])
    assert len(heaviest_rows(many, self_times(many))) == MOST_ASKED
    nothing = a_tree([a_span(1, duration_ns=0)])
    assert len(heaviest_rows(nothing, self_times(nothing))) == 0


def test_a_span_beyond_twice_its_p95_is_told_once_an_operation() -> None:
    (found,) = slower_than_usual(TREE, ROWS, {("shop", "slow"): Usual(100, 50 * MS, 100 * MS)})
    assert (found.row, found.others, found.duration_ns) == (1, 1, 400 * MS)
    assert (found.median_ns, found.p95_ns, found.samples) == (50 * MS, 100 * MS, 100)


def test_usual_spans_few_samples_and_unknown_operations_are_passed_over() -> None:
    assert slower_than_usual(TREE, ROWS, {("shop", "slow"): Usual(100, MS, 200 * MS)}) == []
    assert slower_than_usual(TREE, ROWS, {("shop", "slow"): Usual(19, MS, MS)}) == []
    assert slower_than_usual(TREE, ROWS, {}) == []
