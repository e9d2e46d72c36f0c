"""Stored traces as files that other tools read, for ``tracefall export``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from jinja2 import Environment, FileSystemLoader

from viewer import __version__
from viewer.formats.jaeger import encode as jaeger
from viewer.formats.otlp import encode as otlp
from viewer.formats.zipkin import encode as zipkin
from viewer.paths import STATIC, TEMPLATES
from viewer.search.lookup import read
from viewer.store.base import SpanStore
from viewer.trace.ids import format_trace_id
from viewer.trace.span import Span
from viewer.ui.environment import JINJA_OPTIONS
from viewer.ui.filters import FILTERS
from viewer.ui.loaded_trace import TraceCache
from viewer.ui.offline import write_offline
from viewer.ui.pages.lookup import find

ENCODERS: Mapping[str, Callable[[Iterable[Span]], bytes]] = {
    "otlp": otlp.encode,
    "jaeger": jaeger.encode,
    "zipkin": zipkin.encode,
}
HTML = "html"
_SHOWN, _LONGEST = 3, 200


class UnknownTrace(Exception):
    """The text leads to no stored trace, or to several; the message is one line."""


def export_traces(store: SpanStore, texts: Sequence[str], format_: str) -> bytes:
    """Return the traces as one document, each once, in the order named, their spans as they were sent.

    ``texts`` are IDs in any form that the pages' box takes, ``format_`` is a key of ENCODERS.
    Raises InvalidId, UnknownTrace, StoreError.
    """
    trace_ids = dict.fromkeys(trace_id_of(store, text) for text in texts)
    spans = [found.span for trace_id in trace_ids for found in store.get_spans(trace_id)]
    return ENCODERS[format_](spans)


def export_page(store: SpanStore, text: str) -> Iterator[bytes]:
    """Yield the one trace that the text names as a page that needs no server; raises as
    `export_traces` does."""
    trace_id = trace_id_of(store, text)
    trace = TraceCache(store).get(trace_id)
    if trace is None:
        raise UnknownTrace(f"{text[:_LONGEST]} has just gone from the store")
    templates = Environment(autoescape=True, loader=FileSystemLoader(TEMPLATES), **JINJA_OPTIONS)
    templates.filters.update(FILTERS)
    css = (STATIC / "app.css").read_text()
    yield from write_offline(store, trace, templates, css, __version__, link="")


def trace_id_of(store: SpanStore, text: str) -> str:
    """Return the ID of the one stored trace that a text means; raises as `export_traces` does."""
    readings = read(text)
    found = [match.trace_id for match in find(store, readings)]
    if not found:
        how = "; ".join(dict.fromkeys(reading.how for reading in readings))
        raise UnknownTrace(f"{text[:_LONGEST]} is not stored; it was read as {how}")
    if len(found) > 1:
        shown = ", ".join(format_trace_id(trace_id) for trace_id in found[:_SHOWN])
        more = ", …" if len(found) > _SHOWN else ""
        raise UnknownTrace(
            f"{text[:_LONGEST]} may mean several traces: {shown}{more}; name one in full"
        )
    return found[0]
