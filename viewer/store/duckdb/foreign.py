"""Files opened in place, read-only: ours, and DuckDB or Parquet span tables of other tools.

Another tool's table gets a database in memory beside it, in which the view ``spans`` stands for our
table of that name; resources, scopes and operations, of which there are few, are copied. So every
query of the engine works on it unchanged, and nothing is ever written to the file.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from viewer.store.base import StoreError, StoreForeign
from viewer.store.duckdb.connection import (
    Connections,
    as_pattern,
    identifier,
    open_beside,
    open_error,
    open_file,
    quoted,
    shut_off,
)
from viewer.store.duckdb.migrate import prepare, version_of
from viewer.store.duckdb.origins import resource_table, scope_table
from viewer.store.duckdb.recognise import NEEDED, SpanTable, recognise
from viewer.store.duckdb.rows import CONTENT, span_batch
from viewer.store.duckdb.view import (
    READABLE,
    SPAN_ID_FUNCTION,
    TRACE_ID_FUNCTION,
    own_columns,
    select_spans,
    texts_of,
    types_of,
)
from viewer.trace.attributes import decode_attributes
from viewer.trace.batch import SpanBatch, pack_resource, pack_scope
from viewer.trace.ids import InvalidId, span_id_of_any_text, trace_id_of_any_text
from viewer.trace.report import Rejection
from viewer.trace.span import Resource, Scope

CHUNK_SPANS = 50_000
_SOURCE = "source"
_SMALL = 1_000


def open_foreign(path: Path) -> Connections:
    """Open a file read-only, whoever wrote it; raise StoreLocked, StoreForeign or StoreError."""
    kind = _kind_of(path)
    root = open_beside(path)
    try:
        if kind == "duckdb":
            root.execute(f"ATTACH {quoted(str(path))} AS {_SOURCE} (READ_ONLY)")
            if version_of(root, _SOURCE) is not None:
                root.close()
                return _open_own(path)
            tables = _tables_in_database(root, path)
        else:
            tables = [_table_in_parquet(root, path)]
        _build(root, tables)
        shut_off(root, path)
    except duckdb.Error as error:
        root.close()
        raise open_error(error, path) from error
    except BaseException:
        root.close()
        raise
    return Connections(root, read_only=True)


class TableReader(Iterator[SpanBatch]):
    """The spans of a file in chunks of at most CHUNK_SPANS, behind the first ``skip`` of them.
    ``rejected`` says what was left out."""

    def __init__(self, path: Path, skip: int = 0) -> None:
        self._connections = open_foreign(path)
        self._skip = skip
        self._chunks = self._read()
        with self._connections.reading() as con:
            self.rejected = _unreadable(con)

    def __next__(self) -> SpanBatch:
        return next(self._chunks)

    def close(self) -> None:
        """Release the file; done by itself after the last chunk."""
        self._chunks.close()
        self._connections.close()

    def _read(self) -> Generator[SpanBatch, None, None]:
        resources, scopes = resource_table(), scope_table()
        try:
            with self._connections.reading() as con, self._connections.reading() as beside:
                columns = (*CONTENT, "resource_id", "scope_id")
                rows = con.sql(f"SELECT {', '.join(columns)} FROM spans")
                # Closed before the connection is given back, however this ends.
                with rows.to_arrow_reader(CHUNK_SPANS) as reader:
                    for chunk in reader:
                        # Passed over here: an OFFSET has DuckDB hold all the rows behind it.
                        skipped = min(self._skip, len(chunk))
                        self._skip -= skipped
                        if skipped == len(chunk):
                            continue
                        columns = chunk.slice(skipped).to_pydict()
                        yield span_batch(
                            columns,
                            resources.fetch(beside, columns["resource_id"]),
                            scopes.fetch(beside, columns["scope_id"]),
                        )
        finally:
            self._connections.close()


def read_table(path: Path, skip: int = 0) -> TableReader:
    """Open a file for reading its spans, without the first ones; raises as `open_foreign` does."""
    return TableReader(path.absolute(), skip)


def _kind_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
    if head[:4] == b"PAR1":
        return "parquet"
    if head[8:12] == b"DUCK":
        return "duckdb"
    raise StoreForeign(f"{path} is neither a DuckDB nor a Parquet file")


def _open_own(path: Path) -> Connections:
    connections = open_file(path, read_only=True)
    try:
        prepare(connections, path, read_only=True)
    except BaseException:
        connections.close()
        raise
    return connections


def _tables_in_database(root: duckdb.DuckDBPyConnection, path: Path) -> list[SpanTable]:
    """Return every span table of the attached file (a month a table, say), views left out."""
    listed = root.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $source"
        " ORDER BY ALL",
        {"source": _SOURCE},
    ).fetchall()
    tables, seen = [], []
    for schema, name in listed:
        source = f"{_SOURCE}.{identifier(schema)}.{identifier(name)}"
        columns = _columns(root, source)
        table = recognise(source, columns)
        if table is not None:
            tables.append(table)
        seen.append(f"{name} ({', '.join(column for column, _ in columns)})")
    if not tables:
        raise _unrecognised(path, "; ".join(seen) or "no table")
    return tables


def _table_in_parquet(root: duckdb.DuckDBPyConnection, path: Path) -> SpanTable:
    source = f"read_parquet({quoted(as_pattern(path))})"
    columns = _columns(root, source)
    table = recognise(source, columns)
    if table is None:
        raise _unrecognised(path, ", ".join(name for name, _ in columns))
    return table


def _columns(root: duckdb.DuckDBPyConnection, source: str) -> list[tuple[str, str]]:
    rows = root.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return [(row[0], row[1]) for row in rows]


def _unrecognised(path: Path, found: str) -> StoreForeign:
    shown = found if len(found) <= 400 else found[:400] + "…"
    return StoreForeign(
        f"{path} holds no span table: found {shown}; needed are columns such as"
        f" {', '.join(NEEDED)} (or TraceId, SpanId, Timestamp)"
    )


def _build(root: duckdb.DuckDBPyConnection, tables: list[SpanTable]) -> None:
    """Create the view and the small tables in the database in memory."""
    root.create_function(TRACE_ID_FUNCTION, _trace_id, ["VARCHAR"], "VARCHAR")
    root.create_function(SPAN_ID_FUNCTION, _span_id, ["VARCHAR"], "UBIGINT")
    selects = [
        select_spans(
            table,
            plain_trace_ids=_has_plain_trace_ids(root, table),
            start_unit=_start_unit(root, table),
        )
        for table in tables
    ]
    root.execute(f"CREATE VIEW spans AS {' UNION ALL '.join(map(own_columns, selects))}")
    raw = " UNION ALL BY NAME ".join(f"({select})" for select in selects)
    root.execute(
        f"CREATE TABLE unreadable AS SELECT count(*) AS spans FROM ({raw}) WHERE ({READABLE}) IS NOT TRUE"
    )
    root.execute("CREATE TABLE meta AS SELECT 'generation' AS key, '0' AS value")
    root.execute("CREATE TABLE services AS SELECT DISTINCT service, name, kind FROM spans")
    root.execute("CREATE TABLE resources (resource_id BIGINT, packed VARCHAR)")
    root.execute("CREATE TABLE scopes (scope_id BIGINT, packed VARCHAR)")
    root.execute(
        "CREATE TABLE removed AS SELECT '' AS trace_id, NULL AS root, NULL AS first, 0 AS start_ns,"
        " 0 AS end_ns, 0 AS spans, 0 AS removed_ns LIMIT 0"
    )
    _copy_resources(root, raw)
    _copy_scopes(root, raw)


def _has_plain_trace_ids(root: duckdb.DuckDBPyConnection, table: SpanTable) -> bool:
    """Say whether IDs need no conversion: then a look for one can use the file's statistics."""
    column = table.fields["trace_id"]
    if column.type != "VARCHAR":
        return False
    rows = root.execute(
        f"SELECT bool_and(regexp_full_match({identifier(column.name)}, '[0-9a-f]{{32}}')"
        f" AND {identifier(column.name)} <> repeat('0', 32)) FROM {table.source}"
    ).fetchall()
    return rows[0][0] is True


def _start_unit(root: duckdb.DuckDBPyConnection, table: SpanTable) -> int:
    """Tell seconds, ms, µs and ns apart by size: times since 1973 cannot be confused."""
    column = table.fields["start"]
    rows = root.execute(
        f"SELECT max(abs(try_cast({identifier(column.name)} AS DOUBLE))) FROM {table.source}"
        if not column.type.startswith(("TIMESTAMP", "DATE"))
        else "SELECT NULL"
    ).fetchall()
    largest = rows[0][0] or 1e18
    for unit, below in ((1_000_000_000, 1e11), (1_000_000, 1e14), (1_000, 1e17)):
        if largest < below:
            return unit
    return 1


def _copy_resources(root: duckdb.DuckDBPyConnection, raw: str) -> None:
    rows = root.execute(
        f"""
        SELECT resource_id, any_value(service), any_value({texts_of("resource_pairs")}),
          any_value({types_of("resource_pairs")})
        FROM ({raw}) GROUP BY resource_id
        """
    )
    while chunk := rows.fetchmany(_SMALL):
        packed = []
        for _, service, texts, letters in chunk:
            attributes = decode_attributes(texts, letters)
            if service and not any(key == "service.name" for key, _ in attributes):
                attributes = (("service.name", service), *attributes)
            packed.append(pack_resource(Resource(service, attributes)))
        _insert(root, "resources", [row[0] for row in chunk], packed)


def _copy_scopes(root: duckdb.DuckDBPyConnection, raw: str) -> None:
    rows = root.execute(
        f"""
        SELECT scope_id, any_value(scope_name), any_value(scope_version),
          any_value({texts_of("scope_pairs")}), any_value({types_of("scope_pairs")})
        FROM ({raw}) GROUP BY scope_id
        """
    )
    while chunk := rows.fetchmany(_SMALL):
        packed = [
            pack_scope(Scope(name, version, decode_attributes(texts, letters)))
            for _, name, version, texts, letters in chunk
        ]
        _insert(root, "scopes", [row[0] for row in chunk], packed)


def _insert(
    root: duckdb.DuckDBPyConnection, table: str, numbers: list[int], packed: list[str]
) -> None:
    beside = root.cursor()
    beside.register("chunk", pa.table({"number": pa.array(numbers, pa.int64()), "packed": packed}))
    beside.execute(f"INSERT INTO {table} FROM chunk").fetchall()
    beside.close()


def _unreadable(con: duckdb.DuckDBPyConnection) -> list[Rejection]:
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'unreadable'").fetchall():
        return []
    count = con.execute("SELECT spans FROM unreadable").fetchall()[0][0]
    return [Rejection("a row without trace ID or span ID", count)] if count else []


def _trace_id(text: str) -> str | None:
    try:
        return trace_id_of_any_text(text)[0]
    except InvalidId:
        return None


def _span_id(text: str) -> int | None:
    try:
        return span_id_of_any_text(text)[0]
    except InvalidId:
        return None
