"""The DuckDB engine: one file, or another tool's span table opened in place."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

import duckdb

from viewer.search.events import EventQuery
from viewer.search.query import TraceQuery
from viewer.store.base import (
    MOST_OPERATIONS,
    Capabilities,
    Distribution,
    EventPage,
    FileImport,
    LateSpans,
    Linking,
    OpenSpan,
    OperationPercentiles,
    Pruned,
    ServiceStats,
    SpanKey,
    SpanStore,
    StoredSpan,
    StoreStats,
    TraceCounts,
    TracePage,
)
from viewer.store.duckdb import events, recent, search, segments, suggest, within
from viewer.store.duckdb.compact import compact, delete_copy
from viewer.store.duckdb.compile import Compiler, Params
from viewer.store.duckdb.connection import Connections, open_file
from viewer.store.duckdb.dependencies import dependencies
from viewer.store.duckdb.foreign import open_foreign
from viewer.store.duckdb.imports import import_noted, imports_of, note_imports
from viewer.store.duckdb.kept import Kept
from viewer.store.duckdb.matches import Matches
from viewer.store.duckdb.migrate import count_up, meta_number, prepare
from viewer.store.duckdb.newest import Places
from viewer.store.duckdb.notes import Notes, load_notes, notes_in_file
from viewer.store.duckdb.origins import Numbered, resource_table, scope_table
from viewer.store.duckdb.prune import live_bytes, prune
from viewer.store.duckdb.removed import removed_trace
from viewer.store.duckdb.rows import DELETE, INSERT, INSERT_SERVICES, incoming_table
from viewer.trace.attributes import clean_text
from viewer.trace.batch import OPEN_EXTRA, SpanBatch, unpack_extra
from viewer.trace.columns import TraceColumns
from viewer.trace.summary import DependencyLink, Operation, RemovedTrace

_ZERO_HALF = "0" * 16


def open_duckdb(path: str, *, read_only: bool, cache_bytes: int | None = None) -> SpanStore:
    """Open or create our own file; read-only also another tool's DuckDB or Parquet file.

    ``cache_bytes`` bounds what is kept of the file in memory while it is written. Raises
    StoreLocked, StoreForeign or StoreError.
    """
    file = Path(path).absolute()
    if not read_only:
        connections = open_file(file, read_only=False, cache_bytes=cache_bytes)
        try:
            delete_copy(file)
            prepare(connections, file, read_only=False)
        except BaseException:
            connections.close()
            raise
        return DuckDbStore(connections, file, writable=True)
    connections = open_foreign(file)
    return DuckDbStore(connections, file, writable=False)


class DuckDbStore:
    """SpanStore on DuckDB; see `SpanStore` for what each method promises."""

    def __init__(
        self,
        connections: Connections,
        path: Path,
        *,
        writable: bool,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.url = f"duckdb:{path}"
        self.capabilities = Capabilities(durable=True, writable=writable, prunes=writable)
        self._connections = connections
        self._path = path
        self._clock = clock
        self._resources, self._scopes = resource_table(), scope_table()
        # Noted while the file is being copied.
        self._replaced: dict[SpanKey, None] | None = None
        self._kept = Kept()
        if writable:
            segments.start_anew_if_foreign(connections)
        with connections.reading() as con:
            self._generation = meta_number(con, "generation")
            self._weighted = bool(meta_number(con, "weighted"))
            self._stored_ns = _newest_write(con)
            self._segmented = segments.is_kept(con)
        # In memory once `tend` has loaded them. Retention and compaction make them void, and neither
        # is under way while they are made.
        self._notes: Notes | None = None
        self._tending = threading.Lock()

    @property
    def generation(self) -> int:
        return self._generation

    def close(self) -> None:
        self._connections.close()

    def write_spans(
        self,
        batches: Sequence[SpanBatch],
        mark: int | None = None,
        replaced: Sequence[SpanKey] = (),
        imports: Sequence[FileImport] = (),
    ) -> None:
        filled = [batch for batch in batches if len(batch)]
        weighs = any(batch.weight != 1 for batch in filled) and not self._weighted
        try:
            with self._connections.writing() as con:
                if replaced:
                    keys = {
                        "trace_ids": [trace_id for trace_id, _ in replaced],
                        "span_ids": [span_id for _, span_id in replaced],
                    }
                    con.execute(DELETE, keys).fetchall()
                    if self._replaced is not None:
                        self._replaced |= dict.fromkeys(replaced)
                if filled:
                    resources, scopes = self._insert(con, filled)
                if filled or replaced:
                    count_up(con)
                if weighs:
                    con.execute("INSERT INTO meta VALUES ('weighted', '1')").fetchall()
                if mark is not None:
                    con.execute(
                        "UPDATE meta SET value = $mark WHERE key = 'journal_mark'",
                        {"mark": str(mark)},
                    ).fetchall()
                if imports:
                    note_imports(con, imports)
                generation = meta_number(con, "generation")
        except BaseException:
            # A commit that is said to have failed may stand all the same.
            self._resources.forget()
            self._scopes.forget()
            raise
        if filled:
            self._resources.keep(resources)
            self._scopes.keep(scopes)
        self._weighted = self._weighted or weighs
        self._generation = generation

    def _insert(
        self, con: duckdb.DuckDBPyConnection, filled: Sequence[SpanBatch]
    ) -> tuple[Numbered, Numbered]:
        resources = self._resources.number(
            con, [key for batch in filled for key in batch.resource_keys]
        )
        scopes = self._scopes.number(con, [key for batch in filled for key in batch.scope_keys])
        table = incoming_table(
            filled, (resources.ids, resources.hashes), (scopes.ids, scopes.hashes)
        )
        con.register("incoming", table)
        try:
            # Rows lie in the order of their writes, whatever becomes of the clock.
            self._stored_ns = max(self._clock(), self._stored_ns + 1)
            con.execute(INSERT, {"stored_ns": self._stored_ns}).fetchall()
            con.execute(INSERT_SERVICES).fetchall()
        finally:
            con.unregister("incoming")
        return resources, scopes

    def imports_of(self, path: str, head_digest: str, most_bytes: int) -> list[FileImport]:
        with self._connections.reading() as con:
            return imports_of(con, path, head_digest, most_bytes)

    def import_noted(self, key: str) -> FileImport | None:
        with self._connections.reading() as con:
            return import_noted(con, key)

    def open_spans(self, since_ns: int) -> list[OpenSpan]:
        with self._connections.reading() as con:
            rows = con.execute(
                "SELECT trace_id, span_id, parent_id, extra FROM spans"
                " WHERE stored_ns >= $since AND starts_with(extra, $open)",
                {"since": since_ns, "open": OPEN_EXTRA},
            ).fetchall()
        return [
            OpenSpan(trace_id, span_id, parent_id, unpack_extra(extra)[2])
            for trace_id, span_id, parent_id, extra in rows
        ]

    def journal_mark(self) -> int:
        with self._connections.reading() as con:
            return meta_number(con, "journal_mark")

    def find_traces(self, query: TraceQuery) -> TracePage:
        with self._connections.reading() as con:
            compiler = self._compiler(con, query)
            return search.find_traces(
                con,
                compiler,
                self._place_of(con),
                weighted=self._weighted,
                all_timed=self._kept.extent(con, self._generation).first_ns > 0,
            )

    def count_traces(self, query: TraceQuery, *, exact: bool = True) -> TraceCounts:
        with self._connections.reading() as con:
            compiler = self._compiler(con, query)
            found = self._matches(con, compiler, exact=exact)
            if found is None:
                total, estimated = search.count_matches(con, compiler, weighted=self._weighted)
                return TraceCounts(
                    total, *self._kept.in_range(con, self._generation, compiler), estimated
                )
            if found.stored is None:
                in_range = self._kept.in_range(con, self._generation, compiler)
            else:
                in_range = found.stored * found.one_in, search.rows_in_range(con, compiler)
            return found.counts(*in_range, weighted=self._weighted)

    def span_rows(self) -> int:
        with self._connections.reading() as con:
            return self._kept.extent(con, self._generation).rows

    def distribution(self, query: TraceQuery, columns: int, *, exact: bool = True) -> Distribution:
        with self._connections.reading() as con:
            compiler = self._compiler(con, query)
            found = self._matches(con, compiler, exact=exact)
            if found is None:
                return search.distribution(con, compiler, columns)
            return found.distribution(query.start_ns, query.end_ns, max(1, columns))

    def count_spans(self, trace_id: str) -> int:
        with self._connections.reading() as con:
            return within.count_spans(con, trace_id, self._place(con, trace_id))

    def get_columns(self, trace_id: str) -> TraceColumns | None:
        with self._connections.reading() as con:
            place = self._place(con, trace_id)
            return within.get_columns(con, self._resources, trace_id, place)

    def get_spans(self, trace_id: str, span_ids: Sequence[int] | None = None) -> list[StoredSpan]:
        with self._connections.reading() as con:
            return within.get_spans(
                con, self._resources, self._scopes, trace_id, self._place(con, trace_id), span_ids
            )

    def late_spans(self, trace_id: str, since_ns: int) -> LateSpans:
        with self._connections.reading() as con:
            return within.late_spans(con, trace_id, since_ns)

    def match_spans(self, trace_id: str, terms: Sequence[str]) -> list[tuple[int, int]]:
        with self._connections.reading() as con:
            return within.match_spans(
                con, self._resources, trace_id, self._place(con, trace_id), terms
            )

    def spans_linking_to(self, trace_id: str, span_ids: Sequence[int], limit: int) -> Linking:
        with self._connections.reading() as con:
            return within.spans_linking_to(con, trace_id, span_ids, limit)

    def attribute_of_spans(
        self, trace_id: str, key: str, span_ids: Sequence[int] | None = None
    ) -> dict[tuple[int, int], str]:
        with self._connections.reading() as con:
            return within.attribute_of_spans(
                con, self._resources, trace_id, self._place(con, trace_id), key, span_ids
            )

    def attribute_keys_of_trace(self, trace_id: str, limit: int) -> list[str]:
        with self._connections.reading() as con:
            return suggest.attribute_keys_of_trace(
                con, self._resources, trace_id, self._place(con, trace_id), limit
            )

    def events_of_trace(self, trace_id: str, query: EventQuery) -> EventPage:
        with self._connections.reading() as con:
            return events.events_of_trace(con, trace_id, self._place(con, trace_id), query)

    def removed_trace(self, trace_id: str) -> RemovedTrace | None:
        with self._connections.reading() as con:
            return removed_trace(con, trace_id)

    def traces_with_prefix(self, prefix: str, limit: int) -> list[str]:
        params = Params()
        begins = params.add(clean_text(prefix.lower()))
        short = params.add(_ZERO_HALF + clean_text(prefix.lower()))
        whole = f" OR ends_with(trace_id, {begins})" if len(prefix) == len(_ZERO_HALF) else ""
        return self._strings(
            f"SELECT DISTINCT trace_id FROM spans WHERE starts_with(trace_id, {begins})"
            f" OR starts_with(trace_id, {short}){whole} ORDER BY 1 LIMIT {max(limit, 0)}",
            params,
        )

    def traces_with_span(self, span_id: int, limit: int) -> list[str]:
        if not 0 < span_id < 1 << 64:
            return []
        return self._strings(
            f"SELECT DISTINCT trace_id FROM spans WHERE span_id = {int(span_id)}"
            f" ORDER BY 1 LIMIT {max(limit, 0)}",
            Params(),
        )

    def services(self) -> list[str]:
        return self._strings(
            "SELECT DISTINCT service FROM services WHERE service <> '' ORDER BY 1", Params()
        )

    def operations(
        self, service: str, kind: int | None = None, limit: int = MOST_OPERATIONS
    ) -> list[Operation]:
        params = Params()
        where = f"service = {params.add(clean_text(service))}"
        if kind is not None:
            where += f" AND kind = {params.add(kind)}"
        with self._connections.reading() as con:
            rows = con.execute(
                f"SELECT DISTINCT service, name, kind FROM services WHERE {where}"
                f" ORDER BY name, kind LIMIT {max(limit, 0)}",
                params.values,
            ).fetchall()
        return [Operation(*row) for row in rows]

    def operation_percentiles(
        self, pairs: Sequence[tuple[str, str]], quantiles: Sequence[float]
    ) -> dict[tuple[str, str], OperationPercentiles]:
        with self._connections.reading() as con:
            return recent.operation_percentiles(con, pairs, quantiles)

    def attribute_keys(self, service: str | None, prefix: str, limit: int) -> list[str]:
        with self._connections.reading() as con:
            return suggest.attribute_keys(con, self._resources, service, prefix, limit)

    def attribute_values(self, service: str | None, key: str, prefix: str, limit: int) -> list[str]:
        with self._connections.reading() as con:
            return suggest.attribute_values(con, self._resources, service, key, prefix, limit)

    def dependencies(self, start_ns: int, end_ns: int) -> list[DependencyLink]:
        with self._connections.reading() as con:
            return dependencies(con, start_ns, end_ns)

    def stats(self) -> StoreStats:
        with self._connections.reading() as con:
            rows = con.execute(
                "SELECT service, count(*), coalesce(min(nullif(start_ns, 0)), 0), max(start_ns)"
                " FROM spans GROUP BY service ORDER BY service"
            ).fetchall()
            traces = con.execute("SELECT count(DISTINCT trace_id) FROM spans").fetchall()[0][0]
            size = self._bytes(con)
        services = tuple(ServiceStats(*row) for row in rows)
        return StoreStats(
            span_rows=sum(service.span_rows for service in services),
            traces=traces,
            bytes=size,
            oldest_ns=min((row.oldest_ns for row in services if row.oldest_ns), default=0),
            newest_ns=max((row.newest_ns for row in services), default=0),
            services=services,
        )

    def prune(self, before_ns: int | None, max_bytes: int | None) -> Pruned:
        origins = (self._resources, self._scopes)
        with self._tending:
            try:
                return prune(self._connections, origins, before_ns, max_bytes, self._clock())
            finally:
                self._notes = None
                with self._connections.reading() as con:
                    self._generation = meta_number(con, "generation")

    def tend(self) -> bool:
        if not self._segmented:
            return False
        with self._tending:
            notes = self._notes
            if notes is None:
                with self._connections.reading() as con:
                    notes = self._notes = load_notes(con)
            noted = segments.note_segment(self._connections) if self.capabilities.writable else None
            if noted is not None:
                self._notes = notes.with_segment(*noted)
        return noted is not None

    def compact(self) -> int:
        if not self.capabilities.writable:
            return 0
        with self._tending:
            self._replaced = {}
            try:
                return compact(self._connections, self._path, self._replaced)
            finally:
                self._replaced = None
                # The new file has none yet, and numbers them anew.
                self._notes = None

    def _bytes(self, con: duckdb.DuckDBPyConnection) -> int:
        if not self.capabilities.writable:
            return self._path.stat().st_size
        return live_bytes(con) + self._connections.log_bytes()

    def _compiler(self, con: duckdb.DuckDBPyConnection, query: TraceQuery) -> Compiler:
        where = partial(self._places_of_texts, con)
        return Compiler(con, query, self._resources, self._scopes, where)

    def _place(self, con: duckdb.DuckDBPyConnection, trace_id: str) -> str:
        return self._places(con, [trace_id])

    def _places(self, con: duckdb.DuckDBPyConnection, trace_ids: Collection[str]) -> str:
        notes = self._notes_for(con)
        return segments.where_traces(con, notes, trace_ids) if notes else "TRUE"

    def _places_of_texts(self, con: duckdb.DuckDBPyConnection, texts: Sequence[str]) -> str:
        notes = self._notes_for(con)
        return segments.where_attributes(con, notes, texts) if notes else "TRUE"

    def _notes_for(self, con: duckdb.DuckDBPyConnection) -> Notes | None:
        """Return what is known of the segments; None where nothing ever is."""
        if not self._segmented:
            return None
        return self._notes or notes_in_file(con)

    def _matches(
        self, con: duckdb.DuckDBPyConnection, compiler: Compiler, *, exact: bool
    ) -> Matches | None:
        places = self._place_of(con)
        return self._kept.matches(
            con, self._generation, compiler, places, exact=exact, weighted=self._weighted
        )

    def _place_of(self, con: duckdb.DuckDBPyConnection) -> Places:
        return partial(self._places, con)

    def _strings(self, sql: str, params: Params) -> list[str]:
        with self._connections.reading() as con:
            return [text for (text,) in con.execute(sql, params.values).fetchall()]


def _newest_write(con: duckdb.DuckDBPyConnection) -> int:
    return int(con.execute("SELECT coalesce(max(stored_ns), 0) FROM spans").fetchall()[0][0])
