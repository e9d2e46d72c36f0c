"""Acknowledged means kept: real server processes, ended by kill -9 while clients send."""

import itertools
import json
import random
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from bench.server import Server
from tests.collector.senders import SPANS, Senders, a_body, connect, send
from viewer.app import Ingest
from viewer.collector.pipeline import Pipeline
from viewer.store import open_store, read_table
from viewer.store.base import StoreError

ROUNDS = 6


def stored_spans(path: Path) -> Counter[tuple[str, int]]:
    """How often each span stands in a file that nobody has open, by trace and span ID."""
    return Counter(
        pair
        for batch in read_table(path)
        for pair in zip(batch.trace_id, map(int, batch.span_id), strict=True)
    )


def test_kill_9_at_any_moment_loses_nothing_acknowledged_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "crash.duckdb"
    chance = random.Random(9)
    numbers = itertools.count(1)
    acknowledged: set[str] = set()
    with Server(f"duckdb:{path}") as server:
        for number in range(1, ROUNDS + 1):
            with Senders(server.otlp_url, numbers) as senders:
                senders.send_for(chance.uniform(0, 1.3))
                server.kill()
            assert not senders.refused
            acknowledged.update(senders.acknowledged)
            # The journal is taken over by a server that is killed in its turn, or by an import.
            if number % 2 == 0:
                Ingest(f"duckdb:{path}").close()
                stored = stored_spans(path)
                assert set(stored.values()) == {1}
                spans_of = Counter(trace_id for trace_id, _ in stored)
                assert acknowledged <= spans_of.keys()
                # What was under way when it died may be there, but whole.
                assert set(spans_of.values()) == {SPANS}
            if number < ROUNDS:
                server.start()


def test_kill_9_right_after_an_acknowledgement_loses_nothing(tmp_path: Path) -> None:
    with Server(f"duckdb:{tmp_path / 'crash.duckdb'}") as server:
        for number in range(1, 4):
            body, trace_id = a_body(number)
            connection = connect(server.otlp_url)
            assert send(connection, body) == 200
            server.kill()
            connection.close()
            server.start()
            with urlopen(f"{server.ui_url}/api/traces/{trace_id}") as answer:
                (trace,) = json.load(answer)["data"]
            assert [int(span["spanID"], 16) for span in trace["spans"]] == [*range(1, SPANS + 1)]


def test_a_takeover_of_the_journal_that_fails_behind_its_commit_stores_nothing_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "crash.duckdb"
    numbers = itertools.count(1)
    with Server(f"duckdb:{path}") as server, Senders(server.otlp_url, numbers) as senders:
        senders.send_for(0.4)
        server.kill()
    store = open_store(f"duckdb:{path}")
    before, write_spans = store.stats().span_rows, store.write_spans

    def write_and_fail(*arguments: object) -> None:
        write_spans(*arguments)  # type: ignore[arg-type]
        raise StoreError("died after the commit")

    store.write_spans = write_and_fail  # type: ignore[method-assign]
    pipeline = Pipeline(store, Path(f"{path}.journal"))
    assert store.stats().span_rows > before
    pipeline.close()
    store.close()
    Ingest(f"duckdb:{path}").close()
    stored = stored_spans(path)
    assert set(stored.values()) == {1}
    assert {trace_id for trace_id, _ in stored} >= set(senders.acknowledged)


def test_kill_9_while_traces_are_undecided_loses_none_that_the_policy_keeps(
    tmp_path: Path,
) -> None:
    path, policy = tmp_path / "crash.duckdb", tmp_path / "policy.toml"
    policy.write_text('[sampling]\nidle = "300ms"\nkeep_percent = 100\n')
    chance = random.Random(4)
    numbers = itertools.count(1)
    acknowledged: set[str] = set()
    with Server(f"duckdb:{path}", "--policy", str(policy)) as server:
        for _ in range(4):
            with Senders(server.otlp_url, numbers) as senders:
                senders.send_for(chance.uniform(0, 1.0))
                server.kill()
            acknowledged.update(senders.acknowledged)
            server.start()
    spans_of = Counter(trace_id for trace_id, _ in stored_spans(path))
    assert acknowledged <= spans_of.keys()
    # What was decided just before the crash may be written again, which counts once.
    assert set(spans_of.values()) == {SPANS}
