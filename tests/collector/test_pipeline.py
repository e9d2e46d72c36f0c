"""Acknowledged means: it is in the store sooner or later, whatever happens in between."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import a_batch, a_span, a_trace
from tests.formats.otlp.test_protobuf import a_request, a_wire_span
from viewer.collector import commit, journal
from viewer.collector import pipeline as pipeline_module
from viewer.collector.pipeline import Overloaded, Pipeline
from viewer.collector.policy import (
    Action,
    Policy,
    RedactionPolicy,
    RedactionRule,
    SamplingPolicy,
    SamplingRule,
)
from viewer.formats.bulk import Bulk
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.store import open_store
from viewer.store.base import SpanStore, StoreError


@pytest.fixture
def store(tmp_path: Path) -> SpanStore:
    return open_store(f"duckdb:{tmp_path / 'a.duckdb'}")


def wait_for(condition: object, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def send_at_once(send: Callable[[int], None]) -> None:
    """Send what has the numbers from 1 to 200, from eight threads."""

    def some(first: int) -> None:
        for number in range(first, first + 25):
            send(number)

    senders = [threading.Thread(target=some, args=(first,)) for first in range(1, 200, 25)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()


def test_accepted_spans_are_found_within_two_seconds(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")
    pipeline.accept(a_batch(a_trace(1)))
    wait_for(lambda: store.stats().span_rows == 3, 2)
    pipeline.close()
    store.close()


def test_what_was_accepted_before_a_crash_is_written_at_the_next_start_and_only_once(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A committer that never runs stands for a process that died right after the answer.
    monkeypatch.setattr(commit.Committer, "start", lambda self: None)
    crashed = Pipeline(store, tmp_path / "journal")
    for number in range(1, 4):
        crashed.accept(a_batch(a_trace(number)))
    assert store.stats().span_rows == 0
    monkeypatch.undo()
    for _ in range(2):
        pipeline = Pipeline(store, tmp_path / "journal")
        assert store.stats().span_rows == 9
        pipeline.close()
    store.close()


def test_close_commits_what_is_pending(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")
    for number in range(1, 20):
        pipeline.accept(a_batch(a_trace(number)))
    pipeline.close()
    assert store.stats().traces == 19
    with pytest.raises(Overloaded):
        pipeline.accept(a_batch(a_trace(30)))
    store.close()


def test_many_senders_at_once_lose_nothing(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")

    send_at_once(lambda number: pipeline.accept(a_batch(a_trace(number, spans=2))))
    pipeline.close()
    assert (store.stats().traces, store.stats().span_rows) == (200, 400)
    assert not list((tmp_path / "journal").glob("*.spans"))
    store.close()


@pytest.fixture(scope="module")
def bulk() -> Bulk:
    decoder = OtlpDecoder()
    decoder.warm_up()
    return decoder.bulk


def a_body(number: int, spans: int = 2) -> bytes:
    wire = [
        a_wire_span(trace_id=bytes([number] * 16), span_id=bytes([at + 1] * 8))
        for at in range(spans)
    ]
    return a_request(*wire)


def test_appended_requests_are_found_within_two_seconds_beside_batches(
    store: SpanStore, tmp_path: Path, bulk: Bulk
) -> None:
    pipeline = Pipeline(store, tmp_path / "journal", bulk=bulk)
    for number in range(1, 8):
        appended = pipeline.append(a_body(number))
        assert appended is not None
        assert len(appended.start_ns) == 2
        pipeline.accept(a_batch(a_trace(100 + number)))
    wait_for(lambda: store.stats().span_rows == 35, 2)
    wait_for(lambda: pipeline.journal_bytes == 0, 2)
    pipeline.close()
    store.close()


def test_appended_requests_survive_a_crash_and_are_written_once(
    store: SpanStore, tmp_path: Path, bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit.Committer, "start", lambda self: None)
    crashed = Pipeline(store, tmp_path / "journal", bulk=bulk)
    crashed.append(a_body(1))
    crashed.accept(a_batch(a_trace(100)))
    crashed.append(a_body(2))
    monkeypatch.undo()
    for _ in range(2):
        # The compiled decoder, which took them, is not needed to read them again.
        pipeline = Pipeline(store, tmp_path / "journal", bulk=OtlpDecoder().bulk)
        assert (store.stats().span_rows, store.stats().traces) == (7, 3)
        pipeline.close()
    store.close()


def test_many_senders_that_append_at_once_lose_nothing(
    store: SpanStore, tmp_path: Path, bulk: Bulk
) -> None:
    pipeline = Pipeline(store, tmp_path / "journal", bulk=bulk)

    refused: list[int] = []

    def append(number: int) -> None:
        if pipeline.append(a_body(number)) is None:
            refused.append(number)

    send_at_once(append)
    pipeline.close()
    assert refused == []
    assert (store.stats().traces, store.stats().span_rows) == (200, 400)
    assert not list((tmp_path / "journal").glob("*.spans"))
    store.close()


def test_an_appended_request_that_cannot_be_journaled_is_not_stored(
    store: SpanStore, tmp_path: Path, bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(store, tmp_path / "journal", bulk=bulk)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    pipeline.append(a_body(1))
    with monkeypatch.context() as broken:
        broken.setattr(pipeline_module.Journal, "append", full)
        with pytest.raises(Overloaded, match="No space left"):
            pipeline.append(a_body(2))
    pipeline.append(a_body(3))
    pipeline.close()
    assert {trace_id[:2] for trace_id in store.traces_with_prefix("", 9)} == {"01", "03"}
    store.close()


def test_a_request_of_no_spans_is_no_record(store: SpanStore, tmp_path: Path, bulk: Bulk) -> None:
    pipeline = Pipeline(store, tmp_path / "journal", bulk=bulk)
    appended = pipeline.append(b"")
    assert appended is not None
    assert len(appended.start_ns) == 0
    assert pipeline.journal_bytes == 0
    pipeline.close()
    store.close()


def test_nothing_is_appended_where_each_span_is_looked_at_or_nothing_is_journaled(
    store: SpanStore, tmp_path: Path, bulk: Bulk
) -> None:
    memory = Pipeline(open_store("memory:"), None, bulk=bulk)
    assert memory.append(a_body(1)) is None
    memory.close()
    for policy in (HIDE, sampling()):
        pipeline = Pipeline(store, tmp_path / "journal", policy=policy, bulk=bulk)
        assert pipeline.append(a_body(1)) is None
        pipeline.close()
    store.close()


def test_a_record_that_cannot_be_read_does_not_keep_the_server_from_starting(
    store: SpanStore, tmp_path: Path, bulk: Bulk
) -> None:
    left = journal.Journal(tmp_path / "journal", 0, 1 << 20)
    left.append(b"no request")
    left.sync(left.append(a_body(2)))
    left.close()
    pipeline = Pipeline(store, tmp_path / "journal", bulk=bulk)
    assert store.stats().span_rows == 2
    assert pipeline.quarantine_report().batches == 1
    pipeline.close()
    store.close()


class _Broken:
    """A store whose disk is full until it is repaired."""

    def __init__(self, store: SpanStore) -> None:
        self._store, self.full = store, True

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write_spans(self, *arguments: object) -> None:
        if self.full:
            raise StoreError("no space left on device")
        self._store.write_spans(*arguments)  # type: ignore[arg-type]


def _fill(pipeline: Pipeline) -> int:
    """Send until the pipeline refuses; return how many traces it took."""
    for number in range(1, 1000):
        try:
            pipeline.accept(a_batch(a_trace(number)))
        except Overloaded:
            return number - 1
    raise AssertionError("it never refused")


def test_it_refuses_when_the_journal_is_full_and_recovers_by_itself(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_RETRY_S", 0.05)
    broken = _Broken(store)
    pipeline = Pipeline(broken, tmp_path / "journal", limit_bytes=30_000)  # type: ignore[arg-type]
    accepted = _fill(pipeline)
    with pytest.raises(Overloaded, match="more spans arrive"):
        pipeline.accept(a_batch(a_trace(4000)))
    wait_for(lambda: pipeline.failure == "no space left on device")
    broken.full = False
    wait_for(lambda: store.stats().traces == accepted)
    pipeline.accept(a_batch(a_trace(5000)))
    pipeline.close()
    assert store.stats().traces == accepted + 1
    assert pipeline.failure == ""
    store.close()


def test_a_write_that_fails_is_told_to_the_importer(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(_Broken(store), tmp_path / "journal")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="no space"):
        pipeline.write([a_batch([a_span(1)])])
    pipeline.close()
    store.close()


def test_an_unwritable_journal_refuses(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(store, tmp_path / "journal")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline_module.Journal, "append", full)
    with pytest.raises(Overloaded, match="No space left"):
        pipeline.accept(a_batch([a_span(1)]))
    pipeline.close()
    store.close()


def test_without_a_journal_accepting_is_committing() -> None:
    store = open_store("memory:")
    pipeline = Pipeline(store, None)
    pipeline.accept(a_batch(a_trace(1)))
    assert store.stats().span_rows == 3
    pipeline.close()


EMAIL = "jane.doe@example.com"
HIDE = Policy(redaction=RedactionPolicy((RedactionRule(Action.MASK, detect=("email",)),)))
S = 10**9


def sampling(percent: float = 0.0, idle_s: float = 3600) -> Policy:
    idle_ns = int(idle_s * S)
    return Policy(SamplingPolicy(SamplingRule(percent), idle_ns=idle_ns, longest_ns=idle_ns))


def files_hold(directory: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in directory.iterdir())


def test_a_secret_reaches_neither_journal_nor_store(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit.Committer, "start", lambda self: None)
    spans = [a_span(1, attributes={"to": EMAIL, "k": "v"})]
    pipeline = Pipeline(store, tmp_path / "journal", policy=HIDE)
    pipeline.accept(a_batch(spans))
    assert files_hold(tmp_path / "journal", "to=[redacted]")
    assert not files_hold(tmp_path / "journal", EMAIL)
    assert pipeline.policy_report().redacted == (("mask email", 1),)
    assert pipeline.policy_report().sampling is None
    store.close()


def test_what_was_journaled_before_there_was_a_policy_is_redacted_when_it_is_taken_over(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit.Committer, "start", lambda self: None)
    Pipeline(store, tmp_path / "journal").accept(a_batch([a_span(1, attributes={"to": EMAIL})]))
    monkeypatch.undo()
    Pipeline(store, tmp_path / "journal", policy=HIDE).close()
    ((stored,),) = [store.get_spans(a_span(1).trace_id)]
    assert stored.span.attributes == (("to", "[redacted]"),)
    store.close()


def test_imports_are_redacted_but_not_sampled(store: SpanStore, tmp_path: Path) -> None:
    policy = Policy(sampling().sampling, HIDE.redaction)
    pipeline = Pipeline(store, tmp_path / "journal", policy=policy)
    pipeline.write([a_batch([a_span(1, attributes={"to": EMAIL})])])
    (stored,) = store.get_spans(a_span(1).trace_id)
    assert stored.span.attributes == (("to", "[redacted]"),)
    pipeline.close()
    store.close()


def test_kept_traces_are_stored_once_they_are_idle_and_the_journal_is_emptied(
    store: SpanStore, tmp_path: Path
) -> None:
    pipeline = Pipeline(store, tmp_path / "journal", policy=sampling(idle_s=0.05))
    pipeline.accept(a_batch([*a_trace(1), *a_trace(2, error=True)]))
    pipeline.accept(a_batch(a_trace(3)))
    wait_for(lambda: store.stats().span_rows == 3)
    wait_for(lambda: pipeline.journal_bytes == 0)
    report = pipeline.policy_report().sampling
    assert report is not None
    assert (report.kept_for_error, report.dropped, report.undecided_traces) == (1, 2, 0)
    pipeline.close()
    assert store.stats().traces == 1
    store.close()


def test_close_decides_traces_as_they_are(store: SpanStore, tmp_path: Path) -> None:
    pipeline = Pipeline(store, tmp_path / "journal", policy=sampling())
    pipeline.accept(a_batch([*a_trace(1), *a_trace(2, error=True)]))
    assert store.stats().traces == 0
    pipeline.close()
    assert store.stats().traces == 1
    assert not list((tmp_path / "journal").glob("*.spans"))
    with pytest.raises(Overloaded):
        pipeline.accept(a_batch(a_trace(3)))
    store.close()


def test_traces_that_were_undecided_at_a_crash_are_decided_by_the_next_start(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit.Committer, "start", lambda self: None)
    crashed = Pipeline(store, tmp_path / "journal", policy=sampling())
    failed = a_trace(2, error=True)
    crashed.accept(a_batch([*a_trace(1), failed[0]]))
    crashed.accept(a_batch(failed[1:]))
    monkeypatch.undo()
    for _ in range(2):
        pipeline = Pipeline(store, tmp_path / "journal", policy=sampling())
        report = pipeline.policy_report().sampling
        assert report is not None
        pipeline.close()
        assert (store.stats().traces, store.stats().span_rows) == (1, 3)
    # All was decided by the first of them; the second had nothing to take over.
    assert report.undecided_traces == 0
    # The journal of a server that sampled is taken over by one that does not, too.
    Pipeline(store, tmp_path / "journal").close()
    assert store.stats().span_rows == 3
    store.close()


def test_a_journal_that_fills_makes_decisions_early_rather_than_refusing(
    store: SpanStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 8_000)
    pipeline = Pipeline(store, tmp_path / "journal", 200_000, sampling(100.0))
    for number in range(1, 101):
        pipeline.accept(a_batch(a_trace(number)))
        # A sender that is answered at once may be ahead of the decisions by what the journal holds.
        wait_for(lambda: pipeline.journal_bytes < 150_000)
    report = pipeline.policy_report().sampling
    assert report is not None
    assert report.decided_early > 0
    pipeline.close()
    assert store.stats().traces == 100
    store.close()


def test_without_a_journal_sampling_works_as_well() -> None:
    store = open_store("memory:")
    pipeline = Pipeline(store, None, policy=sampling())
    pipeline.accept(a_batch([*a_trace(1), *a_trace(2, error=True)]))
    pipeline.close()
    assert store.stats().traces == 1
    with pytest.raises(Overloaded, match="shutting down"):
        pipeline.accept(a_batch(a_trace(3)))
