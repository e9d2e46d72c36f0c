"""Data that nobody should send: `python -m bench.extremes` prints a row per case.

Each case is sent to a server of its own over OTLP/HTTP: one trace of two million spans, 100,000
services, a million operations, 10,000 attribute keys, spans of ten years ago and of the next century.
Given are what taking it in costs, the server's memory at its peak, and how long the pages that may
suffer from it take. Fails if not all of it is stored or a page is not answered.
"""

import argparse
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from bench.ingest import connection, post, settle
from bench.memory import Peak
from bench.results import show, write
from bench.server import Server

_TITLE = "Extremes"
_BODY_SPANS = 5_000
_YEAR_NS = 365 * 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Case:
    """``spans`` in traces of ``per_trace``, spread over so many services, operations of each service,
    and attribute keys, starting so long after now."""

    name: str
    spans: int
    per_trace: int = 10
    services: int = 1
    operations: int = 1
    keys: int = 4
    after_ns: int = 0


CASES = (
    Case(
        "one trace of 2,000,000 spans", 2_000_000, per_trace=2_000_000, services=20, operations=50
    ),
    Case("100,000 services", 200_000, services=100_000),
    Case("1,000,000 operations of a service", 1_000_000, operations=1_000_000),
    Case("10,000 attribute keys", 200_000, keys=10_000),
    Case("ten years ago", 50_000, after_ns=-10 * _YEAR_NS),
    Case("in a hundred years", 50_000, after_ns=100 * _YEAR_NS),
)


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def bodies(case: Case) -> Iterator[bytes]:
    """Yield the case's spans as OTLP requests."""
    now_ns = time.time_ns() + case.after_ns
    for first in range(0, case.spans, _BODY_SPANS):
        request = ExportTraceServiceRequest()
        scopes = {}
        for number in range(first, min(first + _BODY_SPANS, case.spans)):
            service = number % case.services
            if service not in scopes:
                group = request.resource_spans.add()
                group.resource.attributes.append(_text("service.name", f"service-{service}"))
                scopes[service] = group.scope_spans.add()
            in_trace = number % case.per_trace
            # A tree with ten children each.
            parent = (in_trace - 1) // 10 + 1 if in_trace else 0
            scopes[service].spans.add(
                trace_id=(number // case.per_trace + 1).to_bytes(16, "big"),
                span_id=(in_trace + 1).to_bytes(8, "big"),
                parent_span_id=parent.to_bytes(8, "big") if parent else b"",
                name=f"operation {number % case.operations}",
                kind=2,
                start_time_unix_nano=now_ns + in_trace * 1_000,
                end_time_unix_nano=now_ns + in_trace * 1_000 + 500_000,
                attributes=[
                    _text(f"key.{(number * 4 + index) % case.keys}", "value") for index in range(4)
                ],
            )
        yield request.SerializeToString()


def pages() -> dict[str, str]:
    """Return the pages that are opened, by what they are called in the table."""
    trace = f"{1:032x}"
    service = urllib.parse.quote("service-0")
    return {
        "search": f"/search?service={service}",
        "status": "/status",
        "api_services": "/api/services",
        "api_operations": f"/api/services/{service}/operations",
        "keys": "/search/suggestions?tags=key",
        "trace": f"/trace/{trace}",
    }


def measure(case: Case, folder: Path) -> dict[str, str | float]:
    """Send a case to a new server and open its pages; seconds for what was opened the second time."""
    store = f"duckdb:{folder / 'extremes.duckdb'}"
    with Server(store, "--retention", "off", "--max-size", "off") as server:
        before = server.usage()
        with Peak(server) as peak, connection(server.otlp_url) as (link, path):
            for body in bodies(case):
                while post(link, path, body)[0] != 200:
                    time.sleep(0.2)
            settle(server)
        cpu_s = server.usage().cpu_s - before.cpu_s
        found: dict[str, str | float] = {
            "case": case.name,
            "cpu_s_per_million": cpu_s * 1e6 / case.spans,
            "peak_mb": peak.bytes / 1e6,
        }
        with Peak(server) as peak:
            for name, address in pages().items():
                size, first_s = _open(server.ui_url + address)
                _, again_s = _open(server.ui_url + address)
                found |= {f"{name}_ms": first_s * 1000, f"{name}_kb": size / 1e3}
                found[f"{name}_again_ms"] = again_s * 1000
        found["pages_peak_mb"] = peak.bytes / 1e6
    return found


def _open(url: str) -> tuple[int, float]:
    begin = time.perf_counter()
    with urllib.request.urlopen(url, timeout=120) as answer:
        size = len(answer.read())
    return size, time.perf_counter() - begin


@dataclass(frozen=True, slots=True)
class Row:
    """A case and a page of it."""

    case: str
    first_ms: float
    again_ms: float
    kilobytes: float


def rows_of(found: dict[str, str | float], case: Case) -> list[dict[str, str | float]]:
    """Return a row per page, for the table."""
    return [
        asdict(
            Row(
                f"{case.name}: {name}",
                float(found[f"{name}_ms"]),
                float(found[f"{name}_again_ms"]),
                float(found[f"{name}_kb"]),
            )
        )
        for name in pages()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what extreme data does to the server.")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    results = []
    for case in CASES:
        if arguments.only in case.name:
            with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
                found = measure(case, Path(folder))
            costs = ("case", "cpu_s_per_million", "peak_mb", "pages_peak_mb")
            show(_TITLE, [{name: found[name] for name in costs}])
            show("Pages", rows_of(found, case))
            results.append(found)
    if arguments.json:
        write(arguments.json, {_TITLE: results})


if __name__ == "__main__":
    main()
