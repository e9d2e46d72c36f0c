"""Searching traces: pages of summaries, and their spread over time and duration."""

import duckdb

from viewer.search.query import Cursor, Sort
from viewer.store.base import (
    Distribution,
    DistributionCell,
    TracePage,
    page_extent,
    page_sizes,
    time_steps,
)
from viewer.store.duckdb.compile import Compiler, Params
from viewer.store.duckdb.matches import few_traces
from viewer.store.duckdb.most import hits_in_order, most_hits
from viewer.store.duckdb.newest import Hit, Places, newest_hits
from viewer.store.duckdb.summaries import summaries


def find_traces(
    con: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    places: Places,
    *,
    weighted: bool,
    all_timed: bool,
) -> TracePage:
    """Return a page of results; ``places`` says where the rows of traces lie, ``weighted`` whether
    anything stored was sampled, ``all_timed`` that every span has a start time."""
    limit, head = page_sizes(compiler.query)
    hits = None
    if compiler.query.sort is Sort.NEWEST:
        hits = newest_hits(con, compiler, limit + 1, places, weighted=weighted, all_timed=all_timed)
    if hits is None:
        hits = _hits(con, compiler, limit + 1, places, weighted=weighted)
    more = None
    if len(hits) > limit:
        last = hits[limit - 1]
        more = Cursor(key=last.key, start_ns=last.start_ns, trace_id=last.trace_id)
    return TracePage(
        summaries(con, compiler, hits[:head], places),
        more,
        extent=page_extent((hit.start_ns, hit.duration_ns) for hit in hits[:limit]),
    )


def _hits(
    con: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    limit: int,
    places: Places,
    *,
    weighted: bool,
) -> list[Hit]:
    """Return the first matching traces in the query's order, of all that match."""
    few = few_traces(con, compiler, places)
    hits = None
    if compiler.query.sort in (Sort.MOST_SPANS, Sort.MOST_ERRORS):
        hits = most_hits(con, compiler, limit, places, few, weighted=weighted)
    if hits is None:
        hits = hits_in_order(con, compiler, limit, few, weighted=weighted)
    return hits


def count_matches(
    con: duckdb.DuckDBPyConnection, compiler: Compiler, *, weighted: bool
) -> tuple[int, float | None]:
    """Return how many traces match, and how many did before sampling if ``weighted``."""
    params = Params()
    query = compiler.query
    if weighted or query.min_trace_ns is not None or query.max_trace_ns is not None:
        matching = compiler.matching_traces(params, weighted=weighted)
        counted = f"SELECT count(*), coalesce(sum(weight), 0)::DOUBLE FROM ({matching})"
    else:
        # No trace needs to be put together to be counted.
        counted = (
            "SELECT count(DISTINCT trace_id), 0::DOUBLE FROM spans WHERE"
            f" {compiler.span_conditions(params)}"
        )
    total, estimated = con.execute(counted, params.values).fetchall()[0]
    return total, estimated if weighted else None


def count_in_range(con: duckdb.DuckDBPyConnection, compiler: Compiler) -> tuple[int, int]:
    """Return how many traces and span rows start within the query's time range."""
    params = Params()
    row = con.execute(
        f"SELECT count(DISTINCT trace_id), count(*) FROM spans WHERE {compiler.time_range(params)}",
        params.values,
    ).fetchall()[0]
    return row[0], row[1]


def rows_in_range(con: duckdb.DuckDBPyConnection, compiler: Compiler) -> int:
    """Return how many span rows start within the query's time range."""
    params = Params()
    sql = f"SELECT count(*) FROM spans WHERE {compiler.time_range(params)}"
    return int(con.execute(sql, params.values).fetchall()[0][0])


def distribution(con: duckdb.DuckDBPyConnection, compiler: Compiler, columns: int) -> Distribution:
    """Count all matching traces over time and duration."""
    columns = max(1, columns)
    query = compiler.query
    low, high = query.start_ns, query.end_ns
    if low is None or high is None:
        params = Params()
        first, last = con.execute(
            "SELECT min(nullif(start_ns, 0)), max(nullif(start_ns, 0))"
            f" FROM ({compiler.matching_traces(params)})",
            params.values,
        ).fetchall()[0]
        low = low if low is not None else first or 0
        high = high if high is not None else (last or 0) + 1
    start_ns, step_ns = time_steps(low, high, columns)
    params = Params()
    matching = compiler.matching_traces(params, also="failed")
    start, step = params.add(start_ns), params.add(step_ns)
    rows = con.execute(
        f"""
        SELECT greatest(0, least({columns - 1}, (start_ns - {start}) // {step})) AS slot,
          floor(log2(greatest(duration_ns, 1)) * 2)::INTEGER AS bucket,
          count(*), count_if(failed)
        FROM ({matching}) GROUP BY slot, bucket ORDER BY slot, bucket
        """,
        params.values,
    ).fetchall()
    cells = tuple(
        DistributionCell(start_ns + slot * step_ns, bucket, traces, errors)
        for slot, bucket, traces, errors in rows
    )
    return Distribution(start_ns, step_ns, cells)
