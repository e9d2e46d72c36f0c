"""The flame graph: what is merged, and that every width is its own time and its children's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.test_patterns import forests
from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.flame import FlameGraph, flame_graph
from viewer.analysis.self_time import self_times
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree


def of(tree: TraceTree) -> FlameGraph:
    return flame_graph(tree, self_times(tree))


def told(graph: FlameGraph) -> list[tuple[str, int, int, int, int]]:
    return [
        (
            graph.operations[graph.operation[node]][1],
            int(graph.depth[node]),
            int(graph.count[node]),
            int(graph.x_ns[node]) // MS,
            int(graph.width_ns[node]) // MS,
        )
        for node in range(len(graph))
    ]


def call(number: int, parent: int, name: str, begin: int, length: int) -> Span:
    return a_span(
        number, parent, name=name, start_ns=START_NS + begin * MS, duration_ns=length * MS
    )


def test_calls_of_one_path_are_one_node_with_their_own_time_behind_their_children() -> None:
    graph = of(
        a_tree([
            call(1, 0, "GET", 0, 100),
            call(2, 1, "query", 10, 20),
            call(3, 1, "render", 30, 30),
            call(4, 1, "query", 60, 25),
            call(5, 4, "wait", 60, 5),
        ])
    )  # fmt: skip
    assert told(graph) == [
        ("GET", 0, 1, 0, 100),
        ("query", 1, 2, 0, 45),
        ("wait", 2, 1, 0, 5),
        ("render", 1, 1, 45, 30),
    ]
    assert [int(row) for row in graph.longest] == [0, 3, 4, 2]


def test_what_runs_at_once_counts_for_each() -> None:
    graph = of(a_tree([call(1, 0, "all", 0, 10), call(2, 1, "a", 0, 10), call(3, 1, "b", 0, 10)]))
    assert told(graph) == [("all", 0, 1, 0, 20), ("a", 1, 1, 0, 10), ("b", 1, 1, 10, 10)]


@given(forests())
def test_children_fill_their_parent_from_the_left_without_overlap(tree: TraceTree) -> None:
    graph = of(tree)
    assert graph.count.sum() == len(tree)
    own = self_times(tree).tolist()
    assert int(graph.self_ns.sum()) == sum(own) or sum(own) > 1 << 62
    assert (graph.self_ns >= 0).all()
    for node in range(-1, len(graph)):
        place = int(graph.x_ns[node]) if node >= 0 else 0
        inner = 0
        for child in np.flatnonzero(graph.parent == node).tolist():
            assert int(graph.x_ns[child]) == place + inner
            inner += int(graph.width_ns[child])
        if node >= 0:
            assert int(graph.width_ns[node]) == inner + int(graph.self_ns[node])
    durations = tree.columns.dur_ns
    for node, row in enumerate(graph.longest.tolist()):
        rows = np.flatnonzero(graph.node_of == node)
        assert row == rows[np.argmax(durations[rows])]


@given(forests(), st.data())
def test_ancestors_lead_down_to_a_node(tree: TraceTree, data: st.DataObject) -> None:
    graph = of(tree)
    node = data.draw(st.integers(0, len(graph) - 1))
    above = graph.ancestors(node)
    assert [int(graph.parent[one]) for one in [*above, node]] == [-1, *above]
