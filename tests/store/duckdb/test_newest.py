"""The newest traces from the newest spans down: exact, and given up where that would not be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import MS, START_NS, a_batch, a_span
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store.duckdb import newest
from viewer.store.duckdb.engine import DuckDbStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDbStore]:
    made = a_store(tmp_path / "spans.duckdb")
    yield made
    made.close()


def found(store: DuckDbStore, **query: object) -> list[int]:
    return [int(t.trace_id, 16) for t in store.find_traces(TraceQuery(**query)).traces]  # type: ignore[arg-type]


def test_a_trace_counts_from_its_start_not_from_the_span_that_matches(store: DuckDbStore) -> None:
    # The one that matches last began first.
    store.write_spans(
        [
            a_batch(
                [
                    a_span(1, trace_id=f"{1:032x}", start_ns=START_NS),
                    a_span(2, 1, trace_id=f"{1:032x}", service="db", start_ns=START_NS + 90 * MS),
                    a_span(3, trace_id=f"{2:032x}", service="db", start_ns=START_NS + 50 * MS),
                    a_span(4, trace_id=f"{3:032x}", service="db", start_ns=START_NS + 40 * MS),
                ]
            )
        ]
    )
    assert found(store, service="db") == [2, 3, 1]
    assert found(store, service="db", limit=1) == [2]


def test_more_spans_are_taken_until_nothing_can_come_before(
    store: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "_SPANS_A_TRACE", 1)
    monkeypatch.setattr(newest, "_LEAST_SPANS", 1)
    # Many late spans of an early trace hide those of later ones.
    early = [
        a_span(100 + n, trace_id=f"{1:032x}", start_ns=START_NS + (1000 + n) * MS)
        for n in range(50)
    ]
    late = [
        a_span(n, trace_id=f"{n:032x}", start_ns=START_NS + (100 + n) * MS) for n in range(2, 9)
    ]
    first = a_span(1, trace_id=f"{1:032x}", start_ns=START_NS)
    store.write_spans([a_batch([first, *early, *late])])
    assert found(store, limit=3) == [8, 7, 6]
    assert found(store, limit=20) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_too_many_spans_without_a_time_are_left_to_the_long_way(
    store: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "_MOST_UNTIMED", 2)
    spans = [a_span(n, trace_id=f"{n:032x}", start_ns=0) for n in range(1, 6)]
    store.write_spans([a_batch([*spans, a_span(9, trace_id=f"{9:032x}")])])
    assert found(store) == [9, 1, 2, 3, 4, 5]
