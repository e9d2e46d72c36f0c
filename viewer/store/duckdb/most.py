"""The traces with the most spans or errors, without telling re-deliveries from the rest in all of them.

The rows of a trace are at least as many as its spans. So of the traces with the most rows the spans are
counted, and whichever has more of them than the next trace has rows cannot be preceded by that one.
"""

import duckdb

from viewer.store.duckdb.compile import (
    SORT_KEYS,
    Compiler,
    Few,
    Params,
    after_cursor,
    order_of,
)
from viewer.store.duckdb.newest import Hit, Places

_ROWS = {"spans": "count(*)", "errors": "count_if(status = 2)"}
_FIRST_CANDIDATES, _CANDIDATES = 40, 5_000


def most_hits(
    con: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    limit: int,
    places: Places,
    few: Few | None,
    *,
    weighted: bool,
) -> list[Hit] | None:
    """Return the first ``limit`` matching traces by spans or errors, or all there are; None where
    these cannot be told from some thousands. ``few`` are those with a matching span, if known."""
    query = compiler.query
    key, _ = SORT_KEYS[query.sort]
    params = Params()
    if few is None:
        source = f"spans GROUP BY trace_id HAVING bool_or({compiler.span_conditions(params)})"
    else:
        source = f"spans WHERE {few.condition(params)} GROUP BY trace_id"
    rows = con.execute(
        f"SELECT trace_id, {_ROWS[key]} AS most FROM {source} ORDER BY most DESC LIMIT {_CANDIDATES + 1}",
        params.values,
    ).fetchall()
    first = min(max(_FIRST_CANDIDATES, 2 * limit), _CANDIDATES)
    for candidates in (first, _CANDIDATES):
        ids = [trace_id for trace_id, _ in rows[:candidates]]
        hits = hits_in_order(con, compiler, limit, Few(ids, places(ids)), weighted=weighted)
        if len(rows) <= candidates:
            return hits
        if len(hits) == limit and hits[-1].key > rows[candidates][1]:
            return hits
    return None


def hits_in_order(
    con: duckdb.DuckDBPyConnection,
    compiler: Compiler,
    limit: int,
    few: Few | None,
    *,
    weighted: bool,
) -> list[Hit]:
    """Return the first ``limit`` matching traces in the query's order, of ``few`` or of all."""
    query = compiler.query
    params = Params()
    key, _ = SORT_KEYS[query.sort]
    also = "counts" if key in _ROWS else ""
    matching = compiler.matching_traces(params, also=also, weighted=weighted, few=few)
    after = after_cursor(query.sort, query.after, params) if query.after else "TRUE"
    rows = con.execute(
        f"SELECT trace_id, start_ns, duration_ns, has_untimed, weight, {key} FROM ({matching})"
        f" WHERE {after} ORDER BY {order_of(query.sort)} LIMIT {limit}",
        params.values,
    ).fetchall()
    return [Hit(*row) for row in rows]
