"""The JSON view: a trace as the documents that other tools read, indented to be read."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.otlp.encode import encode_document
from viewer.trace.span import Span
from viewer.ui.filters import format_count, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.trace_state import TraceState

MOST_SPANS = 200
MOST_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Choice:
    """A format to show, or to download."""

    label: str
    url: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Json:
    """``left_out`` says what of the trace the text does not have, "" if it is all of it."""

    formats: tuple[Choice, ...]
    downloads: tuple[Choice, ...]
    text: str
    left_out: str
    notes: tuple[str, ...]


def _jaeger(spans: Sequence[Span]) -> dict[str, object]:
    traces = [encode_trace(spans[0].trace_id, spans)] if spans else []
    return {"data": traces, "total": 0, "limit": 0, "offset": 0, "errors": None}


_FORMATS: Mapping[str, tuple[str, Callable[[Sequence[Span]], dict[str, object]]]] = {
    "otlp": ("OTLP", encode_document),
    "jaeger": ("Jaeger", _jaeger),
}


def json_view(
    trace: LoadedTrace, state: TraceState, spans: Iterable[Span], downloads: Mapping[str, str]
) -> Json:
    """Return the view. ``spans`` are the trace's first MOST_SPANS, which are taken as long as there
    is room for them; ``downloads`` are the titles of whole documents by their names."""
    asked = state.option("format")
    chosen = asked if asked in _FORMATS else next(iter(_FORMATS))
    notes = list(state.notes)
    if asked and asked != chosen:
        notes.append(f"There is no JSON “{asked[:40]}” here; this is OTLP's.")
    encode = _FORMATS[chosen][1]
    taken: list[Span] = []
    room = MOST_TEXT
    for span in spans:
        room -= len(_indented(encode([span])))
        if room < 0 and taken:
            break
        taken.append(span)
    text = _indented(encode(taken))
    return Json(
        formats=tuple(
            Choice(label, state.viewing(state.view, format=name).url, name == chosen)
            for name, (label, _) in _FORMATS.items()
        ),
        downloads=tuple(
            Choice(title, f"{state.path}/download?format={name}")
            for name, title in downloads.items()
        ),
        text=text[:MOST_TEXT],
        left_out=_left_out(len(taken), len(trace.tree), len(text) - MOST_TEXT),
        notes=tuple(notes),
    )


def _indented(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _left_out(shown: int, spans: int, cut: int) -> str:
    if cut > 0:
        of_spans = "" if spans == 1 else f" of the first of {format_plural(spans, 'span')}"
        return f"This is the beginning{of_spans}; a download has all of it."
    if shown == spans:
        return ""
    return (
        f"These are the first {format_count(shown)} of {format_plural(spans, 'span')};"
        " a download has all of them."
    )
