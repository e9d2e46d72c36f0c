"""What was found is kept for as long as the content stays the same, and no longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import START_NS, a_batch, a_span
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import Sort, TraceQuery
from viewer.store.duckdb import matches
from viewer.store.duckdb.engine import DuckDbStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDbStore]:
    made = a_store(tmp_path / "spans.duckdb")
    made.write_spans([a_batch([a_span(1), a_span(2, trace_id="b" * 32, service="db")])])
    yield made
    made.close()


def test_who_counts_and_then_draws_looks_once(
    store: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    real = matches.gather
    monkeypatch.setattr(
        matches, "gather", lambda *args, **named: looks.append(1) or real(*args, **named)
    )
    query = TraceQuery(service="db")
    assert store.count_traces(query).total == 1
    assert len(store.distribution(query, 5).cells) == 1
    # Neither the order nor the page makes another search of it.
    assert store.count_traces(TraceQuery(service="db", sort=Sort.LONGEST, limit=7)).total == 1
    assert len(looks) == 1
    assert store.count_traces(TraceQuery()).total == 2
    assert len(looks) == 2


def test_a_write_and_a_prune_end_what_is_known(store: DuckDbStore) -> None:
    assert (store.span_rows(), store.count_traces(TraceQuery()).stored_traces) == (2, 2)
    store.write_spans([a_batch([a_span(3, trace_id="c" * 32, start_ns=0)])])
    assert (store.span_rows(), store.count_traces(TraceQuery()).stored_traces) == (3, 3)
    # That one has no time is known at once, too.
    found = store.find_traces(TraceQuery(limit=3)).traces
    assert [trace.start_ns for trace in found] == [START_NS, START_NS, 0]
    store.prune(1 << 62, None)
    assert (store.span_rows(), store.count_traces(TraceQuery()).stored_traces) == (0, 0)
