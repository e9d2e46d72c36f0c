"""What was found of the whole content last, for as long as the content stays the same: every page of a
search asks for it again, and who counts the matches draws them next."""

from dataclasses import dataclass, replace

import duckdb

from viewer.search.query import Sort, TraceQuery
from viewer.store.duckdb import matches
from viewer.store.duckdb.compile import Compiler
from viewer.store.duckdb.matches import Matches
from viewer.store.duckdb.newest import Places
from viewer.store.duckdb.search import count_in_range

_MOST_RANGES = 100


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows there are, and when the first span starts: 0 where some have no time, or there
    is none."""

    rows: int
    first_ns: int


class Kept:
    """Asked with the content's generation; threads may look the same up twice, to the same end."""

    def __init__(self) -> None:
        self._extent: tuple[int, Extent] | None = None
        self._ranges: dict[tuple[int, int | None, int | None], tuple[int, int]] = {}
        self._matches: tuple[tuple[int, TraceQuery, bool], Matches | None] | None = None

    def extent(self, con: duckdb.DuckDBPyConnection, generation: int) -> Extent:
        """Return what is known of all rows."""
        kept = self._extent
        if kept is None or kept[0] != generation:
            row = con.execute("SELECT count(*), coalesce(min(start_ns), 0) FROM spans").fetchall()
            kept = self._extent = generation, Extent(*row[0])
        return kept[1]

    def in_range(
        self, con: duckdb.DuckDBPyConnection, generation: int, compiler: Compiler
    ) -> tuple[int, int]:
        """Return how many traces and rows are in the query's time range."""
        key = (generation, compiler.query.start_ns, compiler.query.end_ns)
        ranges = self._ranges
        if key not in ranges:
            if len(ranges) > _MOST_RANGES:
                ranges = self._ranges = {}
            ranges[key] = count_in_range(con, compiler)
        return ranges[key]

    def matches(
        self,
        con: duckdb.DuckDBPyConnection,
        generation: int,
        compiler: Compiler,
        places: Places,
        *,
        exact: bool,
        weighted: bool,
    ) -> Matches | None:
        """Return all that match, or a sample of it unless it is to be exact; None where it is, and is
        too much to be held in memory."""
        query = replace(compiler.query, sort=Sort.NEWEST, limit=1, head=None, after=None)
        key = (generation, query, exact)
        kept = self._matches
        if kept is not None and kept[0] == key:
            return kept[1]
        rows = matches.rows_to_look_at(con, compiler)
        found = None
        if rows > matches.MOST_ROWS and not exact:
            # A sample's attributes are unpacked wherever it lies.
            of = self.extent(con, generation).rows if compiler.looks_at_attributes else rows
            found = matches.sample(con, compiler, of, weighted=weighted)
        if found is None and (rows <= matches.MOST_ROWS or not exact):
            found = matches.gather(con, compiler, places, weighted=weighted)
        self._matches = key, found
        return found
