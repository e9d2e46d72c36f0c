"""What a write has returned for survives; what it has not returned for is there whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import a_batch, a_trace
from tests.store.contract import ids
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store import open_store
from viewer.store.base import StoreLocked

REPOSITORY = Path(__file__).resolve().parents[3]
WRITER = """
import sys
sys.path.insert(0, {repository!r})
from tests.builders import a_batch, a_trace
from viewer.store import open_store
store = open_store("duckdb:" + sys.argv[1])
number = store.journal_mark()
while True:
    number += 1
    store.write_spans([a_batch(a_trace(number, spans=50))], mark=number)
    print(number, flush=True)
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code.format(repository=str(REPOSITORY)), *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_file_that_is_opened_again_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    first = a_store(path)
    first.write_spans([a_batch(a_trace(1)), a_batch(a_trace(2, service="pay"))], mark=7)
    spans, generation = first.get_spans(f"{2:032x}"), first.generation
    first.close()
    second = a_store(path)
    assert second.get_spans(f"{2:032x}") == spans
    assert second.journal_mark() == 7
    assert second.generation == generation
    assert second.services() == ["pay", "shop"]
    # Numbers of resources go on where they ended, and known ones are found again.
    second.write_spans([a_batch([*a_trace(3, service="new"), *a_trace(4)])])
    assert [s.span.service for s in second.get_spans(f"{3:032x}")] == ["new"] * 3
    assert [s.span.service for s in second.get_spans(f"{4:032x}")] == ["shop"] * 3
    assert [s.span.service for s in second.get_spans(f"{2:032x}")] == ["pay"] * 3
    second.close()


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    acknowledged = 0
    for round_length in (1, 4, 9):
        with start(WRITER, str(path)) as writer:
            assert writer.stdout is not None
            for _ in range(round_length):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read().split()
        acknowledged = int(rest[-1]) if rest else acknowledged
        store = open_store(f"duckdb:{path}")
        mark, stats = store.journal_mark(), store.stats()
        assert mark >= acknowledged
        assert (stats.traces, stats.span_rows) == (mark, mark * 50)
        store.close()


def test_a_file_in_use_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    with start(WRITER, str(path)) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for read_only in (False, True):
            with pytest.raises(StoreLocked) as raised:
                open_store(f"duckdb:{path}", read_only=read_only)
            message = str(raised.value)
            assert str(writer.pid) in message
            assert str(path) in message
            assert "\n" not in message
        writer.kill()
    store = open_store(f"duckdb:{path}", read_only=True)
    assert ids(store, TraceQuery(limit=1)) != []
    store.close()
