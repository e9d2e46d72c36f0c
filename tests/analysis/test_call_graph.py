"""Calls between groups of spans, compared with plain Python over the same spans."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.call_graph import CallGraph, call_graph
from viewer.analysis.self_time import self_times
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree

SHAPES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 40), st.booleans()),
    min_size=1,
    max_size=40,
)


def by_service(
    spans: list[Span], most_nodes: int = 60, most_edges: int = 300
) -> tuple[TraceTree, CallGraph]:
    tree = a_tree(spans)
    group = tree.columns.service.astype(np.int64)
    groups = len(tree.columns.services)
    return tree, call_graph(tree, self_times(tree), group, groups, most_nodes, most_edges)


def of_shape(shape: list[tuple[int, int, int, bool]]) -> list[Span]:
    return [
        a_span(
            number,
            parent,
            service=f"s{service}",
            start_ns=START_NS + number * MS,
            duration_ns=duration * MS,
            error=failed,
        )
        for number, (parent, service, duration, failed) in enumerate(shape, 1)
    ]


@given(SHAPES, st.integers(2, 7), st.integers(0, 12))
def test_every_edge_is_what_plain_python_says(
    shape: list[tuple[int, int, int, bool]], most_nodes: int, most_edges: int
) -> None:
    tree, found = by_service(of_shape(shape), most_nodes, most_edges)
    service, columns = tree.columns.service, tree.columns
    present = set(service.tolist())
    assert len(found) <= most_nodes
    assert len(found.kept) + found.merged == len(present)
    number = {group: node for node, group in enumerate(found.kept.tolist())}
    node_of = [number.get(group, len(found.kept)) for group in service.tolist()]
    assert found.node_of.tolist() == node_of
    assert found.nodes.count.sum() == len(tree)
    edges: dict[tuple[int, int], list[int]] = defaultdict(list)
    inner = [0] * len(found)
    for row in range(len(tree)):
        if tree.parent[row] >= 0:
            ends = node_of[tree.parent[row]], node_of[row]
            if ends[0] == ends[1]:
                inner[ends[0]] += 1
            else:
                edges[ends].append(row)
    assert found.inner_calls.tolist() == inner
    shown = list(zip(found.caller.tolist(), found.callee.tolist(), strict=True))
    assert len(shown) == min(len(edges), most_edges)
    assert found.edges_left_out == len(edges) - len(shown)
    assert found.calls_left_out == sum(len(rows) for e, rows in edges.items() if e not in shown)
    assert (np.diff(found.total_ns) <= 0).all()
    for place, ends in enumerate(shown):
        rows = edges[ends]
        durations = columns.dur_ns[rows]
        assert found.calls[place] == len(rows)
        assert found.errors[place] == (columns.status[rows] == 2).sum()
        assert found.total_ns[place] == durations.sum()
        assert found.longest[place] == rows[int(np.argmax(durations))]


def test_of_many_nodes_those_of_most_time_are_kept_in_order_of_appearance() -> None:
    spans = [a_span(1, service="entry", duration_ns=100 * MS)]
    spans += [
        a_span(n, 1, service=f"s{n}", duration_ns=n * MS, start_ns=START_NS + n)
        for n in range(2, 9)
    ]
    tree, found = by_service(spans, most_nodes=4)
    assert [tree.columns.services[group] for group in found.kept] == ["entry", "s7", "s8"]
    assert found.merged == 5
    assert found.nodes.count.tolist() == [1, 1, 1, 5]
    assert list(zip(found.caller.tolist(), found.callee.tolist(), strict=True)) == [
        (0, 3),
        (0, 2),
        (0, 1),
    ]


def test_groups_without_a_span_are_no_nodes() -> None:
    tree = a_tree([a_span(1)])
    found = call_graph(tree, self_times(tree), np.array([2]), 5, 60, 300)
    assert found.kept.tolist() == [2]
    assert len(found) == 1
    assert len(found.caller) == 0
