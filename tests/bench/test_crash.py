"""The crash benchmark finds what is lost, doubled or back again."""

import itertools
import random
import time
from pathlib import Path

from bench.crash import Tally, look, one_round, run
from bench.payloads import SPANS, otlp, trace_id
from viewer.app import Ingest
from viewer.formats.otlp.protobuf import decode_request


def a_file(path: Path, *bodies: bytes) -> None:
    ingest = Ingest(f"duckdb:{path}")
    for body in bodies:
        ingest.pipeline.accept(decode_request(body).batch)
    ingest.close()


def test_a_few_rounds_find_nothing(tmp_path: Path) -> None:
    tally = run(2, 5, tmp_path)
    assert tally.faults == []
    assert tally.acknowledged == tally.removed + len(tally.waiting) > 0


def test_a_trace_that_is_lost_doubled_or_back_is_found(tmp_path: Path) -> None:
    path, now_ns = tmp_path / "crash.duckdb", time.time_ns()
    twice = otlp(1, range(5, 6), now_ns)
    a_file(path, otlp(1, range(2), now_ns), twice, twice)
    tally = Tally()
    tally.waiting = {trace_id(1, 0): time.time(), trace_id(1, 9): time.time()}
    tally.gone = {trace_id(1, 1)}
    look(path, tally, by_age_only=True)
    assert sorted(fault.split(", sent")[0] for fault in tally.faults) == sorted(
        [
            f"{trace_id(1, 1)} came back",
            f"{trace_id(1, 5)} has {2 * SPANS} spans, {SPANS} different ones",
            trace_id(1, 9),
        ]
    )


def test_a_file_that_cannot_be_opened_is_found(tmp_path: Path) -> None:
    path, tally = tmp_path / "crash.duckdb", Tally()
    path.write_bytes(b"no database at all, but long enough to be looked at" * 400)
    one_round(path, random.Random(1), itertools.count(1), tally)
    look(path, tally, by_age_only=True)
    assert any("cannot be opened" in fault for fault in tally.faults)
