"""What is still known of traces that retention removed: a line each, of the latest ones."""

import duckdb

from viewer.trace.attributes import clean_text
from viewer.trace.summary import RemovedTrace

# A trace whose spans were stored by several writes may go by several prunes: a row for each.
_REMEMBER = """
INSERT INTO removed
SELECT * EXCLUDE (newest_ns) FROM (
  SELECT trace_id,
    arg_min({{'service': service, 'name': name}}, start_ns) FILTER (parent_id = 0) AS root,
    arg_min({{'service': service, 'name': name}}, start_ns) AS first,
    coalesce(min(nullif(start_ns, 0)), 0) AS start_ns,
    coalesce(max(start_ns + dur_ns) FILTER (start_ns > 0), max(dur_ns)) AS end_ns,
    count(DISTINCT (span_id, digest)) AS spans,
    $now AS removed_ns,
    max(stored_ns) AS newest_ns
  FROM spans WHERE {condition} GROUP BY trace_id
  ORDER BY newest_ns DESC, trace_id LIMIT $most)
ORDER BY newest_ns
"""
_FORGET = """
DELETE FROM removed WHERE rowid <= (SELECT rowid FROM removed ORDER BY rowid DESC LIMIT 1 OFFSET $most)
"""


def remember(
    con: duckdb.DuckDBPyConnection, condition: str, limit: int, now_ns: int, most: int
) -> None:
    """Note, within the transaction that deletes them, the traces of the spans that meet a condition;
    of all noted ones the ``most`` latest stay."""
    params = {"limit": limit, "now": now_ns, "most": most}
    con.execute(_REMEMBER.format(condition=condition), params).fetchall()
    con.execute(_FORGET, {"most": most}).fetchall()


def removed_trace(con: duckdb.DuckDBPyConnection, trace_id: str) -> RemovedTrace | None:
    """Return what is known of a removed trace, as `SpanStore` says."""
    rows = con.execute(
        "SELECT root, first, start_ns, end_ns, spans, removed_ns FROM removed"
        " WHERE trace_id = $trace_id",
        {"trace_id": clean_text(trace_id)},
    ).fetchall()
    if not rows:
        return None
    rooted = [row for row in rows if row[0]]
    shown = min(rooted or rows, key=lambda row: row[2])
    named = shown[0] or shown[1]
    start_ns = min((row[2] for row in rows if row[2]), default=0)
    return RemovedTrace(
        trace_id=trace_id,
        root_service=named["service"],
        root_name=named["name"],
        has_root=bool(rooted),
        start_ns=start_ns,
        duration_ns=max(row[3] for row in rows) - start_ns,
        spans=sum(row[4] for row in rows),
        removed_ns=max(row[5] for row in rows),
    )
