"""Sockets and the server behind them."""

import http.client
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import needs_ipv6
from viewer.collector import listen
from viewer.collector.listen import STOP_S, HttpServer, PortTaken, bind, is_loopback


class App:
    """A WSGI application that answers once it is let."""

    def __init__(self, body: bytes = b"done") -> None:
        self.body = body
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.asked.set()
        self.may_answer.wait(20)
        start_response("200 OK", [("Content-Length", str(len(self.body)))])
        return [self.body]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[HttpServer]:
    running = HttpServer(app, bind("127.0.0.1", 0), threads=4, max_body=1000)
    running.start()
    yield running
    app.may_answer.set()
    running.begin_stop()
    running.finish_stop()


def ask(server: HttpServer, host: str = "127.0.0.1") -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(host, server.port, timeout=20)
    connection.request("GET", "/")
    return connection


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_name_means_both_addresses_at_one_port(host: str) -> None:
    sockets = bind(host, 0)
    assert [found.getsockname()[0] for found in sockets] == ["127.0.0.1", "::1"]
    assert len({found.getsockname()[1] for found in sockets}) == 1
    for found in sockets:
        found.close()


def test_any_other_address_is_that_one_alone() -> None:
    (found,) = bind("0.0.0.0", 0)
    assert found.getsockname()[0] == "0.0.0.0"
    found.close()


@pytest.mark.parametrize("taken_host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_port_that_is_taken_on_either_address_is_taken(taken_host: str) -> None:
    family = socket.AF_INET6 if ":" in taken_host else socket.AF_INET
    with socket.create_server((taken_host, 0), family=family) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as raised:
            bind("localhost", port)
        assert raised.value.strerror == f"port {port} is taken"
    for found in bind("localhost", port):
        found.close()


def test_an_address_that_is_not_here_is_said_with_its_name() -> None:
    with pytest.raises(OSError, match=r"cannot listen on port 0 of no\.such\.invalid: "):
        bind("no.such.invalid", 0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True),
     ("0.0.0.0", False), ("10.0.0.1", False), ("::", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_known_from_all_else(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@needs_ipv6
def test_it_answers_on_both_addresses(server: HttpServer, app: App) -> None:
    app.may_answer.set()
    for host in ("127.0.0.1", "::1"):
        connection = ask(server, host)
        assert connection.getresponse().read() == b"done"
        connection.close()


def test_an_answer_under_way_is_given_while_new_clients_are_turned_away(
    server: HttpServer, app: App
) -> None:
    connection = ask(server)
    assert app.asked.wait(5)
    server.begin_stop()
    deadline = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.01)
    app.may_answer.set()
    assert connection.getresponse().read() == b"done"
    connection.close()
    begin = time.monotonic()
    server.finish_stop()
    assert time.monotonic() - begin < 2


def test_clients_that_say_nothing_do_not_hold_up_the_end(server: HttpServer, app: App) -> None:
    idle = socket.create_connection(("127.0.0.1", server.port))
    halfway = socket.create_connection(("127.0.0.1", server.port))
    halfway.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nbegun")
    app.may_answer.set()
    kept_alive = ask(server)
    assert kept_alive.getresponse().read() == b"done"
    begin = time.monotonic()
    server.begin_stop()
    server.finish_stop()
    assert time.monotonic() - begin < 2
    for client in (idle, halfway, kept_alive):
        client.close()


def test_a_client_that_does_not_read_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert STOP_S < 8  # the whole server has ten seconds
    monkeypatch.setattr(listen, "STOP_S", 1)
    app = App(bytes(50 << 20))
    app.may_answer.set()
    server = HttpServer(app, bind("127.0.0.1", 0), threads=1, max_body=1000)
    server.start()
    connection = ask(server)
    assert app.asked.wait(5)
    begin = time.monotonic()
    server.begin_stop()
    server.finish_stop()
    assert 0.9 < time.monotonic() - begin < 2.5
    connection.close()


def hammer(server: HttpServer) -> None:
    """Ask over and over until the server is gone."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        while True:
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"done"
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()


def test_it_ends_in_good_order_however_busy_it_is(app: App) -> None:
    app.may_answer.set()
    for _ in range(5):
        app.asked.clear()
        server = HttpServer(app, bind("127.0.0.1", 0), threads=4, max_body=1000)
        server.start()
        clients = [threading.Thread(target=hammer, args=(server,)) for _ in range(4)]
        for client in clients:
            client.start()
        assert app.asked.wait(5)
        server.begin_stop()
        server.finish_stop()
        for client in clients:
            client.join(5)
            assert not client.is_alive()


def test_a_loop_that_ends_before_it_was_woken_waits_with_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = HttpServer(App(), bind("127.0.0.1", 0), threads=1, max_body=1000)
    server.start()
    trigger: Any = server._doors[0].trigger
    pull = trigger._physical_pull

    def pull_after_another() -> None:
        """A worker's pull, in whose turn the loop takes up our wish already; then ours."""
        pull()
        server._thread.join(0.3)
        pull()

    monkeypatch.setattr(trigger, "_physical_pull", pull_after_another)
    server.begin_stop()
    server.finish_stop()
    assert not server._thread.is_alive()


def test_an_answer_that_comes_too_late_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "STOP_S", 0.1)
    app = App()
    server = HttpServer(app, bind("127.0.0.1", 0), threads=1, max_body=1000)
    server.start()
    connection = ask(server)
    assert app.asked.wait(5)
    server.begin_stop()
    server._thread.join(5)
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.getresponse()
    # These get the numbers of whatever descriptors have been closed.
    files = [(tmp_path / str(number)).open("wb") for number in range(30)]
    app.may_answer.set()
    deadline = time.monotonic() + 5
    while server._tasks.threads:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for file in files:
        file.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0
    connection.close()


def test_a_server_that_was_never_started_ends_all_the_same() -> None:
    server = HttpServer(App(), bind("127.0.0.1", 0), threads=1, max_body=1000)
    server.begin_stop()
    server.finish_stop()
    for found in bind("127.0.0.1", server.port):
        found.close()


def test_a_body_over_the_limit_is_413(server: HttpServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("POST", "/", bytes(2000))
    assert connection.getresponse().status == 413
    connection.close()
