"""Where to look: which stretches of the spans may hold a trace or an attribute.

Rows lie in the order they were stored, and DuckDB passes over row groups whose ``stored_ns`` is out of
a condition's bounds. A segment is such a stretch, of SEGMENT_ROWS rows or more; of each one it is
noted which trace IDs and which ``key=value`` occur in it, as 32 bits of each: one that is noted may
be absent all the same, one that is not noted is. Rows that came after the last segment are always
looked at. Texts are hashed by DuckDB, so the notes of another version of it are made anew.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import duckdb
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from viewer.store.duckdb.connection import Connections
from viewer.store.duckdb.notes import ATTRIBUTES, TRACES, Keys, Notes, Segment, keys_of
from viewer.trace.attributes import clean_text

SEGMENT_ROWS = 61_440
_MOST_RANGES = 200
_TABLES = ("segments", TRACES, ATTRIBUTES)
_HASHER = "segments_by"
_ID = re.compile(r"[0-9a-f]{32}")

_TRACE_TOKENS = """
SELECT DISTINCT ('0x' || right(trace_id, 8))::UINTEGER AS token FROM
  (SELECT DISTINCT trace_id FROM spans WHERE stored_ns BETWEEN {first} AND {last})
"""
_ATTRIBUTE_TOKENS = """
SELECT DISTINCT (hash(text) >> 32)::UINTEGER AS token FROM (
  SELECT unnest(attrs) AS text FROM spans WHERE stored_ns BETWEEN {first} AND {last}
  UNION ALL
  SELECT unnest(json_extract_string(events, '$[*].a[*]')) FROM spans
  WHERE stored_ns BETWEEN {first} AND {last} AND events IS NOT NULL)
"""


def is_kept(con: duckdb.DuckDBPyConnection) -> bool:
    """Say whether the open file has such notes, made with the hash that this DuckDB has."""
    tables = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        " AND table_name IN $tables",
        {"tables": list(_TABLES)},
    ).fetchall()
    return bool(tables[0][0] == len(_TABLES)) and _hasher(con) in ("", duckdb.__version__)


def start_anew_if_foreign(connections: Connections) -> None:
    """Forget notes that were made with another DuckDB's hash."""
    with connections.reading() as con:
        known = _hasher(con)
    if known != duckdb.__version__:
        with connections.writing() as con:
            for table in _TABLES:
                con.execute(f"DELETE FROM {table}").fetchall()
            con.execute("DELETE FROM meta WHERE key = $key", {"key": _HASHER}).fetchall()
            con.execute(
                "INSERT INTO meta VALUES ($key, $value)",
                {"key": _HASHER, "value": duckdb.__version__},
            ).fetchall()


def note_segment(connections: Connections) -> tuple[Segment, dict[str, Keys]] | None:
    """Note what the rows after the last segment hold, if there are enough of them; return what was
    noted. Only the writing of the notes keeps other writers waiting. Raises StoreError."""
    with connections.reading() as con:
        segment = _next_segment(con)
        if segment is None:
            return None
        place = {"first": segment.first_ns, "last": segment.last_ns}
        tokens = {
            TRACES: _sorted(con, _TRACE_TOKENS.format(**place)),
            ATTRIBUTES: _sorted(con, _ATTRIBUTE_TOKENS.format(**place)),
        }
    with connections.writing() as con:
        for table, noted in tokens.items():
            con.register("noted", pa.table({"token": noted}))
            try:
                con.execute(
                    f"INSERT INTO {table} SELECT token, {segment.number} FROM noted"
                ).fetchall()
            finally:
                con.unregister("noted")
        con.execute(
            f"INSERT INTO segments VALUES ({segment.number}, {segment.first_ns}, {segment.last_ns})"
        ).fetchall()
    return segment, {
        table: keys_of(noted, np.full(len(noted), segment.number, np.int32))
        for table, noted in tokens.items()
    }


def _sorted(con: duckdb.DuckDBPyConnection, sql: str) -> NDArray[np.uint32]:
    """Return the tokens in order, by which DuckDB finds them quickly; it would sort them slower."""
    tokens: NDArray[np.uint32] = con.execute(sql).fetchnumpy()["token"].astype(np.uint32)
    tokens.sort()
    return tokens


def forget_before(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the notes of segments none of whose rows is left at the front."""
    oldest = con.execute("SELECT min(stored_ns) FROM spans").fetchall()[0][0]
    where = "TRUE" if oldest is None else f"last_ns < {oldest}"
    last = con.execute(f"SELECT max(segment) FROM segments WHERE {where}").fetchall()[0][0]
    if last is not None:
        for table in _TABLES:
            con.execute(f"DELETE FROM {table} WHERE segment <= {last}").fetchall()


def where_traces(con: duckdb.DuckDBPyConnection, notes: Notes, trace_ids: Collection[str]) -> str:
    """Return the condition on where a row of one of these traces lies, or TRUE."""
    # No other text is a stored trace's ID.
    ids = (trace_id for trace_id in trace_ids if _ID.fullmatch(trace_id))
    tokens = {int(trace_id[-8:], 16) for trace_id in ids}
    return _where(notes, notes.holding(con, TRACES, tokens))


def where_attributes(con: duckdb.DuckDBPyConnection, notes: Notes, texts: Sequence[str]) -> str:
    """Return the condition on where a row with all of these ``key=value`` lies, or TRUE."""
    hashed = con.execute(
        "SELECT (hash(text) >> 32)::UINTEGER FROM (SELECT unnest($texts) AS text)",
        {"texts": [clean_text(text) for text in texts]},
    ).fetchall()
    held = [notes.holding(con, ATTRIBUTES, token) for token in hashed]
    return _where(notes, set.intersection(*held))


def _where(notes: Notes, held: Collection[int]) -> str:
    """Return where these segments lie, and what is in none."""
    segments = notes.segments
    if not segments or len(held) == len(segments):
        return "TRUE"
    ranges: list[tuple[int, int]] = []
    joins = False
    for segment in segments:
        holds = segment.number in held
        if holds and joins:
            ranges[-1] = (ranges[-1][0], segment.last_ns)
        elif holds:
            ranges.append((segment.first_ns, segment.last_ns))
        joins = holds
    if len(ranges) > _MOST_RANGES:
        return "TRUE"
    return _any_range(ranges, segments[0].first_ns, segments[-1].last_ns)


def _any_range(ranges: Iterable[tuple[int, int]], first: int, last: int) -> str:
    # Rows before the first segment there are have been stored before segments were noted.
    parts = [f"stored_ns BETWEEN {low} AND {high}" for low, high in ranges]
    return f"({' OR '.join([*parts, f'stored_ns > {last}', f'stored_ns < {first}'])})"


def _next_segment(con: duckdb.DuckDBPyConnection) -> Segment | None:
    """Return the next segment, if there are rows enough behind the last one."""
    number, after = con.execute(
        "SELECT coalesce(max(segment), 0) + 1, coalesce(max(last_ns), -1) FROM segments"
    ).fetchall()[0]
    # Whole writes, all that came until so many rows were there: a row of the last write may not be
    # left behind. DuckDB ends its look when it has as many; which ones these are decides of no more
    # than the segment's size.
    count, first, last = con.execute(
        "SELECT count(*), min(stored_ns), max(stored_ns) FROM"
        f" (SELECT stored_ns FROM spans WHERE stored_ns > {after} LIMIT {SEGMENT_ROWS})"
    ).fetchall()[0]
    return Segment(number, first, last) if count == SEGMENT_ROWS else None


def _hasher(con: duckdb.DuckDBPyConnection) -> str:
    rows = con.execute("SELECT value FROM meta WHERE key = $key", {"key": _HASHER}).fetchall()
    return str(rows[0][0]) if rows else ""
