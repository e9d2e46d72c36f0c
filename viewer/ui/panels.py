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
from viewer.ui.loaded_trace import LoadedTrace, sent_spans, spans_of_rows
from viewer.ui.viewmodel.findings import Findings, findings
from viewer.ui.viewmodel.flame import Flame, flame
from viewer.ui.viewmodel.json_view import JsonView, json_rows, json_view
from viewer.ui.viewmodel.spans import Spans, span_rows, spans
from viewer.ui.viewmodel.statistics import GROUPINGS, Statistics, statistics
from viewer.ui.viewmodel.trace_header import Tab
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

Content = Statistics | Findings | Flame | Spans | JsonView
"""What a panel shows; each kind has its partial."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A view: its name in the address, its tab's label, the options it knows, and what it shows."""

    name: str
    label: str
    options: tuple[str, ...]
    show: Callable[[LoadedTrace, TraceState, SpanStore], Content]


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


def _json(trace: LoadedTrace, state: TraceState, store: SpanStore) -> JsonView:
    rows = json_rows(trace, state)
    # A document for other tools holds what was sent.
    return json_view(trace, state, rows, sent_spans(store, trace, rows))


def _spans(trace: LoadedTrace, state: TraceState, store: SpanStore) -> Spans:
    rows = span_rows(trace, state)
    return spans(trace, state, rows, spans_of_rows(store, trace, rows))


PANELS = (
    Panel("flame", "Flame", ("node",), _flame),
    Panel("statistics", "Statistics", ("by", "sort"), _statistics),
    Panel("findings", "Findings", (), _findings),
    Panel("spans", "Spans", ("sort", "columns", "page"), _spans),
    Panel("json", "JSON", ("as", "page"), _json),
)
PANEL_OPTIONS = {panel.name: panel.options for panel in PANELS}


def tabs(state: TraceState) -> tuple[Tab, ...]:
    """Return the views to choose from; each keeps what is selected, zoomed, found and collapsed."""
    views = ((TIMELINE, "Timeline"), *((panel.name, panel.label) for panel in PANELS))
    return tuple(Tab(label, state.viewing(name).url, name == state.view) for name, label in views)
