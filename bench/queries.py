"""What searching costs: `python -m bench.queries [--spans 10000000]` prints a table and writes JSON.

A million spans of the made load are stored by a server as they come; further millions are copies of
theirs with other IDs and times, written straight into the file. Then a server opens it, and each query
is asked over HTTP: by one client, and by eight at once. Searches are the results as the page asks for
them; traces come as Jaeger's JSON. `--store FILE` keeps the file, or takes the one that is there.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from bench.ingest import connection, send_all
from bench.load import write_load
from bench.results import Measured, read, show, write
from bench.server import Server

TITLE = "Queries over HTTP, ms"
BASE_SPANS = 1_000_000
_ALONE, _TOGETHER = 20, 8
_PARTIAL = {"HX-Request": "true", "HX-Target": "section#results"}
_SETTLE_S = 600.0

# Whatever is a thing of its own in the load is one in every copy too.
_COPY = """
INSERT INTO spans SELECT md5(trace_id || '{n}') AS trace_id,
  xor(span_id, {n} * 1000003::UBIGINT) AS span_id,
  CASE WHEN parent_id = 0 THEN 0 ELSE xor(parent_id, {n} * 1000003::UBIGINT) END AS parent_id,
  service, name, kind, status, start_ns + {n} * $spread AS start_ns, dur_ns,
  list_transform(attrs, lambda pair: CASE WHEN starts_with(pair, 'session.id=')
    THEN pair || '-{n}' ELSE pair END) AS attrs,
  attr_types, events, links, status_message, trace_state, flags, extra, resource_id, scope_id,
  digest, stored_ns + {n} * $took AS stored_ns, weight
FROM base
"""


@dataclass(frozen=True, slots=True)
class Query:
    """A question: its path, and whether it is one of htmx."""

    name: str
    path: str
    partial: bool


def make_store(path: Path, spans: int) -> None:
    """Store the load, and copies of it until there are as many spans."""
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        load = Path(folder) / "load"
        write_load(load, BASE_SPANS, 1)
        with Server(f"duckdb:{path}", "--retention", "off") as server:
            send_all(server.otlp_url, load, 4)
    with duckdb.connect(str(path)) as con:
        con.execute("SET checkpoint_threshold = '1GB'")
        con.execute("CREATE TEMP TABLE base AS SELECT * FROM spans")
        spread, took = con.execute(
            "SELECT max(start_ns) - min(start_ns), max(stored_ns) - min(stored_ns) + 1 FROM base"
        ).fetchall()[0]
        for number in range(1, spans // BASE_SPANS):
            con.execute(_COPY.format(n=number), {"spread": spread, "took": took}).fetchall()
        con.execute("CHECKPOINT")


def make_queries(path: Path) -> list[Query]:
    """Return the questions to ask, with IDs and values that the file holds."""
    with duckdb.connect(str(path), read_only=True) as con:
        service = _one(con, "SELECT service FROM spans GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        operation = _one(
            con,
            "SELECT name FROM spans WHERE service = $s GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
            s=service,
        )
        sizes = (
            "SELECT trace_id FROM spans GROUP BY 1 HAVING count(*) BETWEEN $low AND $high LIMIT 1"
        )
        small, middle = _one(con, sizes, low=20, high=20), _one(con, sizes, low=5000, high=8000)
        rare = _one(
            con,
            "SELECT a FROM (SELECT unnest(attrs) AS a FROM (SELECT attrs FROM spans LIMIT 100000))"
            " WHERE starts_with(a, 'session.id=') ORDER BY hash(a) LIMIT 1",
        ).partition("=")[2]

    def search(name: str, **asked: str) -> Query:
        return Query(name, f"/search?{urllib.parse.urlencode({'limit': '20', **asked})}", True)

    def tag(key: str, value: str) -> str:
        return json.dumps({key: value})

    return [
        Query("services", "/api/services", False),
        Query(
            "operations of a service",
            f"/api/services/{urllib.parse.quote(service, safe='')}/operations",
            False,
        ),
        Query("trace by ID, 20 spans", f"/api/traces/{small}", False),
        Query("trace by ID, 5,000 to 8,000 spans", f"/api/traces/{middle}", False),
        search("newest 20"),
        search("newest 20 of a service", service=service),
        search("service and operation", service=service, operation=operation),
        search("errors of a service", service=service, status="error"),
        search("span of 100 ms or more", service=service, minDuration="100ms"),
        search("span of 2 s or more", service=service, minDuration="2s"),
        search("common attribute", tags=tag("http.request.method", "GET")),
        search("tenant attribute", tags=tag("tenant.id", "tenant-002")),
        search("rare value", tags=tag("session.id", rare)),
        search("absent value", tags=tag("session.id", "nobody")),
        search("longest 20 of a service", service=service, sort="longest"),
        Query(
            "totals and distribution",
            f"/search/totals?{urllib.parse.urlencode({'service': service})}",
            True,
        ),
    ]


def _one(con: duckdb.DuckDBPyConnection, sql: str, **params: Any) -> str:
    return str(con.execute(sql, params).fetchall()[0][0])


def ask(url: str, query: Query, times: int) -> list[float]:
    """Ask so many times over one connection; return the milliseconds of each."""
    took = []
    with connection(url) as (link, _):
        for _ in range(times):
            begin = time.perf_counter()
            link.request("GET", query.path, headers=_PARTIAL if query.partial else {})
            response = link.getresponse()
            response.read()
            if response.status != 200:
                raise SystemExit(f"{query.path}: {response.status}")
            took.append((time.perf_counter() - begin) * 1000)
    return took


def measure(server: Server, query: Query) -> Measured:
    """Ask alone and by eight clients at once."""
    ask(server.ui_url, query, 2)
    before = server.usage().cpu_s
    alone = sorted(ask(server.ui_url, query, _ALONE))
    cpu_ms = (server.usage().cpu_s - before) * 1000 / _ALONE
    together: list[float] = []
    lock = threading.Lock()

    def client() -> None:
        took = ask(server.ui_url, query, 5)
        with lock:
            together.extend(took)

    clients = [threading.Thread(target=client) for _ in range(_TOGETHER)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return {
        "case": query.name,
        "p50": statistics.median(alone),
        "p95": alone[int(len(alone) * 0.95) - 1],
        "p50 of 8 at once": statistics.median(together),
        "CPU": cpu_ms,
    }


def wait_until_quiet(server: Server) -> None:
    """Wait until the server has noted where things lie, and does nothing any more."""
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        before = server.usage().cpu_s
        time.sleep(3)
        if server.usage().cpu_s - before < 0.1:
            return
    raise SystemExit(f"the server was still busy after {_SETTLE_S:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what searching costs.")
    parser.add_argument("--spans", type=int, default=10_000_000, help="in whole millions")
    parser.add_argument("--store", type=Path, help="keep the file here, or take it from here")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="show both runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        path = arguments.store or Path(folder) / "queries.duckdb"
        if not path.exists():
            make_store(path, arguments.spans)
        queries = make_queries(path)
        with Server(f"duckdb:{path}", "--retention", "off", ready_s=120) as server:
            wait_until_quiet(server)
            found = [measure(server, query) for query in queries]
            print(f"peak memory {server.usage().peak_rss_bytes / 1e6:,.0f} MB")
    earlier: Mapping[str, list[Measured]] = read(arguments.compare) if arguments.compare else {}
    show(TITLE, found, earlier.get(TITLE, ()))
    if arguments.json:
        write(arguments.json, {TITLE: found})


if __name__ == "__main__":
    main()
