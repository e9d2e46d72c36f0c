"""Settling open ends: spans that another span completes, whichever of them came first.

X-Ray sends a segment in progress and again whole, and subsegments before the segment that says of
which service they are. Datadog's spans may know only the lower half of their trace ID. What is
written together is settled before it is written; what is stored already is replaced in the same
transaction as what completes it.

Which spans are still open is remembered for a while, within bounds, and read from the store at
start. Only spans of batches that ask for it (``SpanBatch.joins``) become objects; of all others no
more is looked at than their trace IDs, and that only while something is open.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from viewer.store.base import FileImport, SpanKey, SpanStore
from viewer.trace.batch import SpanBatch
from viewer.trace.span import OpenEnd, Resource, Span

REMEMBERED = 50_000
LOOK_BACK_NS = 3600 * 10**9
_ZERO_HALF = "0" * 16
_Key = TypeVar("_Key", bound=Hashable)
_Kept = TypeVar("_Kept")


@dataclass(slots=True)
class _Settled:
    """What to write, which stored spans it replaces, and what to remember once it is written."""

    batches: Sequence[SpanBatch]
    replaced: list[SpanKey] = field(default_factory=list)
    written: Callable[[], None] = lambda: None


class _Memory(OrderedDict[_Key, _Kept]):
    """A dictionary that forgets what was put into it longest ago."""

    def keep(self, key: _Key, value: _Kept) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > REMEMBERED:
            self.popitem(last=False)


@dataclass(slots=True)
class _Weighed:
    span: Span
    weight: float
    is_stored: bool = False


class Joiner:
    """Writes to a store what is settled of what it is given; one thread at a time."""

    def __init__(self, store: SpanStore, now_ns: int) -> None:
        self._store = store
        self._wholes: _Memory[str, str] = _Memory()
        self._halves: _Memory[str, None] = _Memory()
        self._in_progress: _Memory[SpanKey, None] = _Memory()
        self._finished: _Memory[SpanKey, None] = _Memory()
        self._waiting: _Memory[SpanKey, set[int]] = _Memory()
        self._resources: _Memory[SpanKey, Resource] = _Memory()
        for found in store.open_spans(now_ns - LOOK_BACK_NS):
            key = (found.trace_id, found.span_id)
            if found.open_ends & OpenEnd.HALF_TRACE_ID:
                self._halves.keep(found.trace_id[16:], None)
            if found.open_ends & OpenEnd.IN_PROGRESS:
                self._in_progress.keep(key, None)
            if found.open_ends & OpenEnd.SERVICE_OF_PARENT:
                self._wait((found.trace_id, found.parent_id), found.span_id)

    def write_spans(
        self,
        batches: Sequence[SpanBatch],
        mark: int | None,
        imports: Sequence[FileImport] = (),
    ) -> None:
        """Settle the batches and store them as `SpanStore.write_spans` does; raises StoreError."""
        settled = self._settle(batches)
        self._store.write_spans(settled.batches, mark, settled.replaced, imports)
        settled.written()

    def import_noted(self, key: str) -> FileImport | None:
        """Return the last note of how far a file is imported; raises StoreError."""
        return self._store.import_noted(key)

    def journal_mark(self) -> int:
        """Return the mark of the last committed write that carried one; raises StoreError."""
        return self._store.journal_mark()

    def _settle(self, batches: Sequence[SpanBatch]) -> _Settled:
        unfinished = {trace_id for trace_id, _ in self._in_progress}
        if not (unfinished or self._halves or any(batch.joins for batch in batches)):
            return _Settled(batches)
        joining: list[SpanBatch] = []
        others: list[SpanBatch] = []
        for batch in batches:
            # A final form may come in a batch that asks for nothing.
            concerned = batch.joins or _has_any(batch, unfinished)
            (joining if concerned else others).append(batch)
        rows = [_Weighed(span, batch.weight) for batch in joining for span in batch.spans()]
        replaced: dict[SpanKey, None] = {}
        rows, upper = self._join_halves(rows, others, replaced)
        rows = self._take_final_forms(rows, replaced)
        rows = self._inherit_services(rows, replaced)

        def written() -> None:
            for low, whole in upper.items():
                self._halves.pop(low, None)
                self._wholes.keep(low, whole)
            self._remember([row.span for row in rows])

        return _Settled([*others, *_batches(rows)], list(replaced), written)

    def _join_halves(
        self,
        rows: list[_Weighed],
        others: Sequence[SpanBatch],
        replaced: dict[SpanKey, None],
    ) -> tuple[list[_Weighed], dict[str, str]]:
        """Give half trace IDs their upper half where a span here has it, or had before."""
        lows = {row.span.trace_id[16:] for row in rows if _is_open(row, OpenEnd.HALF_TRACE_ID)}
        waiting = lows | self._halves.keys()
        if not waiting:
            return rows, {}
        whole = {
            row.span.trace_id
            for row in rows
            if row.span.trace_id[16:] in waiting and not row.span.trace_id.startswith(_ZERO_HALF)
        }
        for batch in others:
            whole.update(_with_lower_half(batch, waiting))
        upper = {low: self._wholes[low] for low in lows & self._wholes.keys()}
        upper |= {trace_id[16:]: trace_id for trace_id in sorted(whole)}
        rows = rows + [
            stored
            for low in upper.keys() & self._halves.keys()
            for stored in self._fetch(_ZERO_HALF + low, None, replaced)
        ]
        return [_with_upper_half(row, upper) for row in rows], upper

    def _take_final_forms(
        self, rows: list[_Weighed], replaced: dict[SpanKey, None]
    ) -> list[_Weighed]:
        """Keep, of the forms of a segment, the final one; of forms in progress the last."""
        last: dict[SpanKey, int] = {}
        final: set[SpanKey] = set()
        for number, row in enumerate(rows):
            if not _is_open(row, OpenEnd.IN_PROGRESS):
                final.add(_key(row.span))
            elif not row.is_stored:
                last[_key(row.span)] = number
        for key in (final | last.keys()) & self._in_progress.keys():
            rows.extend(
                stored
                for stored in self._fetch(key[0], [key[1]], replaced)
                if not _is_open(stored, OpenEnd.IN_PROGRESS)
            )
        return [
            row
            for number, row in enumerate(rows)
            if not _is_open(row, OpenEnd.IN_PROGRESS)
            or not (
                _key(row.span) in final
                or _key(row.span) in self._finished
                or last.get(_key(row.span), number) != number
            )
        ]

    def _inherit_services(
        self, rows: list[_Weighed], replaced: dict[SpanKey, None]
    ) -> list[_Weighed]:
        """Give spans without a service their parent's, from parent to child as far as it is known."""
        known = {_key(row.span): row.span.resource for row in rows if row.span.service}
        below: dict[SpanKey, list[int]] = {}
        for number, row in enumerate(rows):
            if _is_open(row, OpenEnd.SERVICE_OF_PARENT):
                below.setdefault((row.span.trace_id, row.span.parent_id), []).append(number)
        pending = list(known)
        pending += [key for key in below if key in self._resources and key not in known]
        while pending:
            key = pending.pop()
            resource = known.get(key) or self._resources[key]
            for stored in self._fetch_waiting(key, replaced):
                if _is_open(stored, OpenEnd.SERVICE_OF_PARENT):
                    below.setdefault(key, []).append(len(rows))
                rows.append(stored)
            for number in below.pop(key, ()):
                row = rows[number]
                ends = row.span.open_ends & ~OpenEnd.SERVICE_OF_PARENT
                row.span = replace(row.span, resource=resource, open_ends=ends)
                known[_key(row.span)] = resource
                pending.append(_key(row.span))
        return rows

    def _fetch_waiting(self, key: SpanKey, replaced: dict[SpanKey, None]) -> list[_Weighed]:
        ids = [
            span_id
            for span_id in sorted(self._waiting.get(key, ()))
            if (key[0], span_id) not in replaced
        ]
        return self._fetch(key[0], ids, replaced) if ids else []

    def _fetch(
        self, trace_id: str, span_ids: list[int] | None, replaced: dict[SpanKey, None]
    ) -> list[_Weighed]:
        """Take spans out of the store, to be written anew."""
        columns = self._store.get_columns(trace_id)
        if columns is None:
            return []
        found = self._store.get_spans(trace_id, span_ids)
        replaced.update(dict.fromkeys(_key(stored.span) for stored in found))
        return [_Weighed(stored.span, columns.weight, is_stored=True) for stored in found]

    def _wait(self, parent: SpanKey, span_id: int) -> None:
        self._waiting.keep(parent, self._waiting.get(parent, set()) | {span_id})

    def _remember(self, spans: Iterable[Span]) -> None:
        for span in spans:
            key = _key(span)
            if span.open_ends & OpenEnd.HALF_TRACE_ID:
                self._halves.keep(span.trace_id[16:], None)
            if span.open_ends & OpenEnd.IN_PROGRESS:
                self._in_progress.keep(key, None)
            else:
                self._in_progress.pop(key, None)
                self._finished.keep(key, None)
            if span.open_ends & OpenEnd.SERVICE_OF_PARENT:
                self._wait((span.trace_id, span.parent_id), span.span_id)
            elif span.service:
                self._waiting.pop(key, None)
                self._resources.keep(key, span.resource)


def _key(span: Span) -> SpanKey:
    return span.trace_id, span.span_id


def _is_open(row: _Weighed, end: OpenEnd) -> bool:
    return bool(row.span.open_ends & end)


def _with_upper_half(row: _Weighed, upper: dict[str, str]) -> _Weighed:
    """Return the row under its whole trace ID, if that is known."""
    whole = upper.get(row.span.trace_id[16:])
    if whole is None or not _is_open(row, OpenEnd.HALF_TRACE_ID):
        return row
    ends = row.span.open_ends & ~OpenEnd.HALF_TRACE_ID
    return _Weighed(replace(row.span, trace_id=whole, open_ends=ends), row.weight, row.is_stored)


def _has_any(batch: SpanBatch, trace_ids: set[str]) -> bool:
    if not trace_ids or not len(batch):
        return False
    column = batch.to_arrow().column("trace_id")
    return bool(pc.any(pc.is_in(column, pa.array(sorted(trace_ids)))).as_py())


def _with_lower_half(batch: SpanBatch, lows: set[str]) -> list[str]:
    """Return the whole trace IDs of a batch that end in one of these halves."""
    unique = pc.unique(batch.to_arrow().column("trace_id"))
    is_wanted = pc.is_in(pc.utf8_slice_codeunits(unique, 16, 32), pa.array(sorted(lows)))
    is_whole = pc.invert(pc.starts_with(unique, _ZERO_HALF))
    found: list[str] = unique.filter(pc.and_(is_wanted, is_whole)).to_pylist()
    return found


def _batches(rows: Iterable[_Weighed]) -> list[SpanBatch]:
    """Return the rows as batches, one a weight."""
    by_weight: dict[float, SpanBatch] = {}
    for row in rows:
        batch = by_weight.get(row.weight)
        if batch is None:
            batch = by_weight[row.weight] = SpanBatch()
            batch.weight = row.weight
        batch.add(row.span)
    return list(by_weight.values())
