"""OTLP JSON → columns (opentelemetry-proto: docs/specification.md, "JSON Protobuf Encoding").

Beyond the specification it takes what is found in the wild: snake_case names, base64 IDs, enums by
name, nulls, Tempo's ``batches`` and ``trace``, a lone ResourceSpans, attributes as a plain object.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
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
    to_value,
)
from viewer.formats.unreadable import describe_value
from viewer.trace.attributes import (
    MAX_DEPTH,
    Attribute,
    Attributes,
    Value,
    clean_text,
    encode_attribute,
    escape_key,
    show_value,
)
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
_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}
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
            return found if isinstance(found, list) else [found]
    for name in _WRAPPERS:
        inner = value.get(name)
        if isinstance(inner, dict) and any(key in inner for key in _SPANS):
            return _resource_spans(inner)
    if any(isinstance(value.get(name), list) for name in _SCOPE_SPANS):
        return [value]
    return None


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
    attributes = _attributes(to_dict(item.get("resource")).get("attributes"))
    service = next((value for key, value in attributes if key == "service.name"), "")
    return Resource(
        show_value(service), attributes, to_text(first_of(item, "schemaUrl", "schema_url"))
    )


def _scope(item: Mapping[str, object]) -> Scope:
    scope = to_dict(first_of(item, "scope", "instrumentationLibrary", "instrumentation_library"))
    return Scope(
        to_text(scope.get("name")),
        to_text(scope.get("version")),
        _attributes(scope.get("attributes")),
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
    dropped = Dropped(
        to_count(first_of(span, "droppedAttributesCount", "dropped_attributes_count")),
        to_count(first_of(span, "droppedEventsCount", "dropped_events_count")),
        to_count(first_of(span, "droppedLinksCount", "dropped_links_count")),
    )
    events = _events(span.get("events"))
    links = _links(span.get("links"), decoded, lenient)
    values, letters = _packed_attributes(span.get("attributes"))
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
    batch.extra.append(pack_extra(dropped, as_sent))


def _ids(span: Mapping[str, object], lenient: bool) -> tuple[str, int, int, list[tuple[str, str]]]:
    as_sent: list[tuple[str, str]] = []
    sent = first_of(span, "traceId", "trace_id")
    trace_id, made_up = read_trace_id(sent, lenient)
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


def _times(span: Mapping[str, object], as_sent: list[tuple[str, str]]) -> tuple[int, int]:
    """Return start and duration; an end that is absent or before the start gives 0."""
    start = _time(span, "startTimeUnixNano", "start_time_unix_nano")
    end = _time(span, "endTimeUnixNano", "end_time_unix_nano")
    if start and end >= start:
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
                *_packed_attributes(event.get("attributes")),
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
                _attributes(fields.get("attributes")),
                to_text(first_of(fields, "traceState", "trace_state")),
                to_count(fields.get("flags")),
                to_count(first_of(fields, "droppedAttributesCount", "dropped_attributes_count")),
            )
        )
    return pack_links(links)


def _packed_attributes(value: object) -> tuple[list[str], str]:
    """Return attributes as their column holds them; plain text, the most frequent, goes past the
    general way."""
    if not value:
        return [], ""
    texts: list[str] = []
    letters: list[str] = []
    for pair in value if isinstance(value, list) else ():
        try:
            key, any_value = pair["key"], pair["value"]
            text = any_value["stringValue"]
            texts.append(f"{_KEYS[key]}={text if text.isascii() else clean_text(text)}")
            letters.append("s")
        except (KeyError, TypeError, AttributeError):
            for attribute in _pair(pair):
                text, letter = encode_attribute(*attribute)
                texts.append(text)
                letters.append(letter)
    if isinstance(value, dict):
        for name, item in value.items():
            text, letter = encode_attribute(clean_text(name), to_value(item))
            texts.append(text)
            letters.append(letter)
    return texts, "".join(letters)


class _EscapedKeys(dict[str, str]):
    """Attribute keys as columns hold them: few keys come again and again."""

    def __missing__(self, key: str) -> str:
        escaped = escape_key(key)
        if len(self) >= 10_000:
            self.clear()
        if len(key) <= 200:
            self[key] = escaped
        return escaped


_KEYS = _EscapedKeys()


def _attributes(value: object) -> Attributes:
    if isinstance(value, dict):
        return tuple((clean_text(key), to_value(item)) for key, item in value.items())
    return tuple(attribute for pair in to_list(value) for attribute in _pair(pair))


def _pair(pair: object) -> Iterator[Attribute]:
    """Yield a KeyValue's attribute, or nothing if it is none."""
    if isinstance(pair, dict) and isinstance(pair.get("key"), str):
        yield clean_text(pair["key"]), _value(pair.get("value"), 0)


def _value(any_value: object, depth: int) -> Value:
    """Return an AnyValue; a bare JSON value stands for itself. Depth is capped at MAX_DEPTH."""
    if not isinstance(any_value, dict):
        return to_value(any_value)
    for name, raw in any_value.items():
        read = _READERS.get(name)
        if read is not None and raw is not None:
            return read(raw, depth)
    return to_value(any_value, depth) if any_value else None


def _read_int(raw: object, depth: int) -> Value:
    number = to_int(raw)
    return to_value(raw if number is None else number)


def _read_double(raw: object, depth: int) -> Value:
    if isinstance(raw, int | float | str):
        try:
            return float(raw)
        except (ValueError, OverflowError):
            return to_text(raw)
    return to_value(raw)


def _read_bool(raw: object, depth: int) -> Value:
    return raw == "true" if isinstance(raw, str) else bool(raw)


def _read_bytes(raw: object, depth: int) -> Value:
    text = to_text(raw)
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "==")
    except (binascii.Error, ValueError):
        return text


def _read_array(raw: object, depth: int) -> Value:
    if depth >= MAX_DEPTH:
        return "…"
    values = raw if isinstance(raw, list) else to_list(to_dict(raw).get("values"))
    return [_value(item, depth + 1) for item in values]


def _read_map(raw: object, depth: int) -> Value:
    if depth >= MAX_DEPTH:
        return "…"
    pairs = raw if isinstance(raw, list) else to_list(to_dict(raw).get("values"))
    return {
        clean_text(pair["key"]): _value(pair.get("value"), depth + 1)
        for pair in pairs
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


_READERS: dict[str, Callable[[object, int], Value]] = {
    camel_or_snake: read
    for camel, snake, read in (
        ("stringValue", "string_value", lambda raw, depth: to_text(raw)),
        ("intValue", "int_value", _read_int),
        ("doubleValue", "double_value", _read_double),
        ("boolValue", "bool_value", _read_bool),
        ("bytesValue", "bytes_value", _read_bytes),
        ("arrayValue", "array_value", _read_array),
        ("kvlistValue", "kvlist_value", _read_map),
    )
    for camel_or_snake in (camel, snake)
}
