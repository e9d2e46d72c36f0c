"""X-Ray segment documents → spans (the X-Ray developer guide, "Segment documents").

Mapping to OpenTelemetry's terms as the Collector's translator does it (contrib
`receiver/awsxrayreceiver/internal/translator`), with these differences: times are rounded to whole
microseconds, not cut; an unknown namespace costs nothing; a subsegment sent by itself has the
service of its parent, not its own name; one that lies in a segment belongs to its trace.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from viewer.formats.base import MAX_LINKS, Decoded
from viewer.formats.loose_json import (
    read_span_id,
    read_trace_id,
    to_dict,
    to_list,
    to_text,
    to_value,
)
from viewer.formats.xray.attributes import attributes_of
from viewer.formats.xray.cause import causes_by_id, exceptions, status
from viewer.formats.xray.documents import (
    BadDocument,
    Entity,
    Fields,
    Opened,
    Sent,
    open_document,
    plain_trace_id,
    shown_id,
)
from viewer.formats.xray.fields import is_set, put_all
from viewer.formats.xray.resource import resource_of_segment, resource_of_subsegment
from viewer.trace.attributes import Value, show_value
from viewer.trace.ids import InvalidId
from viewer.trace.span import NO_OPEN_END, Dropped, Link, OpenEnd, Resource, Span, SpanKind

MAX_REFUSED = 1_000
_LAST_SECOND = (1 << 63) // 1_000_000_000
_MAX_NUMBER, _MAX_TEXT = 40, 200
_OUTGOING, _LOCAL = ("aws", "remote"), "local"
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that is not kept, or not all of it: its ID as far as known, and why."""

    id: str
    code: str
    reason: str


class _BadField(ValueError):
    """A field without which a span cannot be placed is missing or unreadable."""


def add_documents(sent: Iterable[Sent], decoded: Decoded, lenient: bool) -> list[Refused]:
    """Append the spans of documents that came together; return what is not kept.

    A subsegment sent by itself takes the service of the segment it belongs to, and an unfinished
    form gives way to the finished one, where both came together.
    """
    documents: list[Opened] = []
    refused: list[Refused] = []
    for document in sent:
        try:
            documents.append(open_document(document, decoded, lenient))
        except BadDocument as error:
            decoded.reject(str(error), document.where, error.spans)
            _list(refused, Refused(error.id, error.code, str(error)))
    spans: list[Span] = []
    for opened, resource in zip(documents, _resources(documents), strict=True):
        _add_spans(spans, opened, resource, decoded)
        if opened.fault:
            _list(refused, Refused(shown_id(opened.fields), "InvalidSegment", opened.fault))
    for span in _settled(spans):
        decoded.batch.add(span)
    # A segment may be the final form of one sent before, or the parent of subsegments sent before.
    decoded.batch.joins = True
    return refused


def _list(refused: list[Refused], more: Refused) -> None:
    """List a document; so many and no more, so that a hostile request makes no large answer."""
    if len(refused) < MAX_REFUSED:
        refused.append(more)


def _resources(documents: list[Opened]) -> list[Resource | None]:
    """Return each document's resource; None for subsegments whose segment is not among them."""
    holder: dict[_Key, int] = {}
    known: dict[int, Resource | None] = {}
    for row, document in enumerate(documents):
        if not document.is_subsegment:
            known[row] = resource_of_segment(document.fields)
        for entity in document.entities:
            key = (document.trace_id, entity.span_id)
            if key not in holder or not document.is_subsegment:
                holder[key] = row
    for row in range(len(documents)):
        path: list[int] = []
        current: int | None = row
        while current is not None and current not in known:
            known[current] = None  # until found: who reaches this again goes round in a circle
            path.append(current)
            document = documents[current]
            current = holder.get((document.trace_id, document.parent_id))
        found = known[current] if current is not None else None
        known.update(dict.fromkeys(path, found))
    return [known[row] for row in range(len(documents))]


def _settled(spans: list[Span]) -> Iterable[Span]:
    """Leave out unfinished forms of spans whose finished form, or a later one, is there too."""
    final: set[_Key] = set()
    last: dict[_Key, int] = {}
    for row, span in enumerate(spans):
        key = (span.trace_id, span.span_id)
        if span.open_ends & OpenEnd.IN_PROGRESS:
            last[key] = row
        else:
            final.add(key)
    if not last:
        return spans
    return [
        span
        for row, span in enumerate(spans)
        if not span.open_ends & OpenEnd.IN_PROGRESS
        or ((key := (span.trace_id, span.span_id)) not in final and last[key] == row)
    ]


def _add_spans(
    spans: list[Span], document: Opened, resource: Resource | None, decoded: Decoded
) -> None:
    causes = causes_by_id(entity.fields for entity in document.entities)
    open_ends = NO_OPEN_END
    if resource is None:
        resource = resource_of_subsegment(document.fields)
        open_ends = OpenEnd.SERVICE_OF_PARENT
    for entity in document.entities:
        is_segment = not entity.number and not document.is_subsegment
        part = _Part(document.trace_id, entity, is_segment, resource, open_ends)
        try:
            spans.append(_span(part, causes, decoded, document.where(entity.number)))
        except _BadField as error:
            document.reject(str(error), entity.number, decoded)


@dataclass(frozen=True, slots=True)
class _Part:
    """A segment or subsegment with all that comes from what it lies in."""

    trace_id: str
    entity: Entity
    is_segment: bool
    resource: Resource
    open_ends: OpenEnd


def _span(part: _Part, causes: dict[str, str], decoded: Decoded, where: str) -> Span:
    entity, fields = part.entity, part.entity.fields
    name = fields.get("name")
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        raise _BadField("the name is missing")
    as_sent = list(entity.as_sent)
    start_us, duration_us, in_progress = _times(fields, as_sent)
    end_ns = (start_us + duration_us) * 1_000
    events, without_events = exceptions(fields.get("cause"), end_ns, decoded, where)
    links, without_links = _links(fields.get("links"), decoded, where)
    return Span(
        trace_id=part.trace_id,
        span_id=entity.span_id,
        parent_id=entity.parent_id,
        name=to_text(name),
        start_ns=start_us * 1_000,
        duration_ns=duration_us * 1_000,
        kind=_kind(fields, part.is_segment, as_sent),
        status=status(fields, causes),
        resource=part.resource,
        attributes=attributes_of(fields, part.is_segment),
        events=events,
        links=links,
        dropped=Dropped(events=without_events, links=without_links),
        as_sent=tuple(as_sent),
        open_ends=part.open_ends | (OpenEnd.IN_PROGRESS if in_progress else NO_OPEN_END),
    )


def _times(fields: Fields, as_sent: list[tuple[str, str]]) -> tuple[int, int, bool]:
    """Return start, duration (microseconds), and whether the span was sent before its end."""
    start = _micros(fields, "start_time")
    if start is None:
        raise _BadField("start_time is missing")
    end = _micros(fields, "end_time")
    if end is None or is_set(fields.get("in_progress")):
        as_sent.append(("in_progress", "true"))
        if end is not None:
            as_sent.append(("end_time", to_text(fields["end_time"])))
        return start, 0, True
    if end < start:
        as_sent.append(("end_time", to_text(fields["end_time"])))
    return start, max(end - start, 0), False


def _micros(fields: Fields, field: str) -> int | None:
    """Return a time in seconds as the nearest microsecond: what a double can tell apart now."""
    value = fields.get(field)
    if value is None:
        return None
    if isinstance(value, str) and len(value) <= _MAX_NUMBER:
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadField(f"{field} is no number of seconds")
    if not 0 <= value < _LAST_SECOND:  # so NaN is none
        raise _BadField(f"{field} lies outside the years 1970 to 2262 (it is in seconds)")
    return value * 1_000_000 if isinstance(value, int) else round(value * 1e6)


def _kind(fields: Fields, is_segment: bool, as_sent: list[tuple[str, str]]) -> SpanKind:
    namespace = fields.get("namespace")
    outgoing = namespace in _OUTGOING
    if namespace is not None and namespace != _LOCAL and not outgoing:
        as_sent.append(("namespace", show_value(to_value(namespace))[:_MAX_TEXT]))
    if is_segment:
        return SpanKind.SERVER
    if outgoing:
        return SpanKind.CLIENT
    request = to_dict(to_dict(fields.get("http")).get("request"))
    return SpanKind.INTERNAL if request.get("client_ip") is None else SpanKind.SERVER


def _links(value: object, decoded: Decoded, where: str) -> tuple[tuple[Link, ...], int]:
    """Return the links, and how many are left out."""
    items, left_out = decoded.first(to_list(value), MAX_LINKS, "links", where)
    links: list[Link] = []
    for item in items:
        fields = to_dict(item)
        attributes: dict[str, Value] = {}
        put_all(attributes, to_dict(fields.get("attributes")), {}, "")
        try:
            trace_id, _ = read_trace_id(plain_trace_id(fields.get("trace_id")), lenient=False)
            span_id, _ = read_span_id(fields.get("id"), lenient=False)
        except InvalidId as error:
            decoded.note(f"a link was left out: {error}", where)
            continue
        links.append(Link(trace_id, span_id, tuple(attributes.items())))
    return tuple(links), left_out
