"""Tail sampling: a trace is kept or dropped when it seems to be complete, as a whole.

Spans wait in the tables in which they came, and a trace is a few numbers and lists of rows; no
object is made for a span. The clock is passed in. Traces are told apart by the lower half of their
ID, since some senders know no more of it: both forms of an ID get one decision.
"""

import hashlib
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from viewer.collector.decisions import UNKNOWN, Decisions
from viewer.collector.policy import SamplingPolicy, SamplingRule
from viewer.trace.batch import SpanBatch
from viewer.trace.report import SamplingReport
from viewer.trace.span import Resource, Scope, StatusCode

MEMORY_BYTES = 256 << 20
_NEVER = (1 << 63) - 1
_BYTES_A_TRACE = 400  # of Python's, about, for each batch that a trace has spans in
_DROPPED, _KEPT_WHOLE, _FIRST_PERCENT = 1, 2, 3
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decided:
    """What has been decided: batches to store, and the position up to which (None: no further than
    was said before) nothing is undecided any more, once these batches are stored."""

    batches: tuple[SpanBatch, ...] = ()
    mark: int | None = None


@dataclass(slots=True, eq=False)
class _Held:
    """A batch that waits, or of which some traces wait."""

    position: int
    table: pa.Table
    resources: Sequence[tuple[Resource, str]]
    scopes: Sequence[tuple[Scope, str]]
    weight: float
    joins: bool
    arrived_ns: int
    size: int
    journal_start: int
    undecided: int
    keys: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Trace:
    """What has come of a trace. Its percentage, latency and errors are as the most generous of its
    services' rules has them."""

    number: int
    start_ns: int = _NEVER
    end_ns: int = 0
    longest_ns: int = 0
    failed: bool = False
    keep_percent: float = 0.0
    slower_than_ns: int = _NEVER
    last_ns: int = 0
    parts: list[tuple[_Held, Rows]] = field(default_factory=list)

    def add(self, spans: "_Trace") -> None:
        """Add what more spans of the trace say."""
        self.start_ns = min(self.start_ns, spans.start_ns)
        self.end_ns = max(self.end_ns, spans.end_ns)
        self.longest_ns = max(self.longest_ns, spans.longest_ns)
        self.failed |= spans.failed
        self.keep_percent = max(self.keep_percent, spans.keep_percent)
        self.slower_than_ns = min(self.slower_than_ns, spans.slower_than_ns)

    @property
    def slow(self) -> bool:
        return max(self.end_ns - self.start_ns, self.longest_ns) >= self.slower_than_ns


class TailSampler:
    """Holds spans back until their traces are decided. For one thread."""

    def __init__(
        self,
        policy: SamplingPolicy,
        *,
        memory_bytes: int = MEMORY_BYTES,
        journal_bytes: int = _NEVER,
    ) -> None:
        """Beyond ``memory_bytes`` of spans, or when those that are undecided begin further back in
        the journal than ``journal_bytes``, the oldest traces are decided early."""
        self._policy = policy
        self._memory_bytes, self._journal_bytes = memory_bytes, journal_bytes
        rules = [policy.rule, *policy.services.values()]
        self._rule_of = {name: number for number, name in enumerate(policy.services, 1)}
        self._percents = np.array([rule.keep_percent for rule in rules])
        self._slower = np.array([_slower_than(rule) for rule in rules], np.int64)
        self._errors = np.array([rule.keep_errors for rule in rules])
        percents = sorted({rule.keep_percent for rule in rules})
        self._verdict_of = {percent: at for at, percent in enumerate(percents, _FIRST_PERCENT)}
        self._limit_of = {percent: _limit(percent) for percent in percents}
        self._weight_of = {_KEPT_WHOLE: 1.0} | {
            verdict: 100 / percent for percent, verdict in self._verdict_of.items() if percent
        }
        self._active: OrderedDict[int, _Trace] = OrderedDict()  # that heard of last comes last
        self._held: deque[_Held] = deque()
        self._decisions = Decisions()
        self._verdicts: dict[int, int] = {}
        self._done: list[_Held] = []
        self._kept: dict[float, list[tuple[_Held, Rows]]] = {}
        self._counts = dict.fromkeys(SamplingReport.__slots__, 0)
        self._journaled = 0
        self._position = self._mark = 0

    def add(self, batch: SpanBatch, position: int, journal_size: int, now_ns: int) -> Decided:
        """Take in a batch, its position in the journal above all earlier ones', and return what can
        be decided now. Everything it holds counts as arrived now."""
        self._position = position
        table = batch.to_arrow()
        held = _Held(
            position,
            table,
            list(zip(batch.resources, batch.resource_keys, strict=True)),
            list(zip(batch.scopes, batch.scope_keys, strict=True)),
            batch.weight,
            batch.joins,
            now_ns,
            table.nbytes,
            self._journaled,
            0,
        )
        self._journaled += journal_size
        self._take_all(held, list(self._traces_of(held)))
        held.size += _BYTES_A_TRACE * len(held.keys)
        if held.undecided:
            self._held.append(held)
            self._counts["undecided_bytes"] += held.size
        while self._held and self._is_too_much():
            self._counts["decided_early"] += self._decide_all(self._held[0].keys)
        return self._settle(now_ns)

    def tick(self, now_ns: int) -> Decided:
        """Return what can be decided by now."""
        return self._settle(now_ns)

    def close(self) -> Decided:
        """Decide all traces as they are."""
        self._decide_all(list(self._active))
        return self._finish()

    def report(self) -> SamplingReport:
        """Return the counters as they are now."""
        return SamplingReport(**self._counts)

    def _traces_of(self, held: _Held) -> Iterator[tuple[int, _Trace, Rows]]:
        """Yield key, summary and rows of each trace that has spans in the batch."""
        table = held.table
        trace_ids, codes = _encoded(table, "trace_id")
        numbers: dict[int, int] = {}
        group_of = [numbers.setdefault(_key(text), len(numbers)) for text in trace_ids]
        groups = np.array(group_of, np.int64)[codes]
        services, codes = _encoded(table, "service")
        rules = np.array([self._rule_of.get(name, 0) for name in services], np.int64)[codes]
        start, duration = (table.column(name).to_numpy() for name in ("start_ns", "dur_ns"))
        has_start = start > 0
        failed = (table.column("status").to_numpy() == StatusCode.ERROR) & self._errors[rules]
        order = np.argsort(groups, kind="stable")
        begins = np.flatnonzero(np.diff(groups[order], prepend=-1))
        ends = [*begins[1:].tolist(), len(order)]

        def of_group(ufunc: np.ufunc, values: NDArray[np.generic]) -> list[Any]:
            reduced: list[Any] = ufunc.reduceat(values[order], begins).tolist()
            return reduced

        summaries = zip(
            (_number(key) for key in numbers),
            of_group(np.minimum, np.where(has_start, start, _NEVER)),
            of_group(np.maximum, np.where(has_start, start + duration, 0)),
            of_group(np.maximum, duration),
            of_group(np.logical_or, failed),
            of_group(np.maximum, self._percents[rules]),
            of_group(np.minimum, self._slower[rules]),
            strict=True,
        )
        for key, summary, begin, end in zip(numbers, summaries, begins.tolist(), ends, strict=True):
            yield key, _Trace(*summary), order[begin:end]

    def _take_all(self, held: _Held, traces: Sequence[tuple[int, _Trace, Rows]]) -> None:
        news = [spans.number for key, spans, _ in traces if key not in self._active]
        verdicts = self._decisions.get(np.array(news, np.uint64)).tolist()
        verdict_of = dict(zip(news, verdicts, strict=True))
        for key, spans, rows in traces:
            trace = self._active.get(key)
            verdict = UNKNOWN if trace else verdict_of[spans.number]
            if verdict != UNKNOWN:
                self._take_late(spans, verdict, held, rows)
                continue
            if trace:
                trace.add(spans)
                self._active.move_to_end(key)
            else:
                trace = self._active[key] = spans
                self._counts["undecided_traces"] += 1
            trace.last_ns = held.arrived_ns
            trace.parts.append((held, rows))
            held.keys.append(key)
            held.undecided += len(rows)
            self._counts["undecided_spans"] += len(rows)

    def _take_late(self, spans: _Trace, verdict: int, held: _Held, rows: Rows) -> None:
        """Treat spans as their trace was; but one that failed or was slow is always kept."""
        if verdict == _DROPPED and (spans.failed or spans.slow):
            self._counts["late_fragments"] += 1
            verdict = _KEPT_WHOLE
        self._verdicts[spans.number] = verdict
        kept = self._carry_out(verdict, [(held, rows)])
        self._counts["late_spans_kept" if kept else "late_spans_dropped"] += len(rows)

    def _settle(self, now_ns: int) -> Decided:
        while self._held and self._held[0].arrived_ns + self._policy.longest_ns <= now_ns:
            self._decide_all(self._held[0].keys)
        quiet_since = now_ns - self._policy.idle_ns
        idle = itertools.takewhile(
            lambda item: item[1].last_ns <= quiet_since, self._active.items()
        )
        self._decide_all([key for key, _ in idle])
        return self._finish()

    def _is_too_much(self) -> bool:
        return (
            self._counts["undecided_bytes"] > self._memory_bytes
            or self._journaled - self._held[0].journal_start > self._journal_bytes
        )

    def _decide_all(self, keys: Iterable[int]) -> int:
        """Decide those of these traces that are undecided; return how many that were."""
        traces = [self._active.pop(key) for key in keys if key in self._active]
        for trace in traces:
            self._decide(trace)
        while self._held and not self._held[0].undecided:
            self._held.popleft()
        return len(traces)

    def _decide(self, trace: _Trace) -> None:
        verdict = _KEPT_WHOLE
        if trace.failed:
            self._counts["kept_for_error"] += 1
        elif trace.slow:
            self._counts["kept_for_latency"] += 1
        elif trace.number < self._limit_of[trace.keep_percent]:
            self._counts["kept_by_percent"] += 1
            verdict = self._verdict_of[trace.keep_percent]
        else:
            self._counts["dropped"] += 1
            verdict = _DROPPED
        self._verdicts[trace.number] = verdict
        self._carry_out(verdict, trace.parts)
        self._counts["undecided_traces"] -= 1
        for held, rows in trace.parts:
            self._counts["undecided_spans"] -= len(rows)
            held.undecided -= len(rows)
            if not held.undecided:
                self._counts["undecided_bytes"] -= held.size
                self._done.append(held)

    def _carry_out(self, verdict: int, parts: Sequence[tuple[_Held, Rows]]) -> bool:
        """Count spans as kept or dropped, put those that are kept out to be handed over, and return
        whether they are."""
        spans = sum(len(rows) for _, rows in parts)
        if verdict == _DROPPED:
            self._counts["dropped_spans"] += spans
            return False
        self._counts["kept_spans"] += spans
        for held, rows in parts:
            weight = self._weight_of[verdict] * held.weight
            self._kept.setdefault(weight, []).append((held, rows))
        return True

    def _finish(self) -> Decided:
        """Return what was decided since the last time, and let go of it."""
        batches = tuple(_batch(weight, parts) for weight, parts in sorted(self._kept.items()))
        self._kept = {}
        for held in self._done:
            # What stands before it may keep the batch waiting for its turn, but not its spans.
            held.table = held.table.slice(0, 0)
        self._done = []
        if self._verdicts:
            self._decisions.put(
                np.array(list(self._verdicts), np.uint64),
                np.array(list(self._verdicts.values()), np.uint16),
            )
            self._verdicts = {}
        mark = self._held[0].position - 1 if self._held else self._position
        if mark <= self._mark:
            return Decided(batches)
        self._mark = mark
        return Decided(batches, mark)


def _slower_than(rule: SamplingRule) -> int:
    return _NEVER if rule.keep_slower_than_ns is None else rule.keep_slower_than_ns


def _limit(percent: float) -> int:
    """Return below which number, of 64 bits, a trace is kept. What 10 % keep, 20 % keep too."""
    return int(Fraction(percent) / 100 * (1 << 64))


def _key(trace_id: str) -> int:
    return int(trace_id[16:], 16) or int(trace_id[:16], 16)


def _number(key: int) -> int:
    """Return the number that decides about a trace: a hash of its ID, since not all IDs are random
    in all digits. Every collector computes the same."""
    digest = hashlib.blake2b(key.to_bytes(8, "big"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _encoded(table: pa.Table, name: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return a column's different texts, and each row's index into them."""
    column = table.column(name).combine_chunks().dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary.to_pylist(), column.indices.to_numpy(zero_copy_only=False)


def _batch(weight: float, parts: Iterable[tuple[_Held, Rows]]) -> SpanBatch:
    """Return the rows of several batches as one, with the resources and scopes that they have."""
    rows_of: dict[int, tuple[_Held, list[Rows]]] = {}
    for held, rows in parts:
        rows_of.setdefault(held.position, (held, []))[1].append(rows)
    batch = SpanBatch()
    batch.weight = weight
    tables = []
    for held, pieces in rows_of.values():
        batch.joins = batch.joins or held.joins
        table = held.table.replace_schema_metadata(None)
        rows = np.sort(np.concatenate(pieces))
        if len(rows) < len(table):
            table = table.take(pa.array(rows))
        table = _renumbered(table, "resource", held.resources, batch.resource_row)
        tables.append(_renumbered(table, "scope", held.scopes, batch.scope_row))
    batch.seal(pa.concat_tables(tables).replace_schema_metadata(batch.origins()))
    return batch


_T = TypeVar("_T", Resource, Scope)


def _renumbered(
    table: pa.Table, name: str, origins: Sequence[tuple[_T, str]], row_of: Callable[[_T, str], int]
) -> pa.Table:
    column = table.column(name).to_numpy()
    new = np.zeros(len(origins), np.int32)
    for number in np.unique(column).tolist():
        new[number] = row_of(*origins[number])
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), pa.array(new[column]))
