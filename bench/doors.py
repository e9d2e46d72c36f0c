"""All doors at once: `python -m bench.doors [--seconds 300]` prints a table and writes JSON.

Eight clients, each a process of its own, send small traces as fast as they are answered to one
server: OTLP over HTTP and gRPC, Jaeger over HTTP and UDP, Zipkin (two of them), Datadog, X-Ray over
UDP. UDP is sent at a fixed rate, as nobody answers. Afterwards every span that was acknowledged must
be stored; of datagrams as many as were sent, less those that the server counted as dropped.
"""

import argparse
import http.client
import json
import multiprocessing
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import grpc
from rich.console import Console
from rich.table import Table

from bench.payloads import PAYLOADS, SPANS
from bench.server import Server
from viewer.config import DEFAULT_PORTS

CLIENTS = (
    "OTLP/HTTP", "OTLP/gRPC", "Jaeger HTTP", "Jaeger compact", "Zipkin", "Zipkin", "Datadog",
    "AWS X-Ray UDP",
)  # fmt: skip
TRACES_PER_BODY = 40
DATAGRAMS_PER_S = 400
_RETRY_S = 0.2
_HEADERS = {
    "OTLP/HTTP": ("POST", "application/x-protobuf"),
    "Jaeger HTTP": ("POST", "application/x-thrift"),
    "Zipkin": ("POST", "application/json"),
    "Datadog": ("PUT", "application/msgpack"),
}
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
Send = Callable[[bytes], bool]
"""Sends a body; says whether it was acknowledged (False: to be sent again)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client saw. Its traces are numbered from 0: all below ``acknowledged`` were kept."""

    door: str
    acknowledged: int
    refusals: int


@dataclass(frozen=True, slots=True)
class Row:
    """A client's account. ``missing`` must be 0."""

    client: int
    door: str
    spans_sent: int
    spans_stored: int
    dropped_and_counted: int
    missing: int
    refusals: int


@dataclass(frozen=True, slots=True)
class Result:
    """The run as a whole."""

    seconds: float
    spans_stored: int
    spans_per_s: float
    server_cpu_s: float
    peak_rss_mb: float
    rss_mb_over_time: tuple[float, ...]
    rows: tuple[Row, ...]


def over_http(door: str, address: str) -> Send:
    """Return a sender over one connection that is kept open."""
    parts, (method, media_type) = urlsplit(address), _HEADERS[door]
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def send(body: bytes) -> bool:
        connection.request(method, parts.path, body, {"Content-Type": media_type})
        answer = connection.getresponse()
        answer.read()
        if answer.status not in (200, 202, 503):
            raise RuntimeError(f"{door} answered {answer.status}")
        return answer.status != 503

    return send


def over_grpc(address: str) -> Send:
    """Return a sender over one channel."""
    export: Callable[..., bytes] = grpc.insecure_channel(urlsplit(address).netloc).unary_unary(
        _EXPORT
    )

    def send(body: bytes) -> bool:
        try:
            export(body, timeout=60)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    return send


def over_udp(address: str) -> Send:
    """Return a sender that keeps to DATAGRAMS_PER_S."""
    parts = urlsplit(address)
    target = (parts.hostname, parts.port)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    begin, count = time.monotonic(), 0

    def send(body: bytes) -> bool:
        nonlocal count
        sender.sendto(body, target)
        count += 1
        time.sleep(max(0.0, begin + count / DATAGRAMS_PER_S - time.monotonic()))
        return True

    return send


def run_client(number: int, door: str, address: str, seconds: float, told: Connection) -> None:
    """Send until the time is over; the body of a client's process."""
    if door == "OTLP/gRPC":
        send = over_grpc(address)
    else:
        send = over_udp(address) if address.startswith("udp:") else over_http(door, address)
    traces = TRACES_PER_BODY
    if door == "AWS X-Ray UDP":
        traces = 1
    elif address.startswith("udp:"):
        traces = 10
    end = time.monotonic() + seconds
    done = refusals = 0
    while time.monotonic() < end:
        body = PAYLOADS[door](number, range(done, done + traces), time.time_ns())
        while not send(body):
            refusals += 1
            time.sleep(_RETRY_S)
        done += traces
    told.send(Sent(door, done, refusals))


def run(seconds: float, folder: Path) -> Result:
    """Run it all; raises ServerFailed, RuntimeError."""
    path = folder / "doors.duckdb"
    with Server(f"duckdb:{path}", receivers=tuple(DEFAULT_PORTS)) as server:
        begin = time.monotonic()
        context = multiprocessing.get_context("spawn")
        ends, processes = [], []
        for number, door in enumerate(CLIENTS):
            told, tells = context.Pipe(duplex=False)
            arguments = (number, door, server.doors[door], seconds, tells)
            process = context.Process(target=run_client, args=arguments)
            process.start()
            ends.append(told)
            processes.append(process)
        rss = []
        while any(process.is_alive() for process in processes):
            time.sleep(min(10.0, max(1.0, seconds / 10)))
            rss.append(round(server.rss_bytes() / 1e6))
        sent = [told.recv() for told in ends]
        took = time.monotonic() - begin
        # The last datagrams are still on their way into the store.
        time.sleep(3)
        dropped = dropped_datagrams(server)
        usage = server.usage()
    rows = account(sent, spans_by_client(path), dropped)
    stored = sum(row.spans_stored for row in rows)
    return Result(
        round(took, 1),
        stored,
        round(stored / took),
        round(usage.cpu_s, 1),
        round(usage.peak_rss_bytes / 1e6),
        tuple(rss),
        rows,
    )


def dropped_datagrams(server: Server) -> dict[str, int]:
    """Return how many datagrams each door says it dropped."""
    with urllib.request.urlopen(f"{server.ui_url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    dropped: dict[str, int] = {}
    for line in lines:
        if line.startswith("tracefall_receiver_rejected_total{") and "dropped" in line:
            name = line.partition('receiver="')[2].partition('"')[0]
            dropped[name] = dropped.get(name, 0) + int(line.rpartition(" ")[2])
    return dropped


def spans_by_client(path: Path) -> dict[int, int]:
    """Return how many different spans of each client are stored; the client is in the trace ID."""
    with duckdb.connect(str(path), read_only=True) as con:
        rows = con.execute(
            "SELECT ('0x' || trace_id[2:8])::INTEGER AS client, count(DISTINCT (trace_id, span_id))"
            " FROM spans GROUP BY client"
        ).fetchall()
    return dict(rows)


def account(
    sent: list[Sent], stored: Mapping[int, int], dropped: Mapping[str, int]
) -> tuple[Row, ...]:
    """Compare what was acknowledged with what is stored."""
    rows = []
    for number, client in enumerate(sent):
        spans = client.acknowledged * SPANS
        per_datagram = SPANS if client.door == "AWS X-Ray UDP" else 10 * SPANS
        lost = dropped.get(client.door, 0) * per_datagram
        found = stored.get(number, 0)
        rows.append(
            Row(number, client.door, spans, found, lost, spans - lost - found, client.refusals)
        )
    return tuple(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--json", type=Path, help="write the result here as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-doors-") as folder:
        result = run(asked.seconds, Path(folder))
    table = Table(title=f"all doors, {result.seconds} s")
    for name in Row.__dataclass_fields__:
        table.add_column(name.replace("_", " "), justify="right")
    for row in result.rows:
        table.add_row(
            *(f"{value:,}" if isinstance(value, int) else value for value in asdict(row).values())
        )
    console = Console(width=140)
    console.print(table)
    console.print(
        f"{result.spans_stored:,} spans, {result.spans_per_s:,}/s, {result.server_cpu_s} CPU-s of"
        f" the server, peak {result.peak_rss_mb:,} MB, over time {result.rss_mb_over_time}"
    )
    if asked.json:
        asked.json.write_text(json.dumps(asdict(result), indent=1))
    return int(any(row.missing for row in result.rows))


if __name__ == "__main__":
    sys.exit(main())
