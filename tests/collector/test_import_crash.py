"""An import that is killed at any moment goes on where it was: real processes, counted by SQL."""

import gzip
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from bench.load import Load
from tests.builders import a_trace
from viewer.formats.otlp.encode import encode

# The program itself, with small pieces and transactions, so that a small file takes many.
PROGRAM = """
import sys
from viewer.collector import importer
from viewer.formats import reading
from viewer.cli import main
importer.FULL_GROUP_ROWS = 700
reading.PIECE_BYTES = reading._CHUNK = 100_000
main()
"""
FRAMED, LINES = 20_000, 6_000
KILLS = 6


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A file of delimited protobuf, and one of packed lines."""
    framed, lines = tmp_path / "a.pb", tmp_path / "b.jsonl.gz"
    framed.write_bytes(
        b"".join(len(body).to_bytes(4, "big") + body for body in Load(7).bodies(FRAMED))
    )
    text = b"\n".join(encode(a_trace(number, spans=20)) for number in range(1, 1 + LINES // 20))
    lines.write_bytes(gzip.compress(text, mtime=0))
    return [framed, lines]


def start(store: Path, files: list[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, "import", *map(str, files)]
    return subprocess.Popen(
        [*command, "--store", f"duckdb:{store}"], stderr=subprocess.PIPE, text=True
    )


def stored(store: Path) -> tuple[int, int]:
    """Return how many rows there are, and how many different spans."""
    with duckdb.connect(str(store)) as con:
        return con.execute(
            "SELECT count(*), count(DISTINCT (trace_id, span_id)) FROM spans"
        ).fetchall()[0]


def wait_for_a_write(store: Path, process: subprocess.Popen[str], log_bytes: int) -> None:
    log = store.with_name(store.name + ".wal")
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if log.exists() and log.stat().st_size > log_bytes:
            return
        time.sleep(0.005)


def test_kill_9_at_any_moment_loses_no_span_and_stores_none_twice(
    tmp_path: Path, files: list[Path]
) -> None:
    store = tmp_path / "s.duckdb"
    chance = random.Random(5)
    in_between = 0
    for _ in range(KILLS):
        process = start(store, files)
        # Opening the file empties its log; what is in it then are spans.
        wait_for_a_write(store, process, 20_000)
        time.sleep(chance.uniform(0, 0.25))
        process.kill()
        process.communicate()
        rows, spans = stored(store)
        assert rows == spans
        in_between += 0 < rows < FRAMED + LINES
    assert in_between >= 2
    process = start(store, files)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert stored(store) == (FRAMED + LINES, FRAMED + LINES)
    process = start(store, files)
    said = process.communicate()[1]
    assert said.count("already imported on ") == 2
    assert stored(store) == (FRAMED + LINES, FRAMED + LINES)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, files: list[Path]) -> None:
    store = tmp_path / "s.duckdb"
    process = start(store, files)
    wait_for_a_write(store, process, 20_000)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 1
    assert said.splitlines()[-1] == (
        "tracefall: stopped; the same command goes on where this one was"
    )
    rows, spans = stored(store)
    assert 0 < rows == spans < FRAMED + LINES
    process = start(store, files)
    said = process.communicate()[1]
    assert f"behind {rows:,} stored before" in said
    assert stored(store) == (FRAMED + LINES, FRAMED + LINES)
