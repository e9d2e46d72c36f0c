"""What segments hold (see `segments`), kept in memory: to ask the file takes longer than to search it.

Tokens stand with the number of their segment in sorted arrays, eight bytes each. When there are too many
of them the oldest segments' are left to the file, which is asked as long as nothing is in memory, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

MOST_TOKENS = 24_000_000
TRACES, ATTRIBUTES = "trace_tokens", "attribute_tokens"
_TABLES = (TRACES, ATTRIBUTES)
_SHIFT, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)

Keys = NDArray[np.uint64]
"""Sorted: a token, then its segment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of rows: its number, and the stored_ns of the first and the last."""

    number: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Notes:
    """All segments, by number, and the tokens in memory: of those from number ``since`` on."""

    segments: tuple[Segment, ...]
    since: int
    blocks: Mapping[str, tuple[Keys, ...]]

    def holding(
        self, con: duckdb.DuckDBPyConnection, table: str, tokens: Iterable[int]
    ) -> set[int]:
        """Return the numbers of the segments that may hold one of the tokens."""
        wanted = sorted(set(tokens))
        found: set[int] = set()
        low = np.array(wanted, np.uint64) << _SHIFT
        for keys in self.blocks[table]:
            begins = keys.searchsorted(low)
            ends = keys.searchsorted(low | _LOW, "right")
            for place in np.flatnonzero(ends > begins):
                found.update((keys[begins[place] : ends[place]] & _LOW).tolist())
        if self.segments and self.segments[0].number < self.since:
            found.update(_in_file(con, table, wanted, self.since))
            # What the transaction sees may be older than what is known here.
            newest = _newest_in_file(con)
            found.update(s.number for s in self.segments if newest < s.number < self.since)
        return found

    def with_segment(self, segment: Segment, tokens: dict[str, Keys]) -> "Notes":
        """Return the notes and those of one more segment."""
        blocks = {table: _joined([*self.blocks[table], tokens[table]]) for table in _TABLES}
        notes = Notes((*self.segments, segment), self.since, blocks)
        return notes if _size(notes.blocks) <= MOST_TOKENS else notes._shortened()

    def _shortened(self) -> "Notes":
        """Leave the older half of what is in memory to the file."""
        kept = [segment.number for segment in self.segments if segment.number >= self.since]
        since = kept[len(kept) // 2] if len(kept) > 1 else kept[0] + 1
        blocks = {
            table: tuple(keys[(keys & _LOW) >= np.uint64(since)] for keys in self.blocks[table])
            for table in _TABLES
        }
        return Notes(self.segments, since, blocks)


def keys_of(tokens: NDArray[np.uint32], segments: NDArray[np.int32]) -> Keys:
    """Return the sorted keys of tokens in their segments."""
    keys = tokens.astype(np.uint64) << _SHIFT | segments.astype(np.uint64)
    keys.sort()
    return keys


def segments_in(con: duckdb.DuckDBPyConnection) -> tuple[Segment, ...]:
    """Return the file's segments, by number."""
    rows = con.execute(
        "SELECT segment, first_ns, last_ns FROM segments ORDER BY segment"
    ).fetchall()
    return tuple(Segment(*row) for row in rows)


def notes_in_file(con: duckdb.DuckDBPyConnection) -> Notes:
    """Return notes that leave all tokens to the file."""
    segments = segments_in(con)
    since = segments[-1].number + 1 if segments else 0
    return Notes(segments, since, dict.fromkeys(_TABLES, ()))


def load_notes(con: duckdb.DuckDBPyConnection) -> Notes:
    """Return the notes with as many tokens in memory as may be."""
    in_file = notes_in_file(con)
    counts = con.execute(
        "SELECT segment, sum(tokens)::BIGINT FROM ("
        " SELECT segment, count(*) AS tokens FROM trace_tokens GROUP BY segment UNION ALL"
        " SELECT segment, count(*) FROM attribute_tokens GROUP BY segment)"
        " GROUP BY segment ORDER BY segment DESC"
    ).fetchall()
    since, total = in_file.since, 0
    for segment, tokens in counts:
        total += tokens
        if total > MOST_TOKENS:
            break
        since = segment
    blocks = {}
    for table in _TABLES:
        found = con.execute(
            f"SELECT token, segment FROM {table} WHERE segment >= {since}"
        ).fetchnumpy()
        blocks[table] = (keys_of(found["token"], found["segment"]),)
    return Notes(in_file.segments, since, blocks)


def _in_file(
    con: duckdb.DuckDBPyConnection, table: str, tokens: Iterable[int], before: int
) -> set[int]:
    # Literals: DuckDB checks constants against its zone maps, and a segment's rows are sorted.
    listed = ", ".join(str(token) for token in tokens) or "NULL"
    rows = con.execute(
        f"SELECT DISTINCT segment FROM {table} WHERE token IN ({listed}) AND segment < {before}"
    ).fetchall()
    return {number for (number,) in rows}


def _newest_in_file(con: duckdb.DuckDBPyConnection) -> int:
    rows = con.execute("SELECT coalesce(max(segment), 0) FROM segments").fetchall()
    return int(rows[0][0])


def _joined(blocks: list[Keys]) -> tuple[Keys, ...]:
    """Join the last blocks while they are of a size, so that there are few of them."""
    while len(blocks) > 1 and len(blocks[-2]) < 2 * len(blocks[-1]):
        last = np.concatenate((blocks.pop(), blocks.pop()))
        last.sort()
        blocks.append(last)
    return tuple(blocks)


def _size(blocks: Mapping[str, tuple[Keys, ...]]) -> int:
    return sum(len(keys) for table in _TABLES for keys in blocks[table])
