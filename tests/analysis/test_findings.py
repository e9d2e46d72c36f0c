"""Bottleneck and first error."""

from tests.builders import MS, START_NS, a_span
from viewer.analysis.findings import bottleneck, errors_below, first_error
from viewer.analysis.self_time import self_times
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree, build_tree


def tree_of(*spans: Span) -> TraceTree:
    return build_tree(columns_of_spans(spans[0].trace_id, spans, range(len(spans))))


def test_the_bottleneck_is_the_longest_self_time() -> None:
    tree = tree_of(
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, duration_ns=90 * MS),
        a_span(3, 2, duration_ns=60 * MS, start_ns=START_NS + MS),
    )
    found = bottleneck(tree, self_times(tree))
    assert found is not None
    assert (found.row, found.self_ns, found.share) == (2, 60 * MS, 0.6)


def test_a_trace_without_any_time_has_none() -> None:
    tree = tree_of(a_span(1, duration_ns=0))
    assert bottleneck(tree, self_times(tree)) is None


def test_an_error_began_where_no_callee_failed() -> None:
    tree = tree_of(
        a_span(1, error=True),
        a_span(2, 1, error=True, start_ns=START_NS + MS, duration_ns=50 * MS),
        a_span(3, 2, error=True, start_ns=START_NS + 2 * MS, duration_ns=10 * MS),
        a_span(4, 1, error=True, start_ns=START_NS + 3 * MS, duration_ns=60 * MS),
    )
    row = first_error(tree)
    assert row is not None
    assert tree.columns.span_id[row] == 3
    assert errors_below(tree).tolist() == [3, 1, 0, 0]


def test_nothing_failed() -> None:
    assert first_error(tree_of(a_span(1))) is None
