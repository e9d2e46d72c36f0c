"""From decoded spans to the store: redact, journal, acknowledge, sample, commit in bulk."""

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from viewer.collector.commit import FULL_GROUP_ROWS, Committer
from viewer.collector.joiner import Joiner
from viewer.collector.journal import Journal, JournalFull
from viewer.collector.policy import Policy, SamplingPolicy
from viewer.collector.quarantine import Quarantine
from viewer.collector.redact import Redactor
from viewer.collector.sampling import TailSampler
from viewer.collector.sampling_thread import SamplingThread
from viewer.formats.base import DecodeError
from viewer.formats.bulk import Appended, Bulk, BulkColumns
from viewer.store.base import SpanStore
from viewer.store.disk import Disk
from viewer.trace.batch import SpanBatch
from viewer.trace.report import PolicyReport, QuarantineReport

JOURNAL_LIMIT = 192 << 20
RETRY_AFTER_S = 2
_LONGEST_POLL_S = 1.0
_FAILED_LATELY_S = 30.0
# How a stream of Arrow begins, and no request does: as protobuf that would be no field's tag.
_ARROW = b"\xff\xff\xff\xff"
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
        bulk: Bulk | None = None,
    ) -> None:
        """Open the journal and write what a crash has left in it, as far as the policy keeps it and
        the store can be written; the rest is written as soon as it can. Raises OSError, StoreError."""
        policy = policy or Policy()
        self._store = store
        self._order = threading.Lock()
        self._closed = False
        self._redactor = Redactor(policy.redaction) if policy.redaction else None
        self._redacted: Counter[int] = Counter()
        self._unjournaled = itertools.count(1)
        self._journal: Journal | None = None
        self._disk: Disk | None = None
        self._quarantine: Quarantine | None = None
        self._journal_failure, self._journal_failed_at = "", -_FAILED_LATELY_S
        writer = Joiner(store, time.time_ns())
        self._bulk = bulk
        self._columns: BulkColumns | None = None
        self._appended = 0
        self._committer = Committer(writer, self._committed, self._set_aside, self._collect)
        self._sampling = self._sampling_of(policy.sampling, limit_bytes)
        if journal_directory is not None:
            self._journal = Journal(journal_directory, store.journal_mark(), limit_bytes)
            self._disk = Disk.of(journal_directory)
            self._quarantine = Quarantine(journal_directory.with_suffix(".refused"))
        self._committer.start()
        try:
            if self._sampling is None:
                self._replay()
            else:
                self._replay_into(self._sampling)
                self._sampling.start()
        except BaseException:
            self._committer.stop()
            raise

    @property
    def failure(self) -> str:
        """Why spans cannot be stored now, or could not lately; empty while all is well."""
        failing = self._committer.failure or (self._sampling.failure if self._sampling else "")
        if failing:
            return failing
        if shortage := self._shortage():
            return shortage
        is_lately = time.monotonic() - self._journal_failed_at < _FAILED_LATELY_S
        return self._journal_failure if is_lately else ""

    def _shortage(self) -> str:
        # What is acknowledged must still find its way into the store.
        return self._disk.shortage(self.journal_bytes) if self._disk else ""

    def quarantine_report(self) -> QuarantineReport:
        """Return what was acknowledged and is refused by the store."""
        return self._quarantine.report() if self._quarantine else QuarantineReport()

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
        with self._journaling() as journal:
            # The committer must see batches in the order of their positions.
            with self._order:
                self._hand_over_columns()
                position = self._append(journal, payload)
                if self._sampling is None:
                    self._committer.submit(batch, position)
                else:
                    self._sampling.take(batch, position, len(payload))
            journal.sync(position)

    def append(self, body: bytes) -> Appended | None:
        """Keep a request as `accept` does, without a batch of its own. None if it has to be decoded:
        because of what is in it, or because what is done with spans here needs batches. Raises
        Overloaded."""
        if not (self._bulk and self._journal) or self._redactor or self._sampling:
            return None
        with self._journaling() as journal:
            with self._order:
                if self._columns is None:
                    self._columns = self._bulk.begin()
                columns = self._columns
                appended = None if columns is None else columns.append(body)
                if columns is None or appended is None or not len(appended.start_ns):
                    return appended
                try:
                    self._appended = self._append(journal, body)
                except BaseException:
                    columns.undo()
                    raise
                self._committer.announce(len(appended.start_ns))
                if columns.is_full:
                    self._hand_over_columns()
                position = self._appended
            journal.sync(position)
        return appended

    def _append(self, journal: Journal, payload: bytes) -> int:
        if self._closed:
            raise Overloaded("the server is shutting down")
        return journal.append(payload)

    def _collect(self) -> None:
        with self._order:
            self._hand_over_columns()

    def _hand_over_columns(self) -> None:
        if self._columns is not None and len(self._columns):
            self._committer.submit_announced(self._columns, self._appended)
            self._columns = None

    @contextmanager
    def _journaling(self) -> Iterator[Journal]:
        assert self._journal is not None
        if shortage := self._shortage():
            raise Overloaded(shortage)
        try:
            yield self._journal
        except JournalFull as error:
            why = f": {self.failure}" if self.failure else ""
            raise Overloaded(f"more spans arrive than can be stored{why}") from error
        except OSError as error:
            self._journal_failure = f"the journal cannot be written: {error.strerror or error}"
            self._journal_failed_at = time.monotonic()
            raise Overloaded(self._journal_failure) from error
        self._journal_failure = ""

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
            self._hand_over_columns()
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

    def _set_aside(self, batch: SpanBatch, position: int | None, reason: str) -> None:
        if self._quarantine is None:
            raise OSError("there is no journal")
        # What sampling kept is of no one record; the time is beyond all positions.
        number = time.time_ns() if position is None else position
        self._quarantine.put(number, _to_bytes(batch), reason)
        _log.error(
            "%d acknowledged spans are refused by the store and were put aside in %s: %s",
            len(batch),
            self._quarantine.report().directory,
            reason,
        )

    def _replay(self) -> None:
        """Have what lies behind the mark written in large transactions, and wait for that, unless the
        store cannot be written now."""
        spans = 0
        for position, payload in self._left_in_journal():
            batch = self._without_secrets(self._read_back(position, payload))
            spans += len(batch)
            self._committer.submit(batch, position)
            self._committer.wait_for(2 * FULL_GROUP_ROWS)
        self._committer.wait_for(0)
        if spans:
            _log.info("%d acknowledged spans were taken over from the journal", spans)

    def _replay_into(self, sampling: SamplingThread) -> None:
        """Let what lies behind the mark be decided again. What was written already, of a batch of
        which other traces were undecided, is then written twice, and read once."""
        spans = 0
        for position, payload in self._left_in_journal():
            batch = self._without_secrets(self._read_back(position, payload))
            spans += len(batch)
            sampling.take_now(batch, position, len(payload))
        if spans:
            _log.info("%d acknowledged spans were taken over from the journal", spans)

    def _left_in_journal(self) -> Iterator[tuple[int, bytes]]:
        if self._journal is not None:
            yield from self._journal.replay(self._store.journal_mark())

    def _read_back(self, position: int, payload: bytes) -> SpanBatch:
        """Return a record's batch. One that cannot be read, though it is whole, is put aside: it must
        not keep the server from starting. Raises OSError."""
        try:
            if self._bulk and not payload.startswith(_ARROW):
                return self._bulk.decode(payload).batch
            return _from_bytes(payload)
        except (DecodeError, pa.ArrowException, ValueError, LookupError, TypeError) as error:
            assert self._quarantine is not None
            reason = f"the journal's record cannot be read: {error}"
            self._quarantine.put(position, payload, reason)
            _log.error("%s; it was put aside in %s", reason, self._quarantine.report().directory)
            return SpanBatch()


def _to_bytes(batch: SpanBatch) -> bytes:
    sink = pa.BufferOutputStream()
    table = batch.to_arrow()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _from_bytes(data: bytes) -> SpanBatch:
    """Read a batch back, without making lists of its columns."""
    with pa.ipc.open_stream(data) as reader:
        return SpanBatch.over(reader.read_all())
