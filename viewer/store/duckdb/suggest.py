"""Attribute keys and values of recent spans, for completing what a person types."""

from collections import Counter

import duckdb

from viewer.store.base import MAX_SUGGESTED
from viewer.store.duckdb.compile import Params
from viewer.store.duckdb.origins import Origins
from viewer.store.duckdb.recent import recent
from viewer.trace.attributes import clean_text, escape_key, show_value, split_attribute
from viewer.trace.span import Resource

# The key's text ends at the first "=" that no backslash escapes.
_KEY = r"""CASE WHEN contains(attr, '\')
  THEN regexp_extract(attr, '(?s)^((?:[^=\\]|\\.)*)=', 1) ELSE split_part(attr, '=', 1) END"""


def attribute_keys(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    service: str | None,
    prefix: str,
    limit: int,
) -> list[str]:
    """Return keys of span and resource attributes in recent spans, as `SpanStore` says."""
    params = Params()
    return _keys_of(con, resources, _recent(con, service, params), params, prefix, limit)


def attribute_keys_of_trace(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    trace_id: str,
    place: str,
    limit: int,
) -> list[str]:
    """Return keys of span and resource attributes of a trace's spans, as `SpanStore` says; ``place``
    says where its rows lie."""
    params = Params()
    condition = f"trace_id = {params.add(clean_text(trace_id))} AND {place}"
    return _keys_of(con, resources, condition, params, "", limit)


def _keys_of(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    condition: str,
    params: Params,
    prefix: str,
    limit: int,
) -> list[str]:
    ids = con.execute(
        f"SELECT DISTINCT resource_id FROM spans WHERE {condition}",
        params.values,
    ).fetchall()
    begins = params.add(escape_key(prefix))
    rows = con.execute(
        f"""
        SELECT DISTINCT {_KEY} FROM (SELECT unnest(attrs) AS attr FROM spans WHERE {condition})
        WHERE starts_with(attr, {begins})
        """,
        params.values,
    ).fetchall()
    keys = {split_attribute(f"{escaped}=")[0] for (escaped,) in rows}
    for resource in resources.fetch(con, (number for (number,) in ids)).values():
        keys.update(clean_text(key) for key, _ in resource.attributes)
    wanted = clean_text(prefix)
    return sorted(key for key in keys if key.startswith(wanted))[: max(limit, 0)]


def attribute_values(
    con: duckdb.DuckDBPyConnection,
    resources: Origins[Resource],
    service: str | None,
    key: str,
    prefix: str,
    limit: int,
) -> list[str]:
    """Return values of one attribute in recent spans, as `SpanStore` says."""
    wanted = clean_text(prefix)
    params = Params()
    condition = _recent(con, service, params)
    ids = con.execute(
        f"SELECT resource_id, count(*) FROM spans WHERE {condition} GROUP BY resource_id",
        params.values,
    ).fetchall()
    before = f"{escape_key(key)}="
    begins = params.add(before + wanted)
    rows = con.execute(
        f"""
        SELECT attr, count(*) FROM (SELECT unnest(attrs) AS attr FROM spans WHERE {condition})
        WHERE starts_with(attr, {begins}) AND length(attr) <= {len(before) + MAX_SUGGESTED}
        GROUP BY attr
        """,
        params.values,
    ).fetchall()
    counts = Counter({attr[len(before) :]: count for attr, count in rows})
    spans_of = dict(ids)
    for number, resource in resources.fetch(con, spans_of).items():
        for name, value in resource.attributes:
            text = show_value(value)
            if name == key and text.startswith(wanted) and len(text) <= MAX_SUGGESTED:
                counts[text] += spans_of[number]
    ordered = sorted(counts, key=lambda text: (-counts[text], text))
    return ordered[: max(limit, 0)]


def _recent(con: duckdb.DuckDBPyConnection, service: str | None, params: Params) -> str:
    """Return the condition that a span is a recent one."""
    of_service = "TRUE" if service is None else f"service = {params.add(clean_text(service))}"
    return recent(con, of_service, params)
