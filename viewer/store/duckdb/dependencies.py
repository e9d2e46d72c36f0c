"""Calls between services, counted over many traces."""

import duckdb

from viewer.store.duckdb.compile import bounded
from viewer.trace.span import SpanKind
from viewer.trace.summary import DependencyLink

# One span ID mostly has one bearer; the rest are Zipkin's halves and re-used IDs. The parent of a
# server half is its client half; that of another span is a server half before others, one of the
# child's own service before the first (trace.tree). Bearers are gathered per ID before the join:
# thousands of spans of one ID must not multiply with thousands of children.
_LINKS = f"""
WITH child AS MATERIALIZED (
  SELECT trace_id, span_id, digest, any_value(parent_id) AS parent_id,
    any_value(service) AS service, any_value(kind) AS kind, any_value(status) AS status
  FROM spans WHERE start_ns >= $start_ns AND start_ns < $end_ns
  GROUP BY trace_id, span_id, digest),
wanted AS (
  SELECT trace_id, parent_id AS span_id FROM child WHERE parent_id <> 0
  UNION SELECT trace_id, span_id FROM child WHERE kind = {SpanKind.SERVER:d}),
bearer AS (
  SELECT trace_id, span_id,
    min({{'start_ns': start_ns, 'kind': kind, 'service': service}}) AS first,
    min({{'start_ns': start_ns, 'service': service}}) FILTER (kind = {SpanKind.CLIENT:d}) AS client,
    min({{'start_ns': start_ns, 'service': service}}) FILTER (kind = {SpanKind.SERVER:d}) AS server,
    list(DISTINCT service) AS services,
    list(DISTINCT service) FILTER (kind = {SpanKind.SERVER:d}) AS server_services
  FROM spans SEMI JOIN wanted USING (trace_id, span_id)
  GROUP BY trace_id, span_id),
call AS (
  SELECT child.service AS child, child.status, CASE
    WHEN child.kind = {SpanKind.SERVER:d} AND own.client IS NOT NULL THEN own.client.service
    WHEN child.parent_id = child.span_id THEN NULL
    WHEN up.client IS NOT NULL AND up.server IS NOT NULL THEN
      CASE WHEN list_contains(up.server_services, child.service) THEN child.service
        ELSE up.server.service END
    WHEN list_contains(up.services, child.service) THEN child.service
    ELSE up.first.service END AS parent
  FROM child
  LEFT JOIN bearer up ON up.trace_id = child.trace_id AND up.span_id = child.parent_id
  LEFT JOIN bearer own ON own.trace_id = child.trace_id AND own.span_id = child.span_id
    AND child.kind = {SpanKind.SERVER:d})
SELECT parent, child, count(*), count_if(status = 2)
FROM call WHERE parent IS NOT NULL GROUP BY parent, child ORDER BY parent, child
"""  # noqa: S608


def dependencies(
    con: duckdb.DuckDBPyConnection, start_ns: int, end_ns: int
) -> list[DependencyLink]:
    """Return the calls of child spans that start in the range, as `SpanStore` says."""
    params = {"start_ns": bounded(start_ns), "end_ns": bounded(end_ns)}
    rows = con.execute(_LINKS, params).fetchall()
    return [DependencyLink(*row) for row in rows]
