"""The memory engine: plain Python over lists, slow and right; other engines are compared with it."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from viewer.search.events import EventQuery, tells_error
from viewer.search.query import Sort, TraceQuery
from viewer.store.base import (
    FILE_HEAD_BYTES,
    MAX_SUGGESTED,
    MOST_OPERATIONS,
    MOST_REMEMBERED,
    RECENT_SPANS,
    Capabilities,
    Distribution,
    DistributionCell,
    EventPage,
    FileImport,
    LateSpans,
    Linking,
    LinkingSpan,
    OpenSpan,
    OperationPercentiles,
    Pruned,
    ReadOnly,
    ServiceStats,
    SpanKey,
    StoredEvent,
    StoredSpan,
    StoreError,
    StoreStats,
    TraceCounts,
    TracePage,
    cursor_of,
    field_of_tag,
    fold_case,
    page_extent,
    page_sizes,
    percentiles,
    sort_key,
    time_steps,
)
from viewer.trace.attributes import Attributes, clean_text, encode_attribute, show_value
from viewer.trace.batch import (
    SpanBatch,
    pack_resource,
    pack_scope,
    unpack_resource,
    unpack_scope,
)
from viewer.trace.columns import TraceColumns, columns_of_spans
from viewer.trace.span import Event, Span, SpanKind, StatusCode
from viewer.trace.summary import (
    DependencyLink,
    MatchedSpan,
    Operation,
    RemovedTrace,
    ServiceCount,
    TraceSummary,
)

_LATEST = (1 << 63) - 1
_ZERO_HALF = "0" * 16


def open_memory(
    path: str,
    *,
    read_only: bool,
    cache_bytes: int | None = None,  # noqa: ARG001
) -> "MemoryStore":
    """Return an empty store; ``memory:`` has neither path nor cache."""
    if path:
        raise StoreError("a memory store has no path: memory:")
    return MemoryStore(writable=not read_only)


@dataclass(frozen=True, slots=True)
class _Row:
    """A span as delivered, and when."""

    digest: int
    span: Span
    stored_ns: int
    weight: float = 1.0

    @property
    def identity(self) -> tuple[str, int, int]:
        return self.span.trace_id, self.span.span_id, self.digest


class MemoryStore:
    """SpanStore in memory; see `SpanStore` for what each method promises."""

    def __init__(self, *, writable: bool = True, clock: Callable[[], int] = time.time_ns) -> None:
        self.url = "memory:"
        self.capabilities = Capabilities(durable=False, writable=writable, prunes=writable)
        self.generation = 0
        self._clock = clock
        self._mark = 0
        self._lock = threading.RLock()
        self._rows: dict[str, list[_Row]] = {}
        self._removed: dict[str, RemovedTrace] = {}
        self._imports: dict[str, FileImport] = {}

    def close(self) -> None:
        with self._lock:
            self._rows, self._removed, self._imports = {}, {}, {}

    def write_spans(
        self,
        batches: Sequence[SpanBatch],
        mark: int | None = None,
        replaced: Sequence[SpanKey] = (),
        imports: Sequence[FileImport] = (),
    ) -> None:
        if not self.capabilities.writable:
            raise ReadOnly("the store was opened read-only")
        now = self._clock()
        # All are read first: a batch that cannot be read must leave nothing of the others behind.
        spans = [(_as_stored(span), batch.weight) for batch in batches for span in batch.spans()]
        gone = set(replaced)
        with self._lock:
            for trace_id in {trace_id for trace_id, _ in gone} & self._rows.keys():
                rows = self._rows[trace_id]
                kept = [row for row in rows if (trace_id, row.span.span_id) not in gone]
                self._rows[trace_id] = kept
                if not kept:
                    del self._rows[trace_id]
            for span, weight in spans:
                row = _Row(_digest(span), span, now, weight)
                self._rows.setdefault(span.trace_id, []).append(row)
            self.generation += bool(spans or gone)
            if mark is not None:
                self._mark = mark
            self._imports |= {noted.key: noted for noted in imports}

    def imports_of(self, path: str, head_digest: str, most_bytes: int) -> list[FileImport]:
        with self._lock:
            found = [
                noted
                for noted in self._imports.values()
                if noted.path == path
                or (
                    noted.bytes <= most_bytes
                    and (noted.head_digest == head_digest or noted.bytes < FILE_HEAD_BYTES)
                )
            ]
        return sorted(found, key=lambda noted: (-noted.noted_ns, noted.key))

    def import_noted(self, key: str) -> FileImport | None:
        return self._imports.get(key)

    def open_spans(self, since_ns: int) -> list[OpenSpan]:
        return [
            OpenSpan(span.trace_id, span.span_id, span.parent_id, span.open_ends)
            for span in (row.span for row in self._all() if row.stored_ns >= since_ns)
            if span.open_ends
        ]

    def journal_mark(self) -> int:
        return self._mark

    def find_traces(self, query: TraceQuery) -> TracePage:
        matches = self._matches(query)
        matches.sort(key=lambda found: _order(query.sort, found))
        rest = matches
        if query.after is not None:
            cursor = query.after
            behind = (_signed(query.sort, cursor.key), -cursor.start_ns, cursor.trace_id)
            rest = [found for found in matches if _order(query.sort, found) > behind]
        limit, head = page_sizes(query)
        page = rest[:limit]
        more = cursor_of(query.sort, page[-1]) if len(rest) > limit else None
        extent = page_extent((found.start_ns, found.duration_ns) for found in page)
        return TracePage(tuple(page[:head]), more, extent=extent)

    def count_traces(self, query: TraceQuery, *, exact: bool = True) -> TraceCounts:  # noqa: ARG002
        matches = self._matches(query)
        rows = [row for row in self._all() if _in_range(row.span, query)]
        stored = len({row.span.trace_id for row in rows})
        estimated = None
        if any(row.weight != 1 for row in self._all()):
            estimated = sum(found.weight for found in matches)
        return TraceCounts(len(matches), stored, len(rows), estimated)

    def span_rows(self) -> int:
        return sum(1 for _ in self._all())

    def distribution(
        self,
        query: TraceQuery,
        columns: int,
        *,
        exact: bool = True,  # noqa: ARG002
    ) -> Distribution:
        matches = self._matches(query)
        columns = max(1, columns)
        starts = [found.start_ns for found in matches if found.start_ns]
        low, high = query.start_ns, query.end_ns
        low = low if low is not None else min(starts, default=0)
        high = high if high is not None else max(starts, default=0) + 1
        start_ns, step_ns = time_steps(low, high, columns)
        traces: Counter[tuple[int, int]] = Counter()
        errors: Counter[tuple[int, int]] = Counter()
        for found in matches:
            slot = max(0, min(columns - 1, (found.start_ns - start_ns) // step_ns))
            bucket = math.floor(math.log2(max(found.duration_ns, 1)) * 2)
            traces[slot, bucket] += 1
            errors[slot, bucket] += found.errors > 0
        cells = tuple(
            DistributionCell(start_ns + slot * step_ns, bucket, count, errors[slot, bucket])
            for (slot, bucket), count in sorted(traces.items())
        )
        return Distribution(start_ns, step_ns, cells)

    def count_spans(self, trace_id: str) -> int:
        return len(self._of_trace(trace_id))

    def get_columns(self, trace_id: str) -> TraceColumns | None:
        rows = self._of_trace(trace_id)
        if not rows:
            return None
        columns = columns_of_spans(
            trace_id, [row.span for row in rows], [row.digest for row in rows]
        )
        return replace(
            columns,
            weight=min(row.weight for row in rows),
            stored_ns=max(row.stored_ns for row in rows),
        )

    def get_spans(self, trace_id: str, span_ids: Sequence[int] | None = None) -> list[StoredSpan]:
        wanted = None if span_ids is None else set(span_ids)
        rows = [
            row
            for row in _once(self._of_trace(trace_id))
            if wanted is None or row.span.span_id in wanted
        ]
        rows.sort(key=lambda row: (row.span.start_ns, row.span.span_id, row.digest))
        return [StoredSpan(row.digest, row.span) for row in rows]

    def late_spans(self, trace_id: str, since_ns: int) -> LateSpans:
        rows = self._of_trace(trace_id)
        late = [row for row in rows if row.stored_ns > since_ns]
        known = {row.identity for row in rows if row.stored_ns <= since_ns}
        count = len({row.identity for row in late} - known)
        return LateSpans(count, max((row.stored_ns for row in late), default=0))

    def match_spans(self, trace_id: str, terms: Sequence[str]) -> list[tuple[int, int]]:
        folded = [fold_case(clean_text(term)) for term in terms]
        return sorted(
            (row.span.span_id, row.digest)
            for row in _once(self._of_trace(trace_id))
            if any(term in text for text in _texts(row.span) for term in folded)
        )

    def spans_linking_to(self, trace_id: str, span_ids: Sequence[int], limit: int) -> Linking:
        wanted = {(trace_id, span_id) for span_id in span_ids}
        found = sorted(
            (span.start_ns, span.trace_id, span.span_id, span.service, span.name)
            for rows in self._traces()
            for span in (row.span for row in _once(rows))
            if any((link.trace_id, link.span_id) in wanted for link in span.links)
        )
        return Linking(
            len(found),
            tuple(
                LinkingSpan(trace, span_id, service, name, start_ns)
                for start_ns, trace, span_id, service, name in found[: max(limit, 1)]
            ),
        )

    def attribute_of_spans(
        self, trace_id: str, key: str, span_ids: Sequence[int] | None = None
    ) -> dict[tuple[int, int], str]:
        found: dict[tuple[int, int], str] = {}
        wanted = None if span_ids is None else set(span_ids)
        for row in _once(self._of_trace(trace_id)):
            if wanted is not None and row.span.span_id not in wanted:
                continue
            held = (*row.span.attributes, *row.span.resource.attributes)
            value = next((show_value(value) for name, value in held if name == key), None)
            if value is not None:
                found[row.span.span_id, row.digest] = value
        return found

    def attribute_keys_of_trace(self, trace_id: str, limit: int) -> list[str]:
        keys = {
            clean_text(key)
            for row in self._of_trace(trace_id)
            for key, _ in (*row.span.attributes, *row.span.resource.attributes)
        }
        return sorted(keys)[: max(limit, 0)]

    def events_of_trace(self, trace_id: str, query: EventQuery) -> EventPage:
        term = fold_case(clean_text(query.text))
        found = [
            (event.time_ns or row.span.start_ns, row.span.span_id, row.digest, place, event)
            for row in _once(self._of_trace(trace_id))
            for place, event in enumerate(row.span.events)
            if any(term in text for text in _texts_of_event(event))
            and (not query.errors_only or tells_error(event))
        ]
        # No two have the same span, digest and place, so events are never compared.
        found.sort()
        begin = max(query.offset, 0)
        page = found[begin : begin + max(query.limit, 0)]
        return EventPage(
            tuple(StoredEvent(span_id, digest, event) for _, span_id, digest, _, event in page),
            len(found),
        )

    def removed_trace(self, trace_id: str) -> RemovedTrace | None:
        return self._removed.get(trace_id)

    def traces_with_prefix(self, prefix: str, limit: int) -> list[str]:
        begins = prefix.lower()
        with self._lock:
            found = [
                trace_id
                for trace_id in self._rows
                if trace_id.startswith((begins, _ZERO_HALF + begins))
                or (len(begins) == len(_ZERO_HALF) and trace_id.endswith(begins))
            ]
        return sorted(found)[: max(limit, 0)]

    def traces_with_span(self, span_id: int, limit: int) -> list[str]:
        found = {row.span.trace_id for row in self._all() if row.span.span_id == span_id}
        return sorted(found)[: max(limit, 0)]

    def services(self) -> list[str]:
        return sorted({row.span.service for row in self._all()} - {""})

    def operations(
        self, service: str, kind: int | None = None, limit: int = MOST_OPERATIONS
    ) -> list[Operation]:
        found = {
            (row.span.name, int(row.span.kind))
            for row in self._all()
            if row.span.service == service and kind in (None, row.span.kind)
        }
        return [Operation(service, name, number) for name, number in sorted(found)[:limit]]

    def operation_percentiles(
        self, pairs: Sequence[tuple[str, str]], quantiles: Sequence[float]
    ) -> dict[tuple[str, str], OperationPercentiles]:
        found = {}
        for service, name in pairs:
            durations = sorted(span.duration_ns for span in self._recent(service, name))
            if durations:
                found[service, name] = percentiles(durations, quantiles)
        return found

    def attribute_keys(self, service: str | None, prefix: str, limit: int) -> list[str]:
        keys = {
            clean_text(key)
            for span in self._recent(service)
            for key, _ in (*span.attributes, *span.resource.attributes)
        }
        return sorted(key for key in keys if key.startswith(prefix))[: max(limit, 0)]

    def attribute_values(self, service: str | None, key: str, prefix: str, limit: int) -> list[str]:
        counts = Counter(
            show_value(value)
            for span in self._recent(service)
            for name, value in (*span.attributes, *span.resource.attributes)
            if name == key
        )
        found = [text for text in counts if text.startswith(prefix) and len(text) <= MAX_SUGGESTED]
        return sorted(found, key=lambda text: (-counts[text], text))[: max(limit, 0)]

    def dependencies(self, start_ns: int, end_ns: int) -> list[DependencyLink]:
        calls: Counter[tuple[str, str]] = Counter()
        errors: Counter[tuple[str, str]] = Counter()
        for rows in self._traces():
            bearers: dict[int, list[Span]] = {}
            for row in _once(rows):
                bearers.setdefault(row.span.span_id, []).append(row.span)
            for row in _once(rows):
                parent = _parent(row.span, bearers)
                if parent is not None and start_ns <= row.span.start_ns < end_ns:
                    calls[parent.service, row.span.service] += 1
                    failed = row.span.status.code == StatusCode.ERROR
                    errors[parent.service, row.span.service] += failed
        return [DependencyLink(*pair, calls[pair], errors[pair]) for pair in sorted(calls)]

    def stats(self) -> StoreStats:
        by_service: dict[str, list[int]] = {}
        for row in self._all():
            by_service.setdefault(row.span.service, []).append(row.span.start_ns)
        services = tuple(
            ServiceStats(service, len(starts), min(filter(None, starts), default=0), max(starts))
            for service, starts in sorted(by_service.items())
        )
        return StoreStats(
            span_rows=sum(service.span_rows for service in services),
            traces=len(self._traces()),
            bytes=0,
            oldest_ns=min((row.oldest_ns for row in services if row.oldest_ns), default=0),
            newest_ns=max((row.newest_ns for row in services), default=0),
            services=services,
        )

    def tend(self) -> bool:
        return False

    def compact(self) -> int:
        return 0

    def prune(self, before_ns: int | None, max_bytes: int | None) -> Pruned:  # noqa: ARG002
        """See `SpanStore.prune`; there are no bytes here, so only age counts."""
        if not self.capabilities.prunes:
            raise ReadOnly("the store was opened read-only")
        with self._lock:
            before = sum(map(len, self._rows.values()))
            kept = {
                trace_id: [row for row in rows if before_ns is None or row.stored_ns >= before_ns]
                for trace_id, rows in self._rows.items()
            }
            for trace_id, rows in self._rows.items():
                gone = rows[: len(rows) - len(kept[trace_id])]
                if gone:
                    self._remember(trace_id, [row.span for row in _once(gone)])
            self._rows = {trace_id: rows for trace_id, rows in kept.items() if rows}
            removed = before - sum(map(len, self._rows.values()))
            self.generation += bool(removed)
        return Pruned(removed, removed, 0)

    def _remember(self, trace_id: str, spans: list[Span]) -> None:
        """Note a trace of which spans are removed, as the latest one."""
        found = _summary(spans, spans[0], 1.0)
        removed = RemovedTrace(
            trace_id=trace_id,
            root_service=found.root_service,
            root_name=found.root_name,
            has_root=found.has_root,
            start_ns=found.start_ns,
            duration_ns=found.duration_ns,
            spans=found.spans,
            removed_ns=self._clock(),
        )
        before = self._removed.pop(trace_id, None)
        self._removed[trace_id] = _joined(before, removed) if before else removed
        while len(self._removed) > MOST_REMEMBERED:
            del self._removed[next(iter(self._removed))]

    def _traces(self) -> list[list[_Row]]:
        with self._lock:
            return [list(rows) for rows in self._rows.values()]

    def _all(self) -> Iterator[_Row]:
        return (row for rows in self._traces() for row in rows)

    def _of_trace(self, trace_id: str) -> list[_Row]:
        with self._lock:
            return list(self._rows.get(trace_id, ()))

    def _recent(self, service: str | None, name: str | None = None) -> list[Span]:
        spans = [
            row.span
            for row in self._all()
            if service in (None, row.span.service) and name in (None, row.span.name)
        ]
        starts = sorted((span.start_ns for span in spans), reverse=True)[:RECENT_SPANS]
        since = min(starts, default=0)
        return [span for span in spans if span.start_ns >= since]

    def _matches(self, query: TraceQuery) -> list[TraceSummary]:
        found = []
        for rows in self._traces():
            spans = [row.span for row in _once(rows)]
            meeting = [span for span in spans if _meets(span, query)]
            if meeting:
                weight = min(row.weight for row in rows)
                summary = _summary(spans, min(meeting, key=_rank), weight)
                if _within(summary.duration_ns, query.min_trace_ns, query.max_trace_ns):
                    found.append(summary)
        return found


def _once(rows: Iterable[_Row]) -> list[_Row]:
    return list({row.identity: row for row in rows}.values())


def _joined(before: RemovedTrace, after: RemovedTrace) -> RemovedTrace:
    """Return what is remembered of a trace that was removed in two goes."""
    parts = sorted((before, after), key=lambda part: (not part.has_root, part.start_ns))
    timed = [part for part in parts if part.start_ns] or parts
    start_ns = min(part.start_ns for part in timed)
    return replace(
        parts[0],
        start_ns=start_ns,
        duration_ns=max(part.start_ns + part.duration_ns for part in timed) - start_ns,
        spans=before.spans + after.spans,
        removed_ns=after.removed_ns,
    )


def _digest(span: Span) -> int:
    return int.from_bytes(blake2b(repr(span).encode("utf-8", "replace"), digest_size=4).digest())


def _as_stored(span: Span) -> Span:
    """Return the span as its columns carry it: text that is no UTF-8, bytes within lists and times
    whose end no number holds are replaced, as everywhere."""
    start_ns = max(span.start_ns, 0)
    column = SpanBatch()
    column.add(replace(span, duration_ns=min(span.duration_ns, _LATEST - start_ns)))
    (stored,) = column.spans()
    return replace(
        stored,
        resource=unpack_resource(pack_resource(span.resource)),
        scope=unpack_scope(pack_scope(span.scope)),
    )


def _rank(span: Span) -> tuple[int, int, int, str, str, int, int]:
    return (
        span.start_ns,
        span.span_id,
        span.kind,
        span.service,
        span.name,
        span.duration_ns,
        span.parent_id,
    )


def _summary(spans: list[Span], matched: Span, weight: float) -> TraceSummary:
    roots = [span for span in spans if not span.parent_id]
    shown = min(roots or spans, key=_rank)
    timed = [span for span in spans if span.start_ns]
    start_ns = min((span.start_ns for span in timed), default=0)
    end_ns = max(span.end_ns for span in timed or spans)
    counts = Counter(span.service for span in spans)
    errors = Counter(span.service for span in spans if span.status.code == StatusCode.ERROR)
    return TraceSummary(
        trace_id=shown.trace_id,
        root_service=shown.service,
        root_name=shown.name,
        has_root=bool(roots),
        start_ns=start_ns,
        duration_ns=end_ns - start_ns,
        spans=len(spans),
        errors=errors.total(),
        services=tuple(ServiceCount(name, counts[name], errors[name]) for name in sorted(counts)),
        matched=MatchedSpan(
            matched.span_id,
            matched.service,
            matched.name,
            matched.start_ns,
            matched.duration_ns,
            matched.parent_id == 0,
        ),
        weight=weight,
    )


def _signed(sort: Sort, key: int) -> int:
    return key if sort in (Sort.OLDEST, Sort.SHORTEST) else -key


def _order(sort: Sort, found: TraceSummary) -> tuple[int, int, str]:
    return _signed(sort, sort_key(sort, found)), -found.start_ns, found.trace_id


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _in_range(span: Span, query: TraceQuery) -> bool:
    after = query.start_ns is None or span.start_ns >= query.start_ns
    return after and (query.end_ns is None or span.start_ns < query.end_ns)


def _meets(span: Span, query: TraceQuery) -> bool:
    return (
        _in_range(span, query)
        and (query.service is None or clean_text(query.service) == span.service)
        and (query.operation is None or clean_text(query.operation) == span.name)
        and _within(span.duration_ns, query.min_span_ns, query.max_span_ns)
        and (not query.errors_only or span.status.code == StatusCode.ERROR)
        and all(_has_tag(span, key, value) for key, value in query.tags)
    )


def _has_tag(span: Span, key: str, value: str) -> bool:
    field = field_of_tag(key, value)
    if field is not None:
        column, numbers = field
        return (span.kind if column == "kind" else span.status.code) in numbers
    holders = [span.attributes, span.resource.attributes, span.scope.attributes]
    holders += [event.attributes for event in span.events]
    key, value = clean_text(key), clean_text(value)
    return any(
        clean_text(name) == key and show_value(held) == value
        for attributes in holders
        for name, held in attributes
    )


def _texts(span: Span) -> Iterator[str]:
    yield from map(fold_case, (span.name, span.service, span.status.message))
    yield from _texts_of_attributes(span.attributes)
    yield from _texts_of_attributes(span.resource.attributes)
    for event in span.events:
        yield from _texts_of_event(event)


def _texts_of_event(event: Event) -> Iterator[str]:
    yield fold_case(event.name)
    yield from _texts_of_attributes(event.attributes)


def _texts_of_attributes(attributes: Attributes) -> Iterator[str]:
    return (fold_case(encode_attribute(key, value)[0]) for key, value in attributes)


def _parent(span: Span, bearers: dict[int, list[Span]]) -> Span | None:
    """Choose the parent among the bearers of its ID, as `trace.tree` does."""
    clients = [other for other in bearers[span.span_id] if other.kind == SpanKind.CLIENT]
    if span.kind == SpanKind.SERVER and clients:
        return min(clients, key=lambda other: (other.start_ns, other.service))
    if span.parent_id in (0, span.span_id):
        return None
    group = bearers.get(span.parent_id, [])
    servers = [other for other in group if other.kind == SpanKind.SERVER]
    if servers and any(other.kind == SpanKind.CLIENT for other in group):
        group = servers
    own = [other for other in group if other.service == span.service]
    first = sorted(own or group, key=lambda other: (other.start_ns, other.kind, other.service))
    return first[0] if first else None
