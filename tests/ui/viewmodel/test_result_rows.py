"""Result rows: what tells traces apart."""

from dataclasses import replace

from tests.builders import MS, START_NS, a_summary
from viewer.search.link import read_link
from viewer.store.base import page_extent
from viewer.trace.summary import ServiceCount, TraceSummary
from viewer.ui.viewmodel.result_rows import ResultRow, result_rows, row_scale

DAY_NS = 86_400 * 1000 * MS
NOW_NS = START_NS + DAY_NS
SUMMARY = a_summary()
MATCHED = SUMMARY.matched
assert MATCHED is not None


def row(summary: TraceSummary = SUMMARY, **asked: str) -> ResultRow:
    return rows(summary, **asked)[0]


def rows(*summaries: TraceSummary, **asked: str) -> tuple[ResultRow, ...]:
    link = read_link({name: [text] for name, text in asked.items()}, NOW_NS)
    extent = page_extent((summary.start_ns, summary.duration_ns) for summary in summaries)
    return result_rows(summaries, link, row_scale(extent, link.fields.sort), NOW_NS)


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


def test_bars_are_relative_to_the_longest() -> None:
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


def test_a_scale_may_be_of_more_traces_than_these() -> None:
    link = read_link({"sort": ["longest"]}, NOW_NS)
    extent = page_extent([(START_NS, 1000 * MS), (START_NS - DAY_NS, 0)])
    (found,) = result_rows([SUMMARY], link, row_scale(extent, link.fields.sort), NOW_NS)
    assert (found.bar_width, found.dated) == ("10.00%", True)


def test_a_trace_that_is_longer_than_the_scale_fills_the_bar() -> None:
    link = read_link({}, NOW_NS)
    scale = row_scale(page_extent([]), link.fields.sort)
    (found,) = result_rows([SUMMARY], link, scale, NOW_NS)
    assert found.bar_width == "100.00%"


def test_the_day_of_the_row_above_is_not_said_again() -> None:
    link = read_link({}, NOW_NS)
    scale = row_scale(page_extent([(START_NS, 1)]), link.fields.sort)
    for above_ns, same_day in ((START_NS + 1, True), (START_NS + DAY_NS, False), (None, False)):
        (found,) = result_rows([SUMMARY], link, scale, NOW_NS, above_ns=above_ns)
        assert found.same_day == same_day
