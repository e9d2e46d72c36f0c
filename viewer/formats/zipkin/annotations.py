"""What the annotations of Zipkin's first model (v1: JSON, Thrift) mean in terms of the second.

Rules: openzipkin/zipkin `v1/V1SpanConverter.java`, and the Collector's `zipkinv1`. Zipkin makes two
spans of one that holds both the client's and the server's annotations; here it stays one, as in
the Collector, so that as many spans come out as were sent. It is the client's, to whom its times
belong; the server's annotations become events that name their service, so its timing is not lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from viewer.formats.zipkin.resource import SERVICE
from viewer.formats.zipkin.span import NOWHERE, Annotation, Endpoint, ZipkinSpan
from viewer.trace.attributes import Value, show_value
from viewer.trace.span import SpanKind

# Core annotations, in the order in which they decide the kind of a span that has several.
_KINDS = {
    "cs": SpanKind.CLIENT,
    "cr": SpanKind.CLIENT,
    "sr": SpanKind.SERVER,
    "ss": SpanKind.SERVER,
    "ms": SpanKind.PRODUCER,
    "mr": SpanKind.CONSUMER,
}
# Where a span begins and ends, by kind. A consumer whose message was read from the wire (wr) before
# it was received (mr) took that time; without wr it has no duration.
_BOUNDS = {
    SpanKind.CLIENT: ("cs", "cr"),
    SpanKind.SERVER: ("sr", "ss"),
    SpanKind.PRODUCER: ("ms", "ws"),
    SpanKind.CONSUMER: ("wr", "mr"),
}
_ADDRESSES = {
    SpanKind.CLIENT: "sa",
    SpanKind.SERVER: "ca",
    SpanKind.PRODUCER: "ma",
    SpanKind.CONSUMER: "ma",
}
_LOCAL_COMPONENT = "lc"


@dataclass(frozen=True, slots=True)
class V1Annotation:
    """What happened at a time (in microseconds), and who says so."""

    time_us: int
    text: str
    host: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class BinaryAnnotation:
    """A tag, or, where key and value say so, the address of the other side."""

    key: str
    value: Value
    host: Endpoint | None = None

    @property
    def is_address(self) -> bool:
        return self.key in ("ca", "sa", "ma") and self.value is True and self.host is not None


@dataclass(slots=True)
class V1Span:
    """The fields of Zipkin's v1 span; times are microseconds, 0 = absent."""

    trace_id: str
    span_id: int
    parent_id: int = 0
    name: str = ""
    start_us: int = 0
    duration_us: int = 0
    annotations: list[V1Annotation] = field(default_factory=list)
    binary_annotations: list[BinaryAnnotation] = field(default_factory=list)
    debug: bool = False
    left_out: int = 0
    """How many annotations a decoder left out."""
    as_sent: list[tuple[str, str]] = field(default_factory=list)


def to_zipkin_span(v1: V1Span) -> ZipkinSpan:
    """Return the span in v2's shape; takes ``v1`` over."""
    core: dict[str, V1Annotation] = {}
    for annotation in v1.annotations:
        if annotation.text in _KINDS or annotation.text in ("ws", "wr"):
            core.setdefault(annotation.text, annotation)
    kind = next((kind for text, kind in _KINDS.items() if text in core), SpanKind.UNSPECIFIED)
    begin, end = _bounds(kind, core)
    start_us, duration_us = _timing(v1, begin, end)
    addresses = _addresses(v1)
    local = _local(v1, kind, core)
    if kind is SpanKind.UNSPECIFIED and "ca" in addresses:
        if "sa" not in addresses:
            kind = SpanKind.SERVER
        elif local is NOWHERE:
            local = addresses.pop("ca")
    remote = _take_remote(kind, core, addresses, local)
    # An address that Zipkin's rules have no use for stays visible.
    v1.as_sent += [(key, str(host)) for key, host in addresses.items()]
    tags, component = _tags(v1, local)
    if not local.service and component:
        local = replace(local, service=component)
    within = {start_us, start_us + duration_us}
    return ZipkinSpan(
        trace_id=v1.trace_id,
        span_id=v1.span_id,
        parent_id=v1.parent_id,
        name=v1.name,
        kind=kind,
        start_us=start_us,
        duration_us=duration_us,
        local=local,
        remote=remote,
        annotations=[
            _event(annotation, local)
            for annotation in v1.annotations
            if not ((annotation is begin or annotation is end) and annotation.time_us in within)
        ],
        tags=tags,
        debug=v1.debug,
        shared=_is_shared(v1, kind, core),
        left_out=v1.left_out,
        as_sent=v1.as_sent,
    )


def _bounds(
    kind: SpanKind, core: dict[str, V1Annotation]
) -> tuple[V1Annotation | None, V1Annotation | None]:
    first, last = _BOUNDS.get(kind, ("", ""))
    begin, end = core.get(first), core.get(last)
    if kind is SpanKind.CONSUMER and begin is None:
        return end, None
    return begin, end


def _timing(v1: V1Span, begin: V1Annotation | None, end: V1Annotation | None) -> tuple[int, int]:
    """Return start and duration: what the span says, else what its annotations say."""
    if v1.start_us and v1.duration_us:
        return v1.start_us, v1.duration_us
    if begin is not None and end is not None:
        return begin.time_us, max(end.time_us - begin.time_us, 0)
    if v1.start_us:
        return v1.start_us, 0
    times = [annotation.time_us for annotation in v1.annotations if annotation.time_us]
    if not times:
        return 0, v1.duration_us
    first = begin.time_us if begin is not None else min(times)
    last = end.time_us if end is not None else max(times)
    return first, v1.duration_us or max(last - first, 0)


def _is_shared(v1: V1Span, kind: SpanKind, core: dict[str, V1Annotation]) -> bool:
    """Say whether this is the server's half of a client's span. In v1 times belong to the client,
    so that a server that does not give them, or not the duration, shares the client's span."""
    if kind is not SpanKind.SERVER or "sr" not in core:
        return False
    return not v1.start_us or ("ss" in core and not v1.duration_us)


def _local(v1: V1Span, kind: SpanKind, core: dict[str, V1Annotation]) -> Endpoint:
    """Return who recorded the span: whoever said the core annotations of its kind, else any host;
    one with a service before one without."""

    def hosts() -> Iterator[Endpoint | None]:
        for text, annotation in core.items():
            if _KINDS.get(text) is kind:
                yield annotation.host
        if kind is SpanKind.UNSPECIFIED or not core:
            for annotation in v1.annotations:
                yield annotation.host
        for item in v1.binary_annotations:
            if not item.is_address:
                yield item.host

    known = [host for host in hosts() if host is not None]
    return next((host for host in known if host.service), known[0] if known else NOWHERE)


def _addresses(v1: V1Span) -> dict[str, Endpoint]:
    """Return the address annotations; of several of a key the last, as Zipkin does, visibly."""
    addresses: dict[str, Endpoint] = {}
    for item in v1.binary_annotations:
        if item.is_address and item.host is not None:
            if item.key in addresses:
                v1.as_sent.append((item.key, str(addresses[item.key])))
            addresses[item.key] = item.host
    return addresses


def _take_remote(
    kind: SpanKind,
    core: dict[str, V1Annotation],
    addresses: dict[str, Endpoint],
    local: Endpoint,
) -> Endpoint:
    """Return the other side, as an address annotation or the other half's annotations name it."""
    # Without a kind the server's address is Zipkin's default for a remote one.
    remote = addresses.pop(_ADDRESSES.get(kind, "sa"), None)
    if remote is None and kind is SpanKind.CLIENT:
        halves = [core[text].host for text in ("sr", "ss") if text in core]
        remote = next((host for host in halves if host is not None), None)
    if remote is None or remote == local:
        return NOWHERE
    if kind is SpanKind.SERVER and remote.service == local.service:
        # Finagle gives the client's port the server's own name.
        return replace(remote, service="")
    return remote


def _tags(v1: V1Span, local: Endpoint) -> tuple[dict[str, Value], str]:
    """Return the tags, and the local component. Of several values of a key the last one of the
    span's own host is the tag, and the others stay visible."""
    tags: dict[str, Value] = {}
    # As text, once: a tag may be large, and many may follow of its key.
    shown: dict[str, str] = {}
    own: set[str] = set()
    component = ""
    for item in v1.binary_annotations:
        if item.is_address:
            continue
        key, value = item.key, item.value
        if key == _LOCAL_COMPONENT:
            if value == "":
                continue
            key, component = "component", show_value(value)
            v1.as_sent.append((_LOCAL_COMPONENT, component))
        is_own = item.host is None or item.host.service in ("", local.service)
        text = show_value(value)
        if key in tags and key in own and not is_own:
            other = text
        else:
            other = shown.get(key, text)
            tags[key], shown[key] = value, text
            if is_own:
                own.add(key)
        if other != shown[key]:
            v1.as_sent.append((key, other))
    return tags, component


def _event(annotation: V1Annotation, local: Endpoint) -> Annotation:
    service = annotation.host.service if annotation.host is not None else ""
    if not service or service == local.service:
        return Annotation(annotation.time_us, annotation.text)
    return Annotation(annotation.time_us, annotation.text, ((SERVICE, service),))
