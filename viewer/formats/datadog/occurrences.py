"""Events and links of a Datadog span: native fields, or JSON texts among its tags."""

from collections.abc import Callable, Mapping

from viewer.formats.base import MAX_EVENTS, MAX_LINKS, Decoded, DecodeError
from viewer.formats.datadog.fields import (
    to_attributes,
    to_key,
    to_map,
    to_text,
    to_uint64,
    to_value,
)
from viewer.formats.loose_json import load, to_count, to_int
from viewer.trace.attributes import Attributes, Value
from viewer.trace.ids import InvalidId, parse_span_id, parse_trace_id
from viewer.trace.span import Event, Link

LINKS_TAG = "_dd.span_links"
EVENTS_TAG = "events"
# The tracer sets it beside the flags of W3C, to tell flags of 0 from none (`span.proto`).
_FLAGS_ARE_SET = 1 << 31
_VALUE_FIELDS = ("string_value", "bool_value", "int_value", "double_value")
_ARRAY = 4
_MAPS_OF_ROW = 10


def take_links(
    span: Mapping[object, object],
    meta: dict[object, object],
    upper_half: Callable[[int], int | None],
    decoded: Decoded,
) -> tuple[tuple[Link, ...], int]:
    """Return the links, native ones before the tag's, and how many are left out; a tag that was
    read is removed from ``meta``. ``upper_half`` completes trace IDs of 64 bits."""
    links = []
    sent = _rows(span.get("span_links"), meta, LINKS_TAG, MAX_LINKS)
    rows, left_out = decoded.first(sent, MAX_LINKS, "links")
    for fields in rows:
        try:
            links.append(_link(to_map(fields), upper_half))
        except InvalidId as error:
            decoded.note(f"a link was left out: {error}")
    return tuple(links), left_out


def _link(fields: Mapping[object, object], upper_half: Callable[[int], int | None]) -> Link:
    sent = fields.get("trace_id")
    if isinstance(sent, str):
        trace_id = parse_trace_id(sent)
    else:
        lower = to_uint64(sent, "trace ID")
        high = fields.get("trace_id_high")
        upper = to_uint64(high, "trace ID's upper half") if high is not None else 0
        trace_id = parse_trace_id(f"{upper or upper_half(lower) or 0:016x}{lower:016x}")
    sent = fields.get("span_id")
    span_id = parse_span_id(sent) if isinstance(sent, str) else to_uint64(sent, "span ID")
    return Link(
        trace_id,
        span_id,
        to_attributes(fields.get("attributes")),
        to_text(fields.get("tracestate")),
        to_count(fields.get("flags")) & ~_FLAGS_ARE_SET,
    )


def take_events(
    span: Mapping[object, object], meta: dict[object, object], decoded: Decoded
) -> tuple[tuple[Event, ...], int]:
    """Return the events: native ones, those of v1.0, or the tag's, which is then removed; and how
    many are left out."""
    native = span.get("span_events")
    read = to_attributes
    if isinstance(native, list) and native:
        meta.pop(EVENTS_TAG, None)
        sent, read = native, _typed_attributes
    else:
        sent = _rows(span.get("events"), meta, EVENTS_TAG, MAX_EVENTS)
    rows, left_out = decoded.first(sent, MAX_EVENTS, "events")
    return tuple(_event(to_map(fields), read) for fields in rows), left_out


def _event(fields: Mapping[object, object], attributes: Callable[[object], Attributes]) -> Event:
    return Event(
        max(to_int(fields.get("time_unix_nano")) or 0, 0),
        to_text(fields.get("name")),
        attributes(fields.get("attributes")),
    )


def _rows(native: object, meta: dict[object, object], tag: str, most: int) -> list[object]:
    """Return the native list, else the list of maps that a tag's JSON text holds, else nothing: a
    tag of another's making, or of more than ``most`` maps, stays a tag."""
    if isinstance(native, list) and native:
        meta.pop(tag, None)
        return native
    text = meta.get(tag)
    if not isinstance(text, str) or not text.startswith("["):
        return []
    # Each row has a few maps in it. Of far more, the text is not even parsed.
    if text.count("{") > _MAPS_OF_ROW * most:
        return []
    try:
        rows = load(text.encode("utf-8", "replace"))
    except DecodeError:
        return []
    if not isinstance(rows, list) or len(rows) > most:
        return []
    if not all(isinstance(row, dict) for row in rows):
        return []
    del meta[tag]
    return rows


def _typed_attributes(value: object) -> Attributes:
    return tuple((to_key(key), _typed(item)) for key, item in to_map(value).items())


def _typed(value: object) -> Value:
    """Return an AttributeAnyValue (`span.proto`): a type, and a field for each."""
    fields = to_map(value)
    kind = to_int(fields.get("type", 0))
    if kind == _ARRAY:
        items = to_map(fields.get("array_value")).get("values")
        return [_scalar(to_map(item)) for item in items] if isinstance(items, list) else []
    return _scalar(fields)


def _scalar(fields: Mapping[object, object]) -> Value:
    kind = to_int(fields.get("type", 0))
    if kind is None or not 0 <= kind < len(_VALUE_FIELDS):
        return None
    value = to_value(fields.get(_VALUE_FIELDS[kind]))
    if _VALUE_FIELDS[kind] == "double_value" and isinstance(value, int):
        return float(value)
    return value
