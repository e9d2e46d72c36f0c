"""Spans → Jaeger's JSON, as its query API (v2.20) and UI have it: `model/json/model.go` for the
shape, the Collector's translator (contrib `pkg/translator/jaeger`) for the tags."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from viewer.formats.jaeger.json import TRACE_WARNING
from viewer.formats.jaeger.mapping import REF_TYPE, WARNING
from viewer.trace.attributes import Attributes, Value, dump_json, plain
from viewer.trace.ids import format_span_id, format_trace_id
from viewer.trace.span import Event, Link, Resource, Scope, Span, SpanKind, StatusCode

Json: TypeAlias = "dict[str, object]"
# Beyond these JavaScript loses digits, so Jaeger writes integers as text.
_MAX_NUMBER = (1 << 53) - 1
_ENVELOPE: Json = {"total": 0, "limit": 0, "offset": 0, "errors": None}
# Processes by their content: each one's number, and the process.
_Numbered: TypeAlias = "dict[str, tuple[str, Json]]"
_KINDS = {kind: kind.name.lower() for kind in SpanKind if kind}


def encode(spans: Iterable[Span]) -> bytes:
    """Return what Jaeger's UI saves and loads: ``{"data": [trace, …]}``, one per trace ID."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    data = [encode_trace(trace_id, of_trace) for trace_id, of_trace in traces.items()]
    return dump_json({"data": data, **_ENVELOPE}).encode()


def encode_groups(groups: Iterable[Iterable[Span]]) -> Iterator[bytes]:
    """Yield the same document piece by piece, so that a trace of any size can be written; all spans
    are of one trace."""
    yield b'{"data":['
    numbered: _Numbered = {}
    warnings: list[str] = []
    begun = False
    for group in groups:
        spans = list(group)
        if not spans:
            continue
        encoded, of_trace = _spans(spans, numbered, {})
        warnings += of_trace
        trace_id = dump_json(format_trace_id(spans[0].trace_id))
        yield b"," if begun else f'{{"traceID":{trace_id},"spans":['.encode()
        yield dump_json(encoded)[1:-1].encode()
        begun = True
    if begun:
        rest = {"processes": dict(numbered.values()), "warnings": warnings or None}
        yield b"]," + dump_json(rest)[1:].encode()
    yield b"]," + dump_json(_ENVELOPE)[1:].encode()


def encode_trace(
    trace_id: str,
    spans: Iterable[Span],
    warnings: Mapping[int, Sequence[str]] | None = None,
) -> Json:
    """Return a Trace. ``warnings`` are by position of the span; processes are numbered from p1 in
    the order met, equal ones once."""
    numbered: _Numbered = {}
    encoded, of_trace = _spans(spans, numbered, warnings or {})
    return {
        "traceID": format_trace_id(trace_id),
        "spans": encoded,
        "processes": dict(numbered.values()),
        "warnings": of_trace or None,
    }


def _spans(
    spans: Iterable[Span], numbered: _Numbered, warnings: Mapping[int, Sequence[str]]
) -> tuple[list[Json], list[str]]:
    """Return the spans, and what is said of the trace as a whole; new processes get their numbers."""
    encoded: list[Json] = []
    of_trace: list[str] = []
    for position, span in enumerate(spans):
        key = repr((span.service, span.resource.attributes))
        if key not in numbered:
            numbered[key] = (f"p{len(numbered) + 1}", _process(span.resource))
        of_span = [text for name, text in span.as_sent if name == WARNING]
        of_span += warnings.get(position, ())
        of_trace += [text for name, text in span.as_sent if name == TRACE_WARNING]
        encoded.append(_span(span, numbered[key][0], of_span))
    return encoded, of_trace


def _process(resource: Resource) -> Json:
    tags = tuple(pair for pair in resource.attributes if pair[0] != "service.name")
    return {"serviceName": resource.service, "tags": _tags(tags)}


def _span(span: Span, process_id: str, warnings: list[str]) -> Json:
    encoded: Json = {
        "traceID": format_trace_id(span.trace_id),
        "spanID": format_span_id(span.span_id),
    }
    if span.flags:
        encoded["flags"] = span.flags
    encoded |= {
        "operationName": span.name,
        "references": _references(span),
        "startTime": span.start_ns // 1_000,
        "duration": span.duration_ns // 1_000,
        "tags": _tags(span.attributes) + _tags(_tags_of_fields(span)),
        "logs": [_log(event) for event in span.events],
        "processID": process_id,
        "warnings": warnings or None,
    }
    return encoded


def _references(span: Span) -> list[Json]:
    references: list[Json] = []
    if span.parent_id:
        references.append(_reference("CHILD_OF", span.trace_id, span.parent_id))
    references += [_reference(_ref_type(link), link.trace_id, link.span_id) for link in span.links]
    return references


def _ref_type(link: Link) -> str:
    return "CHILD_OF" if (REF_TYPE, "child_of") in link.attributes else "FOLLOWS_FROM"


def _reference(kind: str, trace_id: str, span_id: int) -> Json:
    return {
        "refType": kind,
        "traceID": format_trace_id(trace_id),
        "spanID": format_span_id(span_id),
    }


def _tags_of_fields(span: Span) -> Attributes:
    """Return what Jaeger has no field for as the tags that stand for it."""
    tags: list[tuple[str, Value]] = []
    tags += _scope_tags(span.scope)
    if span.kind:
        tags.append(("span.kind", _KINDS[span.kind]))
    if span.status.code is StatusCode.ERROR:
        tags.append(("error", True))
    if span.status.code:
        tags.append(("otel.status_code", span.status.code.name))
    if span.status.message:
        tags.append(("otel.status_description", span.status.message))
    if span.trace_state:
        tags.append(("w3c.tracestate", span.trace_state))
    taken = {key for key, _ in span.attributes}
    return tuple(tag for tag in tags if tag[0] not in taken)


def _scope_tags(scope: Scope) -> list[tuple[str, Value]]:
    pairs = (("otel.scope.name", scope.name), ("otel.scope.version", scope.version))
    return [(key, text) for key, text in pairs if text]


def _log(event: Event) -> Json:
    fields = event.attributes
    if event.name and all(key != "event" for key, _ in fields):
        fields = (("event", event.name), *fields)
    return {"timestamp": event.time_ns // 1_000, "fields": _tags(fields)}


def _tags(attributes: Attributes) -> list[Json]:
    return [_tag(key, value) for key, value in attributes]


def _tag(key: str, value: Value) -> Json:
    if isinstance(value, str):
        return {"key": key, "type": "string", "value": value}
    if isinstance(value, bool):
        return {"key": key, "type": "bool", "value": value}
    if isinstance(value, int):
        exact = -_MAX_NUMBER <= value <= _MAX_NUMBER
        return {"key": key, "type": "int64", "value": value if exact else str(value)}
    if isinstance(value, float):
        # JSON has no NaN or infinity; Go's encoder fails on them, a reader sees the text here.
        return {"key": key, "type": "float64", "value": _finite(value)}
    if isinstance(value, bytes | bytearray):
        return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
    text = "" if value is None else dump_json(plain(value))
    return {"key": key, "type": "string", "value": text}


def _finite(value: float) -> float | str:
    return value if -_LARGEST <= value <= _LARGEST else repr(value)


_LARGEST = 1.7976931348623157e308
