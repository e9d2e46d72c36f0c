"""Plain span JSON → spans: one flat object a span, as tutorials and small programs write it.

``{"traceId", "spanId", "parentSpanId", "name", "timestamp" µs, "duration" µs, "kind",
"status": {"code"}, "attributes": {…}, "events": [{"name", "timestamp" µs}]}``, alone, in a list,
a line each, or under ``spans``. The service is ``service``, ``serviceName``, the resource's or the
attribute ``service.name``.
"""

from collections.abc import Mapping

from viewer.formats.base import Decoded
from viewer.formats.loose_json import (
    first_of,
    read_parent_id,
    read_span_id,
    read_trace_id,
    to_dict,
    to_int,
    to_list,
    to_text,
    to_value,
)
from viewer.trace.attributes import Attributes, clean_text, show_value
from viewer.trace.ids import InvalidId
from viewer.trace.span import Event, Link, Resource, Span, SpanKind, Status, StatusCode

_TRACE_ID = ("traceId", "traceID", "trace_id")
_SPAN_ID = ("spanId", "spanID", "span_id")
_PARENT_ID = ("parentSpanId", "parentSpanID", "parent_span_id", "parentId", "parent_id")
_START = ("timestamp", "startTime", "start_time")


class PlainJson:
    """The format `plain-json`."""

    name = "plain-json"
    title = "plain span JSON"

    def claims(self, value: object) -> bool:
        """Recognise a span by its IDs and name or time, and an object with a list of them."""
        if not isinstance(value, dict):
            return False
        spans = value.get("spans")
        return _is_span(value) or (
            isinstance(spans, list) and bool(spans) and _is_span(to_dict(spans[0]))
        )

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the value's spans."""
        fields = to_dict(value)
        for span in [fields] if _is_span(fields) else to_list(fields.get("spans")):
            try:
                decoded.batch.add(_span(to_dict(span), decoded, lenient))
            except (InvalidId, _BadField) as error:
                decoded.reject(str(error))


class _BadField(ValueError):
    """A field without which a span cannot be placed is unreadable."""


def _is_span(value: Mapping[str, object]) -> bool:
    # Datadog's spans have the same names, but numbers as IDs; OTLP's lack a time of these names.
    return (
        any(isinstance(value.get(name), str) for name in _TRACE_ID)
        and any(isinstance(value.get(name), str) for name in _SPAN_ID)
        and any(name in value for name in ("duration", *_START))
    )


def _span(span: Mapping[str, object], decoded: Decoded, lenient: bool) -> Span:
    as_sent: list[tuple[str, str]] = []
    sent = first_of(span, *_TRACE_ID)
    trace_id, made_up = read_trace_id(sent, lenient)
    if made_up:
        as_sent.append(("traceId", str(sent)))
    sent = first_of(span, *_SPAN_ID)
    span_id, made_up = read_span_id(sent, lenient)
    if made_up:
        as_sent.append(("spanId", str(sent)))
    sent = first_of(span, *_PARENT_ID)
    parent_id, made_up = read_parent_id(sent, lenient)
    if made_up:
        as_sent.append(("parentSpanId", str(sent)))
    resource, attributes = _resource(span)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=to_text(first_of(span, "name", "operationName")),
        start_ns=_micros(first_of(span, *_START), "timestamp"),
        duration_ns=_micros(span.get("duration"), "duration"),
        kind=_kind(span.get("kind"), as_sent),
        status=_status(span.get("status"), as_sent),
        resource=resource,
        attributes=attributes,
        events=tuple(_event(to_dict(event)) for event in to_list(span.get("events"))),
        links=_links(span.get("links"), decoded, lenient),
        as_sent=tuple(as_sent),
    )


def _micros(value: object, field: str) -> int:
    if value is None or value == "":
        return 0
    if isinstance(value, float) and abs(value) < 1 << 53:
        return max(round(value * 1_000), 0)
    number = to_int(value)
    if number is None:
        raise _BadField(f"{field} is no number of microseconds")
    return max(number, 0) * 1_000


def _kind(value: object, as_sent: list[tuple[str, str]]) -> SpanKind:
    name = to_text(value).upper().removeprefix("SPAN_KIND_")
    if name in SpanKind.__members__:
        return SpanKind[name]
    if name.isdecimal() and len(name) == 1 and int(name) < len(SpanKind):
        return SpanKind(int(name))
    if name:
        as_sent.append(("kind", to_text(value)[:200]))
    return SpanKind.UNSPECIFIED


def _status(value: object, as_sent: list[tuple[str, str]]) -> Status:
    """Read ``{"code", "message"}`` or the code alone, by name or OTLP's number."""
    fields = to_dict(value)
    sent = fields.get("code") if fields else value
    message = to_text(first_of(fields, "message", "description"))
    name = to_text(sent).upper().removeprefix("STATUS_CODE_")
    if name in StatusCode.__members__:
        return Status(StatusCode[name], message)
    if name in ("0", "1", "2"):
        return Status(StatusCode(int(name)), message)
    if name:
        as_sent.append(("status.code", to_text(sent)[:200]))
    return Status(StatusCode.UNSET, message)


def _resource(span: Mapping[str, object]) -> tuple[Resource, Attributes]:
    """Return the resource and the span's own attributes; ``service.name`` moves to the former."""
    attributes = dict(_attributes(first_of(span, "attributes", "tags")))
    sent = to_dict(span.get("resource"))
    of_resource = dict(_attributes(sent.get("attributes", sent)))
    own = attributes.pop("service.name", None)
    service = to_text(first_of(span, "service", "serviceName", "service_name"))
    service = service or show_value(of_resource.get("service.name") or own or "")
    if service:
        of_resource["service.name"] = service
    return Resource(service, tuple(of_resource.items())), tuple(attributes.items())


def _attributes(value: object) -> Attributes:
    return tuple((clean_text(key), to_value(item)) for key, item in to_dict(value).items())


def _event(event: Mapping[str, object]) -> Event:
    time_us = to_int(first_of(event, "timestamp", "time")) or 0
    return Event(
        max(time_us, 0) * 1_000, to_text(event.get("name")), _attributes(event.get("attributes"))
    )


def _links(value: object, decoded: Decoded, lenient: bool) -> tuple[Link, ...]:
    links: list[Link] = []
    for link in to_list(value):
        fields = to_dict(link)
        try:
            trace_id, _ = read_trace_id(first_of(fields, *_TRACE_ID), lenient)
            span_id, _ = read_parent_id(first_of(fields, *_SPAN_ID), lenient)
        except InvalidId as error:
            decoded.note(f"a link was left out: {error}")
            continue
        links.append(Link(trace_id, span_id, _attributes(fields.get("attributes"))))
    return tuple(links)
