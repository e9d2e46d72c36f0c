from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.builders import a_batch, a_trace
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store import disk, open_store
from viewer.store.base import (
    OutOfMemory,
    ReadOnly,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreUnavailable,
)
from viewer.store.cancel import Cancelled, TooSlow, answering, while_waited_for
from viewer.store.disk import Disk, DiskFull
from viewer.store.duckdb import connection
from viewer.store.duckdb.connection import open_file, store_error


def test_a_statement_that_fails_undoes_its_transaction_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    store = a_store(tmp_path / "spans.duckdb")
    with pytest.raises(StoreError) as raised, store._connections.writing() as con:
        con.execute("DELETE FROM meta; SELECT 'x'::INTEGER").fetchall()
    assert "\n" not in str(raised.value)
    store.write_spans([a_batch(a_trace())], mark=5)
    assert store.journal_mark() == 5
    store.close()


def test_no_statement_reaches_another_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    connections = open_file(tmp_path / "spans.duckdb", read_only=False)
    secret = tmp_path / "secret.csv"
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"ATTACH '{tmp_path / 'other.duckdb'}'",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
        "SET enable_external_access = true",
        "LOAD httpfs",
    ):
        with pytest.raises(StoreError), connections.reading() as con:
            con.execute(sql).fetchall()
    connections.close()


def test_a_python_variable_is_no_table(tmp_path: Path) -> None:
    connections = open_file(tmp_path / "spans.duckdb", read_only=False)
    services = duckdb.sql("SELECT 1")  # noqa: F841
    with pytest.raises(StoreError), connections.reading() as con:
        con.execute("FROM services").fetchall()
    connections.close()


def test_a_closed_store_refuses_and_closes_twice(tmp_path: Path) -> None:
    store = a_store(tmp_path / "spans.duckdb")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.find_traces(TraceQuery())
    with pytest.raises(StoreError, match="closed"):
        store.write_spans([a_batch(a_trace())])


def test_a_store_opened_read_only_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    written = a_store(path)
    written.write_spans([a_batch(a_trace())])
    written.close()
    store = open_store(str(path), read_only=True)
    assert not store.capabilities.writable
    assert store.count_traces(TraceQuery()).total == 1
    with pytest.raises(ReadOnly):
        store.write_spans([a_batch(a_trace(2))])
    with pytest.raises(ReadOnly):
        store.prune(1, None)
    store.close()


def test_a_file_open_in_this_process_in_another_way_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "spans.duckdb"
    store = a_store(path)
    with pytest.raises(StoreLocked, match="this process"):
        open_file(path, read_only=True)
    store.close()


@pytest.mark.parametrize("content", [b"", b"{}", b"no database at all" * 100])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "spans.duckdb"
    path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreForeign) as raised:
            open_store(f"duckdb:{path}", read_only=read_only)
        assert str(path) in str(raised.value)
    assert path.read_bytes() == content


def test_a_path_that_cannot_be_opened_is_said_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "folder" / "x.duckdb", tmp_path):
        with pytest.raises(StoreError) as raised:
            open_store(f"duckdb:{path}")
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_database_that_duckdb_has_given_up_is_opened_again(tmp_path: Path) -> None:
    store = a_store(tmp_path / "spans.duckdb")
    store.write_spans([a_batch(a_trace(1))], mark=5)
    with pytest.raises(StoreError, match="gives up"), store._connections.reading():
        raise duckdb.FatalException("gives up")
    assert store._connections._given_up
    assert store.journal_mark() == 5
    store.write_spans([a_batch(a_trace(2))], mark=6)
    assert not store._connections._given_up
    assert (store.stats().traces, store.journal_mark()) == (2, 6)
    store.close()


def test_it_is_opened_again_only_when_nobody_reads_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_REOPEN_SECONDS", 0.05)
    store = a_store(tmp_path / "spans.duckdb")
    store.write_spans([a_batch(a_trace(1))])
    with store._connections.reading() as con:
        store._connections._given_up = True
        with pytest.raises(StoreUnavailable, match="still being read"):
            store.journal_mark()
        assert con.execute("SELECT count(*) FROM spans").fetchall() == [(3,)]
    assert store.stats().traces == 1
    store.close()


def test_no_checkpoint_is_begun_without_room_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(tmp_path / "spans.duckdb")
    store.write_spans([a_batch(a_trace(1))], mark=1)
    monkeypatch.setattr(Disk, "free_bytes", lambda disk: 0)
    with pytest.raises(DiskFull, match="room"):
        store._connections.checkpoint()
    with pytest.raises(DiskFull, match="the disk is full"):
        store.write_spans([a_batch(a_trace(2))], mark=2)
    # What gives room is done all the same, and reads go on.
    with store._connections.writing(frees=True) as con:
        con.execute("DELETE FROM spans").fetchall()
    assert (store.stats().traces, store.journal_mark()) == (0, 1)
    monkeypatch.undo()
    store.write_spans([a_batch(a_trace(2))], mark=2)
    assert store.journal_mark() == 2
    store.close()


def test_a_log_that_has_grown_is_moved_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "LARGEST_LOG", 50_000)
    store = a_store(tmp_path / "spans.duckdb")
    longest = 0
    for number in range(1, 40):
        store.write_spans([a_batch(a_trace(number, spans=50))])
        longest = max(longest, store._connections.log_bytes())
    assert 0 < longest < 100_000
    assert store.stats().traces == 39
    store.close()


@pytest.mark.parametrize(
    ("error", "is_passing"),
    [
        (duckdb.IOException("disk"), True),
        (duckdb.TransactionException("Failed to commit: Could not write file"), True),
        (duckdb.TransactionException("Failed to commit: Conflict on tuple deletion"), True),
        (duckdb.TransactionException("Failed to commit: PRIMARY KEY violated"), False),
        (duckdb.InvalidInputException("Invalid unicode"), False),
    ],
)
def test_an_error_says_whether_the_batch_may_be_to_blame(
    error: duckdb.Error, is_passing: bool
) -> None:
    assert isinstance(store_error(error), StoreUnavailable) == is_passing


# Days of work, by which no row is made.
SLOW = "SELECT a.range FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = -3"
FETCHES: list[Callable[[duckdb.DuckDBPyConnection], object]] = [
    lambda con: con.execute(SLOW).fetchall(),
    lambda con: con.sql(SLOW).to_arrow_table(),
]


@pytest.mark.parametrize("fetch", FETCHES)
def test_a_query_that_nobody_waits_for_is_stopped_and_its_connection_is_good(
    tmp_path: Path, fetch: Callable[[duckdb.DuckDBPyConnection], object]
) -> None:
    connections = open_file(tmp_path / "spans.duckdb", read_only=False)
    has_begun: list[duckdb.DuckDBPyConnection] = []
    waiting = while_waited_for(lambda: bool(has_begun))
    with answering(waiting), pytest.raises(Cancelled), connections.reading() as con:
        fetch(has_begun.append(con) or con)
    with connections.reading() as again:
        assert again is has_begun[0]
        assert again.execute("SELECT 1").fetchall() == [(1,)]
    connections.close()


def test_a_query_has_a_longest_time_and_a_write_has_not(tmp_path: Path) -> None:
    connections = open_file(tmp_path / "spans.duckdb", read_only=False)
    with answering(while_waited_for(lambda: False, 0.05)):
        with pytest.raises(TooSlow, match=r"after 0\.05 s"), connections.reading() as con:
            con.execute(SLOW).fetchall()
        with connections.writing() as con:
            con.execute("CREATE TABLE t AS SELECT sum(range) s FROM range(100000000)").fetchall()
    with connections.reading() as con:
        assert con.execute("SELECT count(*) FROM t").fetchall() == [(1,)]
    connections.close()


def test_what_needs_too_much_memory_is_told_from_damage(tmp_path: Path) -> None:
    connections = open_file(tmp_path / "spans.duckdb", read_only=False)
    large = "SELECT list(range) FROM range(1000000000)"
    with connections.reading() as con:
        con.execute("SET memory_limit = '60MB'").fetchall()
    said = "more memory than the store may take"
    with pytest.raises(OutOfMemory, match=said) as raised, connections.reading() as con:
        con.execute(large).fetchall()
    assert "\n" not in str(raised.value)
    # A writer tries again later, and does not take its spans for what cannot be stored.
    with pytest.raises(StoreUnavailable), connections.writing() as con:
        con.execute(f"CREATE TABLE t AS {large}").fetchall()
    assert not connections._given_up
    with connections.writing() as con:
        con.execute("CREATE TABLE t AS SELECT 1").fetchall()
    connections.close()


def test_what_spills_more_than_it_may_fails_and_frees_its_room(tmp_path: Path) -> None:
    connections = open_file(tmp_path / "spans.duckdb", read_only=False)
    with connections.reading() as con:
        limit = con.execute("SELECT current_setting('max_temp_directory_size')").fetchall()
        assert "disk" not in limit[0][0]
        con.execute("SET memory_limit = '60MB'; SET max_temp_directory_size = '20MB'").fetchall()
    sort = "SELECT hash(range) h, range FROM range(30000000) ORDER BY h"
    with pytest.raises(OutOfMemory), connections.reading() as con:
        con.execute(f"SELECT count(*) FROM ({sort} LIMIT 29999999)").fetchall()
    assert sum(file.stat().st_size for file in tmp_path.glob("*.tmp/*")) <= 20 << 20
    with connections.reading() as con:
        assert con.execute("SELECT 1").fetchall() == [(1,)]
    connections.close()
