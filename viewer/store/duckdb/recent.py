"""Recent spans of a service or operation, and how long they took."""

from collections.abc import Sequence

import duckdb
import numpy as np

from viewer.store.base import RECENT_SPANS, OperationPercentiles, percentiles
from viewer.store.duckdb.compile import Params
from viewer.trace.attributes import clean_text

_FIRST_WIDTH_NS = 60 * 10**9
_GROWTH = 8


def recent(con: duckdb.DuckDBPyConnection, condition: str, params: Params) -> str:
    """Return the condition that a span meets this one and is among the RECENT_SPANS that do so and
    start last, or starts with the first of these."""
    after = _early_enough(con, condition, params)
    row = con.execute(
        f"SELECT start_ns FROM spans WHERE {condition} AND start_ns >= {after}"
        f" ORDER BY start_ns DESC LIMIT 1 OFFSET {RECENT_SPANS - 1}",
        params.values,
    ).fetchall()
    return f"{condition} AND start_ns >= {params.add(row[0][0])}" if row else condition


def _early_enough(con: duckdb.DuckDBPyConnection, condition: str, params: Params) -> int:
    """Return a time after which as many spans meet the condition, or before all: to sort all that do
    takes longer than to count some of them, time and again, further back."""
    newest = con.execute("SELECT max(start_ns) FROM spans").fetchall()[0][0] or 0
    width = _FIRST_WIDTH_NS
    while width < newest:
        count = con.execute(
            f"SELECT count(*) FROM spans WHERE {condition} AND start_ns >= {newest - width}",
            params.values,
        ).fetchall()[0][0]
        if count >= RECENT_SPANS:
            return int(newest - width)
        width *= _GROWTH
    return 0


def operation_percentiles(
    con: duckdb.DuckDBPyConnection, pairs: Sequence[tuple[str, str]], quantiles: Sequence[float]
) -> dict[tuple[str, str], OperationPercentiles]:
    """Return how long operations usually take, as `SpanStore` says."""
    found = {}
    for service, name in pairs:
        params = Params()
        condition = f"service = {params.add(clean_text(service))}"
        condition += f" AND name = {params.add(clean_text(name))}"
        looked_at = recent(con, condition, params)
        column = con.execute(
            f"SELECT dur_ns FROM spans WHERE {looked_at}", params.values
        ).fetchnumpy()["dur_ns"]
        if len(column):
            found[service, name] = percentiles(np.sort(column).tolist(), quantiles)
    return found
