"""The notice of late spans: what it says, and how seldom the page asks for it."""

import pytest

from viewer.store.base import LateSpans
from viewer.ui.viewmodel.late_spans import LEAST_S, MOST_S, QUIET_NS, LateNotice, late_notice

NOW = 1_700_000_000 * 10**9
SECOND = 10**9
PATH = "/trace/ab"


def notice(count: int = 0, *, age_s: float = 0, newest_ns: int = 0) -> LateNotice:
    since = int(NOW - age_s * SECOND)
    return late_notice(PATH, since, LateSpans(count, newest_ns), NOW, f"{PATH}?find=x")


def test_nothing_is_said_until_something_arrives() -> None:
    assert notice().told == ""
    assert notice(1, newest_ns=NOW).told == "1 new span arrived"
    assert notice(1_037, newest_ns=NOW).told == "1,037 new spans arrived"
    assert notice().show_url == f"{PATH}?find=x"


@pytest.mark.parametrize(
    ("age_s", "every"), [(0, 5), (-100, 5), (30, 5), (60, 10), (300, 50), (599, 60)]
)
def test_the_longer_nothing_came_the_more_seldom_it_asks(age_s: float, every: int) -> None:
    assert notice(age_s=age_s).every == f"{every}s"
    assert LEAST_S <= every <= MOST_S
    assert notice(age_s=age_s).poll_url == f"{PATH}/late?since={int(NOW - age_s * SECOND)}"


def test_of_an_old_trace_it_asks_no_more() -> None:
    assert notice(age_s=QUIET_NS / SECOND).poll_url == ""
    assert notice(3, age_s=QUIET_NS / SECOND, newest_ns=NOW - SECOND).poll_url


def test_it_asks_a_page_some_thirty_times_at_most() -> None:
    asked, age_s = 0, 0.0
    while notice(age_s=age_s).poll_url:
        age_s += int(notice(age_s=age_s).every[:-1])
        asked += 1
    assert asked < 32
