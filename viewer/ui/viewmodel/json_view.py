"""The JSON view: the spans of a trace as OTLP or Jaeger JSON, some at a time, in drawing order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.otlp.encode import encode_document
from viewer.trace.span import Span
from viewer.ui.filters import format_count
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.trace_state import TraceState

SPANS_A_PAGE = 200
MOST_TEXT = 500_000
_FORMS = {"otlp": "OTLP", "jaeger": "Jaeger"}


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write it."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The whole trace as a file of a format."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class JsonView:
    """``text`` is the document; ``told`` says which spans it holds and whether it is cut."""

    forms: tuple[Form, ...]
    files: tuple[WholeFile, ...]
    text: str
    told: str
    previous_url: str
    next_url: str


def page_rows(trace: LoadedTrace, state: TraceState) -> range:
    """Return the rows of the page that the view's option ``page`` names, counted from 1; the first
    or last one where there is no such page."""
    said = state.option("page")
    pages = -(-len(trace.tree) // SPANS_A_PAGE)
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 1
    begin = (min(max(number, 1), pages) - 1) * SPANS_A_PAGE
    return range(begin, min(begin + SPANS_A_PAGE, len(trace.tree)))


def json_view(
    trace: LoadedTrace,
    state: TraceState,
    spans: Mapping[int, Span],
    files: Mapping[str, str],
) -> JsonView:
    """Return the view of these spans, by row, which are those of `page_rows`. ``files`` are the
    titles of the formats of whole traces, by their names."""
    rows = page_rows(trace, state)
    form = state.option("as") if state.option("as") in _FORMS else "otlp"
    held = [spans[row] for row in rows if row in spans]
    document = encode_document(held) if form == "otlp" else encode_trace(trace.tree.trace_id, held)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    count, page = len(trace.tree), rows.start // SPANS_A_PAGE + 1
    told = f"Spans {format_count(rows.start + 1)} to {format_count(rows.stop)} of {format_count(count)}"
    if len(text) > MOST_TEXT:
        text = text[:MOST_TEXT]
        told += f", cut after {format_count(MOST_TEXT)} characters"
    return JsonView(
        forms=tuple(
            Form(label, _url(state, name, page), name == form) for name, label in _FORMS.items()
        ),
        files=tuple(
            WholeFile(title, f"{state.path}/download?format={name}")
            for name, title in files.items()
        ),
        text=text,
        told=told if len(rows) == count and len(text) < MOST_TEXT else f"{told}; a file has all",
        previous_url=_url(state, form, page - 1) if page > 1 else "",
        next_url=_url(state, form, page + 1) if rows.stop < count else "",
    )


def _url(state: TraceState, form: str, page: int) -> str:
    options = {"as": "" if form == "otlp" else form, "page": "" if page == 1 else str(page)}
    return state.viewing("json", **options).url
