"""The rows of a trace that a find term finds, asked of the store once per term."""

from viewer.store.base import SpanStore
from viewer.trace.tree import Rows
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.timeline import matched_rows
from viewer.ui.viewmodel.trace_state import TraceState


def find_rows(store: SpanStore, trace: LoadedTrace, state: TraceState) -> Rows | None:
    """Return the rows in which any of the state's find terms occurs; None if it has none. Raises
    StoreError."""
    if not state.terms:
        return None
    known = trace.found.get(state.find)
    if known is not None:
        return known
    keys = store.match_spans(trace.tree.trace_id, state.terms)
    return trace.remember(state.find, matched_rows(trace, keys, state.find))
