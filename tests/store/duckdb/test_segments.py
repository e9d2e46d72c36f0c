"""Segments: nothing is missed by looking only where something may lie, and little else is looked at."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.builders import MS, START_NS, a_batch, a_span
from tests.store.contract import Clock
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store.duckdb import notes, segments
from viewer.store.duckdb.engine import DuckDbStore
from viewer.trace.span import Event, Span


@pytest.fixture(params=["in memory", "in the file", "in both"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DuckDbStore]:
    """Three segments of two traces each, and a trace behind them."""
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 2)
    most = {"in memory": notes.MOST_TOKENS, "in the file": 0, "in both": 16}
    monkeypatch.setattr(notes, "MOST_TOKENS", most[request.param])
    made = a_store(tmp_path / "spans.duckdb")
    for number in range(1, 8):
        made.write_spans([a_batch([span_of(number)])])
        made.tend()
    yield made
    made.close()


def span_of(number: int) -> Span:
    return a_span(
        number,
        trace_id=f"{number:032x}",
        start_ns=START_NS + number * MS,
        attributes={"number": str(number), "odd": str(number % 2)},
        events=[Event(START_NS, "e", (("of", f"event {number}"),))],
        resource={"host": "h1"},
    )


def where(store: DuckDbStore, *texts: str) -> int:
    """Return how many rows lie where spans with these attributes may."""
    with store._connections.reading() as con:
        place = store._places_of_texts(con, texts)
        return int(con.execute(f"SELECT count(*) FROM spans WHERE {place}").fetchall()[0][0])


def test_only_where_a_value_may_be_is_looked_at(store: DuckDbStore) -> None:
    # Its own segment, and the row that is in none yet.
    assert where(store, "number=3") == 3
    assert where(store, "of=event 3") == 3
    assert where(store, "number=3", "number=5") == 1
    assert where(store, "number=99") == 1
    assert where(store, "odd=1") == 7


def test_only_where_a_trace_may_be_is_looked_at(store: DuckDbStore) -> None:
    with store._connections.reading() as con:
        for ids, rows in (([1], 3), ([1, 2], 3), ([1, 5], 5), ([99], 1)):
            place = store._places(con, [f"{number:032x}" for number in ids])
            found = con.execute(f"SELECT count(*) FROM spans WHERE {place}").fetchall()
            assert found[0][0] == rows
        assert store._places(con, ["' OR 1=1"]) == store._places(con, [])


@pytest.mark.parametrize("number", range(1, 8))
def test_every_trace_and_value_is_found_wherever_it_lies(store: DuckDbStore, number: int) -> None:
    trace_id = f"{number:032x}"
    assert len(store.get_spans(trace_id)) == 1
    assert store.count_spans(trace_id) == 1
    for key, value in (("number", str(number)), ("of", f"event {number}")):
        found = store.find_traces(TraceQuery(tags=((key, value),))).traces
        assert [trace.trace_id for trace in found] == [trace_id]
    tags = (("number", str(number)), ("host", "h1"))
    assert store.count_traces(TraceQuery(tags=tags)).total == 1


def test_what_is_written_when_the_clock_went_back_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 1)
    path, clock = tmp_path / "clock.duckdb", Clock()
    store = a_store(path, clock)
    clock.now_ns = 10**18
    store.write_spans([a_batch([span_of(1)])])
    assert store.tend()
    clock.now_ns = 5
    store.write_spans([a_batch([span_of(2)])])
    store.close()
    store = a_store(path, clock)
    store.write_spans([a_batch([span_of(3)])])
    for number in (1, 2, 3):
        assert len(store.get_spans(f"{number:032x}")) == 1
    store.close()


def test_retention_forgets_what_it_removed(store: DuckDbStore) -> None:
    with store._connections.reading() as con:
        limit = con.execute("SELECT stored_ns FROM spans ORDER BY 1 LIMIT 1 OFFSET 5").fetchall()
    store.prune(limit[0][0], None)
    with store._connections.reading() as con:
        assert con.execute("SELECT count(*) FROM segments").fetchall() == [(1,)]
        for table in ("trace_tokens", "attribute_tokens"):
            assert con.execute(f"SELECT DISTINCT segment FROM {table}").fetchall() == [(3,)]
    assert [t.trace_id[-1] for t in store.find_traces(TraceQuery()).traces] == ["7", "6"]
    store.prune(1 << 62, None)
    assert store.find_traces(TraceQuery()).traces == ()


def test_notes_of_another_duckdb_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 1)
    path = tmp_path / "old.duckdb"
    store = a_store(path)
    store.write_spans([a_batch([span_of(1)])])
    assert store.tend()
    store.close()
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE meta SET value = '1.0' WHERE key = 'segments_by'")
        con.execute("UPDATE attribute_tokens SET token = 0")
    read_only = a_store(path)
    assert read_only.find_traces(TraceQuery(tags=(("number", "1"),))).traces
    assert read_only.tend()
    assert where(read_only, "number=1") == 1
    read_only.close()


def test_a_segment_is_noted_only_when_there_is_enough_for_one(tmp_path: Path) -> None:
    store = a_store(tmp_path / "few.duckdb")
    store.write_spans([a_batch([span_of(1)])])
    assert not store.tend()
    store.close()
