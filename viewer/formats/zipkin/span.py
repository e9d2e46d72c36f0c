"""A Zipkin span in v2's shape, whatever bytes it came in, and its one mapping to OpenTelemetry.

The mapping is the Collector's (contrib `pkg/translator/zipkin`). Client and server halves that
share an ID stay two spans.
"""

from dataclasses import dataclass, field

from viewer.formats.base import MAX_LINKS, Decoded, DecodeError
from viewer.formats.loose_json import (
    load,
    read_parent_id,
    read_trace_id,
    to_count,
    to_dict,
    to_value,
)
from viewer.formats.zipkin.resource import take_resource
from viewer.trace.attributes import Attribute, Attributes, Value, clean_text, show_value
from viewer.trace.ids import format_span_id
from viewer.trace.span import Dropped, Event, Link, Scope, Span, SpanKind, Status, StatusCode

LINK_TAG = "otlp.link."
_CODES = StatusCode.__members__
_MAX_EVENT_JSON = 1 << 20
# More than any client sends; they would take memory out of proportion.
_MAX_TAGS = 100_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host in the network; empty texts and port 0 are unknown."""

    service: str = ""
    ipv4: str = ""
    ipv6: str = ""
    port: int = 0

    def __str__(self) -> str:
        """As a person writes it, for `as_sent`."""
        address = self.ipv4 or (f"[{self.ipv6}]" if self.ipv6 else "")
        port = f":{self.port}" if self.port else ""
        return f"{self.service} {address}{port}".strip()


NOWHERE = Endpoint()


class TooManyTags(ValueError):
    """A span has more tags than are taken."""


def check_tags(count: int) -> None:
    """Raise TooManyTags for so many; to be asked before they are made into anything."""
    if count > _MAX_TAGS:
        raise TooManyTags(f"a span with {count:,} tags, at most {_MAX_TAGS:,}")


@dataclass(frozen=True, slots=True)
class Annotation:
    """What happened at a time (in microseconds); ``attributes`` are what a decoder adds."""

    time_us: int
    text: str
    attributes: Attributes = ()


@dataclass(slots=True)
class ZipkinSpan:
    """The fields of Zipkin's v2 span; times are microseconds, 0 = absent."""

    trace_id: str
    span_id: int
    parent_id: int = 0
    name: str = ""
    kind: SpanKind = SpanKind.UNSPECIFIED
    start_us: int = 0
    duration_us: int = 0
    local: Endpoint = NOWHERE
    remote: Endpoint = NOWHERE
    annotations: list[Annotation] = field(default_factory=list)
    tags: dict[str, Value] = field(default_factory=dict)
    debug: bool = False
    shared: bool = False
    left_out: int = 0
    """How many annotations a decoder left out."""
    as_sent: list[tuple[str, str]] = field(default_factory=list)


def to_span(zipkin: ZipkinSpan, decoded: Decoded) -> Span:
    """Return the span in OpenTelemetry's terms. Takes ``zipkin`` over: its tags are used up.
    A link that cannot be read is a note in ``decoded``."""
    tags, as_sent = zipkin.tags, zipkin.as_sent
    parent_id = zipkin.parent_id
    if parent_id and parent_id == zipkin.span_id:
        # Zipkin drops a parent that is the span itself, and so do we, visibly.
        if all(name != "parentId" for name, _ in as_sent):
            as_sent.append(("parentId", format_span_id(parent_id)))
        parent_id = 0
    kind = zipkin.kind
    if kind is SpanKind.UNSPECIFIED and tags.get("span.kind") == "internal":
        del tags["span.kind"]
        kind = SpanKind.INTERNAL
    as_sent += [
        (flag, "true")
        for flag, is_set in (("shared", zipkin.shared), ("debug", zipkin.debug))
        if is_set
    ]
    return Span(
        trace_id=zipkin.trace_id,
        span_id=zipkin.span_id,
        parent_id=parent_id,
        name=zipkin.name,
        start_ns=max(zipkin.start_us, 0) * 1_000,
        duration_ns=max(zipkin.duration_us, 0) * 1_000,
        kind=kind,
        status=_take_status(tags),
        resource=take_resource(tags, zipkin.local.service, as_sent),
        scope=_take_scope(tags),
        trace_state=_take_text(tags, "w3c.tracestate"),
        links=_take_links(tags, decoded),
        dropped=_take_dropped(tags, zipkin.left_out),
        attributes=_attributes(zipkin, as_sent),
        events=tuple(_event(annotation) for annotation in zipkin.annotations),
        as_sent=tuple(as_sent),
    )


def _take_text(tags: dict[str, Value], *keys: str) -> str:
    """Remove what the first of these tags says, and the others where they say the same."""
    for key in keys:
        text = tags.get(key)
        if isinstance(text, str):
            for equal in keys:
                if tags.get(equal) == text:
                    del tags[equal]
            return clean_text(text)
    return ""


def _take_scope(tags: dict[str, Value]) -> Scope:
    return Scope(
        _take_text(tags, "otel.scope.name", "otel.library.name"),
        _take_text(tags, "otel.scope.version", "otel.library.version"),
    )


def _take_status(tags: dict[str, Value]) -> Status:
    """Remove the tags that mean a status. ``error`` with any value but "false" is an error, and a
    value other than "true" its message."""
    code = StatusCode.UNSET
    named = tags.get("otel.status_code")
    if isinstance(named, str) and named.upper() in _CODES:
        del tags["otel.status_code"]
        code = _CODES[named.upper()]
    message = _take_text(tags, "otel.status_description")
    if "error" in tags:
        error = show_value(tags["error"])
        if error.lower() != "false":
            del tags["error"]
            code = StatusCode.ERROR
            message = message or ("" if error.lower() == "true" else error)
    return Status(code, message)


def _take_dropped(tags: dict[str, Value], events: int) -> Dropped:
    """Remove the tags in which OpenTelemetry's exporters count what they left out; ``events`` more
    were left out here."""
    counts = {"attributes": 0, "events": events, "links": 0}
    for what in counts:
        key = f"otel.dropped_{what}_count"
        if key in tags and (count := to_count(tags[key])):
            del tags[key]
            counts[what] += count
    return Dropped(**counts)


def _take_links(tags: dict[str, Value], decoded: Decoded) -> tuple[Link, ...]:
    """Remove the tags in which the Collector hides links:
    ``trace ID|span ID|trace state|attributes as JSON|dropped attributes``."""
    links: list[Link] = []
    number = 0
    while isinstance(text := tags.get(f"{LINK_TAG}{number}"), str):
        if number == MAX_LINKS:
            decoded.note(f"links beyond {MAX_LINKS:,} a span stay tags")
            break
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


def _attributes(zipkin: ZipkinSpan, as_sent: list[tuple[str, str]]) -> Attributes:
    attributes: list[Attribute] = list(zipkin.tags.items())
    if zipkin.remote.service and "peer.service" not in zipkin.tags:
        attributes.append(("peer.service", zipkin.remote.service))
    _add_address(attributes, zipkin.remote, "peer", as_sent)
    _add_address(attributes, zipkin.local, "host", as_sent)
    return tuple(attributes)


def _add_address(
    attributes: list[Attribute], endpoint: Endpoint, side: str, as_sent: list[tuple[str, str]]
) -> None:
    address = endpoint.ipv4 or endpoint.ipv6
    if address:
        attributes.append((f"net.{side}.ip", address))
    if endpoint.ipv4 and endpoint.ipv6:
        as_sent.append((f"net.{side}.ip", endpoint.ipv6))
    if 0 < endpoint.port < 65536:
        attributes.append((f"net.{side}.port", endpoint.port))


def _event(annotation: Annotation) -> Event:
    time_ns = max(annotation.time_us, 0) * 1_000
    named = _event_with_attributes(annotation.text)
    if named is None:
        return Event(time_ns, annotation.text, annotation.attributes)
    name, attributes = named
    return Event(time_ns, name, attributes + annotation.attributes)


def _event_with_attributes(text: str) -> tuple[str, Attributes] | None:
    """Read ``{"name": {attributes}}``, as OpenTelemetry's exporters write an event, or None."""
    if not text.startswith('{"') or len(text) > _MAX_EVENT_JSON:
        return None
    try:
        value = to_dict(load(text.encode("utf-8", "replace")))
    except DecodeError:
        return None
    if len(value) != 1:
        return None
    name, attributes = next(iter(value.items()))
    return (name, _json_attributes(attributes)) if isinstance(attributes, dict) else None


def _json_attributes(value: object) -> Attributes:
    return tuple((clean_text(key), to_value(item)) for key, item in to_dict(value).items())
