"""The spans that link to a span, from whatever trace: the other end of its links."""

from dataclasses import dataclass

from viewer.store.base import Linking
from viewer.trace.ids import format_trace_id
from viewer.ui.filters import format_plural, format_service, service_class
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.rows import cut

MOST_LINKING = 50


@dataclass(frozen=True, slots=True)
class BackLink:
    """A span that links here; ``trace_id`` is empty where it is of the same trace."""

    url: str
    trace_id: str
    name: str
    service: str
    service_class: str
    start_ns: int


@dataclass(frozen=True, slots=True)
class BackLinks:
    """The first spans that link here, by start; ``total`` counts all, ``more`` tells of the others.
    ``span_url`` is the span's own."""

    span_url: str
    total: int
    items: tuple[BackLink, ...]
    more: str


def back_links(trace_id: str, span_id: int, linking: Linking, tz: str) -> BackLinks:
    """Return the list for a span."""
    items = tuple(
        BackLink(
            url=trace_url(span.trace_id, span.span_id, tz),
            trace_id="" if span.trace_id == trace_id else format_trace_id(span.trace_id),
            name=cut(span.name) or "(no name)",
            service=cut(format_service(span.service)),
            service_class=service_class(span.service),
            start_ns=span.start_ns,
        )
        for span in linking.spans
    )
    more = linking.total - len(items)
    return BackLinks(
        span_url=trace_url(trace_id, span_id, tz),
        total=linking.total,
        items=items,
        more=f"{format_plural(more, 'more span')} link here." if more else "",
    )
