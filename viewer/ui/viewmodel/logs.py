"""The log view: the events of all spans of a trace, in order of time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from viewer.search.events import EventQuery, tells_error
from viewer.store.base import EventPage, StoredEvent
from viewer.trace.attributes import show_value
from viewer.trace.ids import format_span_id
from viewer.trace.span import Event
from viewer.ui.filters import format_count, format_duration, service_class, shorten
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.fields import Room
from viewer.ui.viewmodel.pager import PAGE_ROWS, Pager, pager
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

OPTIONS = ("filter", "errors", "page")
_LINE, _IN_LINE, _LONGEST_NAME, _LONGEST_KEY = 240, 120, 200, 80
_MOST_PAIRS, _MOST_TEXT = 20, 4_000
_AS_SENT = "Times of events are as they were sent, also where their spans are moved for clock skew."


@dataclass(frozen=True, slots=True)
class Pair:
    """An attribute; ``cut`` says that its value goes on."""

    key: str
    value: str
    cut: bool


@dataclass(frozen=True, slots=True)
class LogLine:
    """An event. ``line`` is its attributes on one line, as key=value; what does not fit there is in
    ``pairs``, which is empty where all of it does. ``more`` says what is in neither. The URLs select
    its span, here and in the timeline; they are empty if the span has gone meanwhile."""

    time_ns: int
    offset: str
    span_id: str
    url: str
    timeline_url: str
    selected: bool
    operation: str
    service: str
    css: str
    name: str
    tells_error: bool
    line: str
    pairs: tuple[Pair, ...]
    more: str


@dataclass(frozen=True, slots=True)
class Logs:
    """``filter`` is the text looked for. ``filtered`` says whether anything is left out."""

    filter: str
    errors: bool
    filtered: bool
    clear_url: str
    hidden_fields: tuple[tuple[str, str], ...]
    lines: tuple[LogLine, ...]
    pager: Pager
    notes: tuple[str, ...]


def event_query(state: TraceState, offset: int = 0) -> EventQuery:
    """Return what the state asks for: ``filter=text`` and ``errors=only``."""
    errors = state.option("errors") == "only"
    return EventQuery(state.option("filter"), errors, PAGE_ROWS, offset)


def logs(trace: LoadedTrace, state: TraceState, page: EventPage) -> Logs:
    """Return the view of a page of events."""
    query = event_query(state)
    rows = _rows_of(trace, page.events)
    room = Room()
    return Logs(
        filter=query.text,
        errors=query.errors_only,
        filtered=bool(query.text or query.errors_only),
        clear_url=state.viewing(state.view).url,
        hidden_fields=tuple(
            pair for pair in state.query.items() if pair[0] not in (*OPTIONS, "offset")
        ),
        lines=tuple(_line(trace, state, found, rows, room) for found in page.events),
        pager=pager(state, page.total, "event"),
        notes=(*state.notes, _AS_SENT) if trace.adjusted else state.notes,
    )


def _rows_of(trace: LoadedTrace, events: Iterable[StoredEvent]) -> dict[tuple[int, int], int]:
    """Return the rows of the events' spans by ID as sent and digest."""
    columns = trace.tree.columns
    ids = {found.span_id for found in events}
    rows = np.flatnonzero(np.isin(columns.span_id, np.fromiter(ids, np.uint64, len(ids))))
    keys = zip(columns.span_id[rows].tolist(), columns.digest[rows].tolist(), strict=True)
    return dict(zip(keys, rows.tolist(), strict=True))


def _line(
    trace: LoadedTrace,
    state: TraceState,
    found: StoredEvent,
    rows: Mapping[tuple[int, int], int],
    room: Room,
) -> LogLine:
    tree, columns = trace.tree, trace.tree.columns
    event = found.event
    row = rows.get((found.span_id, found.digest))
    shown_id = found.span_id if row is None else int(tree.shown_id[row])
    service = "" if row is None else columns.services[columns.service[row]]
    line, pairs, more = _attributes(event, room)
    return LogLine(
        time_ns=event.time_ns,
        offset=format_duration(event.time_ns - tree.start_ns) if event.time_ns else "no time",
        span_id=format_span_id(shown_id),
        url="" if row is None else state.selecting(shown_id).url,
        timeline_url="" if row is None else reveal(trace, state.viewing(TIMELINE), row).url,
        selected=state.span == shown_id,
        operation="(a span that has gone)" if row is None else row_name(trace, row),
        service="" if row is None else row_service(trace, row),
        css=service_class(service),
        name=shorten(event.name, _LONGEST_NAME) or "(no name)",
        tells_error=tells_error(event),
        line=line,
        pairs=pairs,
        more=more,
    )


def _attributes(event: Event, room: Room) -> tuple[str, tuple[Pair, ...], str]:
    """Return an event's attributes on one line, as pairs where that is not all of them, and what is
    left out."""
    shown = event.attributes[:_MOST_PAIRS]
    texts = [(key, show_value(value)) for key, value in shown]
    parts = []
    fits = len(shown) == len(event.attributes)
    for key, text in texts:
        first = text.partition("\n")[0]
        fits = fits and first == text and len(text) <= _IN_LINE and len(key) <= _LONGEST_KEY
        parts.append(f"{shorten(key, _LONGEST_KEY)}={shorten(first, _IN_LINE)}")
    whole = " ".join(parts)
    if fits and len(whole) <= _LINE:
        return whole, (), _left_out(event)
    pairs = []
    most = _MOST_TEXT
    for key, text in texts:
        name = shorten(key, _LONGEST_KEY)
        if not room.take(name):
            break
        value = room.folded(text[:most])
        pairs.append(Pair(name, value, len(text) > len(value)))
        most -= len(value)
    return shorten(whole, _LINE), tuple(pairs), _left_out(event, len(pairs))


def _left_out(event: Event, shown: int = _MOST_PAIRS) -> str:
    more = len(event.attributes) - shown
    said = [f"{format_count(more)} more in the span's detail"] if more > 0 else []
    if event.dropped_attributes:
        said.append(f"{format_count(event.dropped_attributes)} left out by the sender")
    return ", ".join(said)
