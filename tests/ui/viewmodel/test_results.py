"""What stands around the rows of a search."""

from dataclasses import replace

import pytest

from tests.builders import MS, START_NS, a_summary
from viewer.search.link import read_link
from viewer.search.query import Cursor
from viewer.store.base import TraceCounts, TracePage, page_extent
from viewer.trace.summary import TraceSummary
from viewer.ui.viewmodel.overview import overview
from viewer.ui.viewmodel.results import Results, results

DAY_NS = 86_400 * 1000 * MS
NOW_NS = START_NS + DAY_NS
SUMMARY = a_summary()


def a_page(traces: tuple[TraceSummary, ...], following: Cursor | None = None) -> TracePage:
    extent = page_extent((trace.start_ns, trace.duration_ns) for trace in traces)
    return TracePage(traces, following, extent=extent)


def shown(page: TracePage, **asked: str) -> Results:
    link = read_link({name: [text] for name, text in asked.items()}, NOW_NS)
    counts = TraceCounts(len(page.traces), len(page.traces), 3 * len(page.traces))
    return results(
        link, page, now_ns=NOW_NS, overview=overview(link.fields, counts, None, 0, is_late=False)
    )


def test_the_next_page_begins_after_the_last_trace() -> None:
    cursor = Cursor(5, 6, SUMMARY.trace_id)
    found = shown(a_page((SUMMARY,), cursor), service="shop", limit="1")
    following = found.part.next_page
    assert following.url == f"/search?service=shop&limit=1&after=5.6.{SUMMARY.trace_id}"
    assert following.label == "Next 1"
    assert found.first_url == ""


def test_the_zone_is_switched_in_the_address() -> None:
    page = a_page((SUMMARY,))
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
    found = shown(a_page(()), **asked)
    assert any(advice in line for line in found.advice)
    assert len(found.advice) == 1


def test_sampled_traces_say_for_how_many_they_stand() -> None:
    found = shown(a_page((replace(SUMMARY, weight=10.0), SUMMARY)))
    assert [row.weight for row in found.part.rows] == ["×10", ""]
