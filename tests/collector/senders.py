"""Clients that send spans as fast as they are answered, and remember what was acknowledged."""

import http.client
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from urllib.parse import urlsplit

from tests.formats.otlp.test_protobuf import a_request, a_wire_span, key_value

SPANS = 20
_ATTRIBUTES = [key_value("http.route", "/cart"), key_value("http.response.status_code", 200)]


def a_body(number: int, spans: int = SPANS) -> tuple[bytes, str]:
    """Return an OTLP request that holds one trace, and the trace's ID; spans count from 1."""
    trace_id = f"{number:032x}"
    raw, now_ns = bytes.fromhex(trace_id), time.time_ns()
    wire = [
        a_wire_span(
            trace_id=raw,
            span_id=index.to_bytes(8, "big"),
            parent_span_id=b"" if index == 1 else (1).to_bytes(8, "big"),
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns + 1000,
            attributes=_ATTRIBUTES,
        )
        for index in range(1, spans + 1)
    ]
    return a_request(*wire), trace_id


def connect(url: str) -> http.client.HTTPConnection:
    """Return a connection that stays open; nothing is sent yet."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)


def send(connection: http.client.HTTPConnection, body: bytes) -> int:
    """Post a request and return the status of its answer."""
    headers = {"Content-Type": "application/x-protobuf"}
    connection.request("POST", "/v1/traces", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


class Senders:
    """Context manager: threads, each with a connection kept alive, that send until the server goes
    away or the block ends. ``acknowledged`` are the IDs of traces that were answered with 200,
    ``refused`` the other statuses."""

    def __init__(self, otlp_url: str, numbers: Iterator[int], threads: int = 4) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self._url, self._numbers = otlp_url, numbers
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def send_for(self, seconds: float) -> None:
        """Wait until something has been acknowledged, and so long after."""
        deadline = time.monotonic() + 20
        while not self.acknowledged:
            assert time.monotonic() < deadline, "nothing is acknowledged"
            time.sleep(0.001)
        time.sleep(seconds)

    def _run(self) -> None:
        connection = connect(self._url)
        try:
            while not self._ended.is_set():
                body, trace_id = a_body(next(self._numbers))
                status = send(connection, body)
                if status == 200:
                    self.acknowledged.append(trace_id)
                else:
                    self.refused.append(status)
        except (OSError, http.client.HTTPException):
            # The server has gone, as the tests mean it to; what was not answered does not count.
            return
        finally:
            connection.close()
