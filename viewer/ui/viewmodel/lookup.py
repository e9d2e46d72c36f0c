"""What a pasted text was read as, and which stored traces it may mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viewer.search.lookup import X_RAY_WAYS, Reading
from viewer.store.base import StoreStats
from viewer.trace.columns import TraceColumns
from viewer.trace.ids import format_span_id, format_trace_id
from viewer.ui.filters import format_service, service_class
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.missing import TOO_OLD, holds, keeps, told_by_id
from viewer.ui.viewmodel.problem import Problem

MOST_MATCHES = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A stored trace that a reading leads to; ``span_id`` 0 = the trace as a whole."""

    trace_id: str
    span_id: int
    how: str


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """One line of the list. Times are 0 where the trace has gone meanwhile."""

    url: str
    trace_id: str
    span_id: str
    how: str
    operation: str
    service: str
    css: str
    spans: int
    start_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class LookupList:
    """Several traces that a text may mean; ``truncated`` says that there are more."""

    asked: str
    traces: tuple[FoundTrace, ...]
    truncated: bool


def found_trace(found: Found, columns: TraceColumns | None) -> FoundTrace:
    """Describe a match by its trace's columns: its root, or its earliest span where it has none."""
    operation = service = ""
    spans = start_ns = duration_ns = 0
    if columns is not None and len(columns):
        roots = np.flatnonzero(columns.parent_id == 0)
        rows = roots if len(roots) else np.arange(len(columns))
        row = int(rows[np.argmin(columns.start_ns[rows])])
        operation = columns.names[columns.name[row]]
        service = columns.services[columns.service[row]]
        # Two equal digests of one ID are one span delivered twice.
        spans = len(
            np.unique(np.stack((columns.span_id, columns.digest.astype(np.uint64))), axis=1)[0]
        )
        start_ns = int(columns.start_ns.min())
        duration_ns = int((columns.start_ns + columns.dur_ns).max()) - start_ns
    return FoundTrace(
        url=trace_url(found.trace_id, found.span_id),
        trace_id=format_trace_id(found.trace_id),
        span_id=format_span_id(found.span_id) if found.span_id else "",
        how=found.how,
        operation=operation or "(no name)",
        service=format_service(service),
        css=service_class(service),
        spans=spans,
        start_ns=start_ns,
        duration_ns=duration_ns,
    )


def nothing_found(
    asked: str, readings: Sequence[Reading], stats: StoreStats, retention: str
) -> Problem:
    """Say how a text was read, and what is known about why nothing was found."""
    known: list[str] = []
    too_old = False
    for reading in readings:
        known.append(f"Read as {reading.how}: not stored")
        if reading.trace_id:
            said, old = told_by_id(
                reading.trace_id, stats, retention, is_xray=reading.how.startswith(X_RAY_WAYS)
            )
            known += said
            too_old = too_old or old
    known += (*holds(stats), *keeps(retention))
    code, title = (410, TOO_OLD) if too_old else (404, "No such trace is stored")
    return Problem(code, title, "", asked=asked, known=tuple(known))
