"""What retention gives back: `python -m bench.upkeep [--spans N]`.

Fills a file, removes the older half, then has it made smaller while one thread reads a trace and
another writes without a pause. Prints the file's size after each step, how long each took, and the
slowest read and write meanwhile. Fails if a span is missing at the end.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from bench.memory import fill
from bench.payloads import SPANS, otlp
from bench.results import Measured, show
from bench.traces import Case, copy_id
from viewer.formats.otlp.protobuf import decode_request
from viewer.store import open_store
from viewer.store.duckdb import compact

_TRACE_SPANS = 50_000
_OLD_NS, _NEW_NS = 1, 1 << 60


class Repeated:
    """Context manager: does something again and again; knows how long the slowest time took."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.times, self.slowest_s = 0, 0.0
        self.error: Exception | None = None
        self._work, self._over = work, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Repeated":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                begin = time.perf_counter()
                self._work()
                self.slowest_s = max(self.slowest_s, time.perf_counter() - begin)
                self.times += 1
        except Exception as error:
            self.error = error


def measure(spans: int, trace_spans: int, path: Path) -> list[Measured]:
    """Fill, prune and compact a file; return a row per step."""
    compact.WORTH_BYTES = 1 << 20
    traces = max(spans // trace_spans, 2)
    fill(path, Case("tree", trace_spans), traces)
    with duckdb.connect(str(path)) as con:
        # Rows are stored in this order, so that stamps rise with it as a clock's would.
        con.execute("CREATE TABLE copy AS SELECT * FROM spans ORDER BY trace_id")
        con.execute("DROP TABLE spans")
        con.execute("ALTER TABLE copy RENAME TO spans")
        half = copy_id(traces // 2).hex()
        con.execute(
            "UPDATE spans SET stored_ns = CASE WHEN trace_id <= $half THEN $old ELSE $new END",
            {"half": half, "old": _OLD_NS, "new": _NEW_NS},
        )
        con.execute("CHECKPOINT")
    store = open_store(f"duckdb:{path}")
    rows: list[Measured] = []

    def step(name: str, work: Callable[[], object]) -> None:
        begin = time.perf_counter()
        work()
        took_s = time.perf_counter() - begin
        size = path.stat().st_size / 1e6
        rows.append({"case": name, "seconds": took_s, "file_mb": size, "used_mb": used()})

    def used() -> float:
        return store.stats().bytes / 1e6

    step("full", lambda: None)
    step("half removed", lambda: store.prune(_OLD_NS + 1, None))
    kept = store.stats().span_rows
    batch = decode_request(otlp(1, range(1), time.time_ns())).batch
    newest = copy_id(traces).hex()
    with (
        Repeated(lambda: store.get_columns(newest)) as reads,
        Repeated(lambda: store.write_spans([batch])) as writes,
    ):
        step("made smaller", store.compact)
    if store.stats().span_rows != kept + SPANS * writes.times:
        raise SystemExit(f"{kept + SPANS * writes.times:,} spans were to be there")
    store.close()
    for name, done in (("reads", reads), ("writes", writes)):
        print(f"{done.times:,} {name} meanwhile, the slowest took {done.slowest_s:.2f} s")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what retention gives back to the disk.")
    parser.add_argument("--spans", type=int, default=5_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        rows = measure(arguments.spans, _TRACE_SPANS, Path(folder) / "upkeep.duckdb")
    show("Retention and disk", rows)


if __name__ == "__main__":
    main()
