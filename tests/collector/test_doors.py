"""Which doors are open, where, and what becomes of one that cannot be opened."""

import http.client
import socket
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest

from viewer.collector.doors import Doors, shown_host
from viewer.collector.pipeline import Pipeline
from viewer.collector.receivers import Receivers, make_receivers
from viewer.formats.base import Decoded
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.formats.receiver import HttpAnswer, HttpRequest
from viewer.store import open_store

Open = Callable[..., Doors]


class TwoWays:
    """A receiver over HTTP and UDP at one port, as X-Ray's."""

    name, flag, port, shown_path = "Two ways", "--two", 0, "/two"
    paths: Mapping[str, tuple[str, ...]] = {"/two": ("POST",)}

    def decode(self, request: HttpRequest | bytes) -> Decoded:
        return Decoded()

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:
        return HttpAnswer(body=b"two")

    def refuse(self, request: HttpRequest, status: HTTPStatus, message: str) -> HttpAnswer:
        return HttpAnswer(status, message.encode())


@pytest.fixture
def opened() -> Iterator[Open]:
    pipeline = Pipeline(open_store("memory:"), None)
    made: list[Doors] = []

    def make(
        ports: Mapping[str, int | None], host: str = "127.0.0.1", token: str | None = None
    ) -> Doors:
        real, two = make_receivers(OtlpDecoder()), TwoWays()
        http = [receiver for receiver in real.http if receiver.flag == "--otlp-http"]
        services = [receiver for receiver in real.grpc if receiver.flag == "--otlp-grpc"]
        receivers = Receivers([*http, two], services, [two])  # type: ignore[list-item]
        doors = Doors(pipeline, receivers, ports, host, token)
        made.append(doors)
        doors.start()
        return doors

    yield make
    for doors in made:
        doors.begin_stop()
        doors.finish_stop()
    pipeline.close()


def addresses(doors: Doors) -> dict[str, str]:
    return {report.name: report.address for report in doors.reports() if report.address}


def test_only_doors_whose_port_is_set_are_open(opened: Open) -> None:
    assert addresses(opened({})) == {}
    found = addresses(opened({"--otlp-http": 0, "--otlp-grpc": 0}))
    assert list(found) == ["OTLP/HTTP", "OTLP/gRPC"]
    assert urlsplit(found["OTLP/HTTP"]).path == "/v1/traces"


def test_udp_and_tcp_of_one_setting_share_a_number(opened: Open) -> None:
    doors = opened({"--two": 0})
    tcp, udp = (urlsplit(report.address) for report in doors.reports())
    assert (tcp.scheme, udp.scheme) == ("http", "udp")
    assert tcp.port == udp.port
    connection = http.client.HTTPConnection("127.0.0.1", tcp.port, timeout=10)
    connection.request("POST", "/two", b"x")
    assert connection.getresponse().read() == b"two"
    connection.close()


@pytest.mark.parametrize("flag", ["--otlp-http", "--otlp-grpc", "--two"])
def test_a_taken_port_costs_only_its_own_door(opened: Open, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        wanted = {"--otlp-http": 0, "--otlp-grpc": 0, "--two": 0} | {flag: port}
        doors = opened(wanted)
    assert all(f"port {port} is taken" in warning for warning in doors.warnings)
    assert all(warning.endswith(flag) for warning in doors.warnings)
    assert doors.warnings
    # The other program's port is TCP's, so the door of UDP opens.
    assert len(doors.warnings) == 1
    assert sum(bool(report.closed) for report in doors.reports()) == 1
    assert sum(bool(report.address) for report in doors.reports()) == 3


def test_a_door_that_is_off_is_served_at_the_pages_port(opened: Open) -> None:
    doors = opened({"--otlp-http": None})
    doors.mounted_at("http://pages:1")
    assert addresses(doors) == {
        "OTLP/HTTP": "http://pages:1/v1/traces",
        "Two ways": "http://pages:1/two",
    }


def test_udp_which_carries_no_token_is_not_taken_from_other_machines_where_one_is_set(
    opened: Open,
) -> None:
    assert "Two ways" in addresses(opened({"--two": 0}, token="s3cret"))
    doors = opened({"--two": 0}, host="0.0.0.0", token="s3cret")
    (closed,) = (report for report in doors.reports() if report.closed)
    assert "cannot carry the token" in closed.closed
    assert len(doors.warnings) == 1
    assert len(opened({"--two": 0}, host="0.0.0.0").reports()) == 2


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert [shown_host("::1"), shown_host("a.b")] == ["[::1]", "a.b"]
