"""The rows of a trace that a find term finds, asked of the store once per term."""

import re

from viewer.store.base import SpanStore
from viewer.trace.tree import Rows
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.timeline import matched_rows

_MOST_TERMS = 20
_TERM = re.compile(r'"([^"]+)"|(\S+)')


def find_rows(store: SpanStore, trace: LoadedTrace, find: str) -> Rows | None:
    """Return the rows in which any word of ``find`` occurs (quotes hold words together); None if it
    has no word. Raises StoreError."""
    terms = [quoted or plain for quoted, plain in _TERM.findall(find)][:_MOST_TERMS]
    if not terms:
        return None
    known = trace.found.get(find)
    if known is not None:
        return known
    keys = store.match_spans(trace.tree.trace_id, terms)
    return trace.remember(find, matched_rows(trace, keys, find))
