"""All traces that match a search, as columns: their number and their spread are both read off these.

Where more rows are concerned than can be looked at while somebody waits, the columns are of a sample of
whole traces instead: those whose IDs' hash is below a bound. The IDs' own digits would not do, since some
begin with a time and some are counted. One look at the sampled traces' rows tells which of them match.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from viewer.store.base import Distribution, DistributionCell, TraceCounts, time_steps
from viewer.store.duckdb.compile import BOUNDS, Compiler, Few, Params, all_of
from viewer.store.duckdb.newest import Places

MOST_ROWS = 4_000_000
"""So many rows are looked at exactly without being asked for it."""
_SAMPLED_ROWS = 800_000
# To look for an attribute means to unpack those of all spans beside a sampled one.
_SAMPLED_ROWS_FOR_TAGS = 50_000
_LEAST_TRACES = 50
_FEW_ROWS = 20_000
# More than there are: durations have 63 bits, and each bit has two.
_BUCKETS = 128


@dataclass(frozen=True, slots=True)
class Matches:
    """The matching traces, or one in ``one_in`` of them; ``stored`` is how many of the sample lie in
    the query's time range, None where all were looked at."""

    one_in: int
    stored: int | None
    start_ns: NDArray[np.int64]
    duration_ns: NDArray[np.int64]
    failed: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def counts(self, stored_traces: int, searched_spans: int, *, weighted: bool) -> TraceCounts:
        """Return how many match; the arguments are what there is in the query's time range."""
        before = float(self.weight.sum()) * self.one_in if weighted else None
        total = len(self.start_ns) * self.one_in
        return TraceCounts(total, stored_traces, searched_spans, before, one_in=self.one_in)

    def distribution(self, start_ns: int | None, end_ns: int | None, columns: int) -> Distribution:
        """Count them over time and duration, as `SpanStore.distribution` says."""
        timed = self.start_ns[self.start_ns != 0]
        low = start_ns if start_ns is not None else int(timed.min()) if len(timed) else 0
        high = end_ns if end_ns is not None else (int(timed.max()) if len(timed) else 0) + 1
        begin, step = time_steps(low, high, columns)
        # Without a sign: a range may be as long as 63 bits hold.
        since = self.start_ns.astype(np.uint64) - np.uint64(begin % (1 << 64))
        slots = np.where(self.start_ns < begin, 0, since // np.uint64(step)).astype(np.int64)
        slots = np.clip(slots, 0, columns - 1)
        buckets = np.floor(np.log2(np.maximum(self.duration_ns, 1)) * 2).astype(np.int64)
        places = slots * _BUCKETS + buckets
        found, traces = np.unique(places, return_counts=True)
        errors = np.bincount(np.searchsorted(found, places[self.failed]), minlength=len(found))
        cells = tuple(
            DistributionCell(
                begin + place // _BUCKETS * step,
                place % _BUCKETS,
                count * self.one_in,
                failed * self.one_in,
            )
            for place, count, failed in zip(
                found.tolist(), traces.tolist(), errors.tolist(), strict=True
            )
        )
        return Distribution(begin, step, cells, one_in=self.one_in)


def rows_to_look_at(con: duckdb.DuckDBPyConnection, compiler: Compiler) -> int:
    """Return how many rows are in the query's time range and where what it asks for may lie."""
    params = Params()
    sql = f"SELECT count(*) FROM spans WHERE {all_of(compiler.outer_bounds(params))}"
    return int(con.execute(sql, params.values).fetchall()[0][0])


def gather(
    con: duckdb.DuckDBPyConnection, compiler: Compiler, places: Places, *, weighted: bool
) -> Matches:
    """Return all that match."""
    params = Params()
    few = few_traces(con, compiler, places)
    matching = compiler.matching_traces(params, also="failed", weighted=weighted, few=few)
    found = con.execute(
        f"SELECT start_ns, duration_ns, failed, weight FROM ({matching})", params.values
    ).fetchnumpy()
    return _matches(1, None, found)


def sample(
    con: duckdb.DuckDBPyConnection, compiler: Compiler, rows: int, *, weighted: bool
) -> Matches | None:
    """Return a sample of what matches, sized by how many ``rows`` there are to draw it from; None
    where too few of it match to tell how many do."""
    wanted = _SAMPLED_ROWS_FOR_TAGS if compiler.looks_at_attributes else _SAMPLED_ROWS
    one_in = 1 << max(1, math.ceil(math.log2(rows / wanted)))
    params = Params()
    weight = "min(weight)" if weighted else "1"
    found = con.execute(
        f"SELECT start_ns, duration_ns, failed, weight, meets IS TRUE AND"
        f" {all_of(compiler.trace_conditions(params))} AS meets FROM (SELECT trace_id, {BOUNDS},"
        f" bool_or(status = 2) AS failed, {weight} AS weight,"
        f" bool_or({compiler.span_conditions(params)}) AS meets,"
        f" bool_or({compiler.time_range(params)}) AS is_in_range"
        f" FROM spans WHERE hash(trace_id) < {(1 << 64) // one_in}::UBIGINT GROUP BY trace_id)"
        " WHERE is_in_range",
        params.values,
    ).fetchnumpy()
    meets = found.pop("meets").astype(bool)
    if int(meets.sum()) < _LEAST_TRACES:
        return None
    matching = {name: column[meets] for name, column in found.items()}
    return _matches(one_in, len(meets), matching)


def few_traces(con: duckdb.DuckDBPyConnection, compiler: Compiler, places: Places) -> Few | None:
    """Return the traces with a matching span and where they lie, if they are few; None otherwise."""
    params = Params()
    conditions = compiler.span_conditions(params)
    if conditions == "TRUE":
        return None
    rows: Sequence[tuple[str]] = con.execute(
        f"SELECT trace_id FROM spans WHERE {conditions} LIMIT {_FEW_ROWS}", params.values
    ).fetchall()
    if len(rows) == _FEW_ROWS:
        return None
    ids = sorted({trace_id for (trace_id,) in rows})
    return Few(ids, places(ids))


def _matches(one_in: int, stored: int | None, found: dict[str, NDArray[np.generic]]) -> Matches:
    return Matches(
        one_in,
        stored,
        found["start_ns"].astype(np.int64),
        found["duration_ns"].astype(np.int64),
        found["failed"].astype(bool),
        found["weight"].astype(np.float64),
    )
