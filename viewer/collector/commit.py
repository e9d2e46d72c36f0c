"""Bulk commits: one writer thread that turns many small batches into few large transactions."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from viewer.store.base import StoreError
from viewer.trace.batch import SpanBatch

FULL_GROUP_ROWS = 122_880  # DuckDB's row group: a group this large is compressed once, in place
LONGEST_WAIT_S = 0.3
_RETRY_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    batch: SpanBatch
    position: int | None
    done: threading.Event | None
    error: list[Exception] = field(default_factory=list)


class SpanWriter(Protocol):
    """What can store batches: a store, or what prepares them for one."""

    def write_spans(self, batches: Sequence[SpanBatch], mark: int | None) -> None:
        """Store the batches in one transaction; raises StoreError."""


class Committer:
    """Collects batches and writes them to the store from one thread.

    Entries with a journal position are already safe, so nobody waits for them; entries without one
    (imports) are waited for. ``committed`` is called after each commit with the new mark.
    """

    def __init__(self, store: SpanWriter, committed: Callable[[int], None]) -> None:
        self._store = store
        self._committed = committed
        self._entries: deque[_Entry] = deque()
        self._rows = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._urgent = 0
        self.failure = ""
        """Why the last attempt to write failed; empty while all is well."""
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    @property
    def pending_rows(self) -> int:
        return self._rows

    def submit(self, batch: SpanBatch, position: int) -> None:
        """Take a journaled batch. Positions must come in ascending order."""
        with self._wake:
            self._entries.append(_Entry(batch, position, None))
            self._rows += len(batch)
            if self._rows >= FULL_GROUP_ROWS or len(self._entries) == 1:
                self._wake.notify()

    def write(self, batch: SpanBatch) -> None:
        """Store a batch and return once it is committed; raise what the store raised."""
        entry = _Entry(batch, None, threading.Event())
        with self._wake:
            if self._stopping:
                raise StoreError("the store is being closed")
            self._entries.append(entry)
            self._rows += len(batch)
            self._urgent += 1
            self._wake.notify()
        assert entry.done is not None
        entry.done.wait()
        if entry.error:
            raise entry.error[0]

    def stop(self) -> None:
        """Commit what is pending and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group is None:
                return
            self._commit(group)

    def _next_group(self) -> list[_Entry] | None:
        with self._wake:
            while not self._entries and not self._stopping:
                self._wake.wait()
            if not self._entries:
                return None
            deadline = time.monotonic() + LONGEST_WAIT_S
            while self._rows < FULL_GROUP_ROWS and not self._urgent and not self._stopping:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            group: list[_Entry] = []
            rows = 0
            while self._entries and (not group or rows < FULL_GROUP_ROWS):
                entry = self._entries.popleft()
                rows += len(entry.batch)
                group.append(entry)
            self._rows -= rows
            self._urgent -= sum(entry.done is not None for entry in group)
            return group

    def _commit(self, group: list[_Entry]) -> None:
        try:
            self._write(group)
        except Exception as error:
            self.failure = str(error) or type(error).__name__
            _log.warning("writing %d batches failed: %s", len(group), self.failure)
            for entry in group:
                self._commit_alone(entry)

    def _commit_alone(self, entry: _Entry) -> None:
        """Write one entry; an acknowledged one is tried until it succeeds, as it may not be lost."""
        while True:
            try:
                self._write([entry])
            except Exception as error:
                self.failure = str(error) or type(error).__name__
                if entry.done is not None:
                    entry.error.append(error)
                    entry.done.set()
                    return
                if self._stopping:
                    # It stays in the journal and is written at the next start.
                    return
                _log.warning("writing a batch failed, trying again: %s", self.failure)
                time.sleep(_RETRY_S)
            else:
                return

    def _write(self, group: list[_Entry]) -> None:
        positions = [entry.position for entry in group if entry.position is not None]
        mark = positions[-1] if positions else None
        self._store.write_spans([entry.batch for entry in group], mark)
        self.failure = ""
        if mark is not None:
            self._committed(mark)
        for entry in group:
            if entry.done is not None:
                entry.done.set()
