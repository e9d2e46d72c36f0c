"""From decoded spans to the store: journal, acknowledge, commit in bulk."""

import logging
import threading
import time
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from viewer.collector.commit import FULL_GROUP_ROWS, Committer
from viewer.collector.joiner import Joiner
from viewer.collector.journal import Journal, JournalFull
from viewer.store.base import SpanStore
from viewer.trace.batch import SpanBatch

JOURNAL_LIMIT = 192 << 20
RETRY_AFTER_S = 2
_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """Spans come in faster than they can be stored, or cannot be stored now; try again later."""


class Pipeline:
    """The one way spans enter a store. Without a journal (memory engine) every batch is committed
    before `accept` returns."""

    def __init__(
        self, store: SpanStore, journal_directory: Path | None, limit_bytes: int = JOURNAL_LIMIT
    ) -> None:
        """Open the journal and write what a crash has left in it; raises OSError, StoreError."""
        self._writer = Joiner(store, time.time_ns())
        self._order = threading.Lock()
        self._closed = False
        self._journal: Journal | None = None
        if journal_directory is not None:
            mark = store.journal_mark()
            self._journal = Journal(journal_directory, mark, limit_bytes)
            self._replay(mark)
        self._committer = Committer(self._writer, self._committed)
        self._committer.start()

    @property
    def failure(self) -> str:
        """Why the store could not be written last; empty while all is well."""
        return self._committer.failure

    @property
    def journal_bytes(self) -> int:
        return self._journal.size if self._journal else 0

    def accept(self, batch: SpanBatch) -> None:
        """Return once the batch would survive kill -9; raise Overloaded if it is not kept."""
        if not len(batch):
            return
        if self._journal is None:
            self.write(batch)
            return
        payload = _to_bytes(batch)
        try:
            # The committer must see batches in the order of their positions.
            with self._order:
                if self._closed:
                    raise Overloaded("the server is shutting down")
                position = self._journal.append(payload)
                self._committer.submit(batch, position)
            self._journal.sync(position)
        except JournalFull as error:
            why = f": {self.failure}" if self.failure else ""
            raise Overloaded(f"more spans arrive than can be stored{why}") from error
        except OSError as error:
            raise Overloaded(f"the journal cannot be written: {error.strerror}") from error

    def write(self, batch: SpanBatch) -> None:
        """Commit a batch to the store itself and return then; raises StoreError. For imports."""
        if len(batch):
            self._committer.write(batch)

    def close(self) -> None:
        """Commit what is pending; nothing is accepted any more."""
        with self._order:
            self._closed = True
        self._committer.stop()
        if self._journal:
            self._journal.close()

    def _committed(self, mark: int) -> None:
        if self._journal:
            self._journal.release(mark)

    def _replay(self, mark: int) -> None:
        """Write what lies behind the mark in large transactions, as the committer would have."""
        assert self._journal is not None
        group: list[SpanBatch] = []
        spans, rows, last = 0, 0, mark
        for last, payload in self._journal.replay(mark):
            group.append(_from_bytes(payload))
            rows += len(group[-1])
            if rows >= FULL_GROUP_ROWS:
                self._writer.write_spans(group, last)
                group, spans, rows = [], spans + rows, 0
        if group:
            self._writer.write_spans(group, last)
        if last > mark:
            _log.info("%d acknowledged spans were taken over from the journal", spans + rows)
            self._journal.release(last)


def _to_bytes(batch: SpanBatch) -> bytes:
    sink = pa.BufferOutputStream()
    table = batch.to_arrow()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _from_bytes(data: bytes) -> SpanBatch:
    with pa.ipc.open_stream(data) as reader:
        return SpanBatch.from_arrow(reader.read_all())
