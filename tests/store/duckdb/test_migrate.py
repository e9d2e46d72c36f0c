from pathlib import Path

import duckdb
import pytest

from tests.builders import a_batch, a_trace
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store import open_store
from viewer.store.base import StoreError, StoreForeign
from viewer.store.duckdb import segments
from viewer.store.duckdb.connection import Connections, open_file
from viewer.store.duckdb.migrate import (
    OLDEST_READ_IN_PLACE,
    SCHEMA_VERSION,
    prepare,
    shipped_migrations,
    version_of,
)

NEXT = SCHEMA_VERSION + 1
PLANTED = {
    NEXT: "ALTER TABLE services ADD COLUMN noted BOOLEAN DEFAULT FALSE;"
    " UPDATE services SET noted = TRUE WHERE name = 'GET /'",
    NEXT + 1: "ALTER TABLE services RENAME COLUMN noted TO seen",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the present version with one trace in it."""
    path = tmp_path / "spans.duckdb"
    store = a_store(path)
    store.write_spans([a_batch(a_trace(1))], mark=3)
    store.close()
    return path


def version(connections: Connections) -> int | None:
    with connections.reading() as con:
        return version_of(con)


def set_version(path: Path, text: str) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", [text])


def test_each_version_has_a_migration_that_leads_to_it() -> None:
    assert sorted(shipped_migrations()) == list(range(2, SCHEMA_VERSION + 1))


def test_a_new_file_is_of_the_present_version(path: Path) -> None:
    connections = open_file(path, read_only=True)
    assert version(connections) == SCHEMA_VERSION
    connections.close()


def test_an_older_file_is_migrated_step_by_step_and_keeps_its_spans(path: Path) -> None:
    connections = open_file(path, read_only=False)
    prepare(connections, path, read_only=False, newest=NEXT + 1, migrations=PLANTED)
    assert version(connections) == NEXT + 1
    with connections.reading() as con:
        seen = con.execute("SELECT count(*) FROM services WHERE seen").fetchall()
        assert seen == [(1,)]
        assert con.execute("SELECT count(*) FROM spans").fetchall() == [(3,)]
        assert con.execute("SELECT value FROM meta WHERE key = 'journal_mark'").fetchall() == [
            ("3",)
        ]
    connections.close()


def test_a_migration_that_fails_leaves_the_file_at_the_step_before(path: Path) -> None:
    broken = {
        **PLANTED,
        NEXT + 1: "UPDATE services SET noted = NULL; SELECT no_such_column FROM spans",
    }
    connections = open_file(path, read_only=False)
    with pytest.raises(StoreError):
        prepare(connections, path, read_only=False, newest=NEXT + 1, migrations=broken)
    assert version(connections) == NEXT
    with connections.reading() as con:
        noted = con.execute("SELECT count(*) FROM services WHERE noted").fetchall()
        assert noted == [(1,)]
    connections.close()


def test_an_older_file_is_not_touched_read_only(path: Path) -> None:
    set_version(path, str(OLDEST_READ_IN_PLACE - 1))
    connections = open_file(path, read_only=True)
    with pytest.raises(StoreError, match="without --read-only"):
        prepare(connections, path, read_only=True)
    connections.close()


def test_an_older_file_that_lacks_nothing_to_be_read_is_opened_read_only(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("DROP TABLE imports")
    set_version(path, str(OLDEST_READ_IN_PLACE))
    before = path.read_bytes()
    store = open_store(f"duckdb:{path}", read_only=True)
    assert store.stats().span_rows == 3
    assert len(store.find_traces(TraceQuery()).traces) == 1
    store.close()
    assert path.read_bytes() == before
    store = open_store(f"duckdb:{path}")
    assert store.imports_of("any", "", 1) == []
    store.close()


def test_a_missing_migration_is_said(path: Path) -> None:
    connections = open_file(path, read_only=False)
    with pytest.raises(StoreForeign, match="no migration"):
        prepare(connections, path, read_only=False, newest=NEXT, migrations={})
    connections.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_file_is_refused(path: Path, read_only: bool) -> None:
    set_version(path, str(SCHEMA_VERSION + 7))
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match=f"newer Tracefall.*{SCHEMA_VERSION + 7}"):
        open_store(f"duckdb:{path}", read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE otel_traces (TraceId VARCHAR, SpanId VARCHAR, Timestamp TIMESTAMP)",
        "CREATE TABLE meta (key VARCHAR, value VARCHAR)",
        "CREATE TABLE meta (key VARCHAR, value VARCHAR);"
        " INSERT INTO meta VALUES ('product', 'other'), ('schema_version', '1')",
        "CREATE TABLE meta (key VARCHAR, value VARCHAR);"
        " INSERT INTO meta VALUES ('product', 'tracefall'), ('schema_version', 'x')",
    ],
)
def test_another_tools_database_is_refused_for_writing_and_left_as_it_was(
    tmp_path: Path, made: str
) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(made)
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match=r"another tool's.*--read-only"):
        open_store(f"duckdb:{path}")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.duckdb"]


def test_an_empty_database_of_duckdb_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(StoreForeign, match="no span table"):
        open_store(f"duckdb:{path}", read_only=True)
    store = open_store(f"duckdb:{path}")
    store.write_spans([a_batch(a_trace(1))])
    store.close()


SEGMENTS = ("segments", "trace_tokens", "attribute_tokens")


def drop(con: duckdb.DuckDBPyConnection, *tables: str) -> None:
    for table in tables:
        con.execute(f"DROP TABLE {table}")


def test_a_file_of_the_third_version_gets_segments(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 1)
    with duckdb.connect(str(path)) as con:
        drop(con, "imports", *SEGMENTS)
    set_version(path, "3")
    store = open_store(f"duckdb:{path}")
    assert store.tend()
    assert not store.tend()
    assert store.find_traces(TraceQuery()).traces
    store.close()


def test_a_file_of_the_first_version_gets_weights(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("ALTER TABLE spans DROP COLUMN weight")
        drop(con, "removed", "imports", *SEGMENTS)
    set_version(path, "1")
    store = open_store(f"duckdb:{path}")
    sampled = a_batch(a_trace(2))
    sampled.weight = 10.0
    store.write_spans([sampled])
    store.close()
    store = open_store(f"duckdb:{path}")
    assert store.count_traces(TraceQuery()).estimated_total == 11
    assert store.journal_mark() == 3
    store.close()


def test_a_file_of_the_second_version_learns_to_remember(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        drop(con, "removed", "imports", *SEGMENTS)
    set_version(path, "2")
    store = open_store(f"duckdb:{path}")
    assert store.removed_trace(f"{1:032x}") is None
    store.prune(1 << 62, None)
    store.close()
    store = open_store(f"duckdb:{path}", read_only=True)
    found = store.removed_trace(f"{1:032x}")
    assert found is not None
    assert found.spans == 3
    store.close()
