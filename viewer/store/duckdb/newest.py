"""The newest matching traces, found from the newest matching spans down instead of among all.

A trace starts no later than any of its spans. So of the spans that match, the latest are taken, and
the traces they belong to; whichever of these starts after the earliest span taken cannot be preceded
by a trace that was not seen yet. If there are too few of them, more spans are taken.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import duckdb

from viewer.store.duckdb.compile import BOUNDS, Compiler, Params, all_of, in_traces

_ROUNDS = 5
_GROWTH = 4
_SPANS_A_TRACE = 16
_LEAST_SPANS = 200
_MOST_UNTIMED = 500

Places = Callable[[Collection[str]], str]
"""The condition on where the rows of some traces lie."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A matching trace. ``key`` is what the search sorts by."""

    trace_id: str
    start_ns: int
    duration_ns: int
    has_untimed: bool
    weight: float
    key: int


def newest_hits(
    con: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    limit: int,
    places: Places,
    *,
    weighted: bool,
    all_timed: bool,
) -> list[Hit] | None:
    """Return the first ``limit`` matching traces by start, the latest first, or all there are; None
    where these cannot be told from a few spans."""
    known: dict[str, Hit | None] = {}
    untimed = [] if all_timed else _untimed(con, compiler)
    if untimed is None:
        return None
    _learn(con, compiler, untimed, known, places, weighted)
    frontier: int | None = None
    spans, traces = max(_SPANS_A_TRACE * limit, _LEAST_SPANS), 2 * limit
    for _ in range(_ROUNDS):
        rows = _latest_spans(con, compiler, frontier, spans)
        fresh, taken = _first_traces(rows, known, traces)
        _learn(con, compiler, fresh, known, places, weighted)
        hits = sorted(filter(None, known.values()), key=lambda hit: (-hit.start_ns, hit.trace_id))
        if len(rows) < spans and taken == len(rows):
            return hits[:limit]
        # Whatever was not taken starts no later than this.
        frontier = int(rows[min(taken, len(rows) - 1)][1])
        if len(hits) >= limit and hits[limit - 1].start_ns > frontier:
            return hits[:limit]
        spans, traces = spans * _GROWTH, traces * _GROWTH
    return None


def _first_traces(
    rows: list[tuple[str, int]], known: Collection[str], most: int
) -> tuple[list[str], int]:
    """Return the traces of the first rows that are not known, so many at most, and of how many rows
    these are."""
    fresh: dict[str, None] = {}
    for place, (trace_id, _) in enumerate(rows):
        if trace_id in known or trace_id in fresh:
            continue
        if len(fresh) == most:
            return list(fresh), place
        fresh[trace_id] = None
    return list(fresh), len(rows)


def _untimed(con: duckdb.DuckDBPyConnection, compiler: Compiler) -> list[str] | None:
    """Return the traces with a matching span that has no start time; None if they are too many."""
    params = Params()
    rows = con.execute(
        "SELECT DISTINCT trace_id FROM spans WHERE start_ns <= 0 AND"
        f" {compiler.span_conditions(params)} LIMIT {_MOST_UNTIMED + 1}",
        params.values,
    ).fetchall()
    return None if len(rows) > _MOST_UNTIMED else [trace_id for (trace_id,) in rows]


def _latest_spans(
    con: duckdb.DuckDBPyConnection, compiler: Compiler, frontier: int | None, count: int
) -> list[tuple[str, int]]:
    params = Params()
    parts = ["start_ns > 0", compiler.span_conditions(params)]
    if frontier is not None:
        # Those that start with the last one taken may not all have been taken.
        parts.append(f"start_ns <= {frontier}")
    return con.execute(
        f"SELECT trace_id, start_ns FROM spans WHERE {all_of(parts)}"
        f" ORDER BY start_ns DESC LIMIT {count}",
        params.values,
    ).fetchall()


def _learn(
    con: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    trace_ids: list[str],
    known: dict[str, Hit | None],
    places: Places,
    weighted: bool,
) -> None:
    """Look up the bounds of these traces; those that the query leaves out are known as None."""
    if not trace_ids:
        return
    weight = "min(weight)" if weighted else "1"
    rows = con.execute(
        f"SELECT trace_id, {BOUNDS}, {weight} FROM spans"
        f" WHERE {in_traces(trace_ids)} AND {places(trace_ids)} GROUP BY trace_id"
    ).fetchall()
    known.update(dict.fromkeys(trace_ids))
    for trace_id, start_ns, duration_ns, has_untimed, factor in rows:
        if compiler.takes_trace(trace_id, start_ns, duration_ns):
            known[trace_id] = Hit(
                trace_id, start_ns, duration_ns, has_untimed, float(factor), start_ns
            )
