"""A span's fields, of whichever version, → span.

Mapping to OpenTelemetry's terms as the Collector's translator does it (contrib
`receiver/datadogreceiver`: `traces_translator.go`), with these differences:

- The span's name is its ``resource`` ("GET /users/?"), which tells a person more than the name
  ("django.request"); that one is kept as ``operation.name``, as Datadog calls it where it takes
  OpenTelemetry in, and ``type`` as ``span.type``. Without a resource the name is the name.
- Tags keep the names under which they were set, so that who set them finds them; only those about
  the process go to the resource, and ``span.kind`` to the kind.
- The tags ``error.*`` give a status message and an event ``exception``, and stay tags.
- IDs are not kept in decimal beside themselves; they are found in either form.
"""

from collections.abc import Callable, Mapping

from viewer.formats.base import MAX_BAD_SPANS, Decoded
from viewer.formats.datadog.fields import BadField, to_key, to_map, to_ns, to_text, to_uint64
from viewer.formats.datadog.fields import to_value as any_value
from viewer.formats.datadog.occurrences import take_events, take_links
from viewer.formats.datadog.payload import BadSpan, Chunk, TracerPayload
from viewer.formats.datadog.resources import MAX_TAGS, Resources, is_on_resource
from viewer.formats.datadog.trace_ids import TraceIds, UpperHalves
from viewer.formats.datadog.unpack import unpack_within
from viewer.formats.loose_json import bounded_int, to_int
from viewer.trace.attributes import Attribute, Value, show_value
from viewer.trace.ids import InvalidId
from viewer.trace.span import Dropped, Event, Resource, Span, SpanKind, Status, StatusCode

_KINDS = {kind.name.lower(): kind for kind in SpanKind if kind}
_KINDS_BY_TYPE = {"web": SpanKind.SERVER, "http": SpanKind.CLIENT}
_KIND_TAG = "span.kind"
# How many bytes of `meta_struct` are unpacked in a payload: that is slow, and what comes out takes
# seventy times the room. Stack traces have kilobytes. Others stay bytes.
_MAX_STRUCTS = 1 << 20
_EXCEPTION = {
    "exception.message": ("error.msg", "error.message"),
    "exception.type": ("error.type", "error.kind"),
    "exception.stacktrace": ("error.stack", "error.stacktrace"),
}
_MAPS = ("meta", "metrics", "meta_struct", "attributes")
_IDS = ("trace_id", "span_id", "parent_id")
_PLAIN = ("service", "name", "resource", "type", "start", "duration", "error")
_FIELDS = {*_IDS, *_PLAIN, *_MAPS, "span_links", "span_events", "events"}


class SpanMaker:
    """Makes the spans of one payload, chunk by chunk."""

    def __init__(
        self,
        payload: TracerPayload,
        decoded: Decoded,
        remembered: UpperHalves | None = None,
        lenient: bool = False,
    ) -> None:
        """``decoded`` takes what is to be noted of the payload as a whole."""
        for chunk in payload.chunks:
            chunk.complete()
        self._lenient = lenient
        self._bad = 0
        self._trace_ids = TraceIds(payload.chunks, remembered, lenient, decoded)
        self._resources = Resources(payload.about)
        if self._resources.left_out:
            decoded.note(f"tags of the sender beyond {MAX_TAGS} were left out")
        self._struct_room = _MAX_STRUCTS

    def add(self, chunk: Chunk, decoded: Decoded) -> None:
        """Append a chunk's spans; refuse bad ones one by one."""
        self._resources.enter(chunk.spans)
        for number, fields in enumerate(chunk.spans):
            if self._bad > MAX_BAD_SPANS and not self._lenient:
                reason = f"what follows more than {MAX_BAD_SPANS:,} bad spans is not read"
                decoded.reject(reason, count=len(chunk.spans) - number)
                break
            try:
                decoded.batch.add(self._span(_fields(fields), decoded))
            except (InvalidId, BadField) as error:
                self._bad += 1
                decoded.reject(str(error))

    def _span(self, span: Mapping[object, object], decoded: Decoded) -> Span:
        as_sent: list[tuple[str, str]] = []
        trace_id, open_ends = self._trace_ids.read(span.get("trace_id"), as_sent)
        span_id = to_uint64(span.get("span_id"), "span ID", self._lenient)
        if span_id == 0:
            raise InvalidId("a span ID of zeros only is invalid")
        for name in _MAPS:
            if not isinstance(span.get(name), dict | None):
                decoded.note(f"a span's {name} is no map")
        meta = dict(to_map(span.get("meta")))
        service = to_text(span.get("service"))
        resource = self._resources.of(service, meta)
        start_ns = _ns(span, "start", as_sent)
        duration_ns = _ns(span, "duration", as_sent)
        links, without_links = take_links(span, meta, self._trace_ids.upper_half, decoded)
        events, without_events = take_events(span, meta, decoded)
        status = _status(span.get("error"), meta, as_sent)
        as_sent += [
            (to_key(field), show_value(any_value(value)))
            for field, value in span.items()
            if field not in _FIELDS
        ]
        name = to_text(span.get("resource")) or to_text(span.get("name"))
        return Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=_parent_id(span.get("parent_id"), self._lenient),
            name=name,
            start_ns=start_ns,
            duration_ns=duration_ns,
            kind=_take_kind(meta, span.get("type")),
            status=status,
            resource=resource,
            scope=self._resources.scope,
            attributes=_attributes(span, meta, resource, self._struct),
            events=events + _exception(meta, events, start_ns + duration_ns),
            links=links,
            dropped=Dropped(events=without_events, links=without_links),
            as_sent=tuple(as_sent),
            open_ends=open_ends,
        )

    def _struct(self, value: object) -> Value:
        """Return what a value of ``meta_struct`` holds: MessagePack within MessagePack."""
        if not isinstance(value, bytes):
            return any_value(value)
        self._struct_room -= len(value)
        if self._struct_room < 0:
            return value
        try:
            return any_value(unpack_within(value))
        except ValueError:
            return value


def add_payload(
    payload: TracerPayload,
    decoded: Decoded,
    remembered: UpperHalves | None = None,
    lenient: bool = False,
) -> None:
    """Append a payload's spans to ``decoded``; ``remembered`` joins trace IDs across payloads."""
    maker = SpanMaker(payload, decoded, remembered, lenient)
    for chunk in payload.chunks:
        maker.add(chunk, decoded)


def _fields(span: object) -> Mapping[object, object]:
    """Return a span's fields; raise BadField for what has none."""
    if isinstance(span, BadSpan):
        raise BadField(span.reason)
    if not isinstance(span, dict):
        raise BadField("a span is no map")
    return span


def _parent_id(value: object, lenient: bool) -> int:
    if value is None or value == "":
        return 0
    try:
        return to_uint64(value, "parent's ID", lenient)
    except InvalidId as error:
        raise InvalidId(f"the parent's ID: {error}") from error


def _ns(span: Mapping[object, object], name: str, as_sent: list[tuple[str, str]]) -> int:
    number = to_ns(span.get(name), name)
    if number < 0:
        as_sent.append((name, str(bounded_int(number))))
    return max(number, 0)


def _status(error: object, meta: Mapping[object, object], as_sent: list[tuple[str, str]]) -> Status:
    number = int(error) if isinstance(error, bool) else to_int(error)
    if number not in (None, 0, 1) or (number is None and error is not None):
        as_sent.append(("error", show_value(any_value(error))))
    if number is None or number <= 0:
        return Status()
    return Status(StatusCode.ERROR, _first(meta, _EXCEPTION["exception.message"]))


def _take_kind(meta: dict[object, object], kind_of_work: object) -> SpanKind:
    kind = _KINDS.get(to_text(meta.get(_KIND_TAG)).lower())
    if kind is not None:
        del meta[_KIND_TAG]
        return kind
    return _KINDS_BY_TYPE.get(to_text(kind_of_work), SpanKind.UNSPECIFIED)


def _exception(
    meta: Mapping[object, object], events: tuple[Event, ...], end_ns: int
) -> tuple[Event, ...]:
    """Return the event that the tags ``error.*`` tell of, unless it is there already."""
    attributes = tuple(
        (name, text) for name, tags in _EXCEPTION.items() if (text := _first(meta, tags))
    )
    if not attributes or any(event.name == "exception" for event in events):
        return ()
    return (Event(end_ns, "exception", attributes),)


def _first(meta: Mapping[object, object], tags: tuple[str, ...]) -> str:
    return next((text for tag in tags if (text := to_text(meta.get(tag)))), "")


def _attributes(
    span: Mapping[object, object],
    meta: Mapping[object, object],
    resource: Resource,
    struct: Callable[[object], Value],
) -> tuple[Attribute, ...]:
    attributes: list[Attribute] = []
    name, kind_of_work = to_text(span.get("name")), to_text(span.get("type"))
    if name and to_text(span.get("resource")):
        attributes.append(("operation.name", name))
    if kind_of_work:
        attributes.append(("span.type", kind_of_work))
    attributes += [
        (to_key(key), any_value(value))
        for key, value in meta.items()
        if not is_on_resource(key, value, resource)
    ]
    attributes += [
        (to_key(key), _metric(value)) for key, value in to_map(span.get("metrics")).items()
    ]
    attributes += [
        (to_key(key), any_value(value)) for key, value in to_map(span.get("attributes")).items()
    ]
    attributes += [
        (to_key(key), struct(value)) for key, value in to_map(span.get("meta_struct")).items()
    ]
    return tuple(attributes)


def _metric(value: object) -> Value:
    """Return a metric as the double it is by definition, whole numbers included."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return any_value(value)
    return any_value(value)
