"""Spans → Zipkin v2 JSON (openzipkin/zipkin-api: zipkin2-api.yaml), with the Collector's rules for
what Zipkin has no field for (contrib `pkg/translator/zipkin`). All tags become text."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from viewer.formats.zipkin.span import LINK_TAG
from viewer.trace.attributes import Attributes, Value, dump_json, plain, show_value
from viewer.trace.ids import format_span_id, format_trace_id
from viewer.trace.span import Event, Link, Span, SpanKind, StatusCode

Json: TypeAlias = "dict[str, object]"
_KINDS = {
    SpanKind.CLIENT: "CLIENT",
    SpanKind.SERVER: "SERVER",
    SpanKind.PRODUCER: "PRODUCER",
    SpanKind.CONSUMER: "CONSUMER",
}


def encode(spans: Iterable[Span]) -> bytes:
    """Return a list of v2 spans."""
    return dump_json([encode_span(span) for span in spans]).encode()


def encode_groups(groups: Iterable[Iterable[Span]]) -> Iterator[bytes]:
    """Yield the same list piece by piece, so that a trace of any size can be written."""
    yield b"["
    begun = False
    for group in groups:
        text = encode(group)[1:-1]
        if text:
            yield b"," + text if begun else text
            begun = True
    yield b"]"


def encode_span(span: Span) -> Json:
    """Return one v2 span; fields in the order and with the omissions of Zipkin's own writer."""
    attributes = dict(span.attributes)
    local, remote = _endpoint(attributes, "host"), _endpoint(attributes, "peer")
    if span.service:
        local = {"serviceName": span.service, **local}
    peer = attributes.pop("peer.service", None)
    if peer is not None:
        remote = {"serviceName": show_value(peer), **remote}
    # Zipkin's times are at least 1 µs where they are known at all.
    duration = max(span.duration_ns // 1_000, 1) if span.duration_ns else 0
    fields: Json = {
        "traceId": format_trace_id(span.trace_id),
        "parentId": format_span_id(span.parent_id) if span.parent_id else "",
        "id": format_span_id(span.span_id),
        "kind": _KINDS.get(span.kind, ""),
        "name": span.name,
        "timestamp": span.start_ns // 1_000,
        "duration": duration,
        "localEndpoint": local,
        "remoteEndpoint": remote,
        "annotations": [_annotation(event) for event in span.events],
        "tags": _tags(span, attributes),
        "debug": ("debug", "true") in span.as_sent,
        "shared": ("shared", "true") in span.as_sent,
    }
    return {name: value for name, value in fields.items() if value}


def _endpoint(attributes: dict[str, Value], side: str) -> Json:
    """Take an endpoint's address out of the attributes."""
    endpoint: Json = {}
    address = attributes.get(f"net.{side}.ip")
    if isinstance(address, str) and address:
        del attributes[f"net.{side}.ip"]
        endpoint["ipv6" if ":" in address else "ipv4"] = address
    port = attributes.get(f"net.{side}.port")
    if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536:
        del attributes[f"net.{side}.port"]
        endpoint["port"] = port
    return endpoint


def _annotation(event: Event) -> Json:
    text = event.name
    if event.attributes:
        text = dump_json({event.name: _plain_object(event.attributes)})
    return {"timestamp": event.time_ns // 1_000, "value": text}


def _tags(span: Span, attributes: Mapping[str, Value]) -> dict[str, str]:
    tags = {
        key: show_value(value) for key, value in span.resource.attributes if key != "service.name"
    }
    tags |= {key: show_value(value) for key, value in attributes.items()}
    if span.kind is SpanKind.INTERNAL:
        tags["span.kind"] = "internal"
    if span.scope.name:
        tags["otel.scope.name"] = span.scope.name
    if span.scope.version:
        tags["otel.scope.version"] = span.scope.version
    if span.trace_state:
        tags["w3c.tracestate"] = span.trace_state
    if span.status.code:
        tags["otel.status_code"] = span.status.code.name
    if span.status.message:
        tags["otel.status_description"] = span.status.message
    if span.status.code is StatusCode.ERROR:
        tags["error"] = span.status.message or "true"
    elif tags.get("error", "false") != "false":
        # In Zipkin this tag alone would make the span an error.
        del tags["error"]
    tags |= {f"{LINK_TAG}{number}": _link(link) for number, link in enumerate(span.links)}
    return tags


def _link(link: Link) -> str:
    attributes = dump_json(_plain_object(link.attributes))
    ids = f"{link.trace_id}|{format_span_id(link.span_id)}"
    return f"{ids}|{link.trace_state}|{attributes}|{link.dropped_attributes}"


def _plain_object(attributes: Attributes) -> dict[str, Value]:
    return {key: plain(value) for key, value in attributes}
