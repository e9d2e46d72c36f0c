"""What importing files costs: `python -m bench.imports [--gigabytes N]` prints a table and writes JSON.

Makes files of a made load (`bench.load`): OTLP protobuf with a length before each request, the same
as JSON a line, packed, and in many files. Imports each with the program into a new DuckDB file, the
large ones at two sizes, to see whether memory grows with them. Then imports the large file again,
which is passed over, and once more into a new store, where the program is killed (`kill -9`) at
random moments and started again. Fails if not every span is stored exactly once, by SQL.

CPU seconds per million spans are without those of importing a single request.
"""

import argparse
import gzip
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

from bench.load import BODY_SPANS, Load
from viewer.formats.otlp import protobuf
from viewer.formats.otlp.encode import encode

_BASE_SPANS = 64 * BODY_SPANS
_SHARE = 4  # of the large size, for the small one
_MANY = 200
_KILLS = 5
# A process's peak begins with that of the one which started it, so a small one does that.
_LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
_TRACE_ID = re.compile(rb'"traceId":"[0-9a-f]{8}')


@dataclass(frozen=True, slots=True)
class Made:
    """Files of a kind, with how many spans and bytes."""

    name: str
    paths: tuple[Path, ...]
    spans: int

    @property
    def bytes(self) -> int:
        """Return what they take on the disk."""
        return sum(path.stat().st_size for path in self.paths)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the program has cost."""

    seconds: float
    cpu_s: float
    peak_rss_mb: float
    said: str


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table; the field names are the JSON's."""

    case: str
    megabytes: float
    spans: int
    seconds: float
    cpu_s: float
    cpu_s_per_million_spans: float | None
    spans_per_s: float | None
    peak_rss_mb: float


class Failed(SystemExit):
    """A span is missing or stored twice, or the program failed."""


def proto_bodies(base: Sequence[bytes], copy: int) -> Iterator[bytes]:
    """Yield the requests with other trace IDs, as many in one's stead."""
    begin = copy.to_bytes(4, "big")
    for body in base:
        request = ExportTraceServiceRequest.FromString(body)
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    span.trace_id = begin + span.trace_id[4:]
        yield request.SerializeToString()


def framed(body: bytes) -> bytes:
    """Return a request as it stands in a file of many."""
    return len(body).to_bytes(4, "big") + body


def write_until(path: Path, units_of: Callable[[int], Iterator[bytes]], most_bytes: float) -> int:
    """Write copies of the base, each the next number, until the file is so large; return how many
    units were written, at least one."""
    units = 0
    with path.open("wb") as file:
        copy = 1
        while True:
            for unit in units_of(copy):
                file.write(unit)
                units += 1
                if file.tell() >= most_bytes:
                    return units
            copy += 1


def make_files(folder: Path, large_bytes: float, seed: int) -> dict[str, Made]:
    """Write all files; the same for the same seed."""
    folder.mkdir(exist_ok=True)
    base = list(Load(seed).bodies(_BASE_SPANS))
    lines = [encode(list(protobuf.decode_request(body).batch.spans())) + b"\n" for body in base]

    def proto_units(copy: int) -> Iterator[bytes]:
        return map(framed, proto_bodies(base, copy))

    def line_units(copy: int) -> Iterator[bytes]:
        begin = b'"traceId":"%08x' % copy
        return (_TRACE_ID.sub(begin, line) for line in lines)

    def one(name: str, file: str, units: Callable[[int], Iterator[bytes]], size: float) -> Made:
        path = folder / file
        return Made(name, (path,), write_until(path, units, size) * BODY_SPANS)

    small_bytes = large_bytes / _SHARE
    made = [
        one("one request", "one.pb", proto_units, 1),
        one("protobuf", "small.pb", proto_units, small_bytes),
        one("protobuf, larger", "large.pb", proto_units, large_bytes),
        one("JSON lines", "small.jsonl", line_units, small_bytes),
        one("JSON lines, larger", "large.jsonl", line_units, large_bytes),
    ]
    files = {item.name: item for item in made}
    large = files["protobuf, larger"]
    packed = folder / "large.pb.zst"
    with large.paths[0].open("rb") as plain, packed.open("wb") as out:
        zstandard.ZstdCompressor().copy_stream(plain, out)
    files["protobuf in zstd"] = Made("protobuf in zstd", (packed,), large.spans)
    small = files["JSON lines"]
    packed = folder / "small.jsonl.gz"
    with small.paths[0].open("rb") as plain, gzip.open(packed, "wb", 1) as out_gz:
        shutil.copyfileobj(plain, out_gz)
    files["JSON lines in gzip"] = Made("JSON lines in gzip", (packed,), small.spans)
    parts = []
    for number, body in zip(range(_MANY), proto_bodies(base * 4, 1 << 20), strict=False):
        path = folder / "many" / f"{number:04}.pb"
        path.parent.mkdir(exist_ok=True)
        # Copies of the base follow one another, and must not be the same spans.
        request = next(proto_bodies([body], (1 << 20) + number))
        path.write_bytes(framed(request))
        parts.append(path)
    files["many small files"] = Made("many small files", tuple(parts), len(parts) * BODY_SPANS)
    return files


def command(paths: Sequence[Path], store: Path) -> list[str]:
    """Return the program's command."""
    files = [str(paths[0].parent)] if len(paths) > 1 else [str(paths[0])]
    return [sys.executable, "-m", "viewer", "import", *files, "--store", f"duckdb:{store}"]


def run(paths: Sequence[Path], store: Path) -> Run:
    """Import files; raise Failed if the program says so."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        launched = subprocess.run(
            [sys.executable, "-c", _LAUNCHER, *command(paths, store)],
            stderr=said,
            stdout=subprocess.PIPE,
            check=False,
        )
        seconds = time.perf_counter() - begin
        said.seek(0)
        text = said.read()
    if launched.returncode:
        raise Failed(f"{' '.join(command(paths, store))}:\n{text}")
    cpu_s, peak_kib = map(float, launched.stdout.split())
    return Run(seconds, cpu_s, peak_kib * 1024 / 1e6, text)


def check(store: Path, spans: int, case: str) -> None:
    """Count what is stored; raise Failed unless it is so many spans, each once."""
    with duckdb.connect(str(store), read_only=True) as con:
        rows, different = con.execute(
            "SELECT count(*), count(DISTINCT (trace_id, span_id)) FROM spans"
        ).fetchall()[0]
    if (rows, different) != (spans, spans):
        raise Failed(f"{case}: {spans:,} spans, but {rows:,} rows of {different:,} are stored")


def kill_and_go_on(made: Made, store: Path, seconds: float, seed: int) -> tuple[Result, int]:
    """Import with kills on the way; return the last run as a result, and how many kills came while
    some spans and not all were stored."""
    chance = random.Random(seed)
    in_between = 0
    for _ in range(_KILLS):
        process = subprocess.Popen(
            command(made.paths, store), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.15, 0.4) * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with duckdb.connect(str(store)) as con:
            named = con.execute(
                "SELECT 1 FROM duckdb_tables() WHERE table_name = 'spans'"
            ).fetchall()
            sql = "SELECT count(*), count(DISTINCT (trace_id, span_id)) FROM spans"
            rows, different = con.execute(sql).fetchall()[0] if named else (0, 0)
        if rows != different:
            raise Failed(f"after a kill {rows:,} rows of {different:,} spans are stored")
        in_between += 0 < rows < made.spans
    last = run(made.paths, store)
    check(store, made.spans, "after kills")
    case = f"last run after {_KILLS} kills"
    return _result(case, made, last, None), in_between


def _result(case: str, made: Made, done: Run, start: Run | None) -> Result:
    per_million = (done.cpu_s - start.cpu_s) * 1e6 / made.spans if start else None
    rate = made.spans / done.seconds if start else None
    megabytes = made.bytes / 1e6
    return Result(
        case, megabytes, made.spans, done.seconds, done.cpu_s, per_million, rate, done.peak_rss_mb
    )


def measure(folder: Path, large_bytes: float, seed: int) -> tuple[list[Result], int]:
    """Do all of it; return the rows, and how many kills came on the way."""
    files = make_files(folder, large_bytes, seed)
    store = folder / "bench.duckdb"
    results: list[Result] = []
    start: Run | None = None
    for name, made in files.items():
        if name == "one request":
            run(made.paths, store)  # the files of the program itself are read into memory by that
            _delete(store)
        done = run(made.paths, store)
        check(store, made.spans, name)
        results.append(_result(name, made, done, start))
        start = start or done
        if name == "protobuf, larger":
            seconds = done.seconds
            again = run(made.paths, store)
            if "already imported on" not in again.said:
                raise Failed(f"the file was not passed over: {again.said}")
            check(store, made.spans, "passed over")
            results.append(_result("the same once more", made, again, None))
        _delete(store)
    last, in_between = kill_and_go_on(files["protobuf, larger"], store, seconds, seed)
    return [*results, last], in_between


def _delete(store: Path) -> None:
    for path in store.parent.glob(store.name + "*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table(title="Imports")
    heads = ("MB", "spans", "seconds", "CPU s", "CPU s a million", "spans/s", "peak MB")
    table.add_column("case")
    for head in heads:
        table.add_column(head, justify="right")
    for row in results:
        per_million, rate = row.cpu_s_per_million_spans, row.spans_per_s
        table.add_row(
            row.case,
            f"{row.megabytes:,.1f}",
            f"{row.spans:,}",
            f"{row.seconds:.1f}",
            f"{row.cpu_s:.1f}",
            "" if per_million is None else f"{per_million:.1f}",
            "" if rate is None else f"{rate:,.0f}",
            f"{row.peak_rss_mb:,.0f}",
        )
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what importing files costs.")
    parser.add_argument("--gigabytes", type=float, default=0.5, help="of each large file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tracefall-bench-"))
    try:
        results, in_between = measure(folder, arguments.gigabytes * 1e9, arguments.seed)
    finally:
        shutil.rmtree(folder)
    show(results)
    print(f"{in_between} of {_KILLS} kills came while some of the spans were stored; no fault")
    if arguments.json:
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]}"
        rows = [asdict(row) for row in results]
        said = {"machine": machine, "kills_in_between": in_between, "rows": rows}
        arguments.json.write_text(json.dumps(said, indent=2) + "\n")


if __name__ == "__main__":
    main()
