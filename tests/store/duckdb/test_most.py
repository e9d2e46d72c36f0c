"""The traces with the most spans or errors: exact, though not all are counted to the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import MS, START_NS, a_batch, a_span
from tests.store.contract import walk
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import Sort, TraceQuery
from viewer.store.duckdb import most, search
from viewer.store.duckdb.engine import DuckDbStore
from viewer.trace.span import Span


def trace(number: int, spans: int, errors: int = 0) -> list[Span]:
    return [
        a_span(
            1000 * number + place,
            trace_id=f"{number:032x}",
            start_ns=START_NS + number * MS,
            error=place < errors,
            service="db" if place == 1 and number % 2 else "shop",
        )
        for place in range(1, spans + 1)
    ]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckDbStore]:
    monkeypatch.setattr(most, "_FIRST_CANDIDATES", 2)
    made = a_store(tmp_path / "spans.duckdb")
    yield made
    made.close()


def found(store: DuckDbStore, sort: Sort, limit: int, service: str | None = None) -> list[int]:
    query = TraceQuery(sort=sort, limit=limit, service=service)
    return [int(t.trace_id, 16) for t in store.find_traces(query).traces]


def test_what_came_twice_counts_once(store: DuckDbStore) -> None:
    store.write_spans([a_batch([span for number in range(1, 9) for span in trace(number, number)])])
    for _ in range(5):
        # By rows it is the largest.
        store.write_spans([a_batch(trace(3, 3))])
    assert found(store, Sort.MOST_SPANS, 3) == [8, 7, 6]
    assert found(store, Sort.MOST_SPANS, 20) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert found(store, Sort.MOST_SPANS, 2, service="db") == [7, 5]


def test_equal_numbers_stand_by_time_wherever_the_first_look_ended(store: DuckDbStore) -> None:
    store.write_spans([a_batch([span for n in range(1, 60) for span in trace(n, 3, errors=2)])])
    assert found(store, Sort.MOST_ERRORS, 4) == [59, 58, 57, 56]
    assert found(store, Sort.MOST_SPANS, 2, service="db") == [59, 57]


def test_all_is_put_together_where_some_thousands_do_not_tell(
    store: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(most, "_CANDIDATES", 10)
    store.write_spans([a_batch([span for n in range(1, 60) for span in trace(n, 3, errors=2)])])
    assert found(store, Sort.MOST_ERRORS, 4) == [59, 58, 57, 56]


def test_pages_follow_each_other(store: DuckDbStore) -> None:
    spans = [span for n in range(1, 60) for span in trace(n, 1 + n % 7, errors=n % 4)]
    store.write_spans([a_batch(spans)])
    for sort in (Sort.MOST_SPANS, Sort.MOST_ERRORS):
        query = TraceQuery(sort=sort, limit=5)
        pages = walk(store, query)
        assert len(pages) == len(set(pages)) == 59
        assert pages == [f"{number:032x}" for number in found(store, sort, 100)]


def test_pages_are_whole_that_are_larger_than_what_is_looked_at_first(
    store: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(most, "_CANDIDATES", 2)
    store.write_spans([a_batch([span for n in range(1, 9) for span in trace(n, n)])])
    assert found(store, Sort.MOST_SPANS, 3) == [8, 7, 6]
    assert len(walk(store, TraceQuery(sort=Sort.MOST_SPANS, limit=3))) == 8


def test_the_spans_of_few_are_counted_where_a_few_decide(
    store: DuckDbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int | None] = []
    real = most.hits_in_order

    def counting(*args: object, **named: object) -> object:
        few = args[3]
        counted.append(None if few is None else len(few.trace_ids))  # type: ignore[attr-defined]
        return real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(most, "hits_in_order", counting)
    monkeypatch.setattr(search, "hits_in_order", counting)
    store.write_spans([a_batch([span for n in range(1, 60) for span in trace(n, n)])])
    assert found(store, Sort.MOST_SPANS, 2) == [59, 58]
    assert counted == [6]
