"""Build spans and traces for tests: a test states only what it cares about."""

from collections.abc import Iterable, Mapping, Sequence

from viewer.trace.attributes import Value
from viewer.trace.batch import SpanBatch
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Event, Link, Resource, Scope, Span, SpanKind, Status, StatusCode
from viewer.trace.summary import MatchedSpan, ServiceCount, TraceSummary
from viewer.trace.tree import TraceTree, build_tree

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


def a_span(
    span_id: int = 1,
    parent_id: int = 0,
    *,
    trace_id: str = TRACE_ID,
    name: str = "GET /",
    service: str = "shop",
    start_ns: int = START_NS,
    duration_ns: int = 100 * MS,
    kind: SpanKind = SpanKind.INTERNAL,
    error: bool | str = False,
    attributes: Mapping[str, Value] | None = None,
    resource: Mapping[str, Value] | None = None,
    scope: Scope | None = None,
    events: Iterable[Event] = (),
    links: Iterable[Link] = (),
) -> Span:
    """Return a span. ``error`` may be the status message; ``resource`` is what the resource says
    beside service.name (which is left out where the service is "")."""
    code = StatusCode.ERROR if error else StatusCode.UNSET
    named: dict[str, Value] = {"service.name": service} if service else {}
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        start_ns=start_ns,
        duration_ns=duration_ns,
        kind=kind,
        status=Status(code, error if isinstance(error, str) else ""),
        resource=Resource(service, tuple({**named, **(resource or {})}.items())),
        scope=scope or Scope(),
        attributes=tuple((attributes or {}).items()),
        events=tuple(events),
        links=tuple(links),
    )


def a_trace(
    number: int = 1,
    *,
    spans: int = 3,
    start_ns: int = START_NS,
    duration_ns: int = 100 * MS,
    service: str = "shop",
    name: str = "GET /",
    error: bool | str = False,
) -> list[Span]:
    """Return a trace of a root and its children, the last of which fails where ``error`` is set.

    Its ID is ``number`` in 32 digits, its span IDs count from ``number * 1000 + 1``; the children
    lie one after another within the root.
    """
    trace_id = f"{number:032x}"
    first = number * 1000 + 1
    root = a_span(
        first,
        trace_id=trace_id,
        name=name,
        service=service,
        start_ns=start_ns,
        duration_ns=duration_ns,
        kind=SpanKind.SERVER,
        error=error if spans == 1 else False,
    )
    step = duration_ns // max(spans, 1)
    children = [
        a_span(
            first + index,
            first,
            trace_id=trace_id,
            name=f"step {index}",
            service=service,
            start_ns=start_ns + index * step,
            duration_ns=step,
            error=error if index == spans - 1 else False,
        )
        for index in range(1, spans)
    ]
    return [root, *children]


def a_forest(parents: Sequence[int]) -> list[Span]:
    """Return a span per entry, with IDs from 1 on and starts 1 ms apart: each names the entry as its
    parent. 0 makes a root; itself, a circle or a number that is no span's ID make an odd trace."""
    return [
        a_span(
            number,
            parent,
            name=f"step {number}",
            start_ns=START_NS + number * MS,
            duration_ns=(len(parents) + 1 - number) * MS,
        )
        for number, parent in enumerate(parents, 1)
    ]


def a_tree(spans: Sequence[Span]) -> TraceTree:
    """Return the spans of one trace as a tree, which is checked."""
    tree = build_tree(columns_of_spans(spans[0].trace_id, spans, range(len(spans))))
    tree.check()
    return tree


def a_batch(spans: Iterable[Span]) -> SpanBatch:
    """Return the spans as a batch, in their order."""
    batch = SpanBatch()
    for span in spans:
        batch.add(span)
    return batch


def of_shape(shape: Sequence[tuple[int, int, int, bool]]) -> list[Span]:
    """Return spans by parent, number of their name, milliseconds and failure: any parents, also circles
    and orphans; few names, so that paths meet."""
    return [
        a_span(
            number,
            parent,
            name=f"n{name}",
            service=f"s{name % 2}",
            start_ns=START_NS + number * MS,
            duration_ns=duration * MS,
            error=failed,
        )
        for number, (parent, name, duration, failed) in enumerate(shape, 1)
    ]


def a_summary() -> TraceSummary:
    """Return what a search tells of a trace of two services, found by a span of the second."""
    return TraceSummary(
        trace_id="0" * 16 + "00000000000000ab",
        root_service="shop",
        root_name="GET /",
        has_root=True,
        start_ns=START_NS,
        duration_ns=100 * MS,
        spans=3,
        errors=1,
        services=(ServiceCount("bank", 1, 1), ServiceCount("shop", 2, 0)),
        matched=MatchedSpan(7, "bank", "charge", START_NS + MS, 50 * MS, is_root=False),
    )
