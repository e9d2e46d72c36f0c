"""OTLP JSON → columns (opentelemetry-proto: docs/specification.md, "JSON Protobuf Encoding").

Beyond the specification it takes what is found in the wild: snake_case names, base64 IDs, enums by
name, nulls, Tempo's ``batches`` and ``trace``, a lone ResourceSpans, attributes as a plain object.
"""

from collections.abc import Mapping
from typing import Any

from viewer.formats.base import Decoded, DecodeError
from viewer.formats.loose_json import (
    first_of,
    load,
    paused_gc,
    read_parent_id,
    read_span_id,
    read_trace_id,
    to_count,
    to_dict,
    to_int,
    to_list,
    to_text,
)
from viewer.formats.otlp.any_value import read_attributes, read_packed_attributes
from viewer.formats.unreadable import describe_value
from viewer.trace.attributes import show_value
from viewer.trace.batch import bounded_ns, dump_rows, event_row, pack_extra, pack_links
from viewer.trace.ids import InvalidId
from viewer.trace.span import Dropped, Link, Resource, Scope

_SPANS = ("resourceSpans", "resource_spans", "batches")
_SCOPE_SPANS = (
    "scopeSpans",
    "scope_spans",
    "instrumentationLibrarySpans",
    "instrumentation_library_spans",
)
_WRAPPERS = ("trace", "result")
_OTHER_SIGNALS = {
    "resourceMetrics": "metrics",
    "resource_metrics": "metrics",
    "resourceLogs": "logs",
    "resource_logs": "logs",
    "resourceProfiles": "profiles",
}
_KINDS = {
    name: number
    for number, name in enumerate(
        ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
    )
}
_DROPPED_THINGS = ("Attributes", "Events", "Links")
_DROPPED_FIELDS = frozenset(
    name
    for what in _DROPPED_THINGS
    for name in (f"dropped{what}Count", f"dropped_{what.lower()}_count")
)
_NONE_DROPPED = Dropped()
_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}
_DECADE_NS = 10 * 365 * 86_400 * 1_000_000_000
_EXPECTED = "expected an OTLP ExportTraceServiceRequest in JSON"


class OtlpJson:
    """The format `otlp-json`."""

    name = "otlp-json"
    title = "OTLP JSON"

    def claims(self, value: object) -> bool:
        """Recognise a request, a lone ResourceSpans, and requests of other signals."""
        return isinstance(value, dict) and (
            _resource_spans(value) is not None or _other_signal(value) is not None
        )

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append a request's spans; what is metrics or logs is a note."""
        if not isinstance(value, dict):
            decoded.reject(_EXPECTED)
            return
        resource_spans = _resource_spans(value)
        if resource_spans is None:
            decoded.note(f"OTLP {_other_signal(value)}: no spans")
            return
        for number, item in enumerate(resource_spans):
            if isinstance(item, dict):
                _add_resource_spans(item, decoded, lenient)
            elif item is not None:
                decoded.reject("a ResourceSpans is no JSON object", f"resourceSpans[{number}]")


def decode_request(data: bytes) -> Decoded:
    """Decode the body of an OTLP/HTTP export, strictly; raise DecodeError."""
    with paused_gc():
        try:
            value = load(data)
        except DecodeError as error:
            raise DecodeError(f"{_EXPECTED}; {error.reason}", error.where) from None
        if not isinstance(value, dict):
            raise DecodeError(f"{_EXPECTED}, an object with resourceSpans")
        wire_format = OtlpJson()
        if value and not wire_format.claims(value):
            raise DecodeError(f"{_EXPECTED}; got {describe_value(value)}")
        decoded = Decoded()
        if value:
            wire_format.decode_value(value, decoded, lenient=False)
        return decoded


def _resource_spans(value: Mapping[str, object]) -> list[object] | None:
    """Return the ResourceSpans that an object holds, or None if it is no trace request."""
    for name in _SPANS:
        if name in value:
            found = value[name]
            spans = found if isinstance(found, list) else [found]
            if name != "batches" or all(_is_resource_spans(item) for item in spans[:1]):
                return spans
    for name in _WRAPPERS:
        inner = value.get(name)
        if isinstance(inner, dict) and any(key in inner for key in _SPANS):
            return _resource_spans(inner)
    if any(isinstance(value.get(name), list) for name in _SCOPE_SPANS):
        return [value]
    return None


def _is_resource_spans(value: object) -> bool:
    return isinstance(value, dict) and any(name in value for name in _SCOPE_SPANS)


def _other_signal(value: Mapping[str, object]) -> str | None:
    return next((signal for key, signal in _OTHER_SIGNALS.items() if key in value), None)


def _add_resource_spans(item: dict[str, Any], decoded: Decoded, lenient: bool) -> None:
    resource: Resource | None = None
    for name in _SCOPE_SPANS:
        for scope_spans in to_list(item.get(name)):
            fields = to_dict(scope_spans)
            spans = to_list(fields.get("spans"))
            if not spans:
                continue
            if resource is None:
                resource = _resource(item)
            resource_row = decoded.batch.resource_row(resource)
            scope_row = decoded.batch.scope_row(_scope(fields))
            _add_spans(spans, resource_row, scope_row, decoded, lenient)


def _resource(item: Mapping[str, object]) -> Resource:
    attributes = read_attributes(to_dict(item.get("resource")).get("attributes"))
    service = next((value for key, value in attributes if key == "service.name"), "")
    return Resource(
        show_value(service), attributes, to_text(first_of(item, "schemaUrl", "schema_url"))
    )


def _scope(item: Mapping[str, object]) -> Scope:
    scope = to_dict(first_of(item, "scope", "instrumentationLibrary", "instrumentation_library"))
    return Scope(
        to_text(scope.get("name")),
        to_text(scope.get("version")),
        read_attributes(scope.get("attributes")),
        to_text(first_of(item, "schemaUrl", "schema_url")),
    )


def _add_spans(
    spans: list[object], resource_row: int, scope_row: int, decoded: Decoded, lenient: bool
) -> None:
    batch = decoded.batch
    service = batch.resources[resource_row].service
    before = len(batch)
    for span in spans:
        if not isinstance(span, dict):
            decoded.reject("a span is no JSON object")
            continue
        try:
            _add_span(span, decoded, lenient)
        except (InvalidId, _BadField) as error:
            decoded.reject(str(error))
    added = len(batch) - before
    batch.service.extend([service] * added)
    batch.resource.extend([resource_row] * added)
    batch.scope.extend([scope_row] * added)


class _BadField(ValueError):
    """A field without which a span cannot be placed is unreadable."""


def _add_span(span: dict[str, Any], decoded: Decoded, lenient: bool) -> None:
    """Append one span to all columns but its service, resource and scope; raise before the first
    append if it cannot be kept."""
    trace_id, span_id, parent_id, as_sent = _ids(span, lenient)
    start, duration = _times(span, as_sent)
    kind = _enum(span.get("kind"), _KINDS, "SPAN_KIND_", "kind", as_sent)
    status = to_dict(span.get("status"))
    code = _enum(status.get("code"), _CODES, "STATUS_CODE_", "status.code", as_sent)
    dropped = _NONE_DROPPED if _DROPPED_FIELDS.isdisjoint(span) else _dropped(span)
    events = _events(span.get("events"))
    links = _links(span.get("links"), decoded, lenient)
    values, letters = read_packed_attributes(span.get("attributes"))
    batch = decoded.batch
    batch.trace_id.append(trace_id)
    batch.span_id.append(span_id)
    batch.parent_id.append(parent_id)
    batch.name.append(to_text(span.get("name")))
    batch.kind.append(kind)
    batch.status.append(code)
    batch.start_ns.append(start)
    batch.dur_ns.append(duration)
    batch.attr_values.extend(values)
    batch.attr_offsets.append(len(batch.attr_values))
    batch.attr_types.append(letters)
    batch.events.append(events)
    batch.links.append(links)
    batch.status_message.append(to_text(status.get("message")) or None)
    batch.trace_state.append(to_text(first_of(span, "traceState", "trace_state")) or None)
    batch.flags.append(to_count(span.get("flags")))
    odd = as_sent or dropped is not _NONE_DROPPED
    batch.extra.append(pack_extra(dropped, as_sent) if odd else None)


def _dropped(span: Mapping[str, object]) -> Dropped:
    return Dropped(
        *(
            to_count(first_of(span, f"dropped{what}Count", f"dropped_{what.lower()}_count"))
            for what in _DROPPED_THINGS
        )
    )


def _ids(span: Mapping[str, object], lenient: bool) -> tuple[str, int, int, list[tuple[str, str]]]:
    as_sent: list[tuple[str, str]] = []
    sent = first_of(span, "traceId", "trace_id")
    trace_id, made_up = _read_id_again(sent, lenient)
    if made_up:
        as_sent.append(("traceId", str(sent)))
    sent = first_of(span, "spanId", "span_id")
    span_id, made_up = read_span_id(sent, lenient)
    if made_up:
        as_sent.append(("spanId", str(sent)))
    sent = first_of(span, "parentSpanId", "parent_span_id")
    parent_id, made_up = read_parent_id(sent, lenient)
    if made_up:
        as_sent.append(("parentSpanId", str(sent)))
    return trace_id, span_id, parent_id, as_sent


class _TraceIds(dict[tuple[str, bool], tuple[str, bool]]):
    """Trace IDs read lately: spans of a trace come one after another."""

    def __missing__(self, key: tuple[str, bool]) -> tuple[str, bool]:
        read = read_trace_id(*key)
        if len(self) >= 1_000:
            self.clear()
        if len(key[0]) <= 64:
            self[key] = read
        return read


_TRACE_IDS = _TraceIds()


def _read_id_again(sent: object, lenient: bool) -> tuple[str, bool]:
    return _TRACE_IDS[sent, lenient] if isinstance(sent, str) else read_trace_id(sent, lenient)


def _times(span: Mapping[str, object], as_sent: list[tuple[str, str]]) -> tuple[int, int]:
    """Return start and duration; an end that is absent, before the start, or a real date without a
    start (which would make a duration of decades) gives 0."""
    start = _time(span, "startTimeUnixNano", "start_time_unix_nano")
    end = _time(span, "endTimeUnixNano", "end_time_unix_nano")
    if end >= start and (start or end < _DECADE_NS):
        return start, end - start
    if end:
        as_sent.append(("endTimeUnixNano", str(end)))
    return start, 0


def _time(fields: Mapping[str, object], camel: str, snake: str) -> int:
    value = first_of(fields, camel, snake)
    if value is None or value == "":
        return 0
    number = to_int(value)
    if number is None:
        raise _BadField(f"{camel} is no number")
    return bounded_ns(number)


def _enum(
    value: object,
    names: Mapping[str, int],
    prefix: str,
    field: str,
    as_sent: list[tuple[str, str]],
) -> int:
    """Return an enum given by number or name; what is unknown is 0 and kept as sent."""
    if value is None or value == "":
        return 0
    number: int | None
    if isinstance(value, str):
        number = names.get(value.upper().removeprefix(prefix))
        number = to_int(value) if number is None else number
    else:
        number = to_int(value)
    if number is not None and 0 <= number < len(names):
        return number
    as_sent.append((field, to_text(value)[:200]))
    return 0


def _events(value: object) -> str | None:
    if not value:
        return None
    rows: list[dict[str, object]] = []
    for event in to_list(value):
        if not isinstance(event, dict):
            continue
        time_ns = to_int(first_of(event, "timeUnixNano", "time_unix_nano"))
        rows.append(
            event_row(
                time_ns or 0,
                to_text(event.get("name")),
                *read_packed_attributes(event.get("attributes")),
                to_count(first_of(event, "droppedAttributesCount", "dropped_attributes_count")),
            )
        )
    return dump_rows(rows)


def _links(value: object, decoded: Decoded, lenient: bool) -> str | None:
    if not value:
        return None
    links: list[Link] = []
    for link in to_list(value):
        fields = to_dict(link)
        try:
            trace_id, _ = read_trace_id(first_of(fields, "traceId", "trace_id"), lenient)
            span_id, _ = read_parent_id(first_of(fields, "spanId", "span_id"), lenient)
        except InvalidId as error:
            decoded.note(f"a link was left out: {error}")
            continue
        links.append(
            Link(
                trace_id,
                span_id,
                read_attributes(fields.get("attributes")),
                to_text(first_of(fields, "traceState", "trace_state")),
                to_count(fields.get("flags")),
                to_count(first_of(fields, "droppedAttributesCount", "dropped_attributes_count")),
            )
        )
    return pack_links(links)
