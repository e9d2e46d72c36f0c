"""The status dot."""

from viewer.trace.report import DoorReport, QuarantineReport
from viewer.ui.viewmodel.shell import status_light

OPEN = DoorReport("OTLP/HTTP", "http://127.0.0.1:4318/v1/traces")
CLOSED = DoorReport("Zipkin", "", closed="port 9411 is taken")


def test_all_receivers_open_is_green() -> None:
    light = status_light([OPEN], "", read_only=False)
    assert (light.level, light.title) == ("ok", "Receiving on OTLP/HTTP")


def test_of_many_open_receivers_it_is_said_how_many_they_are() -> None:
    assert status_light([OPEN] * 11, "", read_only=False).title == "Receiving on all 11 doors"


def test_a_closed_receiver_is_amber_and_says_why() -> None:
    light = status_light([OPEN, CLOSED], "", read_only=False)
    assert light.level == "warn"
    assert light.title == "1 of 2 receivers closed: Zipkin: port 9411 is taken"


def test_trouble_with_the_store_is_red_whatever_else() -> None:
    light = status_light([OPEN], "disk full", read_only=False)
    assert (light.level, light.title) == ("error", "Spans cannot be stored: disk full")


def test_closed_receivers_of_a_read_only_server_are_as_they_should_be() -> None:
    assert status_light([CLOSED], "", read_only=True).level == "ok"


def test_no_receivers_at_all_were_asked_for() -> None:
    assert status_light([], "", read_only=False).level == "ok"


def test_what_the_store_refuses_for_good_is_amber_and_says_where_it_lies() -> None:
    refused = QuarantineReport(2, 100, "/data/spans.refused", "it does not fit")
    light = status_light([OPEN], "", read_only=False, quarantine=refused)
    assert light.level == "warn"
    assert light.title == (
        "2 batches that were acknowledged cannot be stored; put aside in /data/spans.refused:"
        " it does not fit"
    )
