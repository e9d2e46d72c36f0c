"""What searching costs: `python -m bench.queries [--spans 2000000]` prints a table and writes JSON.

The store is one of `bench.copies`. A server opens it, and each query is asked over HTTP: by one client,
and by eight at once. Searches are the results as the page asks for them; traces come as Jaeger's JSON.
`--store FILE` keeps the file, or takes the one that is there. With `--ingest` the page of the newest is
then asked for in a copy of the file while a load is sent at full rate, beside the same at rest.
"""

import argparse
import json
import math
import shutil
import statistics
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from bench.copies import make_store
from bench.ingest import connection, send_all
from bench.load import write_load
from bench.results import Measured, read, show, write
from bench.server import Server

TITLE = "Queries over HTTP, ms"
INGEST_TITLE = "The newest 20 over HTTP, ms, at rest and while spans come in"
_ALONE, _ALONE_SLOW, _TOGETHER = 20, 8, 8
_SLOW_MS = 250.0
_SETTLE_S = 600.0
_CANDIDATES = 400
VARIES = "VARIES"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Query:
    """A question: its path, and the element that htmx asks it for; none for a whole answer. VARIES in
    the path is another number each time, so that no answer is kept from the time before."""

    name: str
    path: str
    target: str = ""


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
        sessions = _sessions(con)

    def search(name: str, **asked: str) -> Query:
        return Query(
            name, f"/search?{urllib.parse.urlencode({'limit': '20', **asked})}", "section#results"
        )

    def totals(name: str, **asked: str) -> Query:
        varied = {**asked, "minDuration": f"{VARIES}ns"}
        path = f"/search/totals?{urllib.parse.urlencode(varied)}"
        return Query(f"totals and distribution{name}", path, "div#results-overview")

    def suggest(name: str, **asked: str) -> Query:
        path = f"/search/suggestions?{urllib.parse.urlencode(asked)}"
        return Query(name, path, "datalist#tag-suggestions")

    def find(name: str, text: str) -> Query:
        path = f"/trace/{middle}?{urllib.parse.urlencode({'find': text})}"
        return Query(f"text in a trace, in {name}", path, "div#trace-view")

    def tag(key: str, value: str) -> str:
        return json.dumps({key: value})

    return [
        Query("services", "/api/services"),
        Query(
            "operations of a service",
            f"/api/services/{urllib.parse.quote(service, safe='')}/operations",
        ),
        Query("trace by ID, 20 spans", f"/api/traces/{small}"),
        Query("trace by ID, 5,000 to 8,000 spans", f"/api/traces/{middle}"),
        search("newest 20"),
        search("newest 20 of a service", service=service),
        search("service and operation", service=service, operation=operation),
        search("errors of a service", service=service, status="error"),
        search("span of 100 ms or more", service=service, minDuration="100ms"),
        search("span of 2 s or more", service=service, minDuration="2s"),
        search("common attribute", tags=tag("http.request.method", "GET")),
        search("tenant attribute", tags=tag("tenant.id", "tenant-002")),
        *(
            search(
                f"value of {traces} trace{'s' if traces > 1 else ''}",
                tags=tag("session.id", session),
            )
            for traces, session in sessions
        ),
        search("absent value", tags=tag("session.id", "nobody")),
        search("longest 20 of a service", service=service, sort="longest"),
        search("longest 20", sort="longest"),
        search("most errors, of a service", service=service, sort="most-errors"),
        suggest("attribute keys to choose", tags="http."),
        suggest("attribute keys of a service", service=service, tags="h"),
        suggest("attribute values to choose", tags="tenant.id=t"),
        find("every span", "tenant"),
        find("few spans", "timed out after 2500"),
        totals(""),
        totals(" of a service", service=service),
        totals(" of an attribute", tags=tag("tenant.id", "tenant-002")),
    ]


def _sessions(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    """Return for each number of traces that have a session in common such a session, the rarest first."""
    half = int(_one(con, "SELECT count(*) FROM spans")) // 2
    return con.execute(
        "WITH chosen AS MATERIALIZED (SELECT DISTINCT pair FROM"
        "  (SELECT unnest(attrs) AS pair FROM (SELECT attrs FROM spans LIMIT 100000 OFFSET $half))"
        "  WHERE starts_with(pair, 'session.id=') ORDER BY hash(pair) LIMIT $candidates),"
        " found AS (SELECT pair, count(DISTINCT trace_id) AS traces FROM"
        "  (SELECT trace_id, unnest(attrs) AS pair FROM spans)"
        "  SEMI JOIN chosen USING (pair) WHERE starts_with(pair, 'session.id=')"
        "  GROUP BY pair)"
        " SELECT traces, substr(min(pair), 12) FROM found GROUP BY traces ORDER BY traces",
        {"candidates": _CANDIDATES, "half": half},
    ).fetchall()


def _one(con: duckdb.DuckDBPyConnection, sql: str, **params: Any) -> str:
    return str(con.execute(sql, params).fetchall()[0][0])


def ask(url: str, query: Query, times: int) -> list[float]:
    """Ask so many times over one connection; return the milliseconds of each."""
    headers = {"HX-Request": "true", "HX-Target": query.target} if query.target else {}
    took = []
    with connection(url) as (link, _):
        for _ in range(times):
            begin = time.perf_counter()
            path = query.path.replace(VARIES, str(next(_numbers)))
            link.request("GET", path, headers=headers)
            response = link.getresponse()
            response.read()
            if response.status != 200:
                raise SystemExit(f"{query.path}: {response.status}")
            took.append((time.perf_counter() - begin) * 1000)
    return took


def measure(server: Server, query: Query) -> Measured:
    """Ask alone and by eight clients at once."""
    times = _ALONE if min(ask(server.ui_url, query, 2)) < _SLOW_MS else _ALONE_SLOW
    before = server.usage().cpu_s
    alone = sorted(ask(server.ui_url, query, times))
    cpu_ms = (server.usage().cpu_s - before) * 1000 / times
    together: list[float] = []
    lock = threading.Lock()

    def client() -> None:
        took = ask(server.ui_url, query, times // 4)
        with lock:
            together.extend(took)

    clients = [threading.Thread(target=client) for _ in range(_TOGETHER)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    print(f"{query.name}: {statistics.median(alone):.1f} ms", flush=True)
    return {
        "case": query.name,
        "p50": statistics.median(alone),
        "p95": alone[math.ceil(len(alone) * 0.95) - 1],
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


def measure_ingest(store: Path, spans: int) -> list[Measured]:
    """Ask a copy of the store for the newest 20, at rest and while so many spans, newer than all, are
    sent over four connections as quickly as they are taken."""
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-", dir=store.parent) as folder:
        copy, load = Path(folder) / "copy.duckdb", Path(folder) / "load"
        shutil.copyfile(store, copy)
        with duckdb.connect(str(copy), read_only=True) as con:
            newest_ns = int(_one(con, "SELECT max(start_ns) FROM spans"))
        write_load(load, spans, 2, newest_ns)
        query = Query("newest 20", "/search?limit=20", "section#results")
        with Server(f"duckdb:{copy}", "--retention", "off", ready_s=120) as server:
            wait_until_quiet(server)
            ask(server.ui_url, query, 2)
            rest = sorted(ask(server.ui_url, query, 5 * _ALONE))
            sent: list[float] = []
            sender = threading.Thread(
                target=lambda: sent.append(send_all(server.otlp_url, load, 4)[1])
            )
            sender.start()
            loaded = []
            while sender.is_alive():
                loaded += ask(server.ui_url, query, 1)
            loaded.sort()
    if not sent:
        raise SystemExit("the load could not be sent")
    cases = (("at rest", rest, 0.0), ("while spans come in", loaded, spans / sent[0]))
    return [
        {
            "case": case,
            "p50": statistics.median(took),
            "p95": took[int(len(took) * 0.95) - 1],
            "pages": float(len(took)),
            "spans per second": rate,
        }
        for case, took, rate in cases
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what searching costs.")
    parser.add_argument("--spans", type=int, default=2_000_000, help="in whole millions")
    parser.add_argument("--store", type=Path, help="keep the file here, or take it from here")
    parser.add_argument(
        "--load", type=Path, help="a million spans by bench.load, to make the file of"
    )
    parser.add_argument("--ingest", action="store_true", help="also while spans come in")
    parser.add_argument("--ingest-spans", type=int, default=500_000)
    parser.add_argument("--only", default="", help="ask only what has this text in its name")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="show both runs")
    arguments = parser.parse_args()
    measured: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        path = arguments.store or Path(folder) / "queries.duckdb"
        if not path.exists():
            make_store(path, arguments.spans, arguments.load, lambda text: print(text, flush=True))
        queries = [query for query in make_queries(path) if arguments.only in query.name]
        with Server(f"duckdb:{path}", "--retention", "off", ready_s=120) as server:
            wait_until_quiet(server)
            measured[TITLE] = [measure(server, query) for query in queries]
            print(f"peak memory {server.usage().peak_rss_bytes / 1e6:,.0f} MB")
        if arguments.ingest:
            measured[INGEST_TITLE] = measure_ingest(path, arguments.ingest_spans)
    earlier: Mapping[str, list[Measured]] = read(arguments.compare) if arguments.compare else {}
    for title, found in measured.items():
        show(title, found, earlier.get(title, ()))
    if arguments.json:
        write(arguments.json, measured)


if __name__ == "__main__":
    main()
