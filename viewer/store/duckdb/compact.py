"""Giving freed space back to the disk: the file is copied into a new one, which takes its place.

DuckDB uses freed blocks again, but a file never gets smaller by itself. The copy is made in pieces
while others read and write; what was written meanwhile is copied at the end, while writers wait. Then
the new file is renamed over the old one: before that moment the old file is whole, after it the new
one is, and a crash leaves no more than a copy behind, which the next start deletes.
"""

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from viewer.store.base import SpanKey, StoreError
from viewer.store.disk import Disk, DiskFull
from viewer.store.duckdb.connection import Connections, open_copy, store_error
from viewer.store.duckdb.migrate import create_tables
from viewer.store.duckdb.rows import DELETE

WORTH_BYTES = 256 << 20
WORTH_SHARE = 0.3
_PIECE_ROWS = 122_880
_FEW_ROWS = 50_000
_MOST_PASSES = 10
_SMALL = ("meta", "resources", "scopes", "services", "removed", "imports")
_log = logging.getLogger(__name__)


def copy_path(path: Path) -> Path:
    """Return where the copy of a file is made."""
    return path.with_name(path.name + ".compact")


def _log_path(path: Path) -> Path:
    return path.with_name(path.name + ".compact.wal")


def delete_copy(path: Path) -> None:
    """Delete what a compaction that broke off has left of its copy; raises OSError."""
    copy_path(path).unlink(missing_ok=True)
    _log_path(path).unlink(missing_ok=True)


def compact(connections: Connections, path: Path, replaced: Collection[SpanKey]) -> int:
    """Make the file smaller if much of it is free; return by how many bytes. Who writes meanwhile
    adds to ``replaced`` the spans whose rows go; no others may be deleted, or all is given up. Raises
    StoreError."""
    with connections.reading() as con:
        used, free = _blocks(con)
    if free < WORTH_BYTES or free < WORTH_SHARE * (used + free):
        return 0
    disk = Disk.of(path.parent)
    if disk.free_bytes() < used + disk.kept_bytes:
        raise DiskFull(f"{used / 1e6:,.0f} MB of room are needed to make the file smaller")
    before = path.stat().st_size
    try:
        delete_copy(path)
        _copy(connections, path, replaced)
    except duckdb.Error as error:
        raise store_error(error) from error
    except OSError as error:
        raise StoreError(f"the copy cannot be made: {error.strerror or error}") from error
    finally:
        delete_copy(path)
    saved = before - path.stat().st_size
    _log.info("%s was made smaller by %.1f MB", path.name, saved / 1e6)
    return saved


def _blocks(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the bytes of the blocks in use and of those that are free."""
    rows = con.execute(
        "SELECT used_blocks * block_size, free_blocks * block_size FROM pragma_database_size()"
        " WHERE database_name = current_database()"
    ).fetchall()
    return int(rows[0][0]), int(rows[0][1])


def _copy(connections: Connections, path: Path, replaced: Collection[SpanKey]) -> None:
    copy = open_copy(copy_path(path))
    try:
        create_tables(copy)
        done, copied = -1, _FEW_ROWS
        for _ in range(_MOST_PASSES):
            # Each pass finds what was written during the one before, and takes less time.
            if copied < _FEW_ROWS:
                break
            done, copied = _copy_spans(connections, copy, done)
        with connections.exclusive() as exclusive:
            _copy_spans(connections, copy, done)
            with connections.reading() as con:
                if replaced:
                    _copy_again(con, copy, replaced)
                for table in _SMALL:
                    _append(copy, table, con.sql(f"FROM {table}").to_arrow_table())
                _verify(con, copy)
            copy.execute("CHECKPOINT")
            copy.close()
            if _log_path(path).exists():
                raise StoreError("the copy's log is not empty")
            exclusive.replace(copy_path(path))
    finally:
        copy.close()


def _copy_spans(
    connections: Connections, copy: duckdb.DuckDBPyConnection, done: int
) -> tuple[int, int]:
    """Copy the rows behind the one with this number; return the last number, and how many rows."""
    rows = 0
    for last, piece in _pieces(connections, done):
        _append(copy, "spans", piece)
        done, rows = last, rows + len(piece)
    return done, rows


def _pieces(connections: Connections, done: int) -> Iterator[tuple[int, pa.Table]]:
    with connections.reading() as con:
        end = con.execute("SELECT max(rowid) FROM spans").fetchall()[0][0]
    while end is not None and done < end:
        last = min(done + _PIECE_ROWS, end)
        with connections.reading() as con:
            # Rows have their numbers in the order they were stored in.
            piece = con.sql(
                f"SELECT * FROM spans WHERE rowid > {done} AND rowid <= {last}"
            ).to_arrow_table()
        yield last, piece
        done = last


def _copy_again(
    con: duckdb.DuckDBPyConnection, copy: duckdb.DuckDBPyConnection, keys: Collection[SpanKey]
) -> None:
    """Take the present rows of these spans in place of those that were copied."""
    params = {
        "trace_ids": [trace_id for trace_id, _ in keys],
        "span_ids": [span_id for _, span_id in keys],
    }
    copy.execute(DELETE, params).fetchall()
    rows = con.sql(
        "SELECT spans.* FROM spans SEMI JOIN (SELECT unnest($trace_ids) AS trace_id,"
        " unnest($span_ids::UBIGINT[]) AS span_id) USING (trace_id, span_id)",
        params=params,
    )
    _append(copy, "spans", rows.to_arrow_table())


def _append(copy: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    copy.register("piece", rows)
    try:
        copy.execute(f"INSERT INTO {table} BY NAME FROM piece").fetchall()
    finally:
        copy.unregister("piece")


def _verify(con: duckdb.DuckDBPyConnection, copy: duckdb.DuckDBPyConnection) -> None:
    """Compare the two; nothing is taken on trust that would be lost by a mistake."""
    counts = " UNION ALL ".join(f"SELECT count(*), 0 FROM {table}" for table in _SMALL)
    sql = (
        "SELECT count(*), bit_xor(hash(trace_id, span_id, digest, stored_ns, resource_id))"
        f" FROM spans UNION ALL {counts}"
    )
    if con.execute(sql).fetchall() != copy.execute(sql).fetchall():
        raise StoreError("the copy differs from the file; it is made again later")
