"""From decoded spans to the store: redact, journal, acknowledge, sample, commit in bulk."""

import itertools
import logging
import threading
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from viewer.collector.commit import FULL_GROUP_ROWS, Committer
from viewer.collector.joiner import Joiner
from viewer.collector.journal import Journal, JournalFull
from viewer.collector.policy import Policy, SamplingPolicy
from viewer.collector.redact import Redactor
from viewer.collector.sampling import TailSampler
from viewer.collector.sampling_thread import SamplingThread
from viewer.store.base import SpanStore
from viewer.trace.batch import SpanBatch
from viewer.trace.report import PolicyReport

JOURNAL_LIMIT = 192 << 20
RETRY_AFTER_S = 2
_LONGEST_POLL_S = 1.0
_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """Spans come in faster than they can be stored, or cannot be stored now; try again later."""


class Pipeline:
    """The one way spans enter a store. Without a journal (memory engine) every batch is committed
    before `accept` returns, or is undecided, where the policy samples."""

    def __init__(
        self,
        store: SpanStore,
        journal_directory: Path | None,
        limit_bytes: int = JOURNAL_LIMIT,
        policy: Policy | None = None,
    ) -> None:
        """Open the journal and write what a crash has left in it, as far as the policy keeps it;
        raises OSError, StoreError."""
        policy = policy or Policy()
        self._store = store
        self._writer = Joiner(store, time.time_ns())
        self._order = threading.Lock()
        self._closed = False
        self._redactor = Redactor(policy.redaction) if policy.redaction else None
        self._redacted: Counter[int] = Counter()
        self._unjournaled = itertools.count(1)
        self._journal: Journal | None = None
        self._committer = Committer(self._writer, self._committed)
        self._sampling = self._sampling_of(policy.sampling, limit_bytes)
        if journal_directory is not None:
            mark = store.journal_mark()
            self._journal = Journal(journal_directory, mark, limit_bytes)
            if self._sampling is None:
                self._replay(mark)
        self._committer.start()
        if self._sampling is not None:
            self._replay_into(self._sampling)
            self._sampling.start()

    @property
    def failure(self) -> str:
        """Why the store could not be written last; empty while all is well."""
        return self._committer.failure or (self._sampling.failure if self._sampling else "")

    @property
    def journal_bytes(self) -> int:
        return self._journal.size if self._journal else 0

    def accept(self, batch: SpanBatch) -> None:
        """Return once the batch would survive kill -9; raise Overloaded if it is not kept."""
        if not len(batch):
            return
        batch = self._without_secrets(batch)
        if self._journal is None:
            self._accept_unjournaled(batch)
            return
        payload = _to_bytes(batch)
        try:
            # The committer must see batches in the order of their positions.
            with self._order:
                if self._closed:
                    raise Overloaded("the server is shutting down")
                position = self._journal.append(payload)
                if self._sampling is None:
                    self._committer.submit(batch, position)
                else:
                    self._sampling.take(batch, position, len(payload))
            self._journal.sync(position)
        except JournalFull as error:
            why = f": {self.failure}" if self.failure else ""
            raise Overloaded(f"more spans arrive than can be stored{why}") from error
        except OSError as error:
            raise Overloaded(f"the journal cannot be written: {error.strerror}") from error

    def write(self, batch: SpanBatch) -> None:
        """Commit a batch to the store itself and return then; raises StoreError. For imports, which
        are redacted, but not sampled: whoever hands a file in wants to see what is in it."""
        if len(batch):
            self._committer.write(self._without_secrets(batch))

    def policy_report(self) -> PolicyReport:
        """Return what the policy has done since start."""
        labels = self._redactor.labels if self._redactor else ()
        with self._order:
            redacted = tuple((label, self._redacted[at]) for at, label in enumerate(labels))
        return PolicyReport(redacted, self._sampling.report() if self._sampling else None)

    def close(self) -> None:
        """Commit what is pending; nothing is accepted any more. Traces that wait to be decided are
        decided as they are."""
        with self._order:
            self._closed = True
        if self._sampling:
            self._sampling.stop()
        self._committer.stop()
        if self._journal:
            self._journal.close()

    def _sampling_of(
        self, policy: SamplingPolicy | None, limit_bytes: int
    ) -> SamplingThread | None:
        if policy is None:
            return None
        # The other half of the journal is for what comes in while the store is busy.
        sampler = TailSampler(policy, journal_bytes=limit_bytes // 2)
        poll_s = min(policy.idle_ns / 4e9, _LONGEST_POLL_S)
        return SamplingThread(sampler, self._submit_decided, poll_s)

    def _submit_decided(self, batch: SpanBatch, position: int | None) -> None:
        # Without a journal positions are but numbers, and the store has no use for them.
        if self._journal or position is None:
            self._committer.submit(batch, position)

    def _without_secrets(self, batch: SpanBatch) -> SpanBatch:
        if self._redactor is None:
            return batch
        batch, hits = self._redactor.redact(batch)
        if hits:
            with self._order:
                self._redacted.update(hits)
        return batch

    def _accept_unjournaled(self, batch: SpanBatch) -> None:
        if self._sampling is None:
            self._committer.write(batch)
            return
        with self._order:
            if self._closed or self._sampling.failure:
                raise Overloaded(self._sampling.failure or "the server is shutting down")
            self._sampling.take(batch, next(self._unjournaled), 0)

    def _committed(self, mark: int) -> None:
        if self._journal:
            self._journal.release(mark)

    def _replay(self, mark: int) -> None:
        """Write what lies behind the mark in large transactions, as the committer would have."""
        assert self._journal is not None
        group: list[SpanBatch] = []
        spans, rows, last = 0, 0, mark
        for last, payload in self._journal.replay(mark):
            group.append(self._without_secrets(_from_bytes(payload)))
            rows += len(group[-1])
            if rows >= FULL_GROUP_ROWS:
                self._writer.write_spans(group, last)
                group, spans, rows = [], spans + rows, 0
        if group:
            self._writer.write_spans(group, last)
        if last > mark:
            _log.info("%d acknowledged spans were taken over from the journal", spans + rows)
            self._journal.release(last)

    def _replay_into(self, sampling: SamplingThread) -> None:
        """Let what lies behind the mark be decided again. What was written already, of a batch of
        which other traces were undecided, is then written twice, and read once."""
        if self._journal is None:
            return
        spans = 0
        for position, payload in self._journal.replay(self._store.journal_mark()):
            batch = self._without_secrets(_table_from_bytes(payload))
            spans += len(batch)
            sampling.take_now(batch, position, len(payload))
        if spans:
            _log.info("%d acknowledged spans were taken over from the journal", spans)


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


def _table_from_bytes(data: bytes) -> SpanBatch:
    """As _from_bytes, without making lists of the columns."""
    with pa.ipc.open_stream(data) as reader:
        return SpanBatch.over(reader.read_all())
