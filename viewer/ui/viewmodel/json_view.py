"""The JSON view: the spans of a trace as OTLP or Jaeger JSON, a page at a time, in drawing order."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.otlp.encode import encode_document
from viewer.trace.span import Span
from viewer.ui.filters import format_count
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.fields import fitting, size_in_page
from viewer.ui.viewmodel.pager import PAGE_ROWS, Pager, page_offset, pager
from viewer.ui.viewmodel.trace_state import TraceState
from viewer.ui.viewmodel.whole_file import WholeFile, whole_files

MOST_TEXT = 500_000
MOST_BYTES = 600_000
_USUAL = "otlp"
_FORMS = {_USUAL: "OTLP", "jaeger": "Jaeger"}


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write it."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class JsonView:
    """``text`` is the document; the pager says which spans it holds, ``note`` what it leaves out."""

    forms: tuple[Form, ...]
    files: tuple[WholeFile, ...]
    text: str
    pager: Pager
    note: str


def json_rows(trace: LoadedTrace, state: TraceState) -> range:
    """Return the rows of the page that the state asks for."""
    begin = page_offset(state, len(trace.tree))
    return range(begin, min(begin + PAGE_ROWS, len(trace.tree)))


def json_view(
    trace: LoadedTrace,
    state: TraceState,
    rows: range,
    spans: Mapping[int, Span],
    files: Mapping[str, str],
) -> JsonView:
    """Return the view of these rows, which are those of `json_rows`; ``spans`` holds their spans by
    row. ``files`` are the titles of the formats of whole traces, by their names."""
    form = state.option("as") if state.option("as") in _FORMS else _USUAL
    held = [spans[row] for row in rows if row in spans]
    document = encode_document(held) if form == _USUAL else encode_trace(trace.tree.trace_id, held)
    text = _beginning(json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document))
    note = "" if len(rows) == len(trace.tree) else "A file has all"
    if len(text) > MOST_TEXT or size_in_page(text) > MOST_BYTES:
        text = fitting(text[:MOST_TEXT], MOST_BYTES)
        note = f"Cut after {format_count(len(text))} characters; a file has all"
    options = dict(state.options)
    return JsonView(
        forms=tuple(
            Form(
                label,
                state.viewing("json", **{**options, "as": said.replace(_USUAL, "")}).url,
                said == form,
            )
            for said, label in _FORMS.items()
        ),
        files=whole_files(state.path, files),
        text=text,
        pager=pager(state, len(trace.tree), "span"),
        note=note,
    )


def _beginning(parts: Iterable[str]) -> str:
    """Return a text as far as it may be shown, and a little more if there is more."""
    taken: list[str] = []
    length = 0
    for part in parts:
        taken.append(part)
        length += len(part)
        if length > MOST_TEXT:
            break
    return "".join(taken)
