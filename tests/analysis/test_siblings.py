"""Calls of one operation below one span are one group, whatever else is below it."""

import numpy as np

from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.siblings import operations, siblings
from viewer.analysis.visible import children_of
from viewer.trace.span import Span, SpanKind


def at(span_id: int, parent: int, name: str, begin_ms: int, **said: object) -> Span:
    return a_span(span_id, parent, name=name, start_ns=START_NS + begin_ms * MS, duration_ns=10 * MS, **said)  # type: ignore[arg-type]  # fmt: skip


def test_children_are_grouped_by_parent_and_operation_in_order_of_time() -> None:
    tree = a_tree(
        [
            a_span(1, duration_ns=1000 * MS),
            at(2, 1, "a", 40),
            at(3, 1, "b", 20),
            at(4, 1, "a", 10),
            at(5, 1, "a", 15),
            at(6, 2, "a", 41),
        ]
    )
    found = siblings(tree, children_of(tree))
    groups = [tree.columns.span_id[found.of(group)].tolist() for group in range(len(found.first))]
    assert sorted(groups) == [[3], [4, 5, 2], [6]]
    assert found.overlapping.tolist() == [int(group == [4, 5, 2]) for group in groups]


def test_spans_without_start_and_consumers_are_no_calls() -> None:
    tree = a_tree(
        [
            a_span(1, kind=SpanKind.PRODUCER),
            a_span(2, 1, kind=SpanKind.CONSUMER),
            a_span(3, 1, start_ns=0),
        ]
    )
    found = siblings(tree, children_of(tree))
    assert len(found.rows) == len(found.first) == len(found.size) == 0


def test_a_client_span_is_of_the_operation_that_answers() -> None:
    tree = a_tree(
        [
            a_span(1, name="root"),
            a_span(2, 1, name="GET", kind=SpanKind.CLIENT),
            a_span(3, 2, name="/a", service="a", kind=SpanKind.SERVER),
            a_span(4, 1, name="GET", kind=SpanKind.CLIENT),
            a_span(5, 4, name="/b", service="b", kind=SpanKind.SERVER),
            a_span(6, 1, name="GET", kind=SpanKind.CLIENT),
            a_span(7, 6, name="/a", service="a", kind=SpanKind.SERVER),
        ]
    )
    number = operations(tree)
    assert number[1] == number[5] != number[3]
    assert len(np.unique(number)) == 5
