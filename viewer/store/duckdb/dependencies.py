"""Calls between services, counted over many traces."""

import duckdb

from viewer.store.duckdb.compile import bounded
from viewer.trace.span import SpanKind
from viewer.trace.summary import DependencyLink

_CLIENT, _SERVER = f"kind = {SpanKind.CLIENT:d}", f"kind = {SpanKind.SERVER:d}"
_FIRST = "min({'start_ns': start_ns, 'kind': kind, 'service': service})"

# One span ID mostly has one bearer; the rest (`shared`) are Zipkin's halves and re-used IDs. The
# parent of a server half is its client half; that of another span is a server half before others,
# one of the child's own service before the first (as in trace.tree). Bearers are gathered per ID
# before the join: thousands of spans of one ID must not multiply with thousands of children.
_LINKS = f"""
WITH one AS MATERIALIZED (
  SELECT trace_id, span_id, any_value(parent_id) AS parent_id, any_value(service) AS service,
    any_value(kind) AS kind, any_value(status) AS status, any_value(start_ns) AS start_ns,
    min(digest) <> max(digest) AS shared
  FROM spans SEMI JOIN (FROM spans WHERE start_ns >= $start_ns AND start_ns < $end_ns)
    USING (trace_id)
  GROUP BY trace_id, span_id),
shared AS MATERIALIZED (
  SELECT trace_id, span_id, digest, any_value(parent_id) AS parent_id,
    any_value(service) AS service, any_value(kind) AS kind, any_value(status) AS status,
    any_value(start_ns) AS start_ns
  FROM spans SEMI JOIN (FROM one WHERE shared) USING (trace_id, span_id)
  GROUP BY trace_id, span_id, digest),
bearers AS MATERIALIZED (
  SELECT trace_id, span_id, {_FIRST} AS first,
    {_FIRST} FILTER ({_CLIENT}) AS client, {_FIRST} FILTER ({_SERVER}) AS server,
    list(DISTINCT service) AS services,
    list(DISTINCT service) FILTER ({_SERVER}) AS server_services
  FROM shared GROUP BY trace_id, span_id),
child AS (
  SELECT trace_id, span_id, parent_id, service, kind, status, FALSE AS shared FROM one
  WHERE NOT shared AND parent_id <> 0 AND start_ns >= $start_ns AND start_ns < $end_ns
  UNION ALL
  SELECT trace_id, span_id, parent_id, service, kind, status, TRUE FROM shared
  WHERE start_ns >= $start_ns AND start_ns < $end_ns),
call AS (
  SELECT child.service AS child, child.status, CASE
    WHEN child.{_SERVER} AND own.client IS NOT NULL THEN own.client.service
    WHEN child.parent_id = child.span_id THEN NULL
    WHEN NOT up.shared THEN up.service
    WHEN many.client IS NOT NULL AND many.server IS NOT NULL THEN
      CASE WHEN list_contains(many.server_services, child.service) THEN child.service
        ELSE many.server.service END
    WHEN list_contains(many.services, child.service) THEN child.service
    ELSE many.first.service END AS parent
  FROM child
  LEFT JOIN one up ON up.trace_id = child.trace_id AND up.span_id = child.parent_id
  LEFT JOIN bearers many ON up.shared
    AND many.trace_id = child.trace_id AND many.span_id = child.parent_id
  LEFT JOIN bearers own ON child.shared
    AND own.trace_id = child.trace_id AND own.span_id = child.span_id)
SELECT parent, child, count(*), count_if(status = 2)
FROM call WHERE parent IS NOT NULL GROUP BY parent, child ORDER BY parent, child
"""


def dependencies(
    con: duckdb.DuckDBPyConnection, start_ns: int, end_ns: int
) -> list[DependencyLink]:
    """Return the calls of child spans that start in the range, as `SpanStore` says."""
    params = {"start_ns": bounded(start_ns), "end_ns": bounded(end_ns)}
    rows = con.execute(_LINKS, params).fetchall()
    return [DependencyLink(*row) for row in rows]
