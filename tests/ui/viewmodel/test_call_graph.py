"""The graph view: nodes, edges, what they say and where they lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.span import Span
from viewer.ui.viewmodel import call_graph as module
from viewer.ui.viewmodel.call_graph import Graph, graph
from viewer.ui.viewmodel.graph_drawing import CELL, SMALL_CELL, cells
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
SPANS = (
    a_span(1, name="GET /", service="web", duration_ns=100 * MS),
    a_span(2, 1, name="render", service="web", duration_ns=10 * MS),
    a_span(3, 1, name="query", service="db", duration_ns=30 * MS, start_ns=START_NS + 10 * MS),
    a_span(4, 1, name="query", service="db", duration_ns=50 * MS, start_ns=START_NS + 40 * MS,
           error=True),
    a_span(5, 4, name="call back", service="web", duration_ns=10 * MS, start_ns=START_NS + 40 * MS),
)  # fmt: skip


def shown(*spans: Span, span: int | None = None, **options: str) -> Graph:
    state = TraceState(PATH, span=span).viewing("graph", **options)
    return graph(a_loaded_trace(*(spans or SPANS)), state)


def test_services_are_nodes_and_say_what_they_did() -> None:
    found = shown()
    assert found.by == "service"
    assert [(node.name, node.service, node.numbers, node.failed) for node in found.nodes] == [
        ("web", "", "3 spans · 30 % self · ↻ 1", ""),
        ("db", "", "2 spans · 70 % self", "1"),
    ]
    assert found.nodes[1].title.splitlines() == [
        "db",
        "2 spans, 1 error",
        "self 70.0 ms (70,000,000 ns)",
        "longest 50.0 ms (50,000,000 ns)",
    ]
    assert "1 call within" in found.nodes[0].title
    assert found.nodes[1].url == f"{PATH}?span=0000000000000004"
    assert found.nodes[0].x < found.nodes[1].x
    assert (found.summary, found.left_out) == (
        "2 services, 2 connections. Thickness is time, × the calls, ! the failed ones.",
        "",
    )


def test_edges_are_drawn_and_listed_the_longest_first() -> None:
    found = shown()
    assert [(edge.label, edge.failed, edge.leftward) for edge in found.edges] == [
        ("×2", "1", False),
        ("×1", "", True),
    ]
    assert found.edges[0].title.splitlines() == [
        "web → db",
        "2 calls, 1 error",
        "total 80.0 ms (80,000,000 ns), mean 40.0 ms",
    ]
    assert float(found.edges[0].thickness) > float(found.edges[1].thickness) > 1
    first = found.calls[0]
    assert (first.caller.name, first.callee.name) == ("web", "db")
    assert (first.calls, first.errors, first.total_ns, first.mean_ns) == (2, 1, 80 * MS, 40 * MS)
    assert first.url == f"{PATH}?span=0000000000000004"


def test_operations_can_be_the_nodes() -> None:
    found = shown(by="operation")
    assert {(node.name, node.service) for node in found.nodes} == {
        ("GET /", "web"),
        ("render", "web"),
        ("query", "db"),
        ("call back", "web"),
    }
    assert [(grouping.label, grouping.current) for grouping in found.groupings] == [
        ("service", False),
        ("operation", True),
    ]
    assert found.groupings[0].url == f"{PATH}?view=graph&by=service"
    assert found.statistics_url == f"{PATH}?view=statistics&by=operation"
    assert not any(edge.leftward for edge in found.edges)
    assert shown(by="nonsense").by == "service"


def test_the_selected_spans_node_is_marked() -> None:
    assert [node.selected for node in shown(span=3).nodes] == [False, True]
    assert not any(node.selected for node in shown().nodes)


def test_more_than_a_page_holds_is_one_node_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 3)
    monkeypatch.setattr(module, "MOST_EDGES", 1)
    spans = [a_span(1, service="a", duration_ns=100 * MS)]
    spans += [a_span(n, 1, service=f"s{n}", duration_ns=n * MS) for n in range(2, 6)]
    found = shown(*spans)
    assert [(node.name, node.merged) for node in found.nodes] == [
        ("a", False),
        ("s5", False),
        ("3 more services", True),
    ]
    assert found.left_out == (
        "3 services of less time drawn as one, 1 connection (1 call) not drawn"
    )
    assert found.summary.startswith("5 services, 2 connections.")


def test_a_hundred_services_calling_each_other_stay_a_page() -> None:
    # Each pair of a long chain is another one.
    steps = [step for step in range(1, 26) for _ in range(100)]
    visited = [sum(steps[:number]) % 101 for number in range(len(steps))]
    spans = [
        a_span(number, number - 1, service=f"s{service}", duration_ns=MS)
        for number, service in enumerate(visited, 1)
    ]
    found = shown(*spans)
    assert len(found.nodes) == module.MOST_NODES
    assert len(found.edges) == len(found.calls) == module.MOST_EDGES
    assert all(edge.label for edge in found.edges)
    assert "× the calls" in found.summary
    assert "not drawn" in found.left_out


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_any_name_fits_into_its_box(names: list[str]) -> None:
    spans = [
        a_span(number, number - 1, name=name, service=name[::-1], error=True)
        for number, name in enumerate(names, 1)
    ]
    for node in shown(*spans, by="operation").nodes:
        assert 12 + cells(node.name) * CELL < node.width
        assert 12 + cells(node.service) * SMALL_CELL < node.width
        assert node.failed_x + cells(node.failed) * SMALL_CELL < node.width
        assert (node.name + node.service).isprintable()


@pytest.mark.parametrize(
    ("name", "printed"),
    [("n" * 32, "n" * 32), ("n" * 33, "n" * 31 + "…"), ("漢" * 30, "漢" * 15 + "…"), ("", "(no name)"),
     ("a\n\u202eb", "a  b")],
)  # fmt: skip
def test_only_a_very_long_name_is_cut(name: str, printed: str) -> None:
    (node,) = shown(a_span(1, name=name), by="operation").nodes
    assert node.name == printed


def test_one_service_alone_is_a_node_without_edges() -> None:
    found = shown(a_span(1), a_span(2, 1))
    assert len(found.nodes) == 1
    assert (found.edges, found.calls) == ((), ())
