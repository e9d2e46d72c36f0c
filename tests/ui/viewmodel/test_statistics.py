"""The statistics view: groups, their order, and where each row leads."""

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.span import Span
from viewer.ui.viewmodel import statistics as module
from viewer.ui.viewmodel.statistics import Statistics, statistics
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
SPANS = (
    a_span(1, name="GET /", service="web", duration_ns=100 * MS),
    a_span(2, 1, name="query", service="db", duration_ns=30 * MS, error=True),
    a_span(3, 1, name="query", service="db", duration_ns=50 * MS, start_ns=START_NS + 40 * MS),
    a_span(4, 1, name="query", service="cache", duration_ns=0),
)


def shown(*spans: Span, values: dict[int, str] | None = None, **options: str) -> Statistics:
    trace = a_loaded_trace(*(spans or SPANS))
    columns = trace.tree.columns
    by_key = None if values is None else {
        (span_id, digest): values[span_id]
        for span_id, digest in zip(columns.span_id.tolist(), columns.digest.tolist(), strict=True)
        if span_id in values
    }  # fmt: skip
    return statistics(trace, TraceState(PATH).viewing("statistics", **options), by_key)


def names(found: Statistics) -> list[str]:
    return [f"{row.name} {row.service}" for row in found.rows]


def test_operations_are_of_their_service_and_the_longest_self_time_comes_first() -> None:
    found = shown()
    assert found.by == "operation"
    assert names(found) == ["query db", "GET / web", "query cache"]
    first = found.rows[0]
    assert (first.count, first.errors, first.total_ns, first.self_ns) == (2, 1, 80 * MS, 80 * MS)
    assert (first.p50_ns, first.p95_ns, first.max_ns) == (30 * MS, 50 * MS, 50 * MS)
    assert (first.share, first.bar_width) == ("80.0 %", "80.00%")
    assert (first.critical_ns, first.critical_share) == (80 * MS, "80.0 %")
    assert (found.rows[2].critical_ns, found.rows[2].critical_share) == (0, "")
    assert first.url == f"{PATH}?span=0000000000000003"
    assert found.left_out == ""


def test_services_are_groups_too() -> None:
    found = shown(by="service")
    assert [row.name for row in found.rows] == ["db", "web", "cache"]
    assert [(grouping.label, grouping.current) for grouping in found.groupings] == [
        ("operation", False),
        ("service", True),
    ]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("total", "GET / web"), ("count", "query db"), ("errors", "query db"), ("max", "GET / web"),
     ("critical", "query db"),
     ("name", "GET / web"), ("nonsense", "query db")],
)  # fmt: skip
def test_it_sorts_by_what_the_address_says(sort: str, first: str) -> None:
    found = shown(sort=sort)
    assert names(found)[0] == first
    assert sum(column.sorted for column in found.columns) == 1
    (by_total,) = (column.url for column in found.columns if column.label == "Total")
    assert by_total == f"{PATH}?view=statistics&sort=total"


def test_a_moment_on_the_critical_path_is_not_nothing() -> None:
    found = shown(a_span(1), a_span(2, 1, name="blink", duration_ns=1), sort="critical")
    assert [row.critical_share for row in found.rows] == ["100.0 %", "<0.1 %"]


def test_an_attribute_makes_groups_and_those_without_it_are_counted() -> None:
    found = shown(values={2: "SELECT", 3: "SELECT"}, by="db.query")
    assert [(row.name, row.count, row.service) for row in found.rows] == [
        ("SELECT", 2, "(no service)")
    ]
    assert found.left_out == "2 spans without db.query"
    assert (found.by, found.attribute) == ("db.query", "db.query")
    assert found.columns[0].label == "db.query"
    assert dict(found.hidden_fields) == {"view": "statistics"}


def test_an_attribute_that_no_span_has_makes_no_group() -> None:
    found = shown(values={}, by="none")
    assert found.rows == ()
    assert found.left_out == "4 spans without none"


def test_more_groups_than_a_page_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GROUPS", 2)
    found = shown()
    assert len(found.rows) == 2
    assert found.left_out == "1 more group not shown"
