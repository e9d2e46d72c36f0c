"""What Jaeger's model means in OpenTelemetry's terms, whichever way it was written down.

As the Collector's translator does it (contrib `pkg/translator/jaeger`), with two differences:
resource tags keep their names (``hostname``), and an HTTP status alone makes no span an error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from viewer.trace.attributes import Attribute, Value, show_value
from viewer.trace.batch import bounded_ns
from viewer.trace.span import (
    NO_OPEN_END,
    Dropped,
    Event,
    Link,
    OpenEnd,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

REF_TYPE = "opentracing.ref_type"
WARNING = "warning"
_KINDS = {kind.name.lower(): kind for kind in SpanKind if kind}
_CODES = StatusCode.__members__
_MAX_ATTRIBUTES = 100
_NONE_DROPPED = Dropped()
_SCOPE_NAME = ("otel.scope.name", "otel.library.name")
_SCOPE_VERSION = ("otel.scope.version", "otel.library.version")
_OF_THE_SDK = frozenset(
    f"telemetry.{of}"
    for of in ("sdk.language", "sdk.name", "sdk.version", "distro.name", "distro.version")
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Jaeger's way from a span to another: a parent (``child_of``), or what it follows from."""

    child_of: bool
    trace_id: str
    span_id: int


def relate(
    trace_id: str, references: Iterable[Reference], parent_id: int = 0
) -> tuple[int, tuple[Link, ...]]:
    """Return the parent and the links.

    Parent is the first CHILD_OF of this trace, else the first FOLLOWS_FROM of this trace
    (`model.Span.ParentSpanID`), which stays a link as well, since it says more than "child".
    ``parent_id`` is the field older than references: a CHILD_OF ahead of them, unless one of them
    names that span already (`model.MaybeAddParentSpanID`), whose type then counts.
    """
    known = list(references)
    if parent_id and not any(
        known_one.span_id == parent_id and known_one.trace_id == trace_id for known_one in known
    ):
        known.insert(0, Reference(True, trace_id, parent_id))
    of_this_trace = [reference for reference in known if reference.trace_id == trace_id]
    parent = next((reference for reference in of_this_trace if reference.child_of), None)
    links = tuple(_link(reference) for reference in known if reference is not parent)
    if parent is None and of_this_trace:
        return of_this_trace[0].span_id, links
    return parent.span_id if parent else 0, links


def _link(reference: Reference) -> Link:
    attributes: tuple[Attribute, ...] = ((REF_TYPE, "child_of"),) if reference.child_of else ()
    return Link(reference.trace_id, reference.span_id, attributes)


def process_resource(service: str | None, tags: Iterable[Attribute]) -> Resource:
    """Return a process as resource; ``service`` is None where the process has no such field."""
    if service is None:
        return Resource("", tuple(tags))
    named = ("service.name", service)
    # OpenTelemetry's exporters name the service among the tags too.
    return Resource(service, (named, *(tag for tag in tags if tag != named)))


def take_sdk(resource: Resource, tags: list[Attribute]) -> Resource:
    """Move the tags that say which SDK made a span to its resource, where they belong.

    OpenTelemetry's exporters write the resource as tags of each span, and Jaeger moves these back
    when it is asked (`internal/adjuster`). What contradicts the process stays with the span.
    """
    said = dict(tag for tag in tags if tag[0] in _OF_THE_SDK)
    # A process of thousands of tags is not made anew for each span.
    if not said or len(resource.attributes) > _MAX_ATTRIBUTES:
        return resource
    known = dict(resource.attributes)
    settled = {**said, **known}
    tags[:] = [tag for tag in tags if tag[0] not in said or tag[1] != settled[tag[0]]]
    moved = [(key, value) for key, value in said.items() if key not in known]
    return replace(resource, attributes=(*resource.attributes, *moved))


def log_event(time_ns: int, fields: list[Attribute]) -> Event:
    """Return a log as event: its name is the field ``event``, or ``message``."""
    return Event(time_ns, _take_text(fields, "event", "message"), tuple(fields))


def tagged_span(
    *,
    trace_id: str,
    span_id: int,
    parent_id: int,
    links: tuple[Link, ...],
    name: str,
    start_ns: int,
    duration_ns: int,
    resource: Resource,
    tags: list[Attribute],
    events: Iterable[Event],
    flags: int,
    as_sent: Sequence[tuple[str, str]],
    dropped: Dropped = _NONE_DROPPED,
    open_ends: OpenEnd = NO_OPEN_END,
) -> Span:
    """Return a span; kind, status, scope and trace state are taken out of ``tags``."""
    kind = _take_kind(tags)
    status = _take_status(tags)
    scope = Scope(_take_text(tags, *_SCOPE_NAME), _take_text(tags, *_SCOPE_VERSION))
    trace_state = _take_text(tags, "w3c.tracestate")
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        start_ns=start_ns,
        duration_ns=duration_ns,
        kind=kind,
        status=status,
        resource=resource,
        scope=scope,
        attributes=tuple(tags),
        events=tuple(events),
        links=links,
        trace_state=trace_state,
        flags=flags,
        dropped=dropped,
        as_sent=tuple(as_sent),
        open_ends=open_ends,
    )


def changed_times(start_ns: int, duration_ns: int) -> list[tuple[str, str]]:
    """Return, for ``as_sent``, the times that cannot be kept as they are."""
    pairs = (("startTime", start_ns), ("duration", duration_ns))
    return [(field, f"{sent} ns") for field, sent in pairs if bounded_ns(sent) != sent]


def _take_text(tags: list[Attribute], *keys: str) -> str:
    """Remove the first tag with the first of these keys that is there; return its text."""
    for key in keys:
        for index, (name, value) in enumerate(tags):
            if name == key and isinstance(value, str):
                del tags[index]
                return value
    return ""


def _take_kind(tags: list[Attribute]) -> SpanKind:
    for index, (name, value) in enumerate(tags):
        if name == "span.kind" and isinstance(value, str) and value.lower() in _KINDS:
            del tags[index]
            return _KINDS[value.lower()]
    return SpanKind.UNSPECIFIED


def _take_status(tags: list[Attribute]) -> Status:
    """Remove the tags that mean a status: ``error`` if true, and OpenTelemetry's own."""
    code = StatusCode.UNSET
    kept: list[Attribute] = []
    message: Value = ""
    for name, value in tags:
        if name == "error" and (value is True or value == "true"):
            code = StatusCode.ERROR
        elif name == "otel.status_code" and show_value(value).upper() in _CODES:
            # The tag `error` has the last word, as in the Collector.
            code = max(code, _CODES[show_value(value).upper()])
        elif name in ("otel.status_description", "otel.status_message"):
            message = value
        else:
            kept.append((name, value))
    tags[:] = kept
    return Status(code, show_value(message))
