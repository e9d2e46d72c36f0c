"""What a results row says of its trace: put together here where the traces are small, and by the
database where they are not. To plan that query takes longer than to look at some hundred spans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb

from viewer.store.duckdb.compile import Compiler, Params, all_of, in_traces
from viewer.store.duckdb.newest import Hit, Places
from viewer.trace.summary import MatchedSpan, ServiceCount, TraceSummary

FEW_ROWS = 3_000
# What "earliest" means: the order of these, first to last (store.base).
_RANKED = ("start_ns", "span_id", "kind", "service", "name", "dur_ns", "parent_id")
_ERROR = 2


def summaries(
    con: duckdb.DuckDBPyConnection, compiler: Compiler, hits: Sequence[Hit], places: Places
) -> tuple[TraceSummary, ...]:
    """Return the summaries of these traces, in their order."""
    if not hits:
        return ()
    # With bounds the scan skips nearly all row groups; spans without a start lie outside of them.
    bounds = f"start_ns <= {max(hit.start_ns + hit.duration_ns for hit in hits)}"
    if not any(hit.has_untimed for hit in hits):
        bounds += f" AND start_ns >= {min(hit.start_ns for hit in hits)}"
    ids = [hit.trace_id for hit in hits]
    source = f"spans WHERE {all_of([in_traces(ids), places(ids), bounds])}"
    found = _of_few(con, compiler, source)
    if found is None:
        found = _of_many(con, compiler, source)
    by_id = {row.trace_id: row for row in found}
    return tuple(_summary(hit, by_id[hit.trace_id]) for hit in hits)


class _Rank(NamedTuple):
    start_ns: int
    span_id: int
    kind: int
    service: str
    name: str
    dur_ns: int
    parent_id: int


class _Row(NamedTuple):
    """A trace's services in order, with their spans and errors; the span shown for it, and the first
    that matches."""

    trace_id: str
    services: Sequence[str]
    spans: Sequence[int]
    errors: Sequence[int]
    root_service: str
    root_name: str
    has_root: bool
    matched: MatchedSpan | None


def _of_few(
    con: duckdb.DuckDBPyConnection, compiler: Compiler, source: str
) -> Iterable[_Row] | None:
    """Return the traces' rows, out of their spans; None where these are many."""
    params = Params()
    spans = con.execute(
        f"SELECT trace_id, digest, status, ({compiler.span_conditions(params)}) IS TRUE,"
        f" {', '.join(_RANKED)} FROM {source} LIMIT {FEW_ROWS + 1}",
        params.values,
    ).fetchall()
    if len(spans) > FEW_ROWS:
        return None
    traces: dict[str, _Spans] = {}
    for trace_id, digest, status, meets, *ranked in spans:
        trace = traces.get(trace_id)
        if trace is None:
            trace = traces[trace_id] = _Spans()
        trace.add(_Rank(*ranked), digest, status == _ERROR, meets)
    return [trace.row(trace_id) for trace_id, trace in traces.items()]


@dataclass(slots=True)
class _Spans:
    """What is known of a trace when some of its spans were looked at."""

    seen: set[tuple[int, int]] = field(default_factory=set)
    counts: dict[str, list[int]] = field(default_factory=dict)
    root: _Rank | None = None
    first: _Rank | None = None
    matched: _Rank | None = None

    def add(self, rank: _Rank, digest: int, is_error: bool, meets: bool) -> None:
        if meets and (self.matched is None or rank < self.matched):
            self.matched = rank
        key = (rank.span_id, digest)
        if key in self.seen:
            return
        self.seen.add(key)
        counts = self.counts.setdefault(rank.service, [0, 0])
        counts[0] += 1
        counts[1] += is_error
        if self.first is None or rank < self.first:
            self.first = rank
        if rank.parent_id == 0 and (self.root is None or rank < self.root):
            self.root = rank

    def row(self, trace_id: str) -> _Row:
        shown = self.root or self.first
        assert shown is not None
        services = sorted(self.counts)
        found = self.matched
        return _Row(
            trace_id,
            services,
            [self.counts[service][0] for service in services],
            [self.counts[service][1] for service in services],
            shown.service,
            shown.name,
            self.root is not None,
            None
            if found is None
            else MatchedSpan(
                found.span_id,
                found.service,
                found.name,
                found.start_ns,
                found.dur_ns,
                found.parent_id == 0,
            ),
        )


def _of_many(con: duckdb.DuckDBPyConnection, compiler: Compiler, source: str) -> Iterable[_Row]:
    """Return the traces' rows; no Python object a span."""
    params = Params()
    rank = ", ".join(f"'{name}': {name}" for name in _RANKED)
    # What leaves the engine are plain values, a row a trace: to fetch a struct takes longer than to
    # find it.
    rows = con.execute(
        f"""
        WITH hit AS MATERIALIZED (
          SELECT trace_id, span_id, digest, status, service, {{{rank}}} AS rank,
            ({compiler.span_conditions(params)}) IS TRUE AS meets
          FROM {source}),
        once AS (
          SELECT trace_id, span_id, digest, any_value(status) AS status, any_value(rank) AS rank,
            any_value(service) AS service, bool_or(meets) AS meets
          FROM hit GROUP BY trace_id, span_id, digest),
        shares AS (
          SELECT trace_id, service, count(*) AS spans, count_if(status = {_ERROR}) AS errors,
            min(rank) FILTER (rank.parent_id = 0) AS root, min(rank) AS first,
            min(rank) FILTER (meets) AS matched
          FROM once GROUP BY trace_id, service),
        whole AS (
          SELECT trace_id, list(service ORDER BY service) AS services,
            list(spans ORDER BY service) AS spans, list(errors ORDER BY service) AS errors,
            min(root) AS root, coalesce(min(root), min(first)) AS shown, min(matched) AS matched
          FROM shares GROUP BY trace_id)
        SELECT trace_id, services, spans, errors, shown.service, shown.name, root IS NOT NULL,
          matched.span_id, matched.service, matched.name, matched.start_ns, matched.dur_ns,
          matched.parent_id = 0
        FROM whole
        """,
        params.values,
    ).fetchall()
    return [_Row._make((*row[:7], _matched(row[7:]))) for row in rows]


def _matched(values: Sequence[Any]) -> MatchedSpan | None:
    return None if values[0] is None else MatchedSpan(*values)


def _summary(hit: Hit, row: _Row) -> TraceSummary:
    return TraceSummary(
        trace_id=hit.trace_id,
        root_service=row.root_service,
        root_name=row.root_name,
        has_root=row.has_root,
        start_ns=hit.start_ns,
        duration_ns=hit.duration_ns,
        spans=sum(row.spans),
        errors=sum(row.errors),
        services=tuple(map(ServiceCount, row.services, row.spans, row.errors)),
        matched=row.matched,
        weight=float(hit.weight),
    )
