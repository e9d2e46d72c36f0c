"""A TraceQuery as SQL. Every value is a bound parameter; only numbers and our own names are text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import duckdb
import orjson

from viewer.search.query import Cursor, Sort, TraceQuery
from viewer.store.base import field_of_tag
from viewer.store.duckdb.connection import quoted
from viewer.store.duckdb.origins import Origins
from viewer.trace.attributes import clean_text, escape_key
from viewer.trace.span import Resource, Scope, StatusCode

Value = str | int | list[str] | list[int]

SORT_KEYS = {
    Sort.NEWEST: ("start_ns", "DESC"),
    Sort.OLDEST: ("start_ns", "ASC"),
    Sort.LONGEST: ("duration_ns", "DESC"),
    Sort.SHORTEST: ("duration_ns", "ASC"),
    Sort.MOST_SPANS: ("spans", "DESC"),
    Sort.MOST_ERRORS: ("errors", "DESC"),
}
_MOST = (1 << 63) - 1

# What every list knows of a trace. Spans without a start time (0) do not stretch it to 1970.
BOUNDS = """
  coalesce(min(nullif(start_ns, 0)), 0) AS start_ns,
  coalesce(max(CASE WHEN start_ns > 0 THEN start_ns + dur_ns END), max(dur_ns))
    - coalesce(min(nullif(start_ns, 0)), 0) AS duration_ns,
  min(start_ns) = 0 AS has_untimed"""
_ALSO = {
    "": "",
    "failed": ", bool_or(status = 2) AS failed",
    "counts": ", count(*) AS spans, count_if(status = 2) AS errors",
}
_ONCE = """(SELECT DISTINCT trace_id, span_id, digest, status, start_ns, dur_ns, weight
  FROM spans {where})"""


def bounded(number: int) -> int:
    """Return the number as a BIGINT can hold it: nothing stored lies beyond."""
    return max(min(number, _MOST), -_MOST)


@dataclass(frozen=True, slots=True)
class Few:
    """All traces with a matching span, where they are few: their IDs, and the condition on where
    their rows lie."""

    trace_ids: list[str]
    place: str

    def condition(self, params: "Params") -> str:
        """Return the condition that a row is of one of them."""
        ids = params.add(self.trace_ids)
        return f"trace_id IN (SELECT unnest({ids}::VARCHAR[])) AND {self.place}"


class Params:
    """The bound values of one statement."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def add(self, value: Value) -> str:
        """Bind a value and return its placeholder."""
        if isinstance(value, int):
            value = bounded(value)
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"


class Compiler:
    """Turns one query into the parts of statements; resolves its tags against resources first."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        query: TraceQuery,
        resources: Origins[Resource],
        scopes: Origins[Scope],
        where: Callable[[Sequence[str]], str],
    ) -> None:
        """``where`` returns the condition on where a row with all of some ``key=value`` lies."""
        self.query = query
        self._origins: dict[tuple[str, str], tuple[list[int], list[int]]] = {
            tag: (resources.with_attribute(con, *tag), scopes.with_attribute(con, *tag))
            for tag in query.tags
            if field_of_tag(*tag) is None
        }

        texts = [
            f"{escape_key(key)}={clean_text(value)}"
            for (key, value), (of_resources, of_scopes) in self._origins.items()
            # What a resource or a scope has may be anywhere.
            if not of_resources and not of_scopes
        ]
        self._places = where(texts) if texts else "TRUE"

    def time_range(self, params: Params) -> str:
        """Return the condition on a span's start, or TRUE."""
        return all_of(self._time_range(params))

    def span_conditions(self, params: Params) -> str:
        """Return all that must hold on one span, or TRUE."""
        query = self.query
        parts = self._time_range(params)
        if query.service is not None:
            parts.append(f"service = {params.add(clean_text(query.service))}")
        if query.operation is not None:
            parts.append(f"name = {params.add(clean_text(query.operation))}")
        if query.min_span_ns is not None:
            parts.append(f"dur_ns >= {params.add(query.min_span_ns)}")
        if query.max_span_ns is not None:
            parts.append(f"dur_ns <= {params.add(query.max_span_ns)}")
        if query.errors_only:
            parts.append(f"status = {StatusCode.ERROR:d}")
        parts.extend(self._tag(key, value, params) for key, value in query.tags)
        if self._places != "TRUE":
            parts.append(self._places)
        return all_of(parts)

    @property
    def looks_at_attributes(self) -> bool:
        """Say whether spans' attributes have to be looked at to tell which ones match."""
        return bool(self._origins)

    def outer_bounds(self, params: Params) -> list[str]:
        """Return the conditions within which all matching spans lie."""
        return [*self._time_range(params), self._places]

    def trace_conditions(self, params: Params) -> list[str]:
        """Return what must hold on a trace as a whole, on its duration_ns."""
        query, parts = self.query, []
        if query.min_trace_ns is not None:
            parts.append(f"duration_ns >= {params.add(query.min_trace_ns)}")
        if query.max_trace_ns is not None:
            parts.append(f"duration_ns <= {params.add(query.max_trace_ns)}")
        return parts

    def matching_traces(
        self, params: Params, *, also: str = "", weighted: bool = False, few: Few | None = None
    ) -> str:
        """Return a SELECT of all matching traces: trace_id, start_ns, duration_ns, has_untimed, and
        also "failed", or by "counts" spans and errors (dearer: re-deliveries count once); and their
        weight, 1 for all unless ``weighted``. ``few`` are those with a matching span, where that is
        known."""
        where, meets = "", ""
        if few is not None:
            where = f"WHERE {few.condition(params)}"
        elif (conditions := self.span_conditions(params)) != "TRUE" and (
            also == "counts" or self._time_range(Params())
        ):
            where = f"WHERE trace_id IN (SELECT trace_id FROM spans WHERE {conditions})"
        elif conditions != "TRUE":
            # Much matches: to join it takes longer than to put all traces together.
            meets = f", bool_or({conditions}) AS meets"
        source = _ONCE.format(where=where) if also == "counts" else f"spans {where}"
        weight = "min(weight)" if weighted else "1"
        listed = f"trace_id, {BOUNDS}{_ALSO[also]}, {weight} AS weight{meets}"
        select = f"SELECT {listed} FROM {source} GROUP BY trace_id"
        having = [*(["meets"] if meets else []), *self.trace_conditions(params)]
        return f"SELECT * FROM ({select}) WHERE {all_of(having)}" if having else select

    def takes_trace(self, trace_id: str, start_ns: int, duration_ns: int) -> bool:
        """Say of a trace with a matching span, in a search for the newest, whether its duration is
        within the query's bounds, and whether it comes after the cursor."""
        query, after = self.query, self.query.after
        if query.min_trace_ns is not None and duration_ns < query.min_trace_ns:
            return False
        if query.max_trace_ns is not None and duration_ns > query.max_trace_ns:
            return False
        if after is None:
            return True
        behind = -after.key, -after.start_ns, clean_text(after.trace_id)
        return (-start_ns, -start_ns, trace_id) > behind

    def _time_range(self, params: Params) -> list[str]:
        parts = []
        if self.query.start_ns is not None:
            parts.append(f"start_ns >= {params.add(self.query.start_ns)}")
        if self.query.end_ns is not None:
            parts.append(f"start_ns < {params.add(self.query.end_ns)}")
        return parts

    def _tag(self, key: str, value: str, params: Params) -> str:
        field = field_of_tag(key, value)
        if field is not None:
            column, numbers = field
            return _in_numbers(column, numbers)
        text = f"{escape_key(key)}={clean_text(value)}"
        literal = orjson.dumps(text).decode()
        resource_ids, scope_ids = self._origins[key, value]
        parts = [
            f"list_contains(attrs, {params.add(text)})",
            # Nothing else in the events' JSON can form these two (see trace.batch).
            f"contains(events, {params.add('[' + literal)})",
            f"contains(events, {params.add(',' + literal)})",
        ]
        if resource_ids:
            parts.append(_in_numbers("resource_id", resource_ids))
        if scope_ids:
            parts.append(_in_numbers("scope_id", scope_ids))
        return f"({' OR '.join(parts)})"


def after_cursor(sort: Sort, cursor: Cursor, params: Params) -> str:
    """Return the condition that a trace comes after the cursor in the sort's order."""
    key, direction = SORT_KEYS[sort]
    sign = "<" if direction == "DESC" else ">"
    at, start = params.add(cursor.key), params.add(cursor.start_ns)
    trace_id = params.add(clean_text(cursor.trace_id))
    return (
        f"({key} {sign} {at} OR ({key} = {at} AND"
        f" (start_ns < {start} OR (start_ns = {start} AND trace_id > {trace_id}))))"
    )


def order_of(sort: Sort) -> str:
    """Return the ORDER BY terms, tie-break included."""
    key, direction = SORT_KEYS[sort]
    return f"{key} {direction}, start_ns DESC, trace_id"


def in_traces(trace_ids: Iterable[str]) -> str:
    """Return the condition that a row is of these traces. Literals, because DuckDB checks
    constants against its zone maps and dictionaries, and cannot do so with a joined list."""
    return f"trace_id IN ({', '.join(quoted(trace_id) for trace_id in trace_ids)})"


def all_of(parts: Iterable[str]) -> str:
    """Return the conjunction of conditions, TRUE for none."""
    return " AND ".join(parts) or "TRUE"


def _in_numbers(column: str, numbers: Iterable[int]) -> str:
    listed = ", ".join(str(int(number)) for number in numbers)
    return f"{column} IN ({listed})" if listed else "FALSE"
