"""TraceQuery: one search, as every engine understands it.

All span conditions (service, operation, tags, span duration, time range, errors) must hold on *one*
span; a trace matches if one of its spans does. The trace-duration conditions and all sort orders
look at the whole trace. Times in nanoseconds.

A tag matches a span if one of the span's, its resource's, its scope's or its events' attributes has
this key and a value whose text form is equal (`show_value`). Three keys mean fields instead:
``error`` with true/false (status), ``span.kind`` and ``otel.status_code`` (OK, ERROR, UNSET),
as Jaeger shows them; letter case does not matter in their values.
"""

from dataclasses import dataclass, field
from enum import Enum

DEFAULT_LIMIT = 20
MAX_LIMIT = 1500


class Sort(Enum):
    """Orders over all matches; ties are broken by newest start, then trace ID ascending."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"
    SHORTEST = "shortest"
    MOST_SPANS = "most-spans"
    MOST_ERRORS = "most-errors"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after this trace. ``key`` is the sort key's number
    (start, duration, spans or errors)."""

    key: int
    start_ns: int
    trace_id: str


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """A search. None = no condition. Ranges: start_ns ≤ span start < end_ns, durations inclusive.

    ``limit`` is how many traces a page has; of these only the first ``head`` are summed up where that
    is given, since a summary is dear and a list is read from its top."""

    service: str | None = None
    operation: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    min_span_ns: int | None = None
    max_span_ns: int | None = None
    min_trace_ns: int | None = None
    max_trace_ns: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    errors_only: bool = False
    sort: Sort = Sort.NEWEST
    limit: int = DEFAULT_LIMIT
    head: int | None = None
    after: Cursor | None = field(default=None)
