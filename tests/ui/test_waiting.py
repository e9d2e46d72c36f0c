"""Clients that go: what is made for them alone ends, over real sockets and with real queries."""

import http.client
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.builders import a_batch, a_trace
from tests.store.duckdb.test_engine import a_store
from tests.ui.stage import NOW_NS, store_nothing
from viewer.collector.listen import HttpServer, bind
from viewer.paths import STATIC, TEMPLATES
from viewer.search.query import TraceQuery
from viewer.store.base import TraceCounts
from viewer.store.cancel import ASK_EVERY_S, stopped_queries
from viewer.ui import create_ui
from viewer.ui.current import UiServices

# Days of work, and no memory to speak of; and some milliseconds of it.
SLOW = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"
LARGE = "SELECT list(range) FROM range(1000000000)"
SHORT = "SELECT sum(range) FROM range(10000000)"
SOON_S = 2.0
TRACE = f"{1:016x}"


class Stage:
    """A server of pages over a DuckDB file, whose store does what a test wants."""

    def __init__(self, folder: Path, limit_s: float | None = None, threads: int = 4) -> None:
        self.store = a_store(folder / "spans.duckdb")
        self.store.write_spans([a_batch(a_trace(spans=3))])
        self.begun = threading.Semaphore(0)
        services = UiServices(
            self.store,
            "1.2.3",
            ingest=store_nothing,
            now_ns=lambda: NOW_NS,
            query_timeout_s=limit_s,
        )
        app = create_ui(services, TEMPLATES, STATIC)
        self.server = HttpServer(
            app.wsgi_app, bind("127.0.0.1", 0), threads, 1 << 20, notices_leaving=True
        )
        self.server.start()

    def makes_slow(
        self,
        method: str,
        sql: str = SLOW,
        times: int = 1000,
        until: threading.Event | None = None,
    ) -> None:
        """Let a method of the store run this statement first, the next so many times; with ``until``
        over and over until it is set."""
        real: Callable[..., Any] = getattr(self.store, method)
        left = [times]

        def slow(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                with self.store._connections.reading() as con:
                    self.begun.release()
                    con.execute(sql).fetchall()
                    while until is not None and not until.is_set():
                        con.execute(sql).fetchall()
            return real(*arguments, **named)

        setattr(self.store, method, slow)

    def ask(self, path: str) -> socket.socket:
        """Send a request and return its connection once the query runs."""
        client = self.send(path)
        assert self.begun.acquire(timeout=10)
        return client

    def send(self, path: str) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.server.port), 20)
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n".encode()
        )
        return client

    def answer(self, path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        connection.request("GET", path, headers={"Accept": "text/html", **headers})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def is_idle(self) -> bool:
        """Say whether no query runs and no worker of the server works."""
        return not self.store._connections._active and self.server._tasks.active_count == 0

    def stop(self) -> None:
        self.store.close()
        self.server.begin_stop()
        self.server.finish_stop()


def within(seconds: float, is_so: Callable[[], bool]) -> float:
    """Wait until it is so, and return how long that took."""
    begin = time.monotonic()
    while not is_so():
        assert time.monotonic() - begin < seconds
        time.sleep(0.005)
    return time.monotonic() - begin


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(**options: Any) -> Stage:
        made.append(Stage(tmp_path, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.stop()


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/search", "find_traces"),
        ("/search", "count_traces"),
        ("/search/totals", "count_traces"),
        (f"/trace/{TRACE}", "get_columns"),
        (f"/trace/{TRACE}/download?format=otlp", "get_spans"),
        ("/api/traces?service=shop&start=0&end=1", "find_traces"),
        ("/api/services", "services"),
        ("/status", "stats"),
    ],
)
def test_the_query_of_a_client_that_goes_is_stopped_and_nothing_is_logged(
    stages: Callable[..., Stage], caplog: pytest.LogCaptureFixture, path: str, method: str
) -> None:
    stage = stages(threads=1)
    stage.makes_slow(method, times=1)
    before = stopped_queries()["nobody waits"]
    client = stage.ask(path)
    client.close()
    within(SOON_S, stage.is_idle)
    assert stopped_queries()["nobody waits"] == before + 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    # The one thread is free again, and what the query was for can still be had.
    assert stage.answer(path)[0] == 200


def test_a_second_request_of_a_connection_ends_with_it_too(stages: Callable[..., Stage]) -> None:
    stage = stages()
    client = stage.send("/healthy")
    assert b"404" in client.recv(1 << 16)
    stage.makes_slow("find_traces")
    client.sendall(b"GET /search HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert stage.begun.acquire(timeout=10)
    client.close()
    within(SOON_S, stage.is_idle)


def test_a_request_sent_ahead_waits_for_the_first_and_both_are_answered(
    stages: Callable[..., Stage],
) -> None:
    stage = stages()
    request = b"GET /api/services HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /api/services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stage.server.port), 20) as client:
        client.sendall(request * 3 + last)
        with client.makefile("rb") as answers:
            assert answers.read().count(b"HTTP/1.1 200 OK") == 4


def test_a_client_that_stays_gets_its_answer_whoever_goes(stages: Callable[..., Stage]) -> None:
    stage, end = stages(), threading.Event()
    before = stopped_queries()["nobody waits"]
    stage.makes_slow("find_traces", times=1)
    leaving = stage.ask("/search")
    with ThreadPoolExecutor(1) as threads:
        stage.makes_slow("find_traces", SHORT, times=1, until=end)
        staying = threads.submit(stage.answer, "/search")
        assert stage.begun.acquire(timeout=10)
        leaving.close()
        within(SOON_S, lambda: stopped_queries()["nobody waits"] == before + 1)
        end.set()
        assert staying.result(20)[0] == 200
    within(SOON_S, stage.is_idle)


def test_a_trace_is_loaded_for_who_waits_when_the_first_one_goes(
    stages: Callable[..., Stage],
) -> None:
    stage, end = stages(), threading.Event()
    stage.makes_slow("get_columns", SHORT, times=1, until=end)
    first = stage.ask(f"/trace/{TRACE}")
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(stage.answer, f"/trace/{TRACE}")
        within(5, lambda: stage.server._tasks.active_count == 2)
        before = stopped_queries()
        first.close()
        # Long enough for it to be noticed.
        time.sleep(3 * ASK_EVERY_S)
        end.set()
        assert second.result(20)[0] == 200
    # It was the first one's query, and it went on to its end.
    assert stopped_queries() == before


def test_all_who_wait_for_a_trace_and_go_set_their_threads_free(
    stages: Callable[..., Stage],
) -> None:
    stage = stages()
    stage.makes_slow("get_columns", times=1)
    clients = [stage.ask(f"/trace/{TRACE}"), *(stage.send(f"/trace/{TRACE}") for _ in "ab")]
    within(5, lambda: stage.server._tasks.active_count == 3)
    clients[1].close()
    within(SOON_S, lambda: stage.server._tasks.active_count == 2)
    clients[0].close()
    clients[2].close()
    within(SOON_S, stage.is_idle)
    assert stage.answer(f"/trace/{TRACE}")[0] == 200


def test_what_takes_too_long_is_given_up_and_says_what_to_do(stages: Callable[..., Stage]) -> None:
    stage = stages(limit_s=0.2)
    stage.makes_slow("find_traces")
    status, text = stage.answer("/search?lookback=7d")
    assert status == 504
    assert "not there after 0.2 s" in text
    assert "Narrow the time range, or add a service" in text
    assert "--query-timeout" in text
    status, text = stage.answer("/api/traces?service=shop&start=0&end=1")
    assert status == 504
    assert "not there after 0.2 s" in text
    within(SOON_S, stage.is_idle)


def test_what_needs_too_much_memory_says_so_and_the_store_goes_on(
    stages: Callable[..., Stage],
) -> None:
    stage = stages()
    with stage.store._connections.reading() as con:
        con.execute("SET memory_limit = '60MB'").fetchall()
    stage.makes_slow("find_traces", LARGE, times=1)
    status, text = stage.answer("/search")
    assert status == 503
    assert "more memory than the store may take" in text
    assert "Narrow the time range, or add a service" in text
    stage.store.write_spans([a_batch(a_trace(2))])
    assert stage.answer("/search")[0] == 200


def test_a_count_that_was_stopped_is_counted_again(stages: Callable[..., Stage]) -> None:
    stage = stages()
    kept = stage.store._kept
    real = kept.in_range

    def slow(con: Any, generation: int, compiler: Any) -> tuple[int, int]:
        stage.begun.release()
        con.execute(SLOW).fetchall()
        return real(con, generation, compiler)

    kept.in_range = slow  # type: ignore[method-assign]
    stage.ask("/search/totals").close()
    within(SOON_S, stage.is_idle)
    assert kept._ranges == {}
    kept.in_range = real  # type: ignore[method-assign]
    assert stage.store.count_traces(TraceQuery()) == TraceCounts(1, 1, 3, None)


def test_a_download_may_take_longer_than_a_page(stages: Callable[..., Stage]) -> None:
    stage = stages(limit_s=0.3)
    real = stage.store.get_spans

    def late(*arguments: Any) -> Any:
        time.sleep(0.4)
        return real(*arguments)

    stage.store.get_spans = late  # type: ignore[method-assign]
    status, text = stage.answer(f"/trace/{TRACE}/download?format=otlp")
    assert status == 200
    assert TRACE in text


def test_the_process_holds_no_more_descriptors_after_clients_went(
    stages: Callable[..., Stage],
) -> None:
    stage = stages()
    stage.makes_slow("find_traces")
    open_before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        stage.ask("/search").close()
        within(SOON_S, stage.is_idle)
    within(SOON_S, lambda: len(os.listdir("/dev/fd")) <= open_before + 1)
