"""Bulk commits: one writer thread that turns many small batches into few large transactions."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from viewer.formats.bulk import BulkColumns
from viewer.store.base import StoreError, StoreUnavailable
from viewer.trace.batch import SpanBatch

FULL_GROUP_ROWS = 122_880  # DuckDB's row group: a group this large is compressed once, in place
LONGEST_WAIT_S = 0.3
_RETRY_S = 1.0
# Whatever else may pass by itself, a database that was given up and opened again say, has done so then.
_MOST_REFUSALS = 6
# What a request holds, as a rule. Smaller parts would be many files, if all in them is refused.
_SMALLEST_PART = 512
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    """What waits to be written: a batch, or columns that are to become one."""

    spans: SpanBatch | BulkColumns
    position: int | None
    done: threading.Event | None = None
    error: list[Exception] = field(default_factory=list)

    @property
    def batch(self) -> SpanBatch:
        if not isinstance(self.spans, SpanBatch):
            self.spans = self.spans.seal()
        return self.spans


class SpanWriter(Protocol):
    """What can store batches: a store, or what prepares them for one."""

    def write_spans(self, batches: Sequence[SpanBatch], mark: int | None) -> None:
        """Store the batches in one transaction; raises StoreError."""

    def journal_mark(self) -> int:
        """Return the mark of the last committed write that carried one; raises StoreError."""
        ...


SetAside = Callable[[SpanBatch, int | None, str], None]
"""Keeps a batch, of a position, that the store refuses for a reason; raises OSError."""


def _halves(entry: _Entry) -> list[_Entry]:
    """Return an entry's parts, the one to be written last first: with it all of the entry is."""
    table = entry.batch.to_arrow()
    middle = len(table) // 2
    first, second = SpanBatch.over(table[:middle]), SpanBatch.over(table[middle:])
    first.weight = second.weight = entry.batch.weight
    return [_Entry(second, entry.position), _Entry(first, None)]


class Committer:
    """Collects batches and writes them to the store from one thread.

    Entries with a journal position are already safe, so nobody waits for them; entries without one
    (imports) are waited for. ``committed`` is called after each commit with the new mark, and may
    raise OSError. A journaled batch that the store refuses again and again, while it can be written
    otherwise, is ``set_aside``. ``collect`` is called before entries are written, and submits what
    has been announced.
    """

    def __init__(
        self,
        store: SpanWriter,
        committed: Callable[[int], None],
        set_aside: SetAside,
        collect: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._committed = committed
        self._set_aside = set_aside
        self._collect = collect
        self._in_hand = self._announced = 0
        self._entries: deque[_Entry] = deque()
        self._rows = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._urgent = 0
        self._gave_up = False
        self.failure = ""
        """Why the last attempt to write failed; empty while all is well."""
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    @property
    def pending_rows(self) -> int:
        return self._rows

    def submit(self, batch: SpanBatch, position: int | None) -> None:
        """Take a journaled batch. Positions must come in ascending order; one says that all up to it
        in the journal is committed with this batch and those submitted before. None leaves that to
        a batch that follows, which may be empty."""
        with self._wake:
            self._entries.append(_Entry(batch, position))
            self._grow(len(batch))

    def announce(self, rows: int) -> None:
        """Count rows of columns that are still being filled, and will be submitted when they are to
        be written."""
        with self._wake:
            self._announced += rows
            self._grow(rows)

    def submit_announced(self, columns: BulkColumns, position: int) -> None:
        """As `submit`, with columns whose rows were all announced."""
        with self._wake:
            self._entries.append(_Entry(columns, position))
            self._announced -= len(columns)

    def _grow(self, rows: int) -> None:
        was_idle = not self._rows
        self._rows += rows
        if was_idle or self._rows >= FULL_GROUP_ROWS:
            self._wake.notify_all()

    def write(self, batch: SpanBatch) -> None:
        """Store a batch and return once it is committed; raise what the store raised."""
        entry = _Entry(batch, None, threading.Event())
        with self._wake:
            if self._stopping:
                raise StoreError("the store is being closed")
            self._entries.append(entry)
            self._rows += len(batch)
            self._urgent += 1
            self._wake.notify_all()
        assert entry.done is not None
        entry.done.wait()
        if entry.error:
            raise entry.error[0]

    def wait_for(self, rows: int) -> None:
        """Return once no more than so many rows wait to be committed, or they cannot be now."""
        with self._wake:
            self._wake.wait_for(
                lambda: self.failure or self._rows + self._in_hand <= rows or self._stopping
            )

    def stop(self) -> None:
        """Commit what is pending and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group is None:
                return
            self._commit(group)
            with self._wake:
                self._in_hand = 0
                self._wake.notify_all()

    def _next_group(self) -> list[_Entry] | None:
        with self._wake:
            while not self._entries and not self._announced and not self._stopping:
                self._wake.wait()
            if not self._entries and not self._announced:
                return None
            deadline = time.monotonic() + LONGEST_WAIT_S
            while self._rows < FULL_GROUP_ROWS and not self._urgent and not self._stopping:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
        self._collect()
        with self._wake:
            group: list[_Entry] = []
            rows = 0
            while self._entries and (not group or rows < FULL_GROUP_ROWS):
                entry = self._entries.popleft()
                rows += len(entry.spans)
                group.append(entry)
            self._rows -= rows
            self._in_hand = rows
            self._urgent -= sum(entry.done is not None for entry in group)
            return group

    def _commit(self, group: list[_Entry]) -> None:
        if self._gave_up:
            # What is in the journal stays there, in its order, for the next start.
            group = [entry for entry in group if entry.done is not None]
        if not group or self._written(group, is_first=True) is None:
            return
        _log.warning("writing %d batches failed: %s", len(group), self.failure)
        for entry in group:
            if entry.done is not None:
                self._commit_once(entry, entry.done)
            elif not self._gave_up:
                self._commit_acknowledged(entry)

    def _commit_once(self, entry: _Entry, done: threading.Event) -> None:
        error = self._written([entry])
        if error is not None:
            entry.error.append(error)
            done.set()

    def _commit_acknowledged(self, entry: _Entry) -> None:
        """Try an entry until it is written, or put what is refused of it aside: it may not be lost."""
        parts = [entry]
        refusals_allowed = _MOST_REFUSALS
        while parts and not self._gave_up:
            part = parts.pop()
            if not self._is_settled(part, refusals_allowed):
                parts += _halves(part)
            # By now it is known that it is not the store.
            refusals_allowed = 1

    def _is_settled(self, entry: _Entry, refusals_allowed: int) -> bool:
        """Try an entry until it is written, put aside, or given up for this run; False if it is
        refused and has parts to try."""
        refusals = 0
        while (error := self._written([entry])) is not None:
            refusals += not isinstance(error, StoreUnavailable)
            if refusals >= refusals_allowed:
                if len(entry.batch) > _SMALLEST_PART:
                    return False
                if self._is_set_aside(entry):
                    return True
            _log.warning("writing a batch failed, trying again: %s", self.failure)
            with self._wake:
                if self._wake.wait_for(lambda: self._stopping, _RETRY_S):
                    # It stays in the journal and is written at the next start, as do those behind
                    # it: a mark from now on would stand for it too.
                    self._gave_up = True
                    break
        return True

    def _written(self, group: list[_Entry], *, is_first: bool = False) -> Exception | None:
        """Write entries in one transaction; return why that failed."""
        positions = [entry.position for entry in group if entry.position is not None]
        mark = positions[-1] if positions and not self._gave_up else None
        try:
            # After a failure it is not known whether it came before the commit or behind it.
            if is_first or mark is None or self._store.journal_mark() < mark:
                self._store.write_spans([entry.batch for entry in group], mark)
        except Exception as error:
            self._fail(str(error) or type(error).__name__)
            return error
        self._done(mark)
        for entry in group:
            if entry.done is not None:
                entry.done.set()
        return None

    def _is_set_aside(self, entry: _Entry) -> bool:
        try:
            self._set_aside(entry.batch, entry.position, self.failure)
            if entry.position is not None:
                self._store.write_spans([], entry.position)
        except Exception as error:
            self._fail(f"{self.failure}; it cannot be put aside: {error}")
            return False
        self._done(entry.position)
        return True

    def _fail(self, why: str) -> None:
        with self._wake:
            self.failure = why
            self._wake.notify_all()

    def _done(self, mark: int | None) -> None:
        self.failure = ""
        if mark is None:
            return
        try:
            self._committed(mark)
        except OSError as error:
            # The spans are stored; what is behind the mark is deleted next time.
            _log.warning("the journal cannot be cleared: %s", error)
