"""Bottleneck, heaviest service, and where an error began and spread."""

import numpy as np

from tests.builders import MS, START_NS, a_span
from viewer.analysis.findings import (
    bottleneck,
    error_spread,
    errors_below,
    first_error,
    heaviest_service,
)
from viewer.analysis.self_time import self_times
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Span
from viewer.trace.tree import Rows, TraceTree, build_tree


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


def ids(tree: TraceTree, rows: Rows) -> list[int]:
    found: list[int] = tree.columns.span_id[rows].tolist()
    return found


def test_the_bottleneck_knows_its_share_of_the_service_that_called() -> None:
    tree = tree_of(
        a_span(1, service="gateway", duration_ns=100 * MS),
        a_span(2, 1, service="orders", duration_ns=80 * MS),
        a_span(3, 2, service="payment", duration_ns=70 * MS),
        a_span(4, 3, service="payment", duration_ns=40 * MS),
    )
    found = bottleneck(tree, self_times(tree))
    assert found is not None
    assert (found.row, found.caller, found.caller_share) == (3, 1, 0.5)


def test_a_bottleneck_of_the_only_service_has_no_caller() -> None:
    tree = tree_of(a_span(1, duration_ns=100 * MS), a_span(2, 1, duration_ns=90 * MS))
    found = bottleneck(tree, self_times(tree))
    assert found is not None
    assert (found.caller, found.caller_share) == (None, 0.0)


def test_the_heaviest_service_is_the_union_of_its_spans() -> None:
    tree = tree_of(
        a_span(1, service="web", duration_ns=100 * MS),
        a_span(2, 1, service="auth", duration_ns=45 * MS),
        a_span(3, 1, service="stock", duration_ns=30 * MS),
        a_span(4, 1, service="stock", start_ns=START_NS + 20 * MS, duration_ns=40 * MS),
        a_span(5, 4, service="stock", start_ns=START_NS + 30 * MS, duration_ns=5 * MS),
    )
    found = heaviest_service(tree)
    assert found is not None
    assert (found.busy_ns, found.share, found.calls) == (60 * MS, 0.6, 2)
    assert tree.columns.span_id[found.row] == 4


def test_a_service_alone_is_not_heaviest() -> None:
    assert heaviest_service(tree_of(a_span(1), a_span(2, 1))) is None
    assert heaviest_service(tree_of(a_span(1), a_span(2, 1, service="b", duration_ns=0))) is None
    timeless = tree_of(a_span(1, duration_ns=0), a_span(2, service="b", duration_ns=0))
    assert heaviest_service(timeless) is None


def test_an_error_spreads_as_far_up_as_spans_failed_without_a_gap() -> None:
    tree = tree_of(
        a_span(1, error=True),
        a_span(2, 1),
        a_span(3, 2, error=True, duration_ns=50 * MS),
        a_span(4, 3, error=True, duration_ns=40 * MS),
        a_span(5, 4, error=True, duration_ns=30 * MS),
        a_span(6, 1, error=True, duration_ns=90 * MS, start_ns=START_NS + 5 * MS),
    )
    found = error_spread(tree)
    assert found is not None
    assert ids(tree, np.array([found.row], np.int32)) == [5]
    assert ids(tree, found.above) == [4, 3]
    assert found.others == 1


def test_an_error_that_nobody_above_shares_spread_nowhere() -> None:
    found = error_spread(tree_of(a_span(1), a_span(2, 1, error=True)))
    assert found is not None
    assert (found.row, found.others, len(found.above)) == (1, 0, 0)
    assert error_spread(tree_of(a_span(1))) is None
