"""The span list: spans as rows of a table, in any order, with the attributes one wants to compare."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.span_order import in_order, name_ranks, ranks
from viewer.store.base import fold_case
from viewer.trace.attributes import clean_text
from viewer.trace.ids import format_span_id
from viewer.trace.span import SpanKind, StatusCode
from viewer.trace.tree import Rows
from viewer.ui.filters import format_duration, service_class, shorten
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.only_form import Kept, OnlyForm, chosen_rows, only_form
from viewer.ui.viewmodel.pager import PAGE_ROWS, Pager, page_offset, pager
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

MOST_COLUMNS = 6
MOST_KEYS = 500
OPTIONS = ("operation", "columns", "add", "sort", "page")
_SHOWN, _TITLED, _LONGEST_KEY, _LONGEST_CHOICE = 100, 400, 60, 200
_ATTRIBUTE = "attribute:"
_LABELS = {
    "start": "Start",
    "operation": "Operation",
    "service": "Service",
    "kind": "Kind",
    "status": "Status",
    "duration": "Duration",
    "self": "Self",
}
_NUMBERS = frozenset({"start", "duration", "self"})
_DESCENDING_FIRST = frozenset({"status", "duration", "self"})
_KINDS = {int(kind): kind.name.lower() for kind in SpanKind if kind}

Values = Mapping[tuple[int, int], str]
"""An attribute's values by span ID as sent and digest."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: the address that sorts by it (or turns the order round), whether it is sorted
    (``ascending``, ``descending`` or empty), and the address without it, for an attribute."""

    label: str
    title: str
    url: str
    sorted: str
    number: bool
    remove_url: str


@dataclass(frozen=True, slots=True)
class Cell:
    """An attribute's value, cut; ``title`` has more of it where it is. Both are empty for none."""

    text: str
    title: str


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span. ``url`` selects it here, ``timeline_url`` in the timeline."""

    span_id: str
    url: str
    timeline_url: str
    selected: bool
    matched: bool
    offset: str
    start_ns: int
    name: str
    service: str
    css: str
    kind: str
    status: str
    duration_ns: int
    self_ns: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Spans:
    """``keys`` are attributes to choose a column of; ``full`` says that no more columns fit."""

    operation: str
    keys: tuple[str, ...]
    full: bool
    hidden_fields: tuple[tuple[str, str], ...]
    only: OnlyForm
    headings: tuple[Heading, ...]
    rows: tuple[SpanRow, ...]
    pager: Pager
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of all spans that are listed, in order, and those of the page. ``kept`` is what the
    filter of the trace lets through, None if it is all."""

    rows: Rows
    shown: Rows
    kept: Kept | None


def with_columns(state: TraceState) -> TraceState:
    """Return the state with the attribute in ``add`` as one more of its ``columns``."""
    keys = read_columns(state)
    added = clean_text(state.option("add").strip())
    if added and added not in keys:
        keys = (*keys, added)[:MOST_COLUMNS]
    options = {**dict(state.options), "columns": _columns_text(keys), "add": ""}
    return state.viewing(state.view, **options)


def read_columns(state: TraceState) -> tuple[str, ...]:
    """Return the keys of the attributes that have a column: ``columns=http.route,db.system``, a
    comma or percent sign within a key percent-encoded once more."""
    parts = (unquote(part.strip()) for part in state.option("columns").split(","))
    keys = (clean_text(key) for key in parts if key)
    return tuple(dict.fromkeys(keys))[:MOST_COLUMNS]


def sorting_attribute(state: TraceState) -> str:
    """Return the key of the attribute that the list is sorted by, "" if it is by none."""
    key = _sort(state)[0]
    return key.removeprefix(_ATTRIBUTE) if key.startswith(_ATTRIBUTE) else ""


def listing(
    trace: LoadedTrace, state: TraceState, matches: Rows | None, values: Values | None
) -> Listing:
    """Return the rows to list. ``matches`` are those that the find term finds, ``values`` those of
    `sorting_attribute`."""
    columns = trace.tree.columns
    let_through = chosen_rows(trace, state.only, matches)
    # A list needs no ancestors to stand below.
    kept = None if let_through is None else Kept(let_through, let_through)
    chosen = np.ones(len(trace.tree), bool) if let_through is None else let_through.copy()
    term = fold_case(state.option("operation").strip())
    if term:
        has_term = np.array([term in fold_case(name) for name in columns.names], bool)
        chosen &= has_term[columns.name]
    rows = np.flatnonzero(chosen).astype(np.int32)
    key, descending = _sort(state)
    ordered = in_order(rows, _sort_values(trace, key, rows, values or {}), descending)
    offset = page_offset(state, len(ordered))
    return Listing(ordered, ordered[offset : offset + PAGE_ROWS], kept)


def _sort(state: TraceState) -> tuple[str, bool]:
    """Return what to sort by and whether in descending order; by start where it says nothing."""
    text = state.option("sort")
    key = text.removeprefix("-")
    attributes = {f"{_ATTRIBUTE}{name}" for name in read_columns(state)}
    return (key, text.startswith("-")) if key in _LABELS or key in attributes else ("start", False)


def _sort_values(trace: LoadedTrace, key: str, rows: Rows, values: Values) -> NDArray[np.int64]:
    columns = trace.tree.columns
    if key == "operation":
        return name_ranks(columns.names, columns.name)[rows]
    if key == "service":
        return name_ranks(columns.services, columns.service)[rows]
    if key == "kind":
        names = [_KINDS.get(number) for number in range(256)]
        return ranks(names)[columns.kind[rows]]
    if key == "status":
        return columns.status[rows].astype(np.int64)
    if key == "duration":
        return columns.dur_ns[rows]
    if key == "self":
        return trace.self_ns[rows]
    if key == "start":
        # Without a start there is no place among those that have one.
        starts = columns.start_ns[rows]
        return np.where(starts > 0, starts, -1)
    keys = zip(columns.span_id[rows].tolist(), columns.digest[rows].tolist(), strict=True)
    return ranks(values.get(key) for key in keys)


def spans(
    trace: LoadedTrace,
    state: TraceState,
    listed: Listing,
    matches: Rows | None,
    cells: Sequence[Values],
    keys: Sequence[str],
) -> Spans:
    """Return the view. ``cells`` are the values of each of `read_columns`, of the listed page's spans
    at least; ``keys`` are the trace's attribute keys."""
    shown_columns = read_columns(state)
    found = set() if matches is None else set(np.intersect1d(listed.shown, matches).tolist())
    sort = state.option("sort").removeprefix("-")
    notes = list(state.notes)
    if sort and sort != _sort(state)[0]:
        notes.append(f"There is no column “{shorten(sort, 40)}” to sort by; it is by start.")
    hidden = ("operation", "add", "page", "offset")
    return Spans(
        operation=state.option("operation"),
        keys=tuple(key for key in keys if key not in shown_columns and len(key) <= _LONGEST_CHOICE)[
            :MOST_KEYS
        ],
        full=len(shown_columns) >= MOST_COLUMNS,
        hidden_fields=tuple(pair for pair in state.query.items() if pair[0] not in hidden),
        only=only_form(trace, state, listed.kept),
        headings=_headings(state, shown_columns),
        rows=tuple(_row(trace, state, row, found, cells) for row in listed.shown.tolist()),
        pager=pager(state, len(listed.rows), "span", len(trace.tree)),
        notes=tuple(notes),
    )


def _headings(state: TraceState, keys: Sequence[str]) -> tuple[Heading, ...]:
    plain = [_heading(state, key, label) for key, label in _LABELS.items()]
    attributes = []
    for key in keys:
        without = _columns_text([other for other in keys if other != key])
        url = _with(state, columns=without).url
        attributes.append(_heading(state, f"{_ATTRIBUTE}{key}", shorten(key, _LONGEST_KEY), url))
    return (*plain, *attributes)


def _heading(state: TraceState, key: str, label: str, remove_url: str = "") -> Heading:
    sorted_key, descending = _sort(state)
    turned = not descending if key == sorted_key else key in _DESCENDING_FIRST
    return Heading(
        label=label,
        title=shorten(key.removeprefix(_ATTRIBUTE), _TITLED) if remove_url else "",
        url=_with(state, sort=f"-{key}" if turned else key).url,
        sorted="" if key != sorted_key else "descending" if descending else "ascending",
        number=key in _NUMBERS,
        remove_url=remove_url,
    )


def _with(state: TraceState, **options: str) -> TraceState:
    """Return the state with these options of the view set, at the first page."""
    return state.viewing(state.view, **{**dict(state.options), "page": "", **options})


def _columns_text(keys: Sequence[str]) -> str:
    return ",".join(quote(key, safe=" /:;@&=+$?") for key in keys)


def _row(
    trace: LoadedTrace,
    state: TraceState,
    row: int,
    matched: Collection[int],
    cells: Sequence[Values],
) -> SpanRow:
    tree, columns = trace.tree, trace.tree.columns
    shown_id = int(tree.shown_id[row])
    start = int(columns.start_ns[row])
    status = int(columns.status[row])
    key = (int(columns.span_id[row]), int(columns.digest[row]))
    return SpanRow(
        span_id=format_span_id(shown_id),
        url=state.selecting(shown_id).url,
        timeline_url=reveal(trace, state.viewing(TIMELINE), row).url,
        selected=state.span == shown_id,
        matched=row in matched,
        offset=format_duration(start - tree.start_ns) if start else "no start",
        start_ns=start,
        name=row_name(trace, row),
        service=row_service(trace, row),
        css=service_class(columns.services[columns.service[row]]),
        kind=_KINDS.get(int(columns.kind[row]), ""),
        status="" if status == StatusCode.UNSET else StatusCode(status).name.lower(),
        duration_ns=int(columns.dur_ns[row]),
        self_ns=int(trace.self_ns[row]),
        cells=tuple(_cell(values.get(key, "")) for values in cells),
    )


def _cell(text: str) -> Cell:
    if len(text) <= _SHOWN:
        return Cell(text, "")
    return Cell(shorten(text, _SHOWN), shorten(text, _TITLED))
