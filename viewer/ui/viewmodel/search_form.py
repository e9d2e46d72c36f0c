"""The band of filters above the results, and the suggestions for its fields."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from viewer.search.link import CUSTOM, SearchLink, write_tags
from viewer.search.query import MAX_LIMIT, Sort
from viewer.trace.summary import Operation
from viewer.ui.filters import format_iso

_LOOKBACKS = (
    ("", "All time"),
    ("5m", "Last 5 min"),
    ("15m", "Last 15 min"),
    ("1h", "Last hour"),
    ("3h", "Last 3 h"),
    ("6h", "Last 6 h"),
    ("12h", "Last 12 h"),
    ("24h", "Last 24 h"),
    ("2d", "Last 2 days"),
    ("7d", "Last 7 days"),
    ("2w", "Last 2 weeks"),
    ("4w", "Last 4 weeks"),
)
MOST_SUGGESTIONS = 30
MOST_OPERATIONS = 2000
_MOST_SERVICES = 2000


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a select."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class OperationField:
    """The operation as typed, and the names that the chosen service is known to have."""

    value: str
    names: tuple[str, ...]
    placeholder: str


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The fields as typed. ``start`` and ``end`` are in UTC as a datetime-local field takes them,
    ``start_us`` and ``end_us`` exactly. ``errors`` has a line by parameter name."""

    services: tuple[Option, ...]
    operation: OperationField
    tags: str
    min_duration: str
    max_duration: str
    of_trace: bool
    lookbacks: tuple[Option, ...]
    start: str
    start_us: str
    end: str
    end_us: str
    statuses: tuple[Option, ...]
    limit: int
    most: int
    sort: str
    utc: bool
    errors: Mapping[str, str]
    is_bare: bool


@dataclass(frozen=True, slots=True)
class TagSuggestions:
    """Whole texts for the attributes field, each the typed text with its last word completed."""

    texts: tuple[str, ...]


def search_form(
    link: SearchLink, services: Sequence[str], operations: Sequence[Operation]
) -> SearchForm:
    """Fill the form in from a link, the stored services and the chosen service's operations."""
    fields = link.fields
    custom = fields.lookback == CUSTOM
    return SearchForm(
        services=_service_options(services, fields.service),
        operation=operation_field(fields.service, fields.operation, operations),
        tags=fields.tags,
        min_duration=fields.min_duration,
        max_duration=fields.max_duration,
        of_trace=fields.duration_of == "trace",
        lookbacks=_lookback_options(fields.lookback),
        start=_local(link.query.start_ns) if custom else "",
        start_us=fields.start,
        end=_local(link.query.end_ns) if custom else "",
        end_us=fields.end,
        statuses=(
            Option("", "Any", not fields.status),
            Option("error", "Errors", fields.status == "error"),
        ),
        limit=fields.limit,
        most=MAX_LIMIT,
        sort="" if fields.sort is Sort.NEWEST else fields.sort.value,
        utc=fields.tz == "utc",
        errors=link.errors,
        is_bare=not fields.has_conditions and not link.errors,
    )


def operation_field(service: str, value: str, operations: Iterable[Operation]) -> OperationField:
    """Offer a service's operations; without a service any name can still be typed."""
    known = list(operations)
    names = tuple(dict.fromkeys(operation.name for operation in known if operation.name))
    placeholder = f"Any of {len(names):,}" if service and names else "Any"
    if len(known) > MOST_OPERATIONS:
        names = names[:MOST_OPERATIONS]
        placeholder = f"Any of more than {len(names):,}"
    return OperationField(value, names, placeholder)


def split_last_tag(text: str) -> tuple[str, str, str | None]:
    """Split the attributes field at its last word: (all before it, key, value or None).

    Inside an open quote the space is no border."""
    begin, quoted, escaped = 0, False, False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char.isspace() and not quoted:
            begin = position + 1
    key, equals, value = text[begin:].partition("=")
    return text[:begin], key.replace('"', ""), value.replace('"', "") if equals else None


def tag_suggestions(head: str, key: str, found: Sequence[str], are_values: bool) -> TagSuggestions:
    """Complete the last word of the field by keys, or a key by its values."""
    texts = [
        head + (write_tags([(key, text)]) if are_values else write_tags([(text, "x")])[:-1])
        for text in found
    ]
    return TagSuggestions(tuple(texts))


def _service_options(services: Sequence[str], chosen: str) -> tuple[Option, ...]:
    named = [name for name in services if name]
    offered = named[:_MOST_SERVICES]
    options = [Option("", f"Any of {len(named):,}" if named else "Any", not chosen)]
    options += [Option(name, name, name == chosen) for name in offered]
    if chosen and chosen not in offered:
        unknown = "" if chosen in named else " (not stored)"
        options.append(Option(chosen, f"{chosen}{unknown}", True))
    if len(named) > len(offered):
        # A page of all of them would take seconds; a link or a tag names any.
        hidden = f"… and {len(named) - len(offered):,} more, by ?service=NAME"
        options.append(Option("", hidden, False))
    return tuple(options)


def _lookback_options(chosen: str) -> tuple[Option, ...]:
    options = [Option(value, label, value == chosen) for value, label in _LOOKBACKS]
    if chosen not in (CUSTOM, *(value for value, _ in _LOOKBACKS)):
        options.append(Option(chosen, f"Last {chosen}", True))
    return (*options, Option(CUSTOM, "Custom …", chosen == CUSTOM))


def _local(time_ns: int | None) -> str:
    return "" if time_ns is None else format_iso(time_ns)[:23]
