"""Spans to database and back: engines by name, and tables in files that something else wrote.

An engine's library is imported when the engine is chosen, and not before.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from viewer.store.base import SpanStore, SpanTable, StoreError

ENGINES = {
    "duckdb": "viewer.store.duckdb.engine:open_duckdb",
    "memory": "viewer.store.memory:open_memory",
}
_TABLE_READER = "viewer.store.duckdb.foreign:read_table"
_ACCEPTED = "a store is duckdb:PATH or memory:"


def open_store(url: str, *, read_only: bool = False, cache_bytes: int | None = None) -> SpanStore:
    """Open the store that a URL names: ``duckdb:PATH`` (made if absent) or ``memory:``.

    ``cache_bytes`` is how much an engine may keep in memory, if that is less than it would take: who
    only writes reads nothing twice. With ``read_only`` the path may also be a Parquet file or another
    tool's DuckDB file, and may stand without scheme. Raises StoreError in one line, also as
    StoreLocked and StoreForeign.
    """
    scheme, colon, path = url.partition(":")
    if not colon or scheme not in ENGINES:
        if not (read_only and url and Path(url).exists()):
            raise StoreError(f"{url!r} names no store: {_ACCEPTED}")
        scheme, path = "duckdb", url
    if scheme == "duckdb" and not path:
        raise StoreError(f"{url!r} names no file: {_ACCEPTED}")
    opener = cast(Callable[..., SpanStore], _load(ENGINES[scheme]))
    return opener(path, read_only=read_only, cache_bytes=cache_bytes)


def is_table_file(head: bytes) -> bool:
    """Say whether a file's first bytes (12 are enough) are those of Parquet or DuckDB."""
    return head[:4] == b"PAR1" or head[8:12] == b"DUCK"


def read_table(path: str | Path, skip: int = 0) -> SpanTable:
    """Open the spans of a Parquet or DuckDB file, ours or another tool's, to be read in chunks of
    at most 50,000, always in the same order, without the first ``skip`` of them; raise StoreForeign
    if it holds no span table, else StoreError."""
    reader = cast(Callable[[Path, int], SpanTable], _load(_TABLE_READER))
    return reader(Path(path), skip)


def _load(dotted: str) -> object:
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
