"""Questions about one trace: its columns, its spans, text found in them, and who links to them."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import duckdb
import orjson

from viewer.store.base import LateSpans, Linking, LinkingSpan, StoredSpan, fold_case
from viewer.store.duckdb.compile import Params
from viewer.store.duckdb.origins import Origins
from viewer.store.duckdb.rows import CONTENT, SLIM, stored_spans, trace_columns
from viewer.trace.attributes import clean_text, encode_attribute, escape_key, show_value
from viewer.trace.columns import TraceColumns
from viewer.trace.span import Resource, Scope

_WHOLE = (*CONTENT, "resource_id", "scope_id", "digest")
_ORDER = ("start_ns", "span_id", "digest")
_FEW_ROWS = 1_000
# Joins a span's attributes into one text for one look; a term that holds it takes the long way.
_JOINT = "\x1f"


def count_spans(con: duckdb.DuckDBPyConnection, trace_id: str, place: str) -> int:
    """Return how many rows a trace has; ``place`` says, here and below, where they lie."""
    sql = f"SELECT count(*) FROM spans WHERE trace_id = $trace_id AND {place}"
    return int(con.execute(sql, {"trace_id": clean_text(trace_id)}).fetchall()[0][0])


def get_columns(
    con: duckdb.DuckDBPyConnection, resources: Origins[Resource], trace_id: str, place: str
) -> TraceColumns | None:
    """Return a trace's columns, or None if it has no spans."""
    params = {"trace_id": clean_text(trace_id)}
    table = con.sql(
        f"SELECT {SLIM} FROM spans WHERE trace_id = $trace_id AND {place}",
        params=params,
    ).to_arrow_table()
    if not len(table):
        return None
    return trace_columns(trace_id, table, lambda numbers: resources.fetch(con, numbers))


def get_spans(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    scopes: Origins[Scope],
    trace_id: str,
    place: str,
    span_ids: Sequence[int] | None,
) -> list[StoredSpan]:
    """Return a trace's spans in order, as `SpanStore` says."""
    params = Params()
    where = f"trace_id = {params.add(clean_text(trace_id))} AND {place}"
    if span_ids is not None:
        where += f" AND {_one_of(span_ids)}"
    columns = _whole_rows(con, where, params)
    return stored_spans(
        columns,
        resources.fetch(con, columns["resource_id"]),
        scopes.fetch(con, columns["scope_id"]),
    )


def _whole_rows(con: duckdb.DuckDBPyConnection, where: str, params: Params) -> dict[str, list[Any]]:
    """Return all columns of some rows, in order. A relation and Arrow are the quicker way for many, and
    twice as slow for few."""
    sql = f"SELECT {', '.join(_WHOLE)} FROM spans WHERE {where}"
    rows = con.execute(f"{sql} LIMIT {_FEW_ROWS + 1}", params.values).fetchall()
    if len(rows) > _FEW_ROWS:
        table = con.sql(
            f"{sql} ORDER BY {', '.join(_ORDER)}", params=params.values
        ).to_arrow_table()
        return {name: table.column(name).to_pylist() for name in _WHOLE}
    rows.sort(key=itemgetter(*(_WHOLE.index(name) for name in _ORDER)))
    return {name: [row[at] for row in rows] for at, name in enumerate(_WHOLE)}


def late_spans(con: duckdb.DuckDBPyConnection, trace_id: str, since_ns: int) -> LateSpans:
    """Count a trace's spans stored since. Rows lie in the order they were stored, so that the first
    look, which as a rule finds nothing, passes over all that is older."""
    params = {"trace_id": clean_text(trace_id), "since": since_ns}
    late = con.execute(
        "SELECT span_id, digest, max(stored_ns) AS newest_ns FROM spans"
        " WHERE trace_id = $trace_id AND stored_ns > $since GROUP BY span_id, digest",
        params,
    ).fetchnumpy()
    count, newest = len(late["span_id"]), late["newest_ns"].max(initial=0)
    if not count:
        return LateSpans(0, 0)
    known = con.execute(
        "SELECT count(*) FROM (SELECT DISTINCT span_id, digest FROM spans"
        " WHERE trace_id = $trace_id AND stored_ns <= $since AND (span_id, digest) IN"
        " (SELECT (span_id, digest) FROM spans WHERE trace_id = $trace_id AND stored_ns > $since))",
        params,
    ).fetchall()
    return LateSpans(count - int(known[0][0]), int(newest))


def match_spans(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    trace_id: str,
    place: str,
    terms: Sequence[str],
) -> list[tuple[int, int]]:
    """Return (span ID, digest) of the spans in which any term occurs, sorted."""
    folded = sorted({fold_case(clean_text(term)) for term in terms})
    if not folded:
        return []
    params = Params()
    trace = f"trace_id = {params.add(clean_text(trace_id))} AND {place}"
    ids = con.execute(
        f"SELECT DISTINCT resource_id FROM spans WHERE {trace}",
        params.values,
    ).fetchall()
    found = resources.fetch(con, (number for (number,) in ids))
    matches = [f"({_occurs(term, params)})" for term in folded]
    bearing = sorted(
        number for number, resource in found.items() if _resource_says(resource, folded)
    )
    if bearing:
        matches.append(f"resource_id IN ({', '.join(map(str, bearing))})")
    rows: list[tuple[int, int]] = con.execute(
        f"SELECT DISTINCT span_id, digest FROM spans"
        f" WHERE {trace} AND ({' OR '.join(matches)}) ORDER BY span_id, digest",
        params.values,
    ).fetchall()
    return rows


def spans_linking_to(
    con: duckdb.DuckDBPyConnection, trace_id: str, span_ids: Sequence[int], limit: int
) -> Linking:
    """Return the spans that link to some of a trace. Row groups without links are passed over by
    their statistics; within a link's text quotes are escaped, so that only links look like one."""
    params = Params()
    begins = [
        params.add(f'{{"i":"{clean_text(trace_id)}","s":"{number:016x}"') for number in span_ids
    ]
    if not begins:
        return Linking(0, ())
    links = " OR ".join(f"contains(links, {begin})" for begin in begins)
    rows = con.execute(
        "SELECT trace_id, span_id, service, name, start_ns, count(*) OVER () FROM"
        " (SELECT DISTINCT trace_id, span_id, digest, service, name, start_ns FROM spans"
        f" WHERE links IS NOT NULL AND ({links}))"
        f" ORDER BY start_ns, trace_id, span_id, service, name LIMIT {max(limit, 1)}",
        params.values,
    ).fetchall()
    return Linking(rows[0][5] if rows else 0, tuple(LinkingSpan(*row[:5]) for row in rows))


def attribute_of_spans(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    trace_id: str,
    place: str,
    key: str,
    span_ids: Sequence[int] | None = None,
) -> dict[tuple[int, int], str]:
    """Return an attribute's value by span ID and digest."""
    params = Params()
    where = f"trace_id = {params.add(clean_text(trace_id))} AND {place}"
    if span_ids is not None:
        where += f" AND {_one_of(span_ids)}"
    begins = params.add(f"{escape_key(key)}=")
    rows = con.execute(
        f"SELECT DISTINCT span_id, digest, resource_id,"
        f" list_filter(attrs, lambda attr: starts_with(attr, {begins}))[1]"
        f" FROM spans WHERE {where}",
        params.values,
    ).fetchall()
    found = resources.fetch(con, (row[2] for row in rows))
    of_resource = {
        number: next((show_value(value) for name, value in said.attributes if name == key), None)
        for number, said in found.items()
    }
    values = {}
    for span_id, digest, resource_id, attr in rows:
        value = of_resource.get(resource_id) if attr is None else attr[len(escape_key(key)) + 1 :]
        if value is not None:
            values[span_id, digest] = value
    return values


def _one_of(span_ids: Sequence[int]) -> str:
    numbers = ", ".join(str(int(number)) for number in set(span_ids) if 0 < number < 1 << 64)
    return f"span_id IN ({numbers})" if numbers else "FALSE"


def _resource_says(resource: Resource, folded: Sequence[str]) -> bool:
    texts = [fold_case(encode_attribute(key, value)[0]) for key, value in resource.attributes]
    return any(term in text for term in folded for text in texts)


def _occurs(term: str, params: Params) -> str:
    """Return the condition that a folded term occurs in a span's own texts."""
    text = params.add(term)
    attributes = f"contains(lower(array_to_string(attrs, '{_JOINT}')), {text})"
    if _JOINT in term:
        attributes = f"len(list_filter(attrs, lambda attr: contains(lower(attr), {text}))) > 0"
    # The events' JSON is cheap to look through; only what it promises is then taken apart, since a
    # term may as well be part of the JSON's own text.
    escaped = params.add(orjson.dumps(term).decode()[1:-1])
    said = "json_extract_string(events, '$[*].n') || json_extract_string(events, '$[*].a[*]')"
    events = (
        f"contains(lower(events), {escaped}) AND"
        f" len(list_filter({said}, lambda said: contains(lower(said), {text}))) > 0"
    )
    return (
        f"contains(lower(name), {text}) OR contains(lower(service), {text})"
        f" OR contains(lower(status_message), {text}) OR {attributes} OR ({events})"
    )
