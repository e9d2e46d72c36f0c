"""The span list: the spans of a trace as a table, sorted, with attributes of one's choice as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.attributes import show_value
from viewer.trace.span import Span, SpanKind, StatusCode
from viewer.ui.filters import format_duration, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.pager import Pager, page_of, pager
from viewer.ui.viewmodel.rows import cut, row_name, row_service
from viewer.ui.viewmodel.statistics import Column
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

MOST_COLUMNS = 6
_LABELS = {
    "start": "Start",
    "name": "Operation",
    "service": "Service",
    "duration": "Duration",
    "self": "Self",
}
_LONGEST_FIRST = ("duration", "self")
_NUMBERS = ("start", *_LONGEST_FIRST)


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A span; ``url`` shows it in the timeline, ``values`` are those of the chosen attributes."""

    url: str
    start: str
    name: str
    service: str
    css: str
    kind: str
    failed: bool
    duration_ns: int
    self_ns: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading(Column):
    """A heading that sorts; times stand to the right, and some sort the longest first."""

    number: bool
    descending: bool


@dataclass(frozen=True, slots=True)
class Spans:
    """``keys`` are the chosen attributes, ``chosen`` the same as typed."""

    headings: tuple[Heading, ...]
    keys: tuple[str, ...]
    chosen: str
    lines: tuple[SpanLine, ...]
    pager: Pager
    hidden_fields: tuple[tuple[str, str], ...]


def span_rows(trace: LoadedTrace, state: TraceState) -> list[int]:
    """Return the rows on the page that the view's options ``sort`` and ``page`` name."""
    shown = page_of(state, len(trace.tree))
    rows: list[int] = _order(trace, _sort(state))[shown.start : shown.stop].tolist()
    return rows


def spans(
    trace: LoadedTrace, state: TraceState, rows: Sequence[int], found: Mapping[int, Span]
) -> Spans:
    """Return the view of these rows, those of `span_rows`; ``found`` holds their spans by row."""
    sort, count, keys = _sort(state), len(trace.tree), _keys(state)
    said = {"sort": state.option("sort"), "columns": state.option("columns")}
    return Spans(
        headings=tuple(
            Heading(
                label,
                state.viewing("spans", **{**said, "sort": name if name != "start" else ""}).url,
                name == sort,
                name in _NUMBERS,
                name in _LONGEST_FIRST,
            )
            for name, label in _LABELS.items()
        ),
        keys=keys,
        chosen=", ".join(keys),
        lines=tuple(_line(trace, state, row, found.get(row), keys) for row in rows),
        pager=pager(
            page_of(state, count),
            count,
            lambda page: state.viewing("spans", **said, page=page).url,
        ),
        hidden_fields=tuple(
            (name, value)
            for name, value in state.query.items()
            if name not in ("columns", "page", "offset")
        ),
    )


def _sort(state: TraceState) -> str:
    return state.option("sort") if state.option("sort") in _LABELS else "start"


def _keys(state: TraceState) -> tuple[str, ...]:
    keys = (key.strip() for key in state.option("columns").split(","))
    return tuple(dict.fromkeys(key for key in keys if key))[:MOST_COLUMNS]


def _order(trace: LoadedTrace, sort: str) -> NDArray[np.intp]:
    columns = trace.tree.columns
    if sort == "duration":
        return np.argsort(-columns.dur_ns, kind="stable")
    if sort == "self":
        return np.argsort(-trace.self_ns, kind="stable")
    if sort == "start":
        return np.argsort(columns.start_ns, kind="stable")
    texts, numbers = (
        (columns.names, columns.name) if sort == "name" else (columns.services, columns.service)
    )
    rank = np.empty(len(texts), np.int64)
    rank[sorted(range(len(texts)), key=lambda number: texts[number])] = np.arange(len(texts))
    return np.argsort(rank[numbers], kind="stable")


def _line(
    trace: LoadedTrace, state: TraceState, row: int, span: Span | None, keys: tuple[str, ...]
) -> SpanLine:
    columns = trace.tree.columns
    start = int(columns.start_ns[row])
    kind = int(columns.kind[row])
    return SpanLine(
        url=reveal(trace, state.viewing(TIMELINE), row).url,
        start=format_duration(start - trace.tree.start_ns) if start else "no start time",
        name=row_name(trace, row),
        service=row_service(trace, row),
        css=service_class(columns.services[columns.service[row]]),
        kind=SpanKind(kind).name.lower() if kind else "",
        failed=bool(columns.status[row] == StatusCode.ERROR),
        duration_ns=int(columns.dur_ns[row]),
        self_ns=int(trace.self_ns[row]),
        values=tuple("" if span is None else _value(span, key) for key in keys),
    )


def _value(span: Span, key: str) -> str:
    """Return a span's attribute, else its resource's, as a line; "" without one."""
    for name, value in (*span.attributes, *span.resource.attributes):
        if name == key:
            return cut(show_value(value))
    return ""
