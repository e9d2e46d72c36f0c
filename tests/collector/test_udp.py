"""Datagrams over real sockets. The format is a made-up one, a trace ID in hex, so that what is
tested is the door."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.builders import a_span
from tests.conftest import needs_ipv6
from viewer.collector import udp
from viewer.collector.door import Door, Workload
from viewer.collector.listen import bind
from viewer.collector.pipeline import Overloaded, Pipeline
from viewer.collector.stats import DoorStats
from viewer.collector.udp import KERNEL_DROPPED, NO_ROOM, UdpServer
from viewer.formats.base import Decoded, DecodeError
from viewer.store import open_store
from viewer.trace.batch import SpanBatch


class Numbers:
    """Reads a span out of a datagram that holds its trace ID as a number."""

    name, flag, port = "Numbers", "--numbers", 0

    def decode(self, datagram: bytes) -> Decoded:
        if not datagram.isdigit():
            raise DecodeError("a number was expected")
        decoded = Decoded()
        decoded.batch.add(a_span(trace_id=f"{int(datagram):032x}"))
        return decoded


class Running:
    def __init__(self, taking: object = None) -> None:
        self.store = open_store("memory:")
        self.pipeline = Pipeline(self.store, None)
        self.stats = DoorStats("Numbers")
        door = Door(taking or self.pipeline, self.stats, Workload())  # type: ignore[arg-type]
        self.server = UdpServer(Numbers(), door, bind("127.0.0.1", 0, [socket.SOCK_DGRAM]))
        self.server.start()

    def send(self, *datagrams: bytes, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, (host, self.server.port))

    def stop(self) -> None:
        self.server.begin_stop()
        self.server.finish_stop()
        self.pipeline.close()


@pytest.fixture
def running() -> Iterator[Running]:
    started = Running()
    yield started
    started.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def test_datagrams_are_stored_and_counted(running: Running) -> None:
    running.send(b"1", b"2", b"3")
    wait_for(lambda: running.store.stats().traces == 3)
    wait_for(lambda: running.stats.report().requests == 3)
    report = running.stats.report()
    assert (report.accepted_spans, report.bytes) == (3, 3)


@needs_ipv6
def test_it_listens_on_both_loopback_addresses(running: Running) -> None:
    running.send(b"4", host="::1")
    wait_for(lambda: running.store.stats().traces == 1)


def test_a_datagram_that_is_no_spans_is_counted_and_costs_no_other(running: Running) -> None:
    running.send(b"nonsense", b"5", b"\xff" * 60_000, b"6")
    wait_for(lambda: running.store.stats().traces == 2)
    wait_for(lambda: running.stats.report().rejected == {"datagram cannot be decoded": 2})
    assert running.stats.report().last_refusal == "a number was expected"


def test_what_was_read_is_stored_before_it_ends() -> None:
    running = Running()
    running.send(*(b"%d" % number for number in range(1, 201)))
    wait_for(lambda: running.stats.report().requests > 0)
    running.server.begin_stop()
    running.server.finish_stop()
    report = running.stats.report()
    assert running.store.stats().traces == report.requests
    running.pipeline.close()


class _Gate:
    """A pipeline that is full until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.kept = 0

    def accept(self, batch: SpanBatch) -> None:
        if not self.open.is_set():
            raise Overloaded("full")
        self.kept += len(batch)


def test_while_the_store_is_full_datagrams_wait_and_what_finds_no_room_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(udp, "_QUEUE_BYTES", 50)
    monkeypatch.setattr(udp, "_RETRY_S", 0.01)
    gate = _Gate()
    running = Running(gate)
    running.send(*(b"%d" % number for number in range(100, 200)))
    wait_for(lambda: running.stats.report().rejected.get(NO_ROOM, 0) > 0)
    gate.open.set()
    wait_for(lambda: gate.kept + running.stats.report().rejected[NO_ROOM] == 100)
    # What is stored is counted a moment later, by the thread that stored it.
    wait_for(lambda: running.stats.report().accepted_spans == gate.kept)
    running.stop()


def test_what_the_kernel_drops_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "_KERNEL_BUFFER", 2048)
    running = Running()
    reading = threading.Event()
    enqueue = running.server._enqueue

    def slow(data: bytes) -> None:
        reading.wait(10)
        enqueue(data)

    monkeypatch.setattr(running.server, "_enqueue", slow)
    running.send(*(b"%d" % number for number in range(1, 2001)))
    reading.set()
    wait_for(lambda: running.stats.report().requests > 0)
    running.send(b"2001")
    wait_for(lambda: running.stats.report().rejected.get(KERNEL_DROPPED, 0) > 0)
    wait_for(
        lambda: (
            running.stats.report().requests + running.stats.report().rejected[KERNEL_DROPPED]
            == 2001
        )
    )
    running.stop()
