"""Writes a trace as one self-contained HTML page, a window of spans at a time."""

import base64
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from viewer.store.base import SpanStore
from viewer.trace.ids import format_trace_id
from viewer.trace.tree import Rows
from viewer.ui.loaded_trace import LoadedTrace, spans_of_rows
from viewer.ui.viewmodel.offline_page import (
    OfflineSpan,
    OfflineState,
    offline_page,
    offline_rows,
    spans_to_tell,
    window_spans,
)
from viewer.ui.viewmodel.only_form import Kept
from viewer.ui.viewmodel.rows import WINDOW_ROWS, window_rows


def write_offline(
    store: SpanStore, trace: LoadedTrace, templates: Environment, css: str, version: str, link: str
) -> Iterator[bytes]:
    """Yield the page. ``css`` is the style sheet, which may not hold a closing tag; ``link`` an address
    where the trace is served, or "". Spans come from the store a window at a time. Raises StoreError."""
    if "</" in css:
        raise ValueError("a style sheet with a tag in it cannot stand in a page")
    state = OfflineState(f"/trace/{format_trace_id(trace.tree.trace_id)}", utc=True)
    kept = offline_rows(trace)
    visible = np.flatnonzero(kept.shown).astype(np.int32)
    page = offline_page(
        trace,
        state,
        kept,
        spans_of_rows(store, trace, spans_to_tell(trace)),
        _windows(store, trace, state, kept, visible),
        css=Markup(css),  # noqa: S704 - our own file, looked at above
        policy=_policy(css),
        version=version,
        link=link,
    )
    for text in templates.get_template("offline/page.html").generate(offline_page=page):
        yield text.encode("utf-8", "replace")


def _windows(
    store: SpanStore, trace: LoadedTrace, state: OfflineState, kept: Kept, visible: Rows
) -> Iterator[Sequence[OfflineSpan]]:
    for offset in range(0, len(visible), WINDOW_ROWS):
        spans = spans_of_rows(store, trace, window_rows(visible, offset))
        yield window_spans(trace, state, kept, visible, offset, spans)


def _policy(css: str) -> str:
    """Return the policy that lets the page's own style through and nothing else, not even a script."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
