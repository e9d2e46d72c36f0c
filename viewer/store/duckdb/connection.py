"""Connections to one DuckDB file, handed out by intent, and DuckDB's errors in the store's words.

DuckDB 2.0: a connection belongs to one thread at a time (a second one gets an error at once), a
cursor costs 4 µs, results stream until fetched, a failed statement aborts its transaction.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from viewer.store.base import ReadOnly, StoreError, StoreForeign, StoreLocked

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_GLOB = re.compile(r"([*?\[])")
_LOCAL_ONLY = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # A table name in our SQL must never resolve to a Python variable.
    "python_enable_replacements": "false",
}
_CLOSE_SECONDS = 5.0


class Connections:
    """The open database. `reading` and `writing` are the only ways to it."""

    def __init__(self, root: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        self._root = root
        self._read_only = read_only
        self._write_lock = threading.Lock()
        self._state = threading.Condition()
        self._active: set[duckdb.DuckDBPyConnection] = set()
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection of this block's own. All its statements see one state: the last
        commit before the first of them."""
        with self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
            finally:
                _roll_back(cursor)

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection in a transaction: committed at the end, undone by any exception."""
        if self._read_only:
            raise ReadOnly("the store was opened read-only")
        with self._write_lock, self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                _roll_back(cursor)
                raise

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, so that freed blocks can be used again."""
        with self._write_lock, self._cursor() as cursor:
            cursor.execute("CHECKPOINT")

    def close(self) -> None:
        """Interrupt what still reads, wait for it, flush and release the file. Idempotent."""
        with self._write_lock:
            with self._state:
                if self._closed:
                    return
                self._closed = True
                for cursor in self._active:
                    cursor.interrupt()
                self._state.wait_for(lambda: not self._active, _CLOSE_SECONDS)
                for cursor in self._idle:
                    cursor.close()
            self._root.close()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._state:
            if self._closed:
                raise StoreError("the store is closed")
            cursor = self._idle.pop() if self._idle else _new_cursor(self._root)
            self._active.add(cursor)
        try:
            yield cursor
        except duckdb.Error as error:
            raise store_error(error) from error
        finally:
            with self._state:
                self._active.discard(cursor)
                self._idle.append(cursor)
                self._state.notify_all()


def _new_cursor(root: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    cursor = root.cursor()
    # A setting of each connection; without it long queries draw a bar on the server's terminal.
    cursor.execute("SET enable_progress_bar = false")
    return cursor


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.rollback()
    except duckdb.TransactionException:
        # After some errors DuckDB has ended the transaction by itself.
        return


def open_file(path: Path, *, read_only: bool) -> Connections:
    """Open or create a DuckDB file; raise StoreLocked, StoreForeign or StoreError.

    Afterwards no statement can reach any other file.
    """
    config = {**_LOCAL_ONLY, **_limits(path), "enable_external_access": "false"}
    if not read_only:
        # Measured: at 16 MB (the default) small batches cost twice the CPU, at 256 MB stalls grow.
        config["checkpoint_threshold"] = "64MB"
        # Else checkpoints merge the small row groups that writes just above 122,880 rows leave, and
        # compress everything again: as dear as writing it, and at once when the server stops.
        # Row groups without any row left are dropped all the same.
        config["max_vacuum_tasks"] = "0"
    try:
        root = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise open_error(error, path) from error
    return Connections(root, read_only=read_only)


def open_beside(path: Path) -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory that may read other files, for looking into one.

    The caller ends that freedom by `shut_off`.
    """
    return duckdb.connect(config={**_LOCAL_ONLY, **_limits(path)})


def shut_off(root: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Let a database made by `open_beside` read this file, and nothing else any more."""
    allowed = f"{quoted(str(path))}, {quoted(as_pattern(path))}"
    root.execute(f"SET allowed_paths = [{allowed}]")
    root.execute("SET enable_external_access = false")


def as_pattern(path: Path) -> str:
    """Return the pattern that finds this file only: DuckDB reads a path as a pattern, and a file's
    name may hold a pattern's letters."""
    return _GLOB.sub(r"[\1]", str(path))


def quoted(text: str) -> str:
    """Return an SQL string literal, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def store_error(error: duckdb.Error) -> StoreError:
    """Return DuckDB's error as one line."""
    return StoreError(f"the database failed: {_one_line(error)}")


def open_error(error: duckdb.Error, path: Path) -> StoreError:
    """Say why a file cannot be opened, in one line that names it."""
    said = _one_line(error)
    if "Could not set lock" in said:
        holder = _HOLDER.search(said)
        by = "another process"
        if holder:
            by = f"process {holder['pid']} ({Path(holder['program']).name})"
        return StoreLocked(f"{path} is in use by {by}; stop it, or choose another --store")
    if "different configuration" in said:
        return StoreLocked(f"{path} is in use by this process already, opened in another way")
    if "not a valid DuckDB database file" in said:
        return StoreForeign(f"{path} is no DuckDB file")
    if "version" in said and isinstance(error, duckdb.IOException | duckdb.SerializationException):
        return StoreForeign(f"{path} was written by another version of DuckDB: {said}")
    return StoreError(f"{path} cannot be opened: {said}")


def _one_line(error: duckdb.Error) -> str:
    return str(error).strip().split("\n", 1)[0]


def _limits(path: Path) -> dict[str, str | bool | int | float | list[str]]:
    """Bound memory to a quarter of the machine (0.5 to 4 GB: every query here was measured to
    need less than 0.6 GB), and spill beside the file, where there is room for data."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    megabytes = min(max(physical // 4 >> 20, 512), 4096)
    return {
        "memory_limit": f"{megabytes}MB",
        "temp_directory": str(path.with_name(path.name + ".tmp")),
    }
