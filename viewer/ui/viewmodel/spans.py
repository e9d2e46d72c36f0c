"""The span list: the spans of a trace as a table, sorted, with attributes of one's choice as columns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.attributes import show_value
from viewer.trace.span import Span, SpanKind, StatusCode
from viewer.ui.filters import format_count, format_duration, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.rows import cut, row_name, row_service
from viewer.ui.viewmodel.statistics import Column
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

SPANS_A_PAGE = 100
MOST_COLUMNS = 6
_LABELS = {
    "start": "Start",
    "name": "Operation",
    "service": "Service",
    "duration": "Duration",
    "self": "Self",
}
_NUMBERS = ("start", "duration", "self")


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
    """A heading that sorts; times stand to the right."""

    number: bool


@dataclass(frozen=True, slots=True)
class Spans:
    """``keys`` are the chosen attributes, ``chosen`` the same as typed."""

    headings: tuple[Heading, ...]
    keys: tuple[str, ...]
    chosen: str
    lines: tuple[SpanLine, ...]
    told: str
    hidden_fields: tuple[tuple[str, str], ...]
    previous_url: str
    next_url: str


def page_rows(trace: LoadedTrace, state: TraceState) -> list[int]:
    """Return the rows on the page that the view's options ``sort`` and ``page`` name."""
    begin = _page(trace, state) * SPANS_A_PAGE
    rows: list[int] = _order(trace, _sort(state))[begin : begin + SPANS_A_PAGE].tolist()
    return rows


def spans(trace: LoadedTrace, state: TraceState, found: Mapping[int, Span]) -> Spans:
    """Return the view; ``found`` holds the spans of `page_rows` by row."""
    page, sort, count = _page(trace, state), _sort(state), len(trace.tree)
    rows, keys = page_rows(trace, state), _keys(state)
    begin = page * SPANS_A_PAGE
    said = {"sort": state.option("sort"), "columns": state.option("columns")}

    def turned(to: int) -> str:
        return state.viewing("spans", **said, page=str(to + 1) if to else "").url

    return Spans(
        headings=tuple(
            Heading(
                label,
                state.viewing("spans", **{**said, "sort": name if name != "start" else ""}).url,
                name == sort,
                name in _NUMBERS,
            )
            for name, label in _LABELS.items()
        ),
        keys=keys,
        chosen=", ".join(keys),
        lines=tuple(_line(trace, state, row, found.get(row), keys) for row in rows),
        told=f"Spans {format_count(begin + 1)} to {format_count(begin + len(rows))}"
        f" of {format_count(count)}",
        hidden_fields=tuple(
            (name, value)
            for name, value in state.query.items()
            if name not in ("columns", "page", "offset")
        ),
        previous_url=turned(page - 1) if page else "",
        next_url=turned(page + 1) if begin + len(rows) < count else "",
    )


def _sort(state: TraceState) -> str:
    return state.option("sort") if state.option("sort") in _LABELS else "start"


def _page(trace: LoadedTrace, state: TraceState) -> int:
    """Return the page, from 0; the nearest one to what the address says."""
    said = state.option("page")
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 1
    pages = -(-len(trace.tree) // SPANS_A_PAGE)
    return min(max(number, 1), pages) - 1


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
