"""The file's version: made new, brought up to date, or refused.

A migration is ``migrations/NNNN_what.sql``, applied to files of version NNNN - 1, in one
transaction with the new version's number. schema.sql always describes the newest version.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import duckdb

from viewer.store.base import StoreError, StoreForeign
from viewer.store.duckdb.connection import Connections

PRODUCT = "tracefall"
SCHEMA_VERSION = 5
# What came since then is of no concern to who only reads.
OLDEST_READ_IN_PLACE = 4
_ROOM = files("viewer.store.duckdb")
_NUMBERED = re.compile(r"(\d{4})_\w+\.sql")


def shipped_migrations() -> dict[int, str]:
    """Return the SQL of every migration by the version it leads to."""
    found = {}
    folder = _ROOM / "migrations"
    if folder.is_dir():
        for entry in folder.iterdir():
            match = _NUMBERED.fullmatch(entry.name)
            if match:
                found[int(match[1])] = entry.read_text()
    return found


def prepare(
    connections: Connections,
    path: Path,
    *,
    read_only: bool,
    newest: int = SCHEMA_VERSION,
    migrations: Mapping[int, str] | None = None,
) -> None:
    """Create the tables in an empty file, or migrate an older one; raise StoreForeign if the file
    is another tool's or of a newer version. A refused file is left as it was."""
    with connections.reading() as con:
        version = version_of(con)
        empty = not con.execute("SELECT 1 FROM duckdb_tables() LIMIT 1").fetchall()
    if version is None:
        if not empty:
            raise StoreForeign(
                f"{path} is another tool's DuckDB file; --read-only opens the span tables of others"
            )
        if read_only:
            raise StoreForeign(f"{path} is an empty DuckDB file")
        _create(connections, newest)
        return
    if version > newest:
        raise StoreForeign(
            f"{path} was written by a newer Tracefall (schema {version}, this one reads {newest})"
        )
    if read_only:
        if version < min(newest, OLDEST_READ_IN_PLACE):
            raise StoreError(
                f"{path} is of an older Tracefall (schema {version});"
                " open it once without --read-only"
            )
        return
    steps = shipped_migrations() if migrations is None else migrations
    for step in range(version + 1, newest + 1):
        if step not in steps:
            raise StoreForeign(f"{path} is of schema {version}, from which no migration leads here")
        with connections.writing() as con:
            con.execute(steps[step])
            _set_version(con, step)


def version_of(con: duckdb.DuckDBPyConnection, database: str | None = None) -> int | None:
    """Return the schema version of the open (or an attached) database, None if it is not ours."""
    where = "current_database()" if database is None else "$database"
    params = {} if database is None else {"database": database}
    columns = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main'"
        f" AND table_name = 'meta' AND database_name = {where}",
        params,
    ).fetchall()
    if {name for (name,) in columns} != {"key", "value"}:
        return None
    table = "meta" if database is None else f'"{database}".meta'
    meta = dict(con.execute(f"SELECT key, value FROM {table}").fetchall())
    version = meta.get("schema_version", "")
    if meta.get("product") != PRODUCT or not version.isdecimal():
        return None
    return int(version)


def count_up(con: duckdb.DuckDBPyConnection) -> None:
    """Note within a transaction that it changes what is stored."""
    con.execute(
        "UPDATE meta SET value = (value::BIGINT + 1)::VARCHAR WHERE key = 'generation'"
    ).fetchall()


def meta_number(con: duckdb.DuckDBPyConnection, key: str) -> int:
    """Return a number out of the table meta, 0 if it is not there."""
    rows = con.execute("SELECT value FROM meta WHERE key = $key", {"key": key}).fetchall()
    return int(rows[0][0]) if rows else 0


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of the newest version, all of them empty."""
    con.execute((_ROOM / "schema.sql").read_text())


def _create(connections: Connections, version: int) -> None:
    with connections.writing() as con:
        create_tables(con)
        con.execute(
            "INSERT INTO meta VALUES ('product', $product), ('schema_version', $version),"
            " ('journal_mark', '0'), ('generation', '0')",
            {"product": PRODUCT, "version": str(version)},
        )


def _set_version(con: duckdb.DuckDBPyConnection, version: int) -> None:
    con.execute(
        "UPDATE meta SET value = $version WHERE key = 'schema_version'", {"version": str(version)}
    )
