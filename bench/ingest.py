"""What taking in OTLP costs: `python -m bench.ingest [--spans N] [--grpc]` prints a table and writes
JSON.

Starts a server of its own on an empty DuckDB file, sends a made load over four keep-alive
connections, waits until it is quiet, ends it in good order, and looks at what is on the disk. CPU
seconds are the server's alone; client and server share the machine's cores, so spans per second
say less than CPU seconds per million spans. Fails if not every span that was sent is stored.
"""

import argparse
import http.client
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

from bench.load import read_load, write_load
from bench.server import Server

SETTLE_S = 180.0
VISIBLE_S = 60.0
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_HEADERS = {"Content-Type": "application/x-protobuf", "User-Agent": "tracefall-bench"}


@dataclass(slots=True)
class Sent:
    """What the senders have seen."""

    requests: int = 0
    spans: int = 0
    bytes: int = 0
    refusals: int = 0
    latencies_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    """One run; the field names are the table's and the JSON's."""

    door: str
    spans_sent: int
    spans_stored: int
    bytes_sent_per_span: float
    connections: int
    accepted_spans_per_s: float
    cpu_s_per_million_spans: float
    cpu_s_per_million_spans_when_accepted: float
    request_p50_ms: float
    request_p99_ms: float
    refused_requests: int
    visible_under_load_s: float
    visible_when_idle_s: float
    settled_after_s: float
    stopped_after_s: float
    bytes_per_span_on_disk: float
    peak_rss_mb: float
    machine: str


class Feed:
    """Hands bodies to several senders, each once."""

    def __init__(self, bodies: Iterator[bytes]) -> None:
        self._bodies, self._lock = bodies, threading.Lock()

    def next(self) -> bytes | None:
        """Return the next body, or None at the end."""
        with self._lock:
            return next(self._bodies, None)


Send = Callable[[bytes], tuple[int, float]]
"""Sends a body; returns 200, or another status and the seconds to wait. Raises RuntimeError."""


class Sender(threading.Thread):
    """One connection that is kept open."""

    def __init__(
        self, opened: AbstractContextManager[Send], feed: Feed, sent: Sent, lock: threading.Lock
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self._opened, self._feed, self._sent, self._lock = opened, feed, sent, lock
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self._opened as send:
                while (body := self._feed.next()) is not None:
                    self._send(send, body)
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            self.error = error

    def _send(self, send: Send, body: bytes) -> None:
        while True:
            begin = time.perf_counter()
            status, wait_s = send(body)
            took_ms = (time.perf_counter() - begin) * 1000
            if status == 200:
                break
            with self._lock:
                self._sent.refusals += 1
            time.sleep(wait_s)
        with self._lock:
            self._sent.requests += 1
            self._sent.bytes += len(body)
            self._sent.latencies_ms.append(took_ms)


@contextmanager
def connection(url: str) -> Iterator[tuple[http.client.HTTPConnection, str]]:
    """Open a connection to a URL's host; yield it with the URL's path."""
    parts = urllib.parse.urlsplit(url)
    link = http.client.HTTPConnection(parts.netloc, timeout=120)
    try:
        yield link, parts.path
    finally:
        link.close()


def post(link: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, float]:
    """Send a body; return 200, or 429 or 503 with the seconds to wait; raise RuntimeError for others."""
    link.request("POST", path, body, _HEADERS)
    response = link.getresponse()
    answer = response.read()
    if response.status == 200:
        if answer:
            raise RuntimeError(f"a partial success: {answer!r}")
        return 200, 0.0
    if response.status in (429, 503):
        return response.status, float(response.headers.get("Retry-After", "1"))
    raise RuntimeError(f"{response.status}: {answer!r}")


@contextmanager
def over_http(url: str) -> Iterator[Send]:
    """Open a connection for bodies to be posted to a URL."""
    with connection(url) as (link, path):
        yield partial(post, link, path)


@contextmanager
def over_grpc(url: str) -> Iterator[Send]:
    """Open a channel of its own for bodies to be exported by."""
    # Else all channels to one address share a connection.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(urllib.parse.urlsplit(url).netloc, options) as channel:
        call: Callable[..., bytes] = channel.unary_unary(_EXPORT)

        def send(body: bytes) -> tuple[int, float]:
            try:
                answer = call(body, timeout=120)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    return 503, 1.0
                raise RuntimeError(str(error)) from error
            if answer:
                raise RuntimeError(f"a partial success: {answer!r}")
            return 200, 0.0

        yield send


def send_all(
    url: str,
    load: Path,
    connections: int,
    over: Callable[[str], AbstractContextManager[Send]] = over_http,
) -> tuple[Sent, float]:
    """Send a load; return what was seen and the seconds it took."""
    sent, lock, feed = Sent(), threading.Lock(), Feed(read_load(load))
    senders = [Sender(over(url), feed, sent, lock) for _ in range(connections)]
    begin = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took_s = time.perf_counter() - begin
    for sender in senders:
        if sender.error:
            raise sender.error
    return sent, took_s


def seconds_until_visible(otlp_url: str, ui_url: str, service: str) -> float:
    """Send one span of a new service; return how long after the answer a search finds it."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    name = resource_spans.resource.attributes.add()
    name.key, name.value.string_value = "service.name", service
    span = resource_spans.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = os.urandom(16), os.urandom(8), "marker"
    span.start_time_unix_nano = time.time_ns()
    span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000
    with connection(otlp_url) as (link, path):
        while post(link, path, request.SerializeToString())[0] != 200:
            time.sleep(0.2)
    begin = time.perf_counter()
    now_us = time.time_ns() // 1000
    asked = {"service": service, "start": now_us - 10**9, "end": now_us + 10**9}
    query = f"{ui_url}/search?{urllib.parse.urlencode(asked)}"
    while time.perf_counter() - begin < VISIBLE_S:
        with urllib.request.urlopen(query, timeout=30) as answer:
            if b"data-result-row=" in answer.read():
                return time.perf_counter() - begin
        time.sleep(0.05)
    raise RuntimeError(f"{service} was not found within {VISIBLE_S} s")


def settle(server: Server) -> float:
    """Wait until the server has used next to no CPU for three seconds; return how long that took."""
    begin = time.perf_counter()
    quiet_since, used = begin, server.usage().cpu_s
    while time.perf_counter() - begin < SETTLE_S:
        time.sleep(0.5)
        now = server.usage().cpu_s
        if now - used > 0.03:
            quiet_since = time.perf_counter()
        used = now
        if time.perf_counter() - quiet_since >= 3:
            return quiet_since - begin
    raise RuntimeError(f"the server is still busy {SETTLE_S} s after the last span")


def stored_spans(store: str) -> int:
    """Ask `tracefall status` of a stopped server's store."""
    command = [sys.executable, "-m", "viewer", "status", "--store", store]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.match(r"([\d,]+) spans", said)
    if not found:
        raise RuntimeError(f"`status` said {said!r}")
    return int(found[1].replace(",", ""))


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())


def measure(load: Path, spans: int, connections: int, folder: Path, *, by_grpc: bool) -> Result:
    """Run a server, send the load, return what came of it."""
    door, over = ("OTLP/gRPC", over_grpc) if by_grpc else ("OTLP/HTTP", over_http)
    store = f"duckdb:{folder}/bench.duckdb"
    markers = 2
    bounds = ("--retention", "off", "--max-size", "off")
    with Server(store, *bounds, receivers=("--otlp-http", "--otlp-grpc")) as server:
        # As a server is that has run for a while: the compiled decoder is loaded.
        settle(server)
        before = server.usage()
        delays: list[float] = []
        probe = threading.Thread(
            target=lambda: delays.append(_probe_under_load(server)), daemon=True
        )
        probe.start()
        sent, took_s = send_all(server.doors[door], load, connections, over)
        accepted = server.usage()
        settled_s = settle(server)
        settled = server.usage()
        probe.join(VISIBLE_S)
        if not delays:
            raise SystemExit("the span sent under load was not found (see above)")
        idle_s = seconds_until_visible(server.otlp_url, server.ui_url, "bench-idle")
        stopped_s = server.stop()
    on_disk = size_of(folder)
    stored = stored_spans(store)
    if stored != spans + markers:
        raise SystemExit(f"sent {spans + markers:,} spans, but {stored:,} are stored")
    percentiles = statistics.quantiles(sent.latencies_ms, n=100)
    return Result(
        door=door,
        spans_sent=spans,
        spans_stored=stored - markers,
        bytes_sent_per_span=sent.bytes / spans,
        connections=connections,
        accepted_spans_per_s=spans / took_s,
        cpu_s_per_million_spans=(settled.cpu_s - before.cpu_s) * 1e6 / spans,
        cpu_s_per_million_spans_when_accepted=(accepted.cpu_s - before.cpu_s) * 1e6 / spans,
        request_p50_ms=percentiles[49],
        request_p99_ms=percentiles[98],
        refused_requests=sent.refusals,
        visible_under_load_s=delays[0],
        visible_when_idle_s=idle_s,
        settled_after_s=settled_s,
        stopped_after_s=stopped_s,
        bytes_per_span_on_disk=on_disk / spans,
        peak_rss_mb=settled.peak_rss_bytes / 1e6,
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    )


def _probe_under_load(server: Server) -> float:
    time.sleep(2)
    return seconds_until_visible(server.otlp_url, server.ui_url, "bench-loaded")


def show(result: Result) -> None:
    """Print a table."""
    table = Table(title="Ingest, OTLP protobuf", show_header=False)
    for name, value in asdict(result).items():
        shown = (
            f"{value:,.2f}"
            if isinstance(value, float)
            else f"{value:,}"
            if isinstance(value, int)
            else value
        )
        table.add_row(name.replace("_", " "), shown)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what taking in OTLP costs.")
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--grpc", action="store_true", help="send by gRPC")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--load", type=Path, help="keep the load here, or take it from here")
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tracefall-bench-"))
    try:
        load = arguments.load or folder / "load.bin"
        if not load.exists():
            print(f"making {arguments.spans:,} spans…", flush=True)
            write_load(load, arguments.spans, arguments.seed)
        database = folder / "store"
        database.mkdir()
        result = measure(
            load, arguments.spans, arguments.connections, database, by_grpc=arguments.grpc
        )
    finally:
        shutil.rmtree(folder)
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(result), indent=2) + "\n")


if __name__ == "__main__":
    main()
