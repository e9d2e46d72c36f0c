"""The JSON view: the spans of a trace as OTLP or Jaeger JSON, some at a time, in drawing order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.otlp.encode import encode_document
from viewer.trace.span import Span
from viewer.ui.filters import format_count
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.pager import SPANS_A_PAGE, Pager, page_of, pager
from viewer.ui.viewmodel.trace_state import TraceState

MOST_TEXT = 1_000_000
_FORMS = {"otlp": "OTLP", "jaeger": "Jaeger"}


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write it."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class JsonView:
    """``text`` is the document; the pager says which spans it holds and whether it is cut."""

    forms: tuple[Form, ...]
    text: str
    pager: Pager


def json_rows(trace: LoadedTrace, state: TraceState) -> range:
    """Return the rows on the page that the state asks for."""
    return page_of(state, len(trace.tree))


def json_view(
    trace: LoadedTrace, state: TraceState, rows: range, spans: Mapping[int, Span]
) -> JsonView:
    """Return the view of these rows, those of `json_rows`; ``spans`` holds their spans by row."""
    form = state.option("as") if state.option("as") in _FORMS else "otlp"
    held = [spans[row] for row in rows if row in spans]
    document = encode_document(held) if form == "otlp" else encode_trace(trace.tree.trace_id, held)
    text = json.dumps(document, indent=2, ensure_ascii=False)

    def url(page: str, written: str = form) -> str:
        return state.viewing(
            "json", **{"as": "" if written == "otlp" else written, "page": page}
        ).url

    page = pager(rows, len(trace.tree), url)
    if len(text) > MOST_TEXT:
        text = text[:MOST_TEXT]
        page = replace(page, told=f"{page.told}, cut after {format_count(MOST_TEXT)} characters")
    here = "" if rows.start == 0 else str(rows.start // SPANS_A_PAGE + 1)
    return JsonView(
        forms=tuple(Form(label, url(here, name), name == form) for name, label in _FORMS.items()),
        text=text,
        pager=page,
    )
