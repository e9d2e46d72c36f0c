"""Two trees merged by path, compared with plain Python over the same spans."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_span, a_tree, of_shape
from viewer.analysis.compare import Change, Comparison, compare, explain, is_much
from viewer.analysis.self_time import self_times
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree

Shape = list[tuple[int, int, int, bool]]
SHAPES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 40), st.booleans()),
    min_size=1,
    max_size=25,
)


def compared(a: list[Span], b: list[Span]) -> tuple[TraceTree, TraceTree, Comparison]:
    one, other = a_tree(a), a_tree(b)
    found = compare(one, self_times(one), other, self_times(other))
    found.check()
    return one, other, found


def path_of_row(tree: TraceTree, row: int) -> tuple[tuple[str, str], ...]:
    columns = tree.columns
    return tuple(
        (columns.services[columns.service[step]], columns.names[columns.name[step]])
        for step in [*tree.ancestors(row), row]
    )


def path_of_node(found: Comparison, node: int) -> tuple[tuple[str, str], ...]:
    steps = []
    while node >= 0:
        steps.append(found.operations[found.operation[node]])
        node = int(found.parent[node])
    return tuple(reversed(steps))


def names(found: Comparison) -> list[str]:
    return [found.operations[operation][1] for operation in found.operation.tolist()]


@given(SHAPES, SHAPES)
def test_every_node_is_a_path_and_holds_what_plain_python_says(a: Shape, b: Shape) -> None:
    *trees, found = compared(of_shape(a), of_shape(b))
    paths = [path_of_node(found, node) for node in range(len(found))]
    assert len(set(paths)) == len(paths)
    for tree, side in zip(trees, (found.a, found.b), strict=True):
        rows = defaultdict(list)
        for row in range(len(tree)):
            rows[path_of_row(tree, row)].append(row)
        own = self_times(tree)
        assert rows.keys() <= set(paths)
        for node, path in enumerate(paths):
            mine = rows[path]
            assert all(side.node_of[row] == node for row in mine)
            assert side.count[node] == len(mine)
            assert side.total_ns[node] == tree.columns.dur_ns[mine].sum()
            assert side.self_ns[node] == own[mine].sum()
            assert side.errors[node] == (tree.columns.status[mine] == 2).sum()
            longest = max(mine, key=lambda row: (tree.columns.dur_ns[row], -row), default=-1)
            assert side.longest[node] == longest


@given(SHAPES, SHAPES)
def test_changing_places_turns_every_change_round(a: Shape, b: Shape) -> None:
    turned = {
        Change.SAME: Change.SAME,
        Change.ADDED: Change.REMOVED,
        Change.REMOVED: Change.ADDED,
        Change.SLOWER: Change.FASTER,
        Change.FASTER: Change.SLOWER,
    }
    *_, there = compared(of_shape(a), of_shape(b))
    *_, back = compared(of_shape(b), of_shape(a))
    changes = {path_of_node(back, node): back.change[node] for node in range(len(back))}
    for node in range(len(there)):
        change = Change(int(there.change[node]))
        assert changes[path_of_node(there, node)] == turned[change]


@given(SHAPES)
def test_a_trace_does_not_differ_from_itself(shape: Shape) -> None:
    *_, found = compared(of_shape(shape), of_shape(shape))
    assert not found.differs().any()
    assert not found.difference_ns.any()
    assert not found.self_difference_ns.any()
    assert explain(found, 0) is None


def a_root(duration_ms: int, *children: tuple[str, int]) -> list[Span]:
    """A root and its children, one after another."""
    spans = [a_span(1, name="root", duration_ns=duration_ms * MS)]
    at = START_NS
    for number, (name, duration) in enumerate(children, 2):
        spans.append(a_span(number, 1, name=name, start_ns=at, duration_ns=duration * MS))
        at += duration * MS
    return spans


def test_siblings_stand_as_they_start_and_new_ones_behind_what_precedes_them() -> None:
    *_, found = compared(
        a_root(100, ("first", 10), ("second", 10), ("gone", 5), ("last", 10)),
        a_root(100, ("new at the top", 5), ("first", 10), ("new", 5), ("newer", 5), ("last", 10)),
    )
    assert names(found) == [
        "root",
        "new at the top",
        "first",
        "new",
        "newer",
        "second",
        "gone",
        "last",
    ]


@pytest.mark.parametrize(
    ("a", "b", "longer_trace", "much"),
    [
        (100, 110, 2000, True),  # 10 % and more than 1 ms
        (100, 109, 2000, False),  # under 10 %, under 1 % of the trace
        (1000, 1020, 2000, True),  # 2 %, but 1 % of the trace
        (1000, 1019, 2000, False),
        (110, 100, 2000, True),
    ],
)
def test_a_difference_counts_from_a_share_and_a_size_on(
    a: int, b: int, longer_trace: int, much: bool
) -> None:
    assert is_much((b - a) * MS, min(a, b) * MS, longer_trace * MS) is much


def test_a_tenth_of_very_little_is_no_difference_in_a_long_trace() -> None:
    assert not is_much(999_999, 1_000, 1000 * MS)
    assert is_much(1_000_000, 1_000, 1000 * MS)
    # In a short one it is.
    assert is_much(2_000, 10_000, 200_000)


def test_more_spans_or_errors_differ_also_where_the_time_does_not() -> None:
    failing = a_span(2, 1, name="query", duration_ns=10 * MS, error=True)
    *_, found = compared(a_root(100, ("query", 10)), [a_root(100)[0], failing])
    assert found.change.tolist() == [Change.SAME, Change.SAME]
    assert found.differs().tolist() == [False, True]
    *_, found = compared(a_root(100, ("query", 10)), a_root(100, ("query", 5), ("query", 5)))
    assert found.differs().tolist() == [False, True]


def test_the_self_time_that_grew_most_explains_a_longer_trace() -> None:
    *_, found = compared(
        a_root(100, ("auth", 10), ("charge", 50)), a_root(300, ("auth", 30), ("charge", 230))
    )
    said = explain(found, 200 * MS)
    assert said is not None
    assert (names(found)[said.node], said.difference_ns) == ("charge", 180 * MS)


def test_what_shrank_explains_a_shorter_trace() -> None:
    *_, found = compared(a_root(100, ("x", 10), ("y", 80)), a_root(60, ("x", 30), ("y", 20)))
    said = explain(found, -40 * MS)
    assert said is not None
    # y lost more than the trace did, and nothing that fits explains half of it.
    assert (names(found)[said.node], said.difference_ns) == ("y", -60 * MS)


def test_what_ran_beside_other_work_is_not_named_where_something_fits() -> None:
    a = a_root(100, ("charge", 50))
    b = [
        *a_root(140, ("charge", 90)),
        a_span(9, 1, name="beside", start_ns=START_NS, duration_ns=140 * MS),
    ]
    *_, found = compared(a, b)
    said = explain(found, 40 * MS)
    assert said is not None
    assert names(found)[said.node] == "charge"


def test_a_new_subtree_is_named_by_its_top() -> None:
    retry = [
        a_span(9, 1, name="retry", start_ns=START_NS + 50 * MS, duration_ns=500 * MS),
        a_span(10, 9, name="POST", start_ns=START_NS + 60 * MS, duration_ns=400 * MS),
    ]
    *_, found = compared(a_root(100, ("charge", 50)), [*a_root(600, ("charge", 50)), *retry])
    said = explain(found, 500 * MS)
    assert said is not None
    assert (names(found)[said.node], said.difference_ns) == ("retry", 500 * MS)


def test_traces_without_anything_in_common_stand_side_by_side() -> None:
    *_, found = compared([a_span(1, name="x")], [a_span(1, name="y")])
    assert sorted(found.change.tolist()) == [Change.ADDED, Change.REMOVED]
    assert found.depth.tolist() == [0, 0]


def test_durations_beyond_all_reason_do_not_overflow() -> None:
    spans = [a_span(number, name="x", duration_ns=(1 << 63) - 1) for number in range(1, 5)]
    *_, found = compared(spans, [a_span(1, name="x")])
    assert found.change.tolist() == [Change.FASTER]
    assert found.a.total_ns[0] > 4 * 10**18


def test_chains_of_very_many_levels_are_compared_without_recursion() -> None:
    levels = 20_000
    chains = [
        [a_span(number, number - 1, name=f"n{number % modulus}") for number in range(1, levels + 1)]
        for modulus in (7, 8)
    ]
    trees = [a_tree(spans) for spans in chains]
    found = compare(trees[0], self_times(trees[0]), trees[1], self_times(trees[1]))
    assert int(found.depth.max()) == levels - 1
    # They part at the seventh level.
    assert len(found) == 2 * levels - 6
    assert np.count_nonzero(found.change == Change.ADDED) == levels - 6
