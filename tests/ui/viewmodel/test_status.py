"""Counters as rows."""

import pytest

from tests.builders import START_NS
from viewer.store.base import ServiceStats, StoreStats
from viewer.trace.report import DoorReport
from viewer.ui.viewmodel.shell import Light
from viewer.ui.viewmodel.status import StatusReport, status_report

NOW_NS = START_NS + 60 * 10**9


def report(stats: StoreStats, *doors: DoorReport) -> StatusReport:
    return status_report(
        Light("ok", ""),
        doors,
        stats,
        store_url="memory:",
        version="1",
        read_only=False,
        retention="",
        now_ns=NOW_NS,
        service_url="/search?service={}".format,
    )


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0.0, "0"), (0.0167, "0.017"), (0.5, "0.5"), (3.14, "3.1"), (12_345.6, "12,346")],
)
def test_slow_rates_keep_their_digits(rate: float, shown: str) -> None:
    door = DoorReport("OTLP/HTTP", "x", spans_per_second=rate)
    assert report(StoreStats(0, 0, 0, 0, 0), door).doors[0].rate == shown


def test_the_size_of_a_span_is_worked_out_where_the_size_is_known() -> None:
    assert report(StoreStats(1000, 10, 97_000, START_NS, START_NS)).span_size == "97 B"
    assert report(StoreStats(1000, 10, 0, START_NS, START_NS)).span_size == ""
    assert report(StoreStats(0, 0, 4096, 0, 0)).span_size == ""


def test_bars_compare_services_with_the_largest() -> None:
    services = (ServiceStats("a", 25, 1, 2), ServiceStats("b", 100, 1, 2))
    found = report(StoreStats(125, 2, 0, 1, 2, services))
    assert [row.bar_width for row in found.services] == ["25.00%", "100.00%"]


def test_a_service_without_a_name_is_said_to_have_none() -> None:
    found = report(StoreStats(1, 1, 0, 1, 2, (ServiceStats("", 1, 1, 2),)))
    assert found.services[0].name == "(no service)"


def test_of_very_many_services_the_largest_are_listed_and_the_rest_counted() -> None:
    services = tuple(ServiceStats(f"s{number:04}", number + 1, 1, 2) for number in range(1_200))
    found = report(StoreStats(1, 1, 0, 1, 2, services))
    assert [found.services[0].name, found.services[-1].name] == ["s0700", "s1199"]
    assert (len(found.services), found.services_left) == (500, 700)
    assert found.services[0].url == "/search?service=s0700"
