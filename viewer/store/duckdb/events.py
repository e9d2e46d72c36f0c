"""The events of one trace: found, counted and sorted by DuckDB, so that Python sees a page of them
and a trace with millions takes no more memory than DuckDB may have."""

import duckdb
import orjson

from viewer.search.events import ERROR_KEYS, ERROR_LEVELS, ERROR_NAMES, LEVEL_KEYS, EventQuery
from viewer.store.base import EventPage, StoredEvent, fold_case
from viewer.store.duckdb.compile import Params
from viewer.trace.attributes import clean_text, decode_attributes
from viewer.trace.span import Event

# As trace.batch writes the column.
_LAYOUT = '[{"t":"BIGINT","n":"VARCHAR","a":["VARCHAR"],"y":"VARCHAR","d":"BIGINT"}]'


def events_of_trace(
    con: duckdb.DuckDBPyConnection, trace_id: str, place: str, query: EventQuery
) -> EventPage:
    """Return a page of a trace's events, as `SpanStore` says; ``place`` says where its rows lie."""
    params = Params()
    spans = f"trace_id = {params.add(clean_text(trace_id))} AND {place} AND events IS NOT NULL"
    term = fold_case(clean_text(query.text))
    if term:
        # The JSON as a whole is cheap to look through; only what it promises is taken apart.
        spans += f" AND contains(lower(events), {params.add(orjson.dumps(term).decode()[1:-1])})"
    once = f"SELECT span_id, digest, start_ns, events FROM spans WHERE {spans}"
    again = f"SELECT 1 FROM ({once}) GROUP BY span_id, digest HAVING count(*) > 1 LIMIT 1"
    if con.execute(again, params.values).fetchall():
        # Only where there are re-deliveries: it takes as long as all the rest.
        once = (
            "SELECT span_id, digest, any_value(start_ns) AS start_ns, any_value(events) AS events"
            f" FROM ({once}) GROUP BY span_id, digest"
        )
    conditions = [_says(params.add(term))] if term else []
    if query.errors_only:
        conditions.append(_tells_error(params))
    events = f"""
    SELECT span_id, digest, start_ns, unnest(events) AS e, unnest(range(len(events))) AS place
    FROM (SELECT span_id, digest, start_ns, from_json(events, '{_LAYOUT}') AS events FROM ({once}))
    """
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    count = f"SELECT count(*) FROM ({events}) {where}"
    if not conditions:
        count = f"SELECT coalesce(sum(json_array_length(events)), 0)::BIGINT FROM ({once})"
    ((total,),) = con.execute(count, params.values).fetchall()
    rows = con.execute(
        f"""
        SELECT span_id, digest, e.t, e.n, e.a, e.y, e.d FROM ({events}) {where}
        ORDER BY if(e.t = 0, start_ns, e.t), span_id, digest, place
        LIMIT {max(query.limit, 0)} OFFSET {max(query.offset, 0)}
        """,
        params.values,
    ).fetchall()
    return EventPage(
        tuple(
            StoredEvent(
                span_id, digest, Event(t, n, decode_attributes(a or (), y or ""), dropped or 0)
            )
            for span_id, digest, t, n, a, y, dropped in rows
        ),
        total,
    )


def _says(term: str) -> str:
    said = f"list_filter(e.a, lambda attr: contains(lower(attr), {term}))"
    return f"(contains(lower(e.n), {term}) OR coalesce(len({said}), 0) > 0)"


def _tells_error(params: Params) -> str:
    names = ", ".join(params.add(name) for name in ERROR_NAMES)
    keys = " OR ".join(f"starts_with(attr, {params.add(f'{key}=')})" for key in ERROR_KEYS)
    levels = ", ".join(params.add(f"{key}={level}") for key in LEVEL_KEYS for level in ERROR_LEVELS)
    # A key's letter case matters, a level's does not.
    level = " OR ".join(f"starts_with(attr, {params.add(f'{key}=')})" for key in LEVEL_KEYS)
    telling = f"{keys} OR (({level}) AND lower(attr) IN ({levels}))"
    said = f"list_filter(e.a, lambda attr: {telling})"
    return f"(e.n IN ({names}) OR coalesce(len({said}), 0) > 0)"
