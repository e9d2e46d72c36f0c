"""The views of a trace beside the timeline: what each is called, and what it asks the store.

A panel is a function from the trace and the state in the address to a view model, and a partial of
the same name in ``templates/trace``. Its own parameters are part of the address.
"""

from collections.abc import Callable
from dataclasses import dataclass

from viewer.analysis.attribute_quality import rows_to_look_at
from viewer.analysis.findings import first_error
from viewer.analysis.slow_spans import QUANTILES, Usual, heaviest_rows
from viewer.store.base import SpanStore
from viewer.ui.downloads import DOWNLOAD_TITLES
from viewer.ui.found_rows import find_rows
from viewer.ui.loaded_trace import LoadedTrace, sent_spans, spans_of_rows
from viewer.ui.viewmodel.call_graph import Graph, graph
from viewer.ui.viewmodel.findings import Findings, findings
from viewer.ui.viewmodel.flame import Flame, flame
from viewer.ui.viewmodel.json_view import JsonView, json_rows, json_view
from viewer.ui.viewmodel.logs import OPTIONS as LOGS_OPTIONS
from viewer.ui.viewmodel.logs import Logs, event_query, logs
from viewer.ui.viewmodel.pager import asked_offset, page_offset
from viewer.ui.viewmodel.spans import (
    MOST_KEYS,
    Spans,
    listing,
    read_columns,
    sorting_attribute,
    spans,
    with_columns,
)
from viewer.ui.viewmodel.spans import OPTIONS as SPANS_OPTIONS
from viewer.ui.viewmodel.statistics import GROUPINGS, Statistics, statistics
from viewer.ui.viewmodel.trace_header import Tab
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

Content = Statistics | Findings | Flame | Graph | Spans | Logs | JsonView
"""What a panel shows; each kind has its partial."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A view: its name in the address, its tab's label, the options it knows, and what it shows; with
    ``of_part`` of the part in focus alone, else of the whole trace always. ``tells_notes`` says that
    it prints the state's notes itself."""

    name: str
    label: str
    options: tuple[str, ...]
    show: Callable[[LoadedTrace, TraceState, SpanStore], Content]
    of_part: bool = True
    tells_notes: bool = False


def _statistics(trace: LoadedTrace, state: TraceState, store: SpanStore) -> Statistics:
    by = state.option("by")
    values = (
        None if not by or by in GROUPINGS else store.attribute_of_spans(trace.tree.trace_id, by)
    )
    return statistics(trace, state, values)


def _findings(trace: LoadedTrace, state: TraceState, store: SpanStore) -> Findings:
    tree, columns = trace.tree, trace.tree.columns
    rows = heaviest_rows(tree, trace.self_ns).tolist()
    pairs = [(columns.services[columns.service[r]], columns.names[columns.name[r]]) for r in rows]
    taken = store.operation_percentiles(list(dict.fromkeys(pairs)), QUANTILES)
    usual = {pair: Usual(found.samples, *found.durations_ns) for pair, found in taken.items()}
    looked_at = set(rows_to_look_at(tree).tolist())
    failed = first_error(tree)
    if failed is not None:
        looked_at.add(failed)
    return findings(trace, state, spans_of_rows(store, trace, sorted(looked_at)), usual)


def _flame(trace: LoadedTrace, state: TraceState, _: SpanStore) -> Flame:
    return flame(trace, state)


def _graph(trace: LoadedTrace, state: TraceState, _: SpanStore) -> Graph:
    return graph(trace, state)


def _spans(trace: LoadedTrace, state: TraceState, store: SpanStore) -> Spans:
    trace_id, state = trace.tree.trace_id, with_columns(state)
    matches = find_rows(store, trace, state)
    sorting = sorting_attribute(state)
    values = store.attribute_of_spans(trace_id, sorting) if sorting else None
    listed = listing(trace, state, matches, values)
    ids = trace.tree.columns.span_id[listed.shown].tolist()
    cells = [store.attribute_of_spans(trace_id, key, ids) for key in read_columns(state)]
    keys = store.attribute_keys_of_trace(trace_id, MOST_KEYS)
    return spans(trace, state, listed, matches, cells, keys)


def _logs(trace: LoadedTrace, state: TraceState, store: SpanStore) -> Logs:
    trace_id = trace.tree.trace_id
    page = store.events_of_trace(trace_id, event_query(state, asked_offset(state)))
    if not page.events and page.total:
        # The address asks for a page beyond the last.
        page = store.events_of_trace(trace_id, event_query(state, page_offset(state, page.total)))
    return logs(trace, state, page)


def _json(trace: LoadedTrace, state: TraceState, store: SpanStore) -> JsonView:
    rows = json_rows(trace, state)
    # A document for other tools holds what was sent.
    found = sent_spans(store, trace, rows)
    return json_view(trace, state, rows, found, DOWNLOAD_TITLES)


PANELS = (
    Panel("flame", "Flame", ("node", "sort"), _flame, tells_notes=True),
    Panel("graph", "Graph", ("by",), _graph),
    Panel("statistics", "Statistics", ("by", "sort"), _statistics),
    Panel("findings", "Findings", (), _findings),
    Panel("spans", "Spans", SPANS_OPTIONS, _spans, tells_notes=True),
    Panel("logs", "Logs", LOGS_OPTIONS, _logs, of_part=False, tells_notes=True),
    Panel("json", "JSON", ("as", "page"), _json),
)
PANEL_OPTIONS = {panel.name: panel.options for panel in PANELS}


def tabs(state: TraceState) -> tuple[Tab, ...]:
    """Return the views to choose from; each keeps what is selected, zoomed, found and collapsed."""
    views = ((TIMELINE, "Timeline"), *((panel.name, panel.label) for panel in PANELS))
    return tuple(Tab(label, state.viewing(name).url, name == state.view) for name, label in views)
