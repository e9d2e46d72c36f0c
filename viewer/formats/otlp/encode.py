"""Spans → OTLP JSON, exactly as the specification has it (opentelemetry-proto:
docs/specification.md, "JSON Protobuf Encoding"): hex IDs, 64-bit integers as text, enums as
numbers, absent fields left out. The Collector and every OTLP/JSON reader take it."""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from viewer.trace.attributes import MAX_DEPTH, Attributes, Value, dump_json
from viewer.trace.ids import format_span_id
from viewer.trace.span import Event, Link, Resource, Scope, Span

Json: TypeAlias = "dict[str, object]"
_MIN_INT, _MAX_INT = -(1 << 63), (1 << 63) - 1


def encode(spans: Iterable[Span]) -> bytes:
    """Return one ExportTraceServiceRequest; spans of one resource and scope stand together, else
    in the order given."""
    return dump_json(encode_document(spans)).encode()


def encode_groups(groups: Iterable[Iterable[Span]]) -> Iterator[bytes]:
    """Yield the same document piece by piece, so that a trace of any size can be written; spans stand
    together within their group only."""
    yield b'{"resourceSpans":['
    begun = False
    for group in groups:
        text = dump_json(encode_document(group)["resourceSpans"])[1:-1].encode()
        if text:
            yield b"," + text if begun else text
            begun = True
    yield b"]}"


def encode_document(spans: Iterable[Span]) -> Json:
    """As encode, as a JSON value."""
    # repr tells 1, 1.0 and True apart, which are equal in Python.
    groups: dict[str, tuple[Resource, dict[str, tuple[Scope, list[Json]]]]] = {}
    for span in spans:
        _, scopes = groups.setdefault(repr(span.resource), (span.resource, {}))
        _, encoded = scopes.setdefault(repr(span.scope), (span.scope, []))
        encoded.append(_span(span))
    return {
        "resourceSpans": [
            _resource_spans(resource, list(scopes.values())) for resource, scopes in groups.values()
        ]
    }


def _resource_spans(resource: Resource, scopes: Sequence[tuple[Scope, list[Json]]]) -> Json:
    attributes = resource.attributes
    if resource.service and all(key != "service.name" for key, _ in attributes):
        attributes = (("service.name", resource.service), *attributes)
    return _present(
        resource=_present(attributes=_attributes(attributes)),
        scopeSpans=[
            _present(
                scope=_present(
                    name=scope.name,
                    version=scope.version,
                    attributes=_attributes(scope.attributes),
                ),
                spans=spans,
                schemaUrl=scope.schema_url,
            )
            for scope, spans in scopes
        ],
        schemaUrl=resource.schema_url,
    )


def _span(span: Span) -> Json:
    return _present(
        traceId=span.trace_id,
        spanId=format_span_id(span.span_id),
        traceState=span.trace_state,
        parentSpanId=format_span_id(span.parent_id) if span.parent_id else "",
        flags=span.flags,
        name=span.name,
        kind=int(span.kind),
        startTimeUnixNano=str(span.start_ns),
        endTimeUnixNano=str(span.end_ns),
        attributes=_attributes(span.attributes),
        droppedAttributesCount=span.dropped.attributes,
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped.events,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped.links,
        status=_present(message=span.status.message, code=int(span.status.code)),
    )


def _event(event: Event) -> Json:
    return _present(
        timeUnixNano=str(event.time_ns),
        name=event.name,
        attributes=_attributes(event.attributes),
        droppedAttributesCount=event.dropped_attributes,
    )


def _link(link: Link) -> Json:
    return _present(
        traceId=link.trace_id,
        spanId=format_span_id(link.span_id),
        traceState=link.trace_state,
        attributes=_attributes(link.attributes),
        droppedAttributesCount=link.dropped_attributes,
        flags=link.flags,
    )


def _present(**fields: object) -> Json:
    """Leave out what protobuf's JSON leaves out: zero, empty text, lists and objects."""
    return {name: value for name, value in fields.items() if value}


def _attributes(attributes: Attributes) -> list[Json]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes]


def _any_value(value: Value, depth: int = 0) -> Json:
    """Return an AnyValue; values are at most MAX_DEPTH levels deep, so this recursion is bounded."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        in_range = _MIN_INT <= value <= _MAX_INT
        return {"intValue": str(value)} if in_range else {"stringValue": str(value)}
    if isinstance(value, float):
        # protobuf's JSON writes what JSON has no number for as text.
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[repr(value)]}
    if isinstance(value, bytes | bytearray):
        return {"bytesValue": base64.b64encode(value).decode()}
    if value is None:
        return {}
    if depth > MAX_DEPTH:
        return {"stringValue": "…"}
    if isinstance(value, Mapping):
        pairs = [
            {"key": str(key), "value": _any_value(item, depth + 1)} for key, item in value.items()
        ]
        return {"kvlistValue": {"values": pairs}}
    return {"arrayValue": {"values": [_any_value(item, depth + 1) for item in value]}}


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
