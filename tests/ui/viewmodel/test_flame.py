"""The flame view: which nodes are drawn, and where each leads."""

from urllib.parse import parse_qs, urlsplit

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.span import Span
from viewer.ui.viewmodel.flame import MOST_BARS, MOST_LEVELS, Flame, flame
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
SPANS = (
    a_span(1, name="GET /", service="web", duration_ns=100 * MS),
    a_span(2, 1, name="query", service="db", duration_ns=30 * MS, error=True),
    a_span(3, 1, name="query", service="db", duration_ns=50 * MS, start_ns=START_NS + 40 * MS),
)


def shown(*spans: Span, node: str = "", **state: str) -> Flame:
    trace = a_loaded_trace(*(spans or SPANS))
    return flame(trace, TraceState(PATH, **state).viewing("flame", node=node))  # type: ignore[arg-type]


def test_a_bar_says_what_it_is_and_leads_into_its_node() -> None:
    found = shown()
    root, query = found.bars
    assert (root.x, root.width, root.y) == ("0.000%", "100.000%", 0)
    assert (query.x, query.width, query.y) == ("0.000%", "80.000%", 20)
    assert query.label == "query · 80.0 ms"
    assert (
        query.title
        == "db · query: 2 spans, 1 error, 80.0 ms with all below, 80.0 ms itself (80.0%)"
    )
    assert query.failed
    assert query.url == f"{PATH}?view=flame&node=0000000000000003"
    assert found.facts == "3 spans, 100 ms of self time"
    assert (found.height, found.crumbs, found.timeline_url, found.left_out) == (40, (), "", "")


def test_within_a_node_it_fills_the_graph_and_a_crumb_leads_back() -> None:
    found = shown(node="2", find="x")
    (query,) = found.bars
    assert (query.x, query.width, query.y) == ("0.000%", "100.000%", 0)
    assert (found.service, found.name) == ("db", "query")
    assert [crumb.label for crumb in found.crumbs] == ["all", "GET /"]
    assert found.crumbs[0].url == f"{PATH}?view=flame&find=x"
    assert found.timeline_url == f"{PATH}?span=0000000000000003&find=x"


def test_a_node_that_is_unknown_is_told_and_all_is_shown() -> None:
    for node in ("77", "zz"):
        found = shown(node=node)
        assert len(found.bars) == 2
        assert "All of the trace is shown" in found.notes[0]


def test_a_deep_trace_is_cut_and_says_how_to_go_on() -> None:
    found = shown(*a_forest(range(200)))
    assert len(found.bars) <= MOST_LEVELS
    assert f"deeper than {MOST_LEVELS} levels" in found.left_out
    near_end = shown(*a_forest(range(200)), node=f"{190:x}")
    assert near_end.crumbs[1].label == "183 more"
    assert near_end.left_out == ""


def test_very_many_nodes_are_the_widest_ones() -> None:
    spans = [a_span(1, duration_ns=10_000 * MS)]
    spans += [
        a_span(number, 1, name=str(number), start_ns=START_NS + number * MS, duration_ns=MS)
        for number in range(2, MOST_BARS + 500)
    ]
    found = shown(*spans)
    assert len(found.bars) <= MOST_BARS
    assert "too narrow" in found.left_out


def test_a_trace_without_any_time_draws_nothing() -> None:
    assert shown(a_span(1, duration_ns=0)).bars == ()


def test_a_link_keeps_what_the_state_holds() -> None:
    url = shown(find="x").bars[0].url
    assert parse_qs(urlsplit(url).query)["find"] == ["x"]
