"""Zipkin v2 JSON → spans (openzipkin/zipkin-api: zipkin2-api.yaml).

Mapping to OpenTelemetry's terms as the Collector's translator does it (contrib
`pkg/translator/zipkin`). Client and server halves that share an ID stay two spans.
"""

from collections.abc import Mapping

from viewer.formats.base import Decoded, DecodeError
from viewer.formats.loose_json import (
    load,
    read_parent_id,
    read_span_id,
    read_trace_id,
    to_count,
    to_dict,
    to_int,
    to_list,
    to_text,
    to_value,
)
from viewer.trace.attributes import Attribute, clean_text, show_value
from viewer.trace.ids import InvalidId
from viewer.trace.span import (
    Event,
    Link,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

_KINDS = {
    "CLIENT": SpanKind.CLIENT,
    "SERVER": SpanKind.SERVER,
    "PRODUCER": SpanKind.PRODUCER,
    "CONSUMER": SpanKind.CONSUMER,
}
_CODES = StatusCode.__members__
LINK_TAG = "otlp.link."
_MAX_EVENT_JSON = 1 << 20


class ZipkinV2:
    """The format `zipkin-v2`."""

    name = "zipkin-v2"
    title = "Zipkin v2 JSON"

    def claims(self, value: object) -> bool:
        """Recognise a v2 span; one of v1 has binary annotations, or endpoints in annotations."""
        if not isinstance(value, dict) or "traceId" not in value or "id" not in value:
            return False
        if "spanId" in value or "binaryAnnotations" in value:
            return False
        first = to_list(value.get("annotations"))[:1]
        return not any(isinstance(item, dict) and "endpoint" in item for item in first)

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the span."""
        try:
            decoded.batch.add(_span(to_dict(value), decoded, lenient))
        except (InvalidId, _BadField) as error:
            decoded.reject(str(error))


class _BadField(ValueError):
    """A field without which a span cannot be placed is unreadable."""


def _span(span: Mapping[str, object], decoded: Decoded, lenient: bool) -> Span:
    as_sent: list[tuple[str, str]] = []
    trace_id, span_id, parent_id = _ids(span, lenient, as_sent)
    tags = {clean_text(key): value for key, value in to_dict(span.get("tags")).items()}
    kind = _kind(span.get("kind"), tags, as_sent)
    status = _take_status(tags)
    scope = Scope(
        _take_text(tags, "otel.scope.name", "otel.library.name"),
        _take_text(tags, "otel.scope.version", "otel.library.version"),
    )
    trace_state = _take_text(tags, "w3c.tracestate")
    links = _take_links(tags, decoded)
    as_sent += [(flag, "true") for flag in ("shared", "debug") if span.get(flag) is True]
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=to_text(span.get("name")),
        start_ns=_micros(span, "timestamp"),
        duration_ns=_micros(span, "duration"),
        kind=kind,
        status=status,
        resource=_resource(to_dict(span.get("localEndpoint"))),
        scope=scope,
        attributes=_attributes(span, tags, as_sent),
        events=tuple(_event(to_dict(item)) for item in to_list(span.get("annotations"))),
        links=links,
        trace_state=trace_state,
        as_sent=tuple(as_sent),
    )


def _ids(
    span: Mapping[str, object], lenient: bool, as_sent: list[tuple[str, str]]
) -> tuple[str, int, int]:
    trace_id, made_up = read_trace_id(span.get("traceId"), lenient)
    if made_up:
        as_sent.append(("traceId", str(span["traceId"])))
    span_id, made_up = read_span_id(span.get("id"), lenient)
    if made_up:
        as_sent.append(("id", str(span["id"])))
    parent_id, made_up = read_parent_id(span.get("parentId"), lenient)
    # Zipkin drops a parent that is the span itself, and so do we, visibly.
    if made_up or (parent_id and parent_id == span_id):
        as_sent.append(("parentId", str(span["parentId"])))
    return trace_id, span_id, 0 if parent_id == span_id else parent_id


def _micros(span: Mapping[str, object], field: str) -> int:
    value = span.get(field)
    if value is None or value == "":
        return 0
    number = to_int(value)
    if number is None:
        raise _BadField(f"{field} is no number of microseconds")
    return max(number, 0) * 1_000


def _kind(value: object, tags: dict[str, object], as_sent: list[tuple[str, str]]) -> SpanKind:
    if isinstance(value, str) and value:
        kind = _KINDS.get(value.upper())
        if kind is not None:
            return kind
        as_sent.append(("kind", clean_text(value[:200])))
    if tags.get("span.kind") == "internal":
        del tags["span.kind"]
        return SpanKind.INTERNAL
    return SpanKind.UNSPECIFIED


def _take_text(tags: dict[str, object], *keys: str) -> str:
    for key in keys:
        value = tags.get(key)
        if isinstance(value, str):
            del tags[key]
            return clean_text(value)
    return ""


def _take_status(tags: dict[str, object]) -> Status:
    """Remove the tags that mean a status. ``error`` with any value but "false" is an error, and a
    value other than "true" its message."""
    code = StatusCode.UNSET
    named = tags.get("otel.status_code")
    if isinstance(named, str) and named.upper() in _CODES:
        del tags["otel.status_code"]
        code = _CODES[named.upper()]
    message = _take_text(tags, "otel.status_description")
    if "error" in tags:
        error = show_value(to_value(tags["error"]))
        if error.lower() != "false":
            del tags["error"]
            code = StatusCode.ERROR
            message = message or ("" if error.lower() == "true" else error)
    return Status(code, message)


def _take_links(tags: dict[str, object], decoded: Decoded) -> tuple[Link, ...]:
    """Remove the tags in which the Collector hides links:
    ``trace ID|span ID|trace state|attributes as JSON|dropped attributes``."""
    links: list[Link] = []
    number = 0
    while isinstance(text := tags.get(f"{LINK_TAG}{number}"), str):
        try:
            trace_id, span_id, rest = text.split("|", 2)
            trace_state, rest = rest.split("|", 1)
            attributes, dropped = rest.rsplit("|", 1)
            links.append(
                Link(
                    read_trace_id(trace_id, lenient=False)[0],
                    read_parent_id(span_id, lenient=False)[0],
                    _json_attributes(load(attributes.encode("utf-8", "replace"))),
                    clean_text(trace_state),
                    dropped_attributes=to_count(dropped),
                )
            )
        except (ValueError, DecodeError) as error:
            decoded.note(f"a link stays a tag: {str(error)[:100]}")
            break
        del tags[f"{LINK_TAG}{number}"]
        number += 1
    return tuple(links)


def _resource(endpoint: Mapping[str, object]) -> Resource:
    service = to_text(endpoint.get("serviceName"))
    return Resource(service, (("service.name", service),)) if service else Resource()


def _attributes(
    span: Mapping[str, object], tags: Mapping[str, object], as_sent: list[tuple[str, str]]
) -> tuple[Attribute, ...]:
    attributes = [(key, to_value(value)) for key, value in tags.items()]
    remote = to_dict(span.get("remoteEndpoint"))
    service = to_text(remote.get("serviceName"))
    if service and "peer.service" not in tags:
        attributes.append(("peer.service", service))
    _add_address(attributes, remote, "peer", as_sent)
    _add_address(attributes, to_dict(span.get("localEndpoint")), "host", as_sent)
    return tuple(attributes)


def _add_address(
    attributes: list[Attribute],
    endpoint: Mapping[str, object],
    side: str,
    as_sent: list[tuple[str, str]],
) -> None:
    v4, v6 = to_text(endpoint.get("ipv4")), to_text(endpoint.get("ipv6"))
    address = v4 or v6
    if address:
        attributes.append((f"net.{side}.ip", address))
    if v4 and v6:
        as_sent.append((f"net.{side}.ip", v6))
    port = to_int(endpoint.get("port"))
    if port is not None and 0 < port < 65536:
        attributes.append((f"net.{side}.port", port))


def _event(annotation: Mapping[str, object]) -> Event:
    time_us = to_int(annotation.get("timestamp")) or 0
    text = to_text(annotation.get("value"))
    named = _event_with_attributes(text)
    if named is None:
        return Event(max(time_us, 0) * 1_000, text)
    return Event(max(time_us, 0) * 1_000, *named)


def _event_with_attributes(text: str) -> tuple[str, tuple[Attribute, ...]] | None:
    """Read ``{"name": {attributes}}``, as OpenTelemetry's exporters write an event, or None."""
    if not text.startswith('{"') or len(text) > _MAX_EVENT_JSON:
        return None
    try:
        value = to_dict(load(text.encode()))
    except DecodeError:
        return None
    if len(value) != 1:
        return None
    name, attributes = next(iter(value.items()))
    return (name, _json_attributes(attributes)) if isinstance(attributes, dict) else None


def _json_attributes(value: object) -> tuple[Attribute, ...]:
    return tuple((clean_text(key), to_value(item)) for key, item in to_dict(value).items())
