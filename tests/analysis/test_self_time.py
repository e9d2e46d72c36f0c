"""Self time against a definition a child could check: count the nanoseconds one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.analysis.self_time import self_intervals, self_times
from viewer.analysis.visible import children_of
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import TraceTree, build_tree

TRACE = "0" * 31 + "1"


def tree_of(
    *spans: tuple[int, int, int, int], kinds: dict[int, SpanKind] | None = None
) -> TraceTree:
    made = [
        Span(
            TRACE,
            span_id,
            parent,
            "op",
            start,
            duration,
            kind=(kinds or {}).get(span_id, SpanKind.INTERNAL),
        )
        for span_id, parent, start, duration in spans
    ]
    return build_tree(columns_of_spans(TRACE, made, range(len(made))))


def test_overlapping_children_are_subtracted_once() -> None:
    tree = tree_of((1, 0, 100, 100), (2, 1, 110, 30), (3, 1, 120, 40))
    assert self_times(tree).tolist() == [50, 30, 40]


def test_adjacent_children_leave_no_gap() -> None:
    tree = tree_of((1, 0, 100, 100), (2, 1, 100, 50), (3, 1, 150, 50))
    assert self_times(tree)[0] == 0
    assert self_intervals(tree, 0, children_of(tree).of(0)).tolist() == []


def test_a_child_outside_its_parent_is_clipped() -> None:
    tree = tree_of((1, 0, 100, 100), (2, 1, 50, 60), (3, 1, 190, 60))
    assert self_times(tree)[0] == 80


def test_a_consumer_does_not_use_its_producers_time() -> None:
    kinds = {1: SpanKind.PRODUCER, 2: SpanKind.CONSUMER}
    assert self_times(tree_of((1, 0, 100, 100), (2, 1, 110, 50), kinds=kinds)).tolist() == [100, 50]


def test_very_long_spans_do_not_overflow() -> None:
    year = 365 * 86_400 * 10**9
    spans = [(number, number // 2, number, 100 * year) for number in range(1, 9)]
    assert (self_times(tree_of(*spans)) >= 0).all()


_SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 30), st.integers(0, 20)), min_size=1, max_size=12
)


@given(_SPANS, st.lists(st.sampled_from(list(SpanKind)), min_size=12, max_size=12))
@settings(max_examples=300)
def test_it_equals_counting_nanoseconds(
    spans: list[tuple[int, int, int]], kinds: list[SpanKind]
) -> None:
    tree = tree_of(
        *(
            (number, parent, start, duration)
            for number, (parent, start, duration) in enumerate(spans, 1)
        ),
        kinds=dict(enumerate(kinds, 1)),
    )
    columns, own, children = tree.columns, self_times(tree), children_of(tree)
    for row in range(len(tree)):
        left = set(
            range(int(columns.start_ns[row]), int(columns.start_ns[row] + columns.dur_ns[row]))
        )
        for child in np.flatnonzero(tree.parent == row).tolist():
            if columns.kind[child] == SpanKind.CONSUMER and columns.kind[row] == SpanKind.PRODUCER:
                continue
            left -= set(
                range(
                    int(columns.start_ns[child]),
                    int(columns.start_ns[child] + columns.dur_ns[child]),
                )
            )
        assert own[row] == len(left)
        stretches = self_intervals(tree, row, children.of(row))
        assert (stretches[:, 1] - stretches[:, 0]).sum() == len(left)
