"""Everything known of one span, for the detail panel."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from viewer.trace.attributes import Attributes
from viewer.trace.ids import format_span_id, format_trace_id
from viewer.trace.span import Event, Link, Span, SpanKind, StatusCode
from viewer.trace.tree import Oddity
from viewer.ui.filters import (
    format_count,
    format_duration,
    format_plural,
    format_service,
    service_class,
    shorten,
)
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.fields import Field, Room, facts_of, fields_of
from viewer.ui.viewmodel.rows import row_name
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TraceState

_LONGEST_NAME = 300
_LONGEST_MESSAGE = 1000
_MOST_FIELDS = 500
_MOST_EVENTS = 500
_MOST_LINKS = 500
_MOST_FIELDS_OF_ITEM = 50
_NEAREST_ANCESTORS = 6


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of fields. ``note`` says what the sender or we left out."""

    id: str
    title: str
    fields: tuple[Field, ...]
    note: str = ""

    @property
    def size(self) -> str:
        return format_count(len(self.fields))


@dataclass(frozen=True, slots=True)
class EventItem:
    """An event; ``offset`` is from the span's start (it may lie outside the span)."""

    name: str
    offset: str
    time_ns: int
    is_exception: bool
    fields: tuple[Field, ...]
    note: str


@dataclass(frozen=True, slots=True)
class LinkItem:
    """A link to another span; ``here`` says that it is of the same trace."""

    url: str
    trace_id: str
    span_id: str
    here: bool
    fields: tuple[Field, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A step of the way from the root to the span."""

    name: str
    service_class: str
    url: str


@dataclass(frozen=True, slots=True)
class SpanDetail:
    """The panel. ``status`` is unset, ok or error; ``share`` is of the trace's duration. Without
    ``parent_url``, ``parent_note`` says why the span stands at the top although it names a parent.
    ``focus_url`` shows only the span and what is below it, "" where that is no change or nothing.
    ``sent_start_ns`` is where the span began before it was moved for clock skew, by ``moved``; 0
    where it was not. A long name or message is cut, and whole among what was sent. Of events and
    links the first are shown; ``…_count`` has the number of all, ``…_note`` the rest."""

    span_id: str
    parent_id: str
    parent_url: str
    parent_note: str
    name: str
    service: str
    service_class: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    sent_start_ns: int
    moved: str
    offset: str
    duration_ns: int
    self_ns: int
    share: str
    children: int
    descendants: int
    ancestors: tuple[Ancestor, ...]
    more_ancestors: int
    sections: tuple[Section, ...]
    events: tuple[EventItem, ...]
    event_count: int
    events_note: str
    links: tuple[LinkItem, ...]
    link_count: int
    links_note: str
    back_links_url: str
    url: str
    zoom_url: str
    focus_url: str
    close_url: str


def span_detail(trace: LoadedTrace, state: TraceState, row: int, span: Span) -> SpanDetail:
    """Return the panel's content for the span of this row."""
    tree = trace.tree
    parent = int(tree.parent[row])
    parent_id = int(tree.shown_id[parent]) if parent >= 0 else span.parent_id
    above = tree.ancestors(row)
    offset = span.start_ns - tree.start_ns if span.start_ns else 0
    by = int(trace.skew.shift_ns[row]) if trace.adjusted else 0
    share = span.duration_ns / tree.duration_ns if tree.duration_ns else 0.0
    # Of what has no room the attributes' part is the last to go.
    room = Room()
    sections = _sections(span, _as_sent(trace, row, span), room)
    events, links = _events(span, room), _links(span, trace, state, room)
    return SpanDetail(
        span_id=format_span_id(int(tree.shown_id[row])),
        parent_id=format_span_id(parent_id) if parent_id else "",
        parent_url=reveal(trace, state, parent).url if parent >= 0 else "",
        parent_note="" if parent >= 0 else _parent_note(trace, row),
        name=shorten(span.name, _LONGEST_NAME) or "(no name)",
        service=shorten(format_service(span.service), _LONGEST_NAME),
        service_class=service_class(span.service),
        kind="" if span.kind is SpanKind.UNSPECIFIED else span.kind.name.lower(),
        status=StatusCode(span.status.code).name.lower(),
        status_message=shorten(span.status.message, _LONGEST_MESSAGE),
        start_ns=span.start_ns,
        sent_start_ns=span.start_ns - by if by else 0,
        moved=f"{format_duration(abs(by))} {'later' if by > 0 else 'earlier'}" if by else "",
        offset=format_duration(offset),
        duration_ns=span.duration_ns,
        self_ns=int(trace.self_ns[row]),
        share=f"{100 * share:.1f} %",
        children=len(trace.children.of(row)),
        descendants=int(tree.subtree_end[row]) - row - 1,
        ancestors=tuple(_ancestor(trace, state, step) for step in above[-_NEAREST_ANCESTORS:]),
        more_ancestors=max(len(above) - _NEAREST_ANCESTORS, 0),
        sections=sections,
        events=events,
        event_count=len(span.events),
        events_note=_more(len(span.events), len(events)),
        links=links,
        link_count=len(span.links),
        links_note=_more(len(span.links), len(links)),
        back_links_url=_back_links_url(span, state),
        url=state.url,
        zoom_url=_zoom_url(trace, state, row, span),
        focus_url=_focus_url(trace, state, row),
        close_url=state.selecting(None).url,
    )


def _ancestor(trace: LoadedTrace, state: TraceState, row: int) -> Ancestor:
    columns = trace.tree.columns
    return Ancestor(
        name=row_name(trace, row),
        service_class=service_class(columns.services[columns.service[row]]),
        url=reveal(trace, state, row).url,
    )


def _zoom_url(trace: LoadedTrace, state: TraceState, row: int, span: Span) -> str:
    top = None if state.focus is None else trace.tree.row_of(state.focus)
    shown = trace.tree if top is None else trace.part(top).tree
    offset = span.start_ns - shown.start_ns if span.start_ns else 0
    inside = top is None or top <= row < trace.tree.subtree_end[top]
    if offset < 0 or span.duration_ns == 0 or not inside:
        return ""
    return state.zoomed(offset, offset + span.duration_ns).url


def _focus_url(trace: LoadedTrace, state: TraceState, row: int) -> str:
    shown_id = int(trace.tree.shown_id[row])
    if shown_id == state.focus or trace.tree.subtree_end[row] == row + 1:
        return ""
    return state.focusing(shown_id).url


def _parent_note(trace: LoadedTrace, row: int) -> str:
    for oddity, note in (
        (Oddity.SELF_PARENT, "its own ID"),
        (Oddity.CYCLE, "one of a circle of parents"),
    ):
        if row in trace.tree.rows_with(oddity):
            return note
    return "not in this trace"


def _as_sent(trace: LoadedTrace, row: int, span: Span) -> list[tuple[str, str]]:
    """Return what was sent and is shown otherwise, or nowhere else."""
    tree = trace.tree
    parent = int(tree.parent[row])
    sent = [("trace state", span.trace_state), *span.as_sent]
    for what, text, most in (
        ("status message", span.status.message, _LONGEST_MESSAGE),
        ("name", span.name, _LONGEST_NAME),
    ):
        if len(text) > most:
            sent.insert(0, (what, text))
    if span.flags:
        sent.insert(0, ("flags", f"0x{span.flags:02x}"))
    if span.parent_id and parent >= 0 and int(tree.shown_id[parent]) != span.parent_id:
        sent.insert(0, ("parent span ID", format_span_id(span.parent_id)))
    if int(tree.shown_id[row]) != span.span_id:
        sent.insert(0, ("span ID", format_span_id(span.span_id)))
    return sent


def _sections(span: Span, as_sent: Iterable[tuple[str, str]], room: Room) -> tuple[Section, ...]:
    resource, scope, dropped = span.resource, span.scope, span.dropped
    scope_facts = (
        ("name", scope.name),
        ("version", scope.version),
        ("schema URL", scope.schema_url),
    )
    left_out = _left_out(dropped.attributes, dropped.events, dropped.links)
    schema = (("schema URL", resource.schema_url),)
    sections = (
        _section("attributes", "Attributes", span.attributes, (), room, left_out),
        _section("resource", "Resource", resource.attributes, schema, room),
        _section("scope", "Scope", scope.attributes, scope_facts, room),
        _section("as-sent", "As sent", (), as_sent, room),
    )
    return tuple(section for section in sections if section.fields or section.note)


def _section(
    id_: str,
    title: str,
    attributes: Attributes,
    facts: Iterable[tuple[str, str]],
    room: Room,
    note: str = "",
) -> Section:
    """Return a section of facts, which have no other place, and attributes."""
    named = facts_of(facts, room)
    fields = fields_of(attributes, True, _MOST_FIELDS, room)
    return Section(id_, title, (*named, *fields), _notes(note, _more(len(attributes), len(fields))))


def _more(count: int, shown: int) -> str:
    if count <= shown:
        return ""
    return (
        f"{format_count(count - shown)} more {'is' if count - shown == 1 else 'are'} in the JSON."
    )


def _left_out(attributes: int, events: int = 0, links: int = 0) -> str:
    """Say what OpenTelemetry's dropped counts say."""
    counts = ((attributes, "attribute"), (events, "event"), (links, "link"))
    said = [format_plural(count, noun) for count, noun in counts if count]
    return f"The sender left out {' and '.join(said)}." if said else ""


def _notes(*notes: str) -> str:
    return " ".join(note for note in notes if note)


def _events(span: Span, room: Room) -> tuple[EventItem, ...]:
    first = sorted(span.events, key=lambda event: event.time_ns)[:_MOST_EVENTS]
    return tuple(_event(event, span, room) for event in first if room.take(event.name))


def _event(event: Event, span: Span, room: Room) -> EventItem:
    fields = fields_of(event.attributes, False, _MOST_FIELDS_OF_ITEM, room)
    return EventItem(
        name=shorten(event.name, _LONGEST_NAME) or "(no name)",
        offset=format_duration(event.time_ns - span.start_ns) if event.time_ns else "no time",
        time_ns=event.time_ns,
        is_exception=event.name == "exception",
        fields=fields,
        note=_notes(_left_out(event.dropped_attributes), _more(len(event.attributes), len(fields))),
    )


def _back_links_url(span: Span, state: TraceState) -> str:
    """Return where the spans are listed that link to this one; links to a trace are a root's."""
    query = {
        "span": format_span_id(span.span_id),
        "whole": "" if span.parent_id else "1",
        "tz": "utc" if state.utc else "",
    }
    said = urlencode({key: value for key, value in query.items() if value})
    return f"{trace_url(span.trace_id)}/linked?{said}"


def _links(span: Span, trace: LoadedTrace, state: TraceState, room: Room) -> tuple[LinkItem, ...]:
    first = span.links[:_MOST_LINKS]
    return tuple(_link(link, span, trace, state, room) for link in first if room.take(state.url))


def _link(link: Link, span: Span, trace: LoadedTrace, state: TraceState, room: Room) -> LinkItem:
    trace_id = format_trace_id(link.trace_id)
    here = link.trace_id == span.trace_id
    facts = (
        ("trace state", link.trace_state),
        ("flags", f"0x{link.flags:02x}" if link.flags else ""),
    )
    named = facts_of(facts, room)
    fields = fields_of(link.attributes, False, _MOST_FIELDS_OF_ITEM, room)
    url = trace_url(link.trace_id, link.span_id, "utc" if state.utc else "")
    if here and link.span_id:
        row = trace.tree.row_of(link.span_id)
        url = (state.selecting(link.span_id) if row is None else reveal(trace, state, row)).url
    return LinkItem(
        url=url,
        trace_id=trace_id,
        span_id=format_span_id(link.span_id) if link.span_id else "",
        here=here,
        fields=(*named, *fields),
        note=_notes(_left_out(link.dropped_attributes), _more(len(link.attributes), len(fields))),
    )
