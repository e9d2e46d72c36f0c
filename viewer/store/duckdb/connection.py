"""Connections to one DuckDB file, handed out by intent, and DuckDB's errors in the store's words.

DuckDB 2.0: a connection belongs to one thread at a time (a second one gets an error at once), a
cursor costs 4 µs, results stream until fetched, a failed statement aborts its transaction.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from viewer.store.base import (
    OutOfMemory,
    ReadOnly,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreUnavailable,
)
from viewer.store.cancel import interruptible
from viewer.store.disk import Disk, DiskFull

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_GLOB = re.compile(r"([*?\[])")
_LOCAL_ONLY = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # A table name in our SQL must never resolve to a Python variable.
    "python_enable_replacements": "false",
}
_OF_THE_DISK = re.compile(r"Could not|Cannot (write|open|sync)|No space|onflict")
_CLOSE_SECONDS = 5.0
_REOPEN_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Connections:
    """The open database. `reading` and `writing` are the only ways to it.

    DuckDB gives a database up when a checkpoint fails, for want of room, say: no statement works any
    more until the file is opened again, and that is done here. What had been committed is there then.
    """

    def __init__(
        self,
        root: duckdb.DuckDBPyConnection,
        *,
        read_only: bool,
        path: Path | None = None,
        reopen: Callable[[], duckdb.DuckDBPyConnection] | None = None,
    ) -> None:
        self._root = root
        self._read_only = read_only
        self._reopen = reopen
        self._path = path
        self._disk = Disk.of(path.parent) if path else None
        self._write_lock = threading.Lock()
        self._state = threading.Condition()
        self._active: set[duckdb.DuckDBPyConnection] = set()
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._given_up = False
        self._is_paused = False
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection of this block's own. All its statements see one state: the last
        commit before the first of them. Raises Cancelled or TooSlow (`store.cancel`) for whom it is
        to end early."""
        with self._cursor() as cursor:
            cursor.begin()
            try:
                # Not by DuckDB's max_execution_time: writers get these connections, too.
                with interruptible(cursor.interrupt) as running:
                    try:
                        yield cursor
                    except duckdb.Error as error:
                        if running is None or running.reason is None:
                            raise
                        raise running.reason from error
            finally:
                _roll_back(cursor)

    @contextmanager
    def writing(self, *, frees: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection in a transaction: committed at the end, undone by any exception.

        Raises DiskFull while there is little room, unless it is for what ``frees`` some."""
        if self._read_only:
            raise ReadOnly("the store was opened read-only")
        with self._write_lock:
            if not frees and self._disk and (shortage := self._disk.shortage()):
                raise DiskFull(shortage)
            with self._cursor() as cursor:
                cursor.begin()
                try:
                    yield cursor
                    cursor.commit()
                except BaseException:
                    _roll_back(cursor)
                    raise
            if self._disk and self.log_bytes() >= self._disk.log_bytes:
                self._tidy()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, so that freed blocks can be used again; raises
        DiskFull if there is no room for that."""
        with self._write_lock:
            self._check_room()
            with self._cursor() as cursor:
                cursor.execute("CHECKPOINT")

    @contextmanager
    def exclusive(self) -> Iterator["Exclusive"]:
        """Keep writers out; readers go on."""
        with self._write_lock:
            yield Exclusive(self._replace)

    def _replace(self, copy: Path) -> None:
        """Put a closed copy of the database in the file's place. Holds the write lock."""
        if self._path is None or self._reopen is None:
            raise ReadOnly("the store was opened read-only")
        self._check_room()
        with self._cursor() as cursor:
            # A log beside the new file would be taken for its own.
            cursor.execute("CHECKPOINT")
        with self._state:
            # Who reads comes to an end, and who wants to read waits for that.
            self._is_paused = True
            try:
                self._put_in_place(copy, self._path, self._reopen)
            finally:
                self._is_paused = False
                self._state.notify_all()

    def _put_in_place(
        self, copy: Path, path: Path, reopen: Callable[[], duckdb.DuckDBPyConnection]
    ) -> None:
        if not self._state.wait_for(lambda: not self._active, _REOPEN_SECONDS):
            raise StoreUnavailable("the file is being read; it is replaced another time")
        if self._closed:
            raise StoreError("the store is closed")
        self._close_all()
        # From here on whoever comes opens it, whatever goes wrong.
        self._given_up = True
        if self.log_bytes():
            raise StoreUnavailable("the log is not empty; the file is replaced another time")
        try:
            _sync(copy)
            os.replace(copy, path)
            _sync(path.parent)
        except OSError as error:
            raise StoreUnavailable(f"the file cannot be replaced: {error}") from error
        self._root = reopen()
        self._given_up = False

    def log_bytes(self) -> int:
        """Return the length of the write-ahead log."""
        if self._path is None:
            return 0
        try:
            return self._path.with_name(self._path.name + ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Interrupt what still reads, wait for it, flush and release the file. Idempotent."""
        with self._write_lock, self._state:
            if self._closed:
                return
            self._closed = True
            for cursor in self._active:
                cursor.interrupt()
            self._state.wait_for(lambda: not self._active, _CLOSE_SECONDS)
            self._close_all()

    def _tidy(self) -> None:
        """Move a log that has grown into the file. What was committed stands whether or not that
        works, so that nobody hears of it but the operator."""
        try:
            self._check_room()
            with self._cursor() as cursor:
                cursor.execute("CHECKPOINT")
        except StoreError as error:
            _log.warning("the log cannot be moved into the file, tried again later: %s", error)

    def _check_room(self) -> None:
        # DuckDB gives the whole database up if it runs out of room on the way.
        if not self._disk or not (log := self.log_bytes()):
            return
        with self._cursor() as cursor:
            inside = cursor.execute(
                "SELECT free_blocks * block_size FROM pragma_database_size()"
                " WHERE database_name = current_database()"
            ).fetchall()[0][0]
        try:
            free = int(inside) + self._disk.free_bytes()
        except OSError as error:
            raise DiskFull(f"{self._disk.folder} cannot be looked at: {error.strerror}") from error
        # Packed it takes less than in the log, but row groups that are not full are written anew.
        needed = log + self._disk.log_bytes // 2
        if free < needed:
            raise DiskFull(f"{needed / 1e6:,.1f} MB of room are needed, {free / 1e6:,.1f} are free")

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._state:
            self._state.wait_for(lambda: not self._is_paused)
            if self._given_up and not self._closed:
                self._open_again()
            if self._closed:
                raise StoreError("the store is closed")
            cursor = self._idle.pop() if self._idle else _new_cursor(self._root)
            self._active.add(cursor)
        try:
            yield cursor
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException):
                self._given_up = True
            raise store_error(error) from error
        finally:
            with self._state:
                self._active.discard(cursor)
                self._idle.append(cursor)
                self._state.notify_all()

    def _open_again(self) -> None:
        """Open a database anew that DuckDB has given up; raises StoreError. Holds the state's lock."""
        # While any connection to the old one is open, DuckDB gives out no other.
        if not self._state.wait_for(lambda: not self._active, _REOPEN_SECONDS):
            raise StoreUnavailable("the database is to be opened again, and is still being read")
        if not self._given_up or self._closed or self._reopen is None:
            return
        self._close_all()
        self._root = self._reopen()
        self._given_up = False
        _log.warning("the database was opened again")

    def _close_all(self) -> None:
        for cursor in self._idle:
            cursor.close()
        self._idle.clear()
        self._root.close()


class Exclusive:
    """What may be done while writers are kept out."""

    def __init__(self, replace: Callable[[Path], None]) -> None:
        self.replace = replace
        """Puts a closed copy of the database in the file's place; raises StoreError."""


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _new_cursor(root: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    cursor = root.cursor()
    # A setting of each connection; without it long queries draw a bar on the server's terminal.
    cursor.execute("SET enable_progress_bar = false")
    return cursor


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.rollback()
    except (duckdb.TransactionException, duckdb.FatalException):
        # After some errors DuckDB has ended the transaction by itself, or the whole database.
        return


def open_file(path: Path, *, read_only: bool) -> Connections:
    """Open or create a DuckDB file; raise StoreLocked, StoreForeign or StoreError.

    Afterwards no statement can reach any other file.
    """
    config = {**_LOCAL_ONLY, **_limits(path), "enable_external_access": "false"}
    if not read_only:
        # Ours is the decision when: after a look at the room there is (see `Connections.writing`).
        config["checkpoint_threshold"] = "1TB"
        # Else checkpoints merge the small row groups that writes just above 122,880 rows leave, and
        # compress everything again: as dear as writing it, and at once when the server stops.
        # Row groups without any row left are dropped all the same.
        config["max_vacuum_tasks"] = "0"

    def connect() -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(str(path), read_only=read_only, config=config)
        except duckdb.Error as error:
            raise open_error(error, path) from error

    root = connect()
    return Connections(root, read_only=read_only, path=None if read_only else path, reopen=connect)


def open_copy(path: Path) -> duckdb.DuckDBPyConnection:
    """Create a DuckDB file that one thread fills; raises duckdb.Error."""
    config = {**_LOCAL_ONLY, **_limits(path), "enable_external_access": "false"}
    config |= {"memory_limit": "512MB", "max_vacuum_tasks": "0"}
    con = duckdb.connect(str(path), config=config)
    con.execute("SET enable_progress_bar = false")
    return con


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
    """Return DuckDB's error as one line, as StoreUnavailable if it is the disk's or another's doing,
    as OutOfMemory if there was too little of that."""
    if isinstance(error, duckdb.OutOfMemoryException):
        # Memory is shared by all who read and write: what did not fit now may fit later.
        return OutOfMemory(f"this needs more memory than the store may take: {_one_line(error)}")
    said = f"the database failed: {_one_line(error)}"
    # A commit that fails says why only in its text.
    by_commit = isinstance(error, duckdb.TransactionException) and _OF_THE_DISK.search(said)
    if by_commit or isinstance(error, duckdb.IOException | duckdb.InterruptException):
        return StoreUnavailable(said)
    return StoreError(said)


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
    need less than 0.6 GB), and spill beside the file, where there is room for data: twice as much at
    most, lest one search take the room of all that is to be stored."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    megabytes = min(max(physical // 4 >> 20, 512), 4096)
    return {
        "memory_limit": f"{megabytes}MB",
        "temp_directory": str(path.with_name(path.name + ".tmp")),
        "max_temp_directory_size": f"{2 * megabytes}MB",
    }
