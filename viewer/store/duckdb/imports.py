"""What the file remembers of files that were imported into it."""

from collections.abc import Sequence
from dataclasses import astuple, fields

import duckdb

from viewer.store.base import FILE_HEAD_BYTES, FileImport

_COLUMNS = tuple(field.name for field in fields(FileImport))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM imports"
_INSERT = f"INSERT INTO imports VALUES ({', '.join('?' for _ in _COLUMNS)})"


def note_imports(con: duckdb.DuckDBPyConnection, imports: Sequence[FileImport]) -> None:
    """Put these notes in the place of those of the same keys."""
    keys = [noted.key for noted in imports]
    con.execute(
        "DELETE FROM imports WHERE key IN (SELECT unnest($keys))", {"keys": keys}
    ).fetchall()
    for noted in imports:
        con.execute(_INSERT, astuple(noted)).fetchall()


def imports_of(
    con: duckdb.DuckDBPyConnection, path: str, head_digest: str, most_bytes: int
) -> list[FileImport]:
    """Return the notes as `SpanStore.imports_of` does."""
    rows = con.execute(
        f"{_SELECT} WHERE path = $path"
        " OR (bytes <= $most AND (head_digest = $head OR bytes < $short))"
        " ORDER BY noted_ns DESC, key",
        {"path": path, "most": most_bytes, "head": head_digest, "short": FILE_HEAD_BYTES},
    ).fetchall()
    return [FileImport(*row) for row in rows]


def import_noted(con: duckdb.DuckDBPyConnection, key: str) -> FileImport | None:
    """Return the note of this key, None without one."""
    rows = con.execute(f"{_SELECT} WHERE key = $key", {"key": key}).fetchall()
    return FileImport(*rows[0]) if rows else None
