"""Everything known of one span, for the detail panel."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from viewer.trace.attributes import Attributes, Value, dump_json, plain, show_value
from viewer.trace.ids import format_span_id, format_trace_id
from viewer.trace.span import Span, SpanKind, StatusCode
from viewer.ui.filters import format_duration, format_service, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.trace_state import TraceState

_FOLD_FROM = 300
_PRETTY_UP_TO = 100_000
_MOST_EVENTS = 500
_ONE_LINE = 60
_NEAREST_ANCESTORS = 6


@dataclass(frozen=True, slots=True)
class Field:
    """A key and value. ``folded`` values open on demand; ``href`` is set for http(s) values only;
    ``search_url`` finds the traces with this value; ``label`` says the type where it is no text."""

    key: str
    value: str
    type_label: str
    pretty: bool
    folded: bool
    href: str
    search_url: str


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of fields."""

    id: str
    title: str
    fields: tuple[Field, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class EventItem:
    """An event; ``offset`` is from the span's start (it may lie outside the span)."""

    name: str
    offset: str
    time_ns: int
    is_exception: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class LinkItem:
    """A link to another span; ``here`` says that it is of the same trace."""

    url: str
    trace_id: str
    span_id: str
    here: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A step of the way from the root to the span."""

    name: str
    service_class: str
    url: str


@dataclass(frozen=True, slots=True)
class SpanDetail:
    """The panel. ``status`` is unset, ok or error; ``share`` is of the trace's duration."""

    span_id: str
    parent_id: str
    parent_url: str
    name: str
    service: str
    service_class: str
    kind: str
    status: str
    status_message: str
    start_ns: int
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
    more_events: int
    links: tuple[LinkItem, ...]
    url: str
    zoom_url: str
    close_url: str


def span_detail(trace: LoadedTrace, state: TraceState, row: int, span: Span) -> SpanDetail:
    """Return the panel's content for the span of this row."""
    tree = trace.tree
    parent = int(tree.parent[row])
    above = tree.ancestors(row)
    offset = span.start_ns - tree.start_ns if span.start_ns else 0
    share = span.duration_ns / tree.duration_ns if tree.duration_ns else 0.0
    return SpanDetail(
        span_id=format_span_id(int(tree.shown_id[row])),
        parent_id=format_span_id(span.parent_id) if span.parent_id else "",
        parent_url=state.selecting(int(tree.shown_id[parent])).url if parent >= 0 else "",
        name=span.name or "(no name)",
        service=format_service(span.service),
        service_class=service_class(span.service),
        kind="" if span.kind is SpanKind.UNSPECIFIED else span.kind.name.lower(),
        status=StatusCode(span.status.code).name.lower(),
        status_message=span.status.message,
        start_ns=span.start_ns,
        offset=format_duration(offset),
        duration_ns=span.duration_ns,
        self_ns=int(trace.self_ns[row]),
        share=f"{share:.1%}",
        children=len(trace.children.of(row)),
        descendants=int(tree.subtree_end[row]) - row - 1,
        ancestors=tuple(_ancestor(trace, state, step) for step in above[-_NEAREST_ANCESTORS:]),
        more_ancestors=max(len(above) - _NEAREST_ANCESTORS, 0),
        sections=_sections(span),
        events=tuple(_event(event_span, span) for event_span in _events(span)),
        more_events=max(len(span.events) - _MOST_EVENTS, 0),
        links=_links(span, state),
        url=state.url,
        zoom_url=_zoom_url(state, offset, span.duration_ns),
        close_url=state.selecting(None).url,
    )


def _ancestor(trace: LoadedTrace, state: TraceState, row: int) -> Ancestor:
    columns = trace.tree.columns
    return Ancestor(
        name=columns.names[columns.name[row]] or "(no name)",
        service_class=service_class(columns.services[columns.service[row]]),
        url=state.selecting(int(trace.tree.shown_id[row])).url,
    )


def _zoom_url(state: TraceState, offset: int, duration: int) -> str:
    if offset < 0 or duration == 0:
        return ""
    return state.zoomed(offset, offset + duration).url


def _sections(span: Span) -> tuple[Section, ...]:
    scope = [
        ("name", span.scope.name),
        ("version", span.scope.version),
        ("schema URL", span.scope.schema_url),
    ]
    dropped = span.dropped
    note = ""
    if dropped.attributes or dropped.events or dropped.links:
        note = (
            f"The sender left out {dropped.attributes} attributes, "
            f"{dropped.events} events and {dropped.links} links."
        )
    sent = [("trace state", span.trace_state), *span.as_sent]
    if span.flags:
        sent.insert(0, ("flags", f"0x{span.flags:02x}"))
    sections = (
        Section("attributes", "Attributes", fields_of(span.attributes, searchable=True), note),
        Section("resource", "Resource", fields_of(span.resource.attributes, searchable=True)),
        Section("scope", "Scope", _plain_fields(scope) + fields_of(span.scope.attributes, True)),
        Section("as-sent", "As sent", _plain_fields(sent)),
    )
    return tuple(section for section in sections if section.fields or section.note)


def _plain_fields(pairs: Sequence[tuple[str, str]]) -> tuple[Field, ...]:
    return fields_of(tuple((key, value) for key, value in pairs if value), searchable=False)


def fields_of(attributes: Attributes, searchable: bool) -> tuple[Field, ...]:
    """Return attributes as fields, sorted by key."""
    ordered = sorted(attributes, key=lambda attribute: attribute[0])
    return tuple(_field(key, value, searchable) for key, value in ordered)


def _field(key: str, value: Value, searchable: bool) -> Field:
    text, pretty = _pretty(value)
    plain_text = show_value(value)
    search = urlencode({"tags": json.dumps({key: plain_text}, ensure_ascii=False)})
    return Field(
        key=key,
        value=text,
        type_label=_type_label(value),
        pretty=pretty,
        folded=len(text) > _FOLD_FROM,
        href=_safe_url(value),
        search_url=f"/search?{search}" if searchable and len(plain_text) <= _FOLD_FROM else "",
    )


def _pretty(value: Value) -> tuple[str, bool]:
    """Return a value's text, indented where it is JSON; and whether it is."""
    if isinstance(value, str):
        looks = value[:1] in "[{" and value[-1:] in "]}" and len(value) <= _PRETTY_UP_TO
        if not (value and looks):
            return value, False
        try:
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False), True
        except (ValueError, RecursionError):
            return value, False
    if isinstance(value, list | tuple | dict):
        flat = dump_json(plain(value))
        return (
            (flat, False)
            if len(flat) <= 60
            else (json.dumps(plain(value), indent=2, ensure_ascii=False), True)
        )
    return show_value(value), False


def _type_label(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "double"
    if isinstance(value, bytes):
        return "bytes, base64"
    if isinstance(value, list | tuple):
        return "array"
    if isinstance(value, dict):
        return "map"
    return "" if isinstance(value, str) else "empty"


def _safe_url(value: Value) -> str:
    """Return a value that is a whole http(s) URL, for a link; anything else gives none."""
    if not isinstance(value, str) or len(value) > 2000 or any(char.isspace() for char in value):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in ("http", "https") and parts.netloc else ""


def _events(span: Span) -> list[int]:
    ordered = sorted(range(len(span.events)), key=lambda index: span.events[index].time_ns)
    return ordered[:_MOST_EVENTS]


def _event(index: int, span: Span) -> EventItem:
    event = span.events[index]
    return EventItem(
        name=event.name or "(no name)",
        offset=format_duration(event.time_ns - span.start_ns) if event.time_ns else "no time",
        time_ns=event.time_ns,
        is_exception=event.name == "exception",
        fields=fields_of(event.attributes, searchable=False),
    )


def _links(span: Span, state: TraceState) -> tuple[LinkItem, ...]:
    items: list[LinkItem] = []
    for link in span.links:
        trace_id = format_trace_id(link.trace_id)
        here = link.trace_id == span.trace_id
        selected = f"?span={format_span_id(link.span_id)}" if link.span_id else ""
        url = (
            state.selecting(link.span_id).url
            if here and link.span_id
            else f"/trace/{trace_id}{selected}"
        )
        items.append(
            LinkItem(
                url=url,
                trace_id=trace_id,
                span_id=format_span_id(link.span_id) if link.span_id else "",
                here=here,
                fields=fields_of(link.attributes, searchable=False),
            )
        )
    return tuple(items)
