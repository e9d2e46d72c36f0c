from pathlib import Path

from tests.store.contract import Clock, StoreContract
from viewer.store.base import SpanStore
from viewer.store.duckdb.connection import open_file
from viewer.store.duckdb.engine import DuckDbStore
from viewer.store.duckdb.migrate import prepare


def a_store(path: Path, clock: Clock | None = None) -> DuckDbStore:
    """Return a DuckDB store at a path, with a clock of its own where the test sets the time."""
    connections = open_file(path, read_only=False)
    prepare(connections, path, read_only=False)
    return DuckDbStore(connections, path, writable=True, clock=clock or Clock())


class TestDuckDbStore(StoreContract):
    def make_store(self, folder: Path, clock: Clock) -> SpanStore:
        return a_store(folder / "spans.duckdb", clock)
