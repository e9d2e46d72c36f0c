"""OTLP protobuf → columns (opentelemetry-proto: trace/v1/trace.proto, collector/trace/v1).

The plain decoder: protobuf's C parser for the message, and caches from the bytes of an attribute,
resource, scope or status to their column form, since a process sends the same few again and again
(`design/storage.md` §4, way 2b).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError as ProtobufError

from viewer.formats.base import CHUNK_SPANS, Decoded, DecodeError
from viewer.formats.otlp import wire
from viewer.trace.attributes import Attributes, Value, decode_attributes, encode_attribute
from viewer.trace.batch import (
    bounded_ns,
    dump_rows,
    event_row,
    pack_extra,
    pack_links,
    pack_resource,
    pack_scope,
)
from viewer.trace.ids import InvalidId, trace_id_from_bytes
from viewer.trace.span import Dropped, Link, Resource, Scope

_ZERO_TRACE, _ZERO_SPAN = bytes(16), bytes(8)
_CACHED_BYTES = 512
_CACHED_ENTRIES = 200_000
EXPECTED = "expected an OTLP ExportTraceServiceRequest in protobuf"
_Made = TypeVar("_Made")


class _Cache(dict[bytes, _Made], Generic[_Made]):
    """Bytes → what they decode to. Small entries are kept, up to a bound; then it starts anew."""

    def __init__(self, make: Callable[[bytes], _Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, raw: bytes) -> _Made:
        made = self._make(raw)
        if len(raw) <= _CACHED_BYTES:
            if len(self) >= _CACHED_ENTRIES:
                self.clear()
            self[raw] = made
        return made


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _value(any_value: Any) -> Value:
    """Return an AnyValue; its nesting is bounded by protobuf's own limit of 100 levels."""
    which = any_value.WhichOneof("value")
    if which is None:
        return None
    if which == "string_value":
        return _text(any_value.string_value)
    if which == "array_value":
        return [_value(item) for item in any_value.array_value.values]
    if which == "kvlist_value":
        return {_text(item.key): _value(item.value) for item in any_value.kvlist_value.values}
    value: Value = getattr(any_value, which)
    return value


def _packed(raw: bytes) -> tuple[str, str]:
    """Return a KeyValue's bytes as (``key=value``, type letter)."""
    # The common case, a short key with a short string, is cheaper read by hand:
    # 0A length key, 12 length (0A length text).
    if len(raw) < 128 and raw[:1] == b"\x0a":
        end = 2 + raw[1]
        if raw[end : end + 1] == b"\x12" and raw[end + 2 : end + 3] == b"\x0a":
            key, size = raw[2:end], len(raw) - end - 4
            if raw[end + 1] == size + 2 and raw[end + 3] == size and _is_plain(key):
                return _text(b"%b=%b" % (key, raw[end + 4 :])), "s"
    pair = wire.KeyValue.FromString(raw)
    return encode_attribute(_text(pair.key), _value(pair.value))


def _is_plain(key: bytes) -> bool:
    return b"=" not in key and b"\\" not in key


_attribute_cache: _Cache[tuple[str, str]] = _Cache(_packed)
_names: _Cache[str] = _Cache(_text)


def _pack_attributes(raws: Sequence[bytes]) -> tuple[Sequence[str], str]:
    if not raws:
        return (), ""
    try:
        # As fast as it gets without a loop: most spans have only attributes that were met before.
        texts, letters = zip(*map(_attribute_cache.get, raws), strict=True)
    except TypeError:
        # get() gave None for a new one, and None cannot be unpacked.
        texts, letters = zip(*[_attribute_cache[raw] for raw in raws], strict=True)
    return texts, "".join(letters)


def _attributes(raws: Iterable[bytes]) -> Attributes:
    return decode_attributes(*_pack_attributes(list(raws)))


def _status_of(raw: bytes) -> tuple[int, str | None]:
    status = wire.Status.FromString(raw)
    code = status.code if 0 <= status.code <= 2 else 0
    return code, _text(status.message) or None


_statuses: _Cache[tuple[int, str | None]] = _Cache(_status_of)
_statuses[b""] = (0, None)


@lru_cache(maxsize=10_000)
def resource_of(raw: bytes, schema_url: bytes) -> tuple[Resource, str]:
    """Return a resource and its packed text; raise protobuf's DecodeError."""
    attributes = _attributes(wire.Resource.FromString(raw).attributes)
    service = next((value for key, value in attributes if key == "service.name"), "")
    resource = Resource(
        service if isinstance(service, str) else encode_attribute("", service)[0][1:],
        attributes,
        _text(schema_url),
    )
    return resource, pack_resource(resource)


@lru_cache(maxsize=10_000)
def scope_of(raw: bytes, schema_url: bytes) -> tuple[Scope, str]:
    """Return a scope and its packed text; raise protobuf's DecodeError."""
    scope = wire.Scope.FromString(raw)
    made = Scope(
        _text(scope.name), _text(scope.version), _attributes(scope.attributes), _text(schema_url)
    )
    return made, pack_scope(made)


def _events(raws: Sequence[bytes]) -> str | None:
    rows: list[dict[str, object]] = []
    for raw in raws:
        event = wire.Event.FromString(raw)
        rows.append(
            event_row(
                event.time_unix_nano,
                _names[event.name],
                *_pack_attributes(list(event.attributes)),
                event.dropped_attributes_count,
            )
        )
    return dump_rows(rows)


def _links(raws: Sequence[bytes], decoded: Decoded) -> str | None:
    links: list[Link] = []
    for raw in raws:
        link = wire.Link.FromString(raw)
        try:
            trace_id = trace_id_from_bytes(link.trace_id)
        except InvalidId as error:
            decoded.note(f"a link was left out: {error}")
            continue
        links.append(
            Link(
                trace_id,
                int.from_bytes(link.span_id[:8], "big"),
                _attributes(link.attributes),
                _text(link.trace_state),
                link.flags,
                link.dropped_attributes_count,
            )
        )
    return pack_links(links)


def add_spans(spans: Iterable[Any], resource_row: int, scope_row: int, decoded: Decoded) -> None:
    """Append spans (wire.Span) of one resource and scope to the columns; refuse bad ones."""
    batch = decoded.batch
    service = batch.resources[resource_row].service
    trace_ids, span_ids, parent_ids = batch.trace_id, batch.span_id, batch.parent_id
    names, kinds, flags, extras = batch.name, batch.kind, batch.flags, batch.extra
    starts, durations = batch.start_ns, batch.dur_ns
    values, offsets, types = batch.attr_values, batch.attr_offsets, batch.attr_types
    events, links, trace_states = batch.events, batch.links, batch.trace_state
    codes, messages = batch.status, batch.status_message
    before = len(span_ids)
    for span in spans:
        trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
        if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
            decoded.reject(f"invalid trace ID ({_id_fault(trace_id, 16)})")
            continue
        if len(span_id) != 8 or span_id == _ZERO_SPAN:
            decoded.reject(f"invalid span ID ({_id_fault(span_id, 8)})")
            continue
        if len(parent_id) not in (0, 8):
            decoded.reject(f"invalid parent span ID ({_id_fault(parent_id, 8)})")
            continue
        try:
            texts, letters = _pack_attributes(list(span.attributes))
            event_text = _events(span.events) if span.events else None
            link_text = _links(span.links, decoded) if span.links else None
            code, message = _statuses[span.status]
        except ProtobufError:
            decoded.reject("an attribute, event, link or status cannot be decoded")
            continue
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        as_sent: tuple[tuple[str, str], ...] = ()
        timed = 0 < start <= end
        if end and not timed:
            # No duration follows from a start that is absent or later than the end.
            as_sent = (("end_time_unix_nano", str(end)),)
        dropped_counts = (
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        )
        kind = span.kind
        trace_ids.append(trace_id.hex())
        span_ids.append(int.from_bytes(span_id, "big"))
        parent_ids.append(int.from_bytes(parent_id, "big"))
        names.append(_names[span.name])
        kinds.append(kind if 0 <= kind <= 5 else 0)
        codes.append(code)
        messages.append(message)
        starts.append(bounded_ns(start))
        durations.append(bounded_ns(end) - bounded_ns(start) if timed else 0)
        values.extend(texts)
        offsets.append(len(values))
        types.append(letters)
        events.append(event_text)
        links.append(link_text)
        trace_states.append(_names[span.trace_state] or None)
        flags.append(span.flags)
        extras.append(
            pack_extra(Dropped(*dropped_counts), as_sent)
            if as_sent or any(dropped_counts)
            else None
        )
    added = len(span_ids) - before
    batch.service.extend([service] * added)
    batch.resource.extend([resource_row] * added)
    batch.scope.extend([scope_row] * added)


def _id_fault(raw: bytes, size: int) -> str:
    return "zeros only" if len(raw) == size else f"{size} bytes expected, got {len(raw)}"


def decode_message(data: bytes, where: str) -> Iterator[Decoded]:
    """Yield one request's spans in chunks; raise DecodeError if it is no such message."""
    try:
        request = wire.Request.FromString(data)
    except ProtobufError as error:
        raise DecodeError(f"{EXPECTED}, which breaks off or is malformed", where) from error
    decoded = Decoded()
    for resource_spans in request.resource_spans:
        schema_url = resource_spans.schema_url
        try:
            resource, key = resource_of(resource_spans.resource, schema_url)
        except ProtobufError as error:
            raise DecodeError(f"{EXPECTED}; a resource cannot be decoded", where) from error
        for scope_spans in (
            *resource_spans.scope_spans,
            *resource_spans.instrumentation_library_spans,
        ):
            try:
                scope, scope_key = scope_of(scope_spans.scope, scope_spans.schema_url)
            except ProtobufError as error:
                raise DecodeError(f"{EXPECTED}; a scope cannot be decoded", where) from error
            resource_row = decoded.batch.resource_row(resource, key)
            scope_row = decoded.batch.scope_row(scope, scope_key)
            add_spans(scope_spans.spans, resource_row, scope_row, decoded)
            if len(decoded.batch) >= CHUNK_SPANS:
                yield decoded
                decoded = Decoded()
    yield decoded


def decode_request(data: bytes) -> Decoded:
    """Decode the body of an OTLP/HTTP or gRPC export, whole; raise DecodeError."""
    chunks = list(decode_message(data, ""))
    if len(chunks) == 1:
        return chunks[0]
    whole = Decoded()
    for chunk in chunks:
        whole.batch.extend(chunk.batch)
        whole.rejected.extend(chunk.rejected)
        whole.notes.extend(chunk.notes)
    return whole
