"""A search as a link: the parameters of /search into a TraceQuery, and back into an address.

Names and units are those of Jaeger's UI (`start`, `end` in microseconds; durations `1.2s`; tags as
logfmt or JSON; `tag=k:v`; `__all_services__`), so that a Jaeger link works with only its host
changed. What cannot be understood is left out of the query and named in ``errors`` or ``ignored``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from viewer.search.parse import (
    QueryError,
    parse_duration,
    parse_lookback,
    parse_micros,
    parse_tags,
)
from viewer.search.query import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Sort, TraceQuery
from viewer.trace.ids import InvalidId, parse_trace_id

CUSTOM = "custom"
_ANY_SERVICE = ("", "__all_services__")
_ANY_OPERATION = ("", "all", "__all_operations__")
_MAX_TEXT = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class SearchFields:
    """The parameters as text, as the form shows them and an address carries them. Empty = none.

    ``lookback`` is "custom" when ``start`` or ``end`` (µs since 1970) is given. ``after`` is a
    cursor, ``tz`` is "utc" or empty, ``totals`` "exact" where all matches are to be counted however
    long that takes, or empty.
    """

    service: str = ""
    operation: str = ""
    tags: str = ""
    min_duration: str = ""
    max_duration: str = ""
    duration_of: str = "span"
    status: str = ""
    lookback: str = ""
    start: str = ""
    end: str = ""
    limit: int = DEFAULT_LIMIT
    sort: Sort = Sort.NEWEST
    after: str = ""
    tz: str = ""
    totals: str = ""

    @property
    def has_conditions(self) -> bool:
        """Say whether any span could fail this search."""
        bare = SearchFields(limit=self.limit, sort=self.sort, after=self.after, tz=self.tz)
        return replace(self, duration_of="span", totals="") != bare


@dataclass(frozen=True, slots=True)
class SearchLink:
    """A link as read: what to ask the store, what to show in the form, and what was left out.

    ``errors`` has one line by parameter name; ``ignored`` names unknown parameters."""

    fields: SearchFields
    query: TraceQuery
    errors: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


# Field → the parameter that carries it.
_PARAMETERS = {
    "service": "service",
    "operation": "operation",
    "tags": "tags",
    "min_duration": "minDuration",
    "max_duration": "maxDuration",
    "duration_of": "durationOf",
    "status": "status",
    "lookback": "lookback",
    "start": "start",
    "end": "end",
    "limit": "limit",
    "sort": "sort",
    "after": "after",
    "tz": "tz",
    "totals": "totals",
}
# How many rows were on the page when one left it is no part of a search: the page reads it.
_READ = frozenset(_PARAMETERS.values()) | {"tag", "from", "to", "shown"}


class _Reader:
    """Reads parameters one by one and remembers what was wrong."""

    def __init__(self, arguments: Mapping[str, Sequence[str]]) -> None:
        self._arguments = arguments
        self.errors: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return the last value of a parameter, without NULs and surrounding space."""
        values = self._arguments.get(name) or ("",)
        text = values[-1].replace("\0", "").strip()
        if len(text) > _MAX_TEXT and name not in ("tags", "operation"):
            self.errors[name] = f"longer than {_MAX_TEXT:,} characters"
            return ""
        return text

    def all(self, name: str) -> Sequence[str]:
        return self._arguments.get(name) or ()

    def parsed(self, name: str, parse: Callable[[str], _Read]) -> _Read | None:
        """Return a parameter as read by ``parse``, or None where it is empty or wrong."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse(text)
        except QueryError as error:
            self.errors[name] = str(error)
            return None


def read_link(arguments: Mapping[str, Sequence[str]], now_ns: int) -> SearchLink:
    """Read the parameters of an address (each with its values in order). Never raises."""
    reader = _Reader(arguments)
    service = reader.text("service")
    operation = reader.text("operation")
    tags = (reader.parsed("tags", parse_tags) or ()) + _jaeger_tags(reader)
    low, high = (
        reader.parsed("minDuration", parse_duration),
        reader.parsed("maxDuration", parse_duration),
    )
    if low is not None and high is not None and low > high:
        reader.errors["maxDuration"] = "the longest duration is below the shortest"
    of_trace = reader.parsed("durationOf", _one_of("span", "trace")) == "trace"
    status = reader.parsed("status", _one_of("any", "error")) or ""
    start_ns, end_ns, lookback = _time_range(reader, now_ns)
    limit = reader.parsed("limit", _limit) or DEFAULT_LIMIT
    sort = reader.parsed("sort", _sort) or Sort.NEWEST
    after = reader.parsed("after", read_cursor)
    custom = lookback == CUSTOM
    fields = SearchFields(
        service="" if service in _ANY_SERVICE else service,
        operation="" if operation in _ANY_OPERATION else operation,
        tags=reader.text("tags") if "tags" in reader.errors else write_tags(tags),
        min_duration=reader.text("minDuration"),
        max_duration=reader.text("maxDuration"),
        duration_of="trace" if of_trace else "span",
        status="error" if status == "error" else "",
        lookback=lookback,
        start=str(start_ns // 1000) if custom and start_ns is not None else "",
        end=str(end_ns // 1000) if custom and end_ns is not None else "",
        limit=limit,
        sort=sort,
        after=write_cursor(after) if after else "",
        tz="utc" if reader.text("tz").lower() == "utc" else "",
        totals="exact" if reader.text("totals").lower() == "exact" else "",
    )
    query = TraceQuery(
        service=fields.service or None,
        operation=fields.operation or None,
        tags=tags,
        min_span_ns=None if of_trace else low,
        max_span_ns=None if of_trace else high,
        min_trace_ns=low if of_trace else None,
        max_trace_ns=high if of_trace else None,
        start_ns=start_ns,
        end_ns=end_ns,
        errors_only=fields.status == "error",
        sort=sort,
        limit=limit,
        after=after,
    )
    ignored = tuple(sorted(name[:40] for name in arguments if name not in _READ))
    return SearchLink(fields, query, reader.errors, ignored)


def write_link(fields: SearchFields) -> str:
    """Return the shortest address of a search: ``/search?…`` without what is empty or usual."""
    usual = SearchFields()
    pairs: list[tuple[str, str]] = []
    for name, parameter in _PARAMETERS.items():
        value = getattr(fields, name)
        if value == getattr(usual, name) or (name == "lookback" and value == CUSTOM):
            continue
        if name == "duration_of" and not (fields.min_duration or fields.max_duration):
            continue
        pairs.append((parameter, value.value if isinstance(value, Sort) else str(value)))
    return "/search" + (f"?{urlencode(pairs)}" if pairs else "")


def write_tags(tags: Iterable[tuple[str, str]]) -> str:
    """Write tags as logfmt, so that `parse_tags` gives them back."""
    return " ".join(f"{_quoted(key, '= ')}={_quoted(value, ' ')}" for key, value in tags)


def read_cursor(text: str) -> Cursor:
    """Undo write_cursor; raises QueryError."""
    key, _, rest = text.partition(".")
    start_ns, _, trace_id = rest.partition(".")
    numbers = (key.removeprefix("-"), start_ns)
    if not all(number.isascii() and number.isdigit() and len(number) < 20 for number in numbers):
        raise QueryError("this is no place in the results")
    try:
        return Cursor(int(key), int(start_ns), parse_trace_id(trace_id))
    except InvalidId as error:
        raise QueryError(f"this is no place in the results: {error}") from None


def write_cursor(cursor: Cursor) -> str:
    """Write where a page of results begins, for an address."""
    return f"{cursor.key}.{cursor.start_ns}.{cursor.trace_id}"


def pinned(fields: SearchFields, query: TraceQuery, now_ns: int) -> SearchFields:
    """Return the same search with a look-back from now replaced by the times that it meant."""
    if fields.lookback in ("", CUSTOM) or query.start_ns is None:
        return fields
    start, end = str(query.start_ns // 1000), str(now_ns // 1000)
    return replace(fields, lookback=CUSTOM, start=start, end=end)


def with_fixed_start(fields: SearchFields, query: TraceQuery) -> SearchFields:
    """Return the same search with a look-back from now begun where it began; its end stays open."""
    if fields.lookback in ("", CUSTOM) or query.start_ns is None:
        return fields
    return replace(fields, lookback=CUSTOM, start=str(query.start_ns // 1000))


def _time_range(reader: _Reader, now_ns: int) -> tuple[int | None, int | None, str]:
    """Return start, end (ns) and the look-back as shown. Jaeger's links carry both a look-back and
    the times that it meant when they were made: the times win, as in Jaeger. ``from`` and ``to``
    are the form's own fields as a browser without script sends them: a look-back beside them wins."""
    start_ns, end_ns = reader.parsed("start", parse_micros), reader.parsed("end", parse_micros)
    if start_ns is None and end_ns is None and reader.text("lookback") in ("", CUSTOM):
        start_ns, end_ns = reader.parsed("from", _moment), reader.parsed("to", _moment)
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        reader.errors["end"] = "the range ends before it starts"
    if start_ns is not None or end_ns is not None:
        return start_ns, end_ns, CUSTOM
    text = reader.text("lookback")
    if text in ("", "all", CUSTOM):
        return None, None, ""
    span = reader.parsed("lookback", parse_lookback)
    if span is None:
        return None, None, ""
    # The end is open: a clock that is ahead must not hide the newest traces. Whole microseconds are
    # what an address can hold, so that a fixed range is exactly this one.
    return max(0, now_ns - span) // 1000 * 1000, None, text


def _jaeger_tags(reader: _Reader) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in reader.all("tag"):
        key, colon, value = text.partition(":")
        if key and colon:
            pairs.append((key, value))
        else:
            reader.errors["tag"] = "expected key:value"
    return tuple(pairs)


def _one_of(*known: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in known:
            raise QueryError(f"expected {' or '.join(known)}")
        return text.lower()

    return parse


def _moment(text: str) -> int:
    """Read ISO 8601, in UTC where it names no zone, as nanoseconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f"{text[:40]!r} is no time: expected 2026-11-22T21:30") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        microseconds = -1
    return parse_micros(str(microseconds))


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_LIMIT):
        raise QueryError(f"expected a number from 1 to {MAX_LIMIT}")
    return int(text)


def _sort(text: str) -> Sort:
    try:
        return Sort(text.lower())
    except ValueError:
        raise QueryError(f"expected {', '.join(sort.value for sort in Sort)}") from None


def _quoted(text: str, special: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    needs = not text or any(char in special or char.isspace() for char in text)
    return f'"{escaped}"' if needs else escaped
