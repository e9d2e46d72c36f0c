"""Whole traces as files: what formats there are, and how one is written without holding all of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flask import Response, current_app, request

from viewer.formats.jaeger.encode import encode_groups as encode_jaeger
from viewer.formats.otlp.encode import encode_groups as encode_otlp
from viewer.formats.zipkin.encode import encode_groups as encode_zipkin
from viewer.store.base import SpanStore
from viewer.trace.ids import format_trace_id
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree
from viewer.ui.current import current_services
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.offline import write_offline
from viewer.ui.waiting import while_it_is_taken

GROUP_SPANS = 10_000


@dataclass(frozen=True, slots=True)
class Download:
    """A format: how people call it, the file's ending and media type, and what writes it."""

    title: str
    ending: str
    media_type: str
    write: Callable[[SpanStore, LoadedTrace], Iterator[bytes]]


def _of_spans(
    encode: Callable[[Iterable[Iterable[Span]]], Iterator[bytes]],
) -> Callable[[SpanStore, LoadedTrace], Iterator[bytes]]:
    return lambda store, trace: encode(span_groups(store, trace.tree))


def _html(store: SpanStore, trace: LoadedTrace) -> Iterator[bytes]:
    css = Path(current_app.static_folder or "", "app.css").read_text()
    link = f"{request.host_url}trace/{format_trace_id(trace.tree.trace_id)}"
    version = current_services().version
    return write_offline(store, trace, current_app.jinja_env, css, version, link)


DOWNLOADS = {
    "otlp": Download("OTLP JSON", "otlp.json", "application/json", _of_spans(encode_otlp)),
    "jaeger": Download("Jaeger JSON", "jaeger.json", "application/json", _of_spans(encode_jaeger)),
    "zipkin": Download(
        "Zipkin v2 JSON", "zipkin.json", "application/json", _of_spans(encode_zipkin)
    ),
    "html": Download("HTML page", "html", "text/html; charset=utf-8", _html),
}
DOWNLOAD_TITLES = {name: download.title for name, download in DOWNLOADS.items()}


def download_of(store: SpanStore, trace: LoadedTrace, format_: str) -> Response:
    """Answer with a trace as a file; ``format_`` is a key of DOWNLOADS. Spans are as they were sent."""
    chosen = DOWNLOADS[format_]
    chunks = while_it_is_taken(chosen.write(store, trace))
    response = Response(chunks, content_type=chosen.media_type)
    # An ID is hexadecimal digits, so it can stand in a header and in any file system.
    name = f"{format_trace_id(trace.tree.trace_id)}.{chosen.ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def span_groups(store: SpanStore, tree: TraceTree) -> Iterator[list[Span]]:
    """Yield all spans of a trace, each once, in groups of about GROUP_SPANS by their start. Raises
    StoreError; spans that go meanwhile are left out."""
    order = np.argsort(tree.columns.start_ns, kind="stable")
    # Spans of one ID are fetched together, or they would come once for each of them.
    ids, first = np.unique(tree.columns.span_id[order], return_index=True)
    ids = ids[np.argsort(first)]
    for at in range(0, len(ids), GROUP_SPANS):
        wanted = ids[at : at + GROUP_SPANS].tolist()
        yield [found.span for found in store.get_spans(tree.trace_id, wanted)]
