"""Result rows: what tells traces apart."""

from dataclasses import replace

import pytest

from tests.builders import MS, START_NS
from viewer.search.link import read_link
from viewer.search.query import Cursor
from viewer.store.base import TracePage
from viewer.trace.summary import MatchedSpan, ServiceCount, TraceSummary
from viewer.ui.viewmodel.results import ResultRow, Results, result_rows, results

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


def row(summary: TraceSummary = SUMMARY, **asked: str) -> ResultRow:
    return rows(summary, **asked)[0]


def rows(*summaries: TraceSummary, **asked: str) -> tuple[ResultRow, ...]:
    link = read_link({name: [text] for name, text in asked.items()}, NOW_NS)
    return result_rows(summaries, link, NOW_NS)


def shown(page: TracePage, **asked: str) -> Results:
    link = read_link({name: [text] for name, text in asked.items()}, NOW_NS)
    return results(link, page, now_ns=NOW_NS, took_ns=63 * MS)


def test_the_matched_span_is_shown_with_the_reason() -> None:
    match = row(service="bank", minDuration="20ms", status="error").match
    assert match is not None
    assert match.url == "/trace/00000000000000ab?span=0000000000000007"
    assert (match.operation, match.service, match.duration) == ("charge", "bank", "50.0 ms")
    assert match.why == "The first span with service bank, at least 20.0 ms, an error"


def test_a_matched_root_needs_no_second_mention() -> None:
    assert (
        row(replace(SUMMARY, matched=replace(MATCHED, is_root=True)), service="shop").match is None
    )


def test_without_conditions_nothing_matched_in_particular() -> None:
    assert row().match is None


def test_of_a_trace_without_root_the_earliest_span_is_shown_once() -> None:
    first = replace(MATCHED, service="shop", name="GET /", start_ns=START_NS)
    headless = replace(SUMMARY, has_root=False, matched=first)
    assert row(headless, service="shop").match is None
    assert row(headless, service="shop").headless


def test_services_with_errors_are_never_among_those_left_out() -> None:
    many = tuple(ServiceCount(f"service-{number:02}", 9, 0) for number in range(30))
    found = row(replace(SUMMARY, services=(*many, ServiceCount("zebra", 1, 1))))
    assert "zebra" in [chip.name for chip in found.chips]
    assert len(found.chips) + found.more_services == 31
    assert "service-29" in found.more_title


def test_a_service_with_a_long_name_is_shown_whole() -> None:
    found = row(replace(SUMMARY, services=(ServiceCount("x" * 200, 1, 0),)))
    assert found.chips[0].name == "x" * 200


def test_bars_are_relative_to_the_longest_shown() -> None:
    short, long = rows(SUMMARY, replace(SUMMARY, duration_ns=400 * MS))
    assert (short.bar_width, long.bar_width) == ("25.00%", "100.00%")


def test_a_trace_without_duration_still_has_a_bar() -> None:
    assert row(replace(SUMMARY, duration_ns=0)).bar_width == "0.40%"


def test_the_day_is_said_once_in_order_of_time() -> None:
    found = rows(
        SUMMARY,
        replace(SUMMARY, start_ns=START_NS - 1),
        replace(SUMMARY, start_ns=START_NS - DAY_NS),
    )
    assert [row.same_day for row in found] == [False, True, False]
    assert not any(row.dated for row in found)


def test_out_of_time_order_each_row_has_its_day() -> None:
    other_day = replace(SUMMARY, start_ns=START_NS - DAY_NS)
    assert all(row.dated for row in rows(SUMMARY, other_day, sort="longest"))
    assert not any(row.dated for row in rows(SUMMARY, SUMMARY, sort="longest"))


def test_nameless_spans_and_services_are_named_so() -> None:
    found = row(replace(SUMMARY, root_name="", root_service=""))
    assert (found.operation, found.service) == ("(no name)", "(no service)")


def test_the_line_above_says_how_many_of_how_many_and_how_fast() -> None:
    found = shown(TracePage((), 1284, 18_201, 8_412_345))
    assert found.total_line == "1,284 traces of 18,201 · 8.41 M spans searched · 63.0 ms"


def test_the_next_page_begins_after_the_last_trace() -> None:
    cursor = Cursor(5, 6, SUMMARY.trace_id)
    found = shown(TracePage((SUMMARY,), 9, 9, 9, cursor), service="shop", limit="1")
    assert found.next_url == f"/search?service=shop&limit=1&after=5.6.{SUMMARY.trace_id}"
    assert found.first_url == ""


def test_the_zone_is_switched_in_the_address() -> None:
    page = TracePage((SUMMARY,), 1, 1, 1)
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
    found = shown(TracePage((), 0, 5, 5), **asked)
    assert any(advice in line for line in found.advice)
    assert len(found.advice) == 1


def test_sampled_traces_say_for_how_many_they_stand_and_the_total_how_many_there_were() -> None:
    page = TracePage((replace(SUMMARY, weight=10.0), SUMMARY), 2, 2, 6, estimated_total=11.0)
    found = shown(page)
    assert [row.weight for row in found.rows] == ["×10", ""]
    assert found.total_line.startswith("2 traces (sampled: about 11 before) of 2")
    assert found.total == 2
