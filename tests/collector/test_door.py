"""What all doors share: decoding, keeping, counting, and the bound on what is in work."""

import threading

import pytest

from tests.builders import a_batch, a_span
from viewer.collector.door import Door, Workload, client_of
from viewer.collector.pipeline import Overloaded
from viewer.collector.stats import DoorStats
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.receiver import WrongMediaType
from viewer.store.base import StoreError
from viewer.trace.batch import SpanBatch


class Taking:
    """A pipeline that notes what it is given, or raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: list[SpanBatch] = []
        self.error = error

    def accept(self, batch: SpanBatch) -> None:
        if self.error:
            raise self.error
        self.kept.append(batch)


def a_door(pipeline: Taking | None = None, workload: Workload | None = None) -> Door:
    return Door(pipeline or Taking(), DoorStats("x"), workload or Workload())  # type: ignore[arg-type]


def decoded_spans(*rejected: str) -> Decoded:
    decoded = Decoded(a_batch([a_span(1), a_span(2, 1)]))
    for reason in rejected:
        decoded.reject(reason)
    return decoded


def test_what_is_kept_is_counted_beside_what_was_refused() -> None:
    door = a_door()
    door.take(lambda: decoded_spans("no ID", "no ID"), 100, "an-agent/1")
    report = door.stats.report()
    assert (report.requests, report.accepted_spans, report.bytes) == (1, 2, 100)
    assert (report.rejected, report.last_client) == ({"no ID": 2}, "an-agent/1")


def test_a_request_that_carries_no_spans_is_not_counted() -> None:
    door = a_door()
    assert door.take(lambda: None, 100) is None
    assert door.stats.report().requests == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DecodeError("it breaks off"), "body cannot be decoded"),
        (WrongMediaType("text"), "unsupported media type"),
    ],
)
def test_what_cannot_be_decoded_is_counted_and_raised(error: DecodeError, reason: str) -> None:
    def fail() -> Decoded:
        raise error

    door = a_door()
    with pytest.raises(type(error)):
        door.take(fail, 1)
    assert door.stats.report().rejected == {reason: 1}


@pytest.mark.parametrize("error", [Overloaded("full"), StoreError("closed")])
def test_spans_that_cannot_be_kept_now_are_counted_as_such(error: Exception) -> None:
    door = a_door(Taking(error))
    with pytest.raises(Overloaded, match=str(error)):
        door.take(decoded_spans, 1)
    assert door.stats.report().rejected == {"overloaded, sender asked to try again": 2}
    assert door.stats.report().accepted_spans == 0


def test_a_body_waits_until_there_is_room_for_it() -> None:
    workload = Workload(limit=10)
    entered, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with workload.share(8):
            entered.set()
            leave.wait(10)
            order.append("first")

    def second() -> None:
        with workload.share(8):
            order.append("second")

    one = threading.Thread(target=first)
    one.start()
    entered.wait(10)
    two = threading.Thread(target=second)
    two.start()
    with workload.share(2):
        order.append("small")
    leave.set()
    one.join(10)
    two.join(10)
    assert order == ["small", "first", "second"]


def test_a_body_for_which_there_is_no_room_for_long_is_to_come_again() -> None:
    workload = Workload(limit=10, wait_s=0.01)
    door = a_door(workload=workload)
    with workload.share(10), pytest.raises(Overloaded, match="at once"):
        door.take(decoded_spans, 1)
    assert door.stats.report().rejected == {"overloaded, sender asked to try again": 1}
    assert door.take(decoded_spans, 1) is not None


def test_a_body_larger_than_the_bound_is_taken_alone() -> None:
    with Workload(limit=10, wait_s=0.01).share(1000):
        pass


@pytest.mark.parametrize(
    ("resource", "client"),
    [
        ({}, ""),
        (
            {
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": "1.2",
                "telemetry.sdk.language": "go",
            },
            "go opentelemetry 1.2",
        ),
        ({"telemetry.sdk.name": "ddtrace"}, "ddtrace"),
        ({"jaeger.version": "Python-4.8.0"}, "Python-4.8.0"),
    ],
)
def test_a_client_is_known_by_its_resource(resource: dict[str, str], client: str) -> None:
    assert client_of(a_batch([a_span(resource=resource)])) == client


def test_no_spans_tell_no_client() -> None:
    assert client_of(SpanBatch()) == ""


def test_datagrams_are_kept_together_and_those_that_are_none_counted() -> None:
    def decode(data: bytes) -> Decoded:
        if data == b"bad":
            raise DecodeError("it is bad", "byte 1")
        return decoded_spans()

    pipeline = Taking()
    door = a_door(pipeline)
    door.take_datagrams(decode, [b"one", b"bad", b"two"], lambda: False)
    assert [len(batch) for batch in pipeline.kept] == [4]
    report = door.stats.report()
    assert (report.requests, report.accepted_spans, report.bytes) == (2, 4, 6)
    assert report.rejected == {"datagram cannot be decoded": 1}
    assert report.last_refusal == "byte 1: it is bad"


def test_datagrams_are_tried_again_as_long_as_it_is_worth_it() -> None:
    pipeline = Taking(Overloaded("full"))
    door = a_door(pipeline)
    asked: list[int] = []

    def retry() -> bool:
        asked.append(1)
        if len(asked) == 3:
            pipeline.error = None
        return True

    door.take_datagrams(lambda _: decoded_spans(), [b"one"], retry)
    assert (len(asked), len(pipeline.kept)) == (3, 1)
    pipeline.error = Overloaded("full")
    door.take_datagrams(lambda _: decoded_spans(), [b"one"], lambda: False)
    assert door.stats.report().rejected == {"lost: the store could not be written": 2}
