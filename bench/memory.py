"""What opening many large traces does to the server's memory: `python -m bench.memory`.

Opens different large traces in turn, then one very large trace from many clients at once, then
different very large ones at once; prints the process's memory before, after and at its peak. In it is
what DuckDB keeps of its file, up to a quarter of the machine's memory (4 GB at most).
"""

import argparse
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import HTTPError

import duckdb

from bench.results import show, write
from bench.server import Server
from bench.traces import Case, copy_id, make_trace
from viewer.app import Ingest
from viewer.collector.importer import import_path

_TITLE = "Memory of the server while traces are opened"


@dataclass(frozen=True, slots=True)
class Result:
    """One way of opening; memory in MB. ``refused`` were told to try again later."""

    case: str
    opened: int
    refused: int
    before_mb: float
    peak_mb: float
    after_mb: float
    slowest_s: float


class Peak:
    """Watches the memory of a server while it is open."""

    def __init__(self, server: Server) -> None:
        self.bytes = 0
        self._server, self._over = server, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.bytes = max(self.bytes, self._server.rss_bytes())


def fill(path: Path, made: Case, traces: int) -> list[bytes]:
    """Store so many traces of one kind in a new DuckDB file; return their IDs."""
    ids = [copy_id(number) for number in range(1, traces + 1)]
    file = path.with_suffix(".pb")
    file.write_bytes(make_trace(made).replace(made.trace_id, ids[0]))
    ingest = Ingest(f"duckdb:{path}")
    try:
        import_path(ingest.pipeline, file)
    finally:
        ingest.close()
    # The way in is measured elsewhere; twenty million spans would take minutes by it.
    with duckdb.connect(str(path)) as con:
        for trace_id in ids[1:]:
            con.execute(
                "INSERT INTO spans SELECT * REPLACE ($copy AS trace_id) FROM spans"
                " WHERE trace_id = $first",
                {"copy": trace_id.hex(), "first": ids[0].hex()},
            )
    return ids


def open_trace(url: str) -> tuple[int, float]:
    """Return the answer's status, and how many seconds it took."""
    begin = time.perf_counter()
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            answer.read()
            status = answer.status
    except HTTPError as error:
        status = error.code
    return status, time.perf_counter() - begin


def open_all(server: Server, name: str, ids: Sequence[bytes], at_once: int) -> Result:
    """Open all these traces' pages, so many at once."""
    before = server.rss_bytes()
    urls = [f"{server.ui_url}/trace/{trace_id.hex()}" for trace_id in ids]
    with Peak(server) as peak, ThreadPoolExecutor(at_once) as threads:
        answers = list(threads.map(open_trace, urls))
    statuses = [status for status, _ in answers]
    if not set(statuses) <= {200, 503}:
        raise SystemExit(f"{name}: the server answered {sorted(set(statuses))}")
    return Result(
        case=name,
        opened=statuses.count(200),
        refused=statuses.count(503),
        before_mb=before / 1e6,
        peak_mb=peak.bytes / 1e6,
        after_mb=server.rss_bytes() / 1e6,
        slowest_s=max(seconds for _, seconds in answers),
    )


@contextmanager
def served(spans: int, traces: int) -> Iterator[tuple[Server, list[bytes]]]:
    """Yield a server with so many traces of a size, and their IDs."""
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        path = Path(folder) / "memory.duckdb"
        ids = fill(path, Case("tree", spans), traces)
        with Server(f"duckdb:{path}", "--retention", "off", "--no-receivers") as server:
            yield server, ids


def measure(traces: int, spans: int, clients: int, largest: int) -> list[Result]:
    """Open ``traces`` traces of ``spans`` spans in turn, and ``largest`` ones from many clients."""
    with served(spans, traces) as (server, ids):
        results = [
            open_all(server, f"{traces} × {spans:,} {turn}", ids, 1)
            for turn in ("in turn", "in turn again")
        ]
    with served(largest, clients) as (server, ids):
        same, different = ids[:1] * clients, ids
        results.append(open_all(server, f"{clients} clients, one {largest:,}", same, clients))
        results.append(
            open_all(server, f"{clients} clients, different {largest:,}", different, clients)
        )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the memory that large traces take.")
    parser.add_argument("--traces", type=int, default=200)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    results = measure(arguments.traces, arguments.spans, arguments.clients, arguments.largest)
    rows = [asdict(result) for result in results]
    show(_TITLE, rows)
    if arguments.json:
        write(arguments.json, {_TITLE: rows})


if __name__ == "__main__":
    main()
