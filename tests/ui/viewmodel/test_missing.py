"""Why a trace is not stored: what retention remembers, what an ID says, what is kept."""

import pytest

from tests.builders import MS, START_NS
from viewer.store.base import StoreStats
from viewer.store.retention import KEEPS_ALL
from viewer.trace.summary import RemovedTrace
from viewer.ui.viewmodel.missing import keeps, missing_trace, removed_trace, told_by_id

SECOND = START_NS // 10**9
DAY = 86_400
STATS = StoreStats(8, 2, 0, START_NS, START_NS + 10**9)
EMPTY = StoreStats(0, 0, 0, 0, 0)
KEPT = "7 days"


def removed(**changes: object) -> RemovedTrace:
    said: dict[str, object] = {
        "trace_id": "0" * 16 + "ab" * 8,
        "root_service": "frontend",
        "root_name": "GET /checkout",
        "has_root": True,
        "start_ns": START_NS,
        "duration_ns": 2_340 * MS,
        "spans": 57,
        "removed_ns": START_NS + 7 * DAY * 10**9,
    }
    return RemovedTrace(**(said | changes))  # type: ignore[arg-type]


def datadog(seconds: int) -> str:
    return f"{seconds:08x}{'0' * 8}{'b' * 16}"


def xray(seconds: int) -> str:
    return f"{seconds:08x}{'b' * 24}"


def test_a_removed_trace_says_what_it_was() -> None:
    said = removed_trace(removed(), KEPT)
    assert said.code == 410
    assert said.title == "This trace was removed by retention"
    assert said.text == (
        "It was \u2068GET /checkout\u2069 of \u2068frontend\u2069: 2.34 s, 57 spans,"
        " from 2023-11-14 22:13:20.000 UTC."
    )
    assert said.known == (
        "It was removed on 2023-11-21 22:13:20.000 UTC",
        "Retention keeps 7 days",
    )
    assert said.asked == "ab" * 8


def test_without_root_time_or_name_it_says_what_there_was() -> None:
    said = removed_trace(
        removed(has_root=False, start_ns=0, root_name="", root_service="", spans=1), KEEPS_ALL
    )
    assert said.text.startswith("It began with \u2068(no name)\u2069 of ")
    assert said.text.endswith(": 2.34 s, 1 span.")
    assert len(said.known) == 1


def test_a_strangers_name_is_cut_and_turns_nothing_around() -> None:
    said = removed_trace(removed(root_name="\u202e" + "x" * 9_000, root_service="y" * 9_000), "")
    assert len(said.text) < 600
    assert said.text.count("\u2068") == said.text.count("\u2069") == 2


def test_an_unknown_trace_is_told_with_what_is_stored() -> None:
    said = missing_trace("f" * 32, "F" * 32, STATS, KEPT, ("Look again.",))
    assert (said.code, said.title, said.asked) == (404, "No such trace", "F" * 32)
    assert said.known == (
        "Look again.",
        "The store holds 2 traces, from 2023-11-14 22:13:20.000 to 2023-11-14 22:13:21.000 UTC",
        "Retention keeps 7 days",
    )
    assert "The store is still empty" in missing_trace("f" * 32, "f", EMPTY, KEPT).known


@pytest.mark.parametrize(
    ("trace_id", "is_xray", "proves"),
    [
        (datadog(SECOND - DAY), False, True),
        (datadog(SECOND + DAY), False, False),
        (xray(SECOND - DAY), True, True),
        (xray(SECOND + DAY), True, False),
        # Written without dashes it may be any random ID.
        (xray(SECOND - DAY), False, False),
        ("0" * 16 + "b" * 16, False, False),
        (datadog(1_000), False, False),
        (xray(0xFFFFFFFF), True, False),
    ],
)
def test_an_id_that_carries_a_time_proves_a_trace_too_old(
    trace_id: str, is_xray: bool, proves: bool
) -> None:
    _, too_old = told_by_id(trace_id, STATS, KEPT, is_xray=is_xray)
    assert too_old is proves


def test_what_an_id_says_is_told() -> None:
    lines, _ = told_by_id(datadog(SECOND - DAY), STATS, KEPT)
    assert lines == (
        "Its ID says that it is from 2023-11-13 22:13:20.000 UTC, before the oldest span that is"
        " stored",
    )
    lines, _ = told_by_id(datadog(SECOND + DAY), STATS, KEPT)
    assert lines == ("Its ID says that it is from 2023-11-15 22:13:20.000 UTC",)
    lines, _ = told_by_id(xray(SECOND - DAY), STATS, KEPT)
    assert lines[0].startswith("If its ID is of AWS X-Ray, it is from 2023-11-13")
    assert told_by_id(xray(SECOND + DAY), STATS, KEPT) == ((), False)
    said = missing_trace(datadog(SECOND - DAY), "x", STATS, KEPT)
    assert (said.code, said.title) == (410, "This trace is older than what is kept")
    assert said.text.endswith("is stored. If any was, retention has removed it.")
    assert not any("just sent" in line for line in said.known)


@pytest.mark.parametrize("retention", ["", KEEPS_ALL])
def test_nothing_is_too_old_where_everything_is_kept(retention: str) -> None:
    assert keeps(retention) == ()
    assert not told_by_id(datadog(SECOND - DAY), STATS, retention)[1]
    assert not told_by_id(datadog(SECOND - DAY), EMPTY, KEPT)[1]
