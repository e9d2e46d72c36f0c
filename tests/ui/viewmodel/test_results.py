"""What stands around the rows of a search."""

from dataclasses import replace

import pytest

from tests.builders import MS, START_NS
from viewer.search.link import read_link
from viewer.search.query import Cursor
from viewer.store.base import TracePage, page_extent
from viewer.trace.summary import MatchedSpan, ServiceCount, TraceSummary
from viewer.ui.viewmodel.results import Results, results

DAY_NS = 86_400 * 1000 * MS
NOW_NS = START_NS + DAY_NS
MATCHED = MatchedSpan(7, "bank", "charge", START_NS + MS, 50 * MS, is_root=False)
SUMMARY = TraceSummary(
    trace_id="0" * 16 + "00000000000000ab",
    root_service="shop",
    root_name="GET /",
    has_root=True,
    start_ns=START_NS,
    duration_ns=100 * MS,
    spans=3,
    errors=1,
    services=(ServiceCount("bank", 1, 1), ServiceCount("shop", 2, 0)),
    matched=MATCHED,
)


def a_page(
    traces: tuple[TraceSummary, ...],
    total: int,
    stored_traces: int,
    searched_spans: int,
    following: Cursor | None = None,
    estimated_total: float | None = None,
) -> TracePage:
    extent = page_extent((trace.start_ns, trace.duration_ns) for trace in traces)
    return TracePage(
        traces, total, stored_traces, searched_spans, following, estimated_total, extent=extent
    )


def shown(page: TracePage, **asked: str) -> Results:
    link = read_link({name: [text] for name, text in asked.items()}, NOW_NS)
    return results(link, page, now_ns=NOW_NS, took_ns=63 * MS)


def test_the_line_above_says_how_many_of_how_many_and_how_fast() -> None:
    found = shown(a_page((), 1284, 18_201, 8_412_345))
    assert found.total_line == "1,284 traces of 18,201 · 8.41 M spans searched · 63.0 ms"


def test_the_next_page_begins_after_the_last_trace() -> None:
    cursor = Cursor(5, 6, SUMMARY.trace_id)
    found = shown(a_page((SUMMARY,), 9, 9, 9, cursor), service="shop", limit="1")
    following = found.part.next_page
    assert following.url == f"/search?service=shop&limit=1&after=5.6.{SUMMARY.trace_id}"
    assert following.label == "Next 1"
    assert found.first_url == ""


def test_the_zone_is_switched_in_the_address() -> None:
    page = a_page((SUMMARY,), 1, 1, 1)
    assert shown(page, service="shop").zone_url == "/search?service=shop&tz=utc"
    assert shown(page, service="shop", tz="utc").zone_url == "/search?service=shop"


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ({"lookback": "1h"}, "widen the time range"),
        ({"minDuration": "1s"}, "apply it to the trace"),
        ({"minDuration": "1s", "durationOf": "trace"}, "apply it to the span"),
        ({"tags": "a=b"}, "leave out an attribute"),
        ({"operation": "x"}, "leave out the operation"),
        ({"status": "error"}, "without errors"),
        ({"service": "x"}, "another service"),
    ],
)
def test_nothing_found_gives_advice_on_what_was_asked(asked: dict[str, str], advice: str) -> None:
    found = shown(a_page((), 0, 5, 5), **asked)
    assert any(advice in line for line in found.advice)
    assert len(found.advice) == 1


def test_sampled_traces_say_for_how_many_they_stand_and_the_total_how_many_there_were() -> None:
    page = a_page((replace(SUMMARY, weight=10.0), SUMMARY), 2, 2, 6, estimated_total=11.0)
    found = shown(page)
    assert [row.weight for row in found.part.rows] == ["×10", ""]
    assert found.total_line.startswith("2 traces (sampled: about 11 before) of 2")
    assert found.total == 2
