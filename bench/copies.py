"""A store of many millions of spans, in about two minutes for fifty: one million of the made load, stored
by a server as they come, and copies of them with other IDs and times, written straight into the file.
Where things lie is noted at once, as the server would do in the background."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from bench.ingest import send_all
from bench.load import write_load
from bench.server import Server
from viewer.store import open_store

BASE_SPANS = 1_000_000
SHARED_BY = 10
"""In so many copies every other session of the load is the same one."""
_EVERY_S = 10.0
# As the server has them, else the log is moved into the file, and small row groups merged, all the time.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "checkpoint_threshold": "1TB",
    "max_vacuum_tasks": "0",
    "memory_limit": "4GB",
}
_COPY = """
INSERT INTO spans SELECT md5(trace_id || '{n}') AS trace_id,
  xor(span_id, {n} * 1000003::UBIGINT) AS span_id,
  CASE WHEN parent_id = 0 THEN 0 ELSE xor(parent_id, {n} * 1000003::UBIGINT) END AS parent_id,
  service, name, kind, status, start_ns + {n} * $spread AS start_ns, dur_ns,
  list_transform(attrs, lambda pair: CASE WHEN NOT starts_with(pair, 'session.id=') THEN pair
    WHEN hash(pair) % 2 = 0 THEN pair || '-{n}' ELSE pair || '{shared}' END) AS attrs,
  attr_types, events, links, status_message, trace_state, flags, extra, resource_id, scope_id,
  digest, stored_ns + {n} * $took AS stored_ns, weight
FROM base
"""


def make_store(
    path: Path, spans: int, load: Path | None = None, say: Callable[[str], None] = print
) -> None:
    """Store the load, and copies of it until there are as many spans. Half of the sessions are each of
    one trace, the others each of SHARED_BY (of fewer in a store of fewer copies), far from each other."""
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        if load is None:
            load = Path(folder) / "load"
            say(f"making {BASE_SPANS:,} spans")
            write_load(load, BASE_SPANS, 1)
        with Server(f"duckdb:{path}", "--retention", "off") as server:
            say("sending them")
            send_all(server.otlp_url, load, 4)
    progress = _Progress(say)
    copies = spans // BASE_SPANS
    with duckdb.connect(str(path), config=_CONFIG) as con:
        con.execute("SET enable_progress_bar = false")
        con.execute("CREATE TEMP TABLE base AS SELECT * FROM spans ORDER BY stored_ns")
        spread, took = con.execute(
            "SELECT max(start_ns) - min(start_ns), max(stored_ns) - min(stored_ns) + 1 FROM base"
        ).fetchall()[0]
        for number in range(1, copies):
            group = number % max(1, copies // SHARED_BY)
            # The load itself is the first of its group.
            copy = _COPY.format(n=number, shared=f"-{group}" if group else "")
            con.execute(copy, {"spread": spread, "took": took}).fetchall()
            progress.say(f"{number + 1} of {copies} million spans")
        con.execute("CHECKPOINT")
    store = open_store(f"duckdb:{path}")
    try:
        segments = 0
        while store.tend():
            segments += 1
            progress.say(f"{segments} segments noted")
    finally:
        store.close()


class _Progress:
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, time.monotonic()

    def say(self, text: str) -> None:
        if time.monotonic() - self._said >= _EVERY_S:
            self._say(text)
            self._said = time.monotonic()
