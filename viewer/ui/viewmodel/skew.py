"""Clock skew of a trace in words, each correction of it, and the way to the times with or without."""

from dataclasses import dataclass

import numpy as np

from viewer.ui.filters import format_count, format_duration, format_plural, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.rows import cut, row_name, row_service
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TraceState

MOST_LINES = 20
_LONGEST_HOST = 60


@dataclass(frozen=True, slots=True)
class SkewLine:
    """A correction: whose spans move by how much (``by``), and why. ``url`` selects the first."""

    service: str
    service_class: str
    host: str
    name: str
    url: str
    by: str
    spans: str
    why: str


@dataclass(frozen=True, slots=True)
class Skew:
    """``told`` says how the trace is shown, ``switch_url`` shows it the other way; ``lines`` are the
    largest corrections, ``more`` counts the others."""

    adjusted: bool
    told: str
    switch_url: str
    label: str
    count: str
    lines: tuple[SkewLine, ...]
    more: str


def skew(trace: LoadedTrace, state: TraceState) -> Skew | None:
    """Return what there is to say of a trace's clocks, None where they agree."""
    found = trace.skew
    if not len(found):
        return None
    amount = format_duration(found.largest_ns)
    spans = format_plural(len(trace.tree), "span")
    moved = f"{format_count(found.moved)} of {spans}"
    told = f"clocks disagree by up to {amount}"
    if trace.adjusted:
        told = f"clock skew taken out: {moved} moved, by up to {amount}"
    lines = tuple(_line(trace, state, at) for at in range(min(len(found), MOST_LINES)))
    more = len(found) - len(lines)
    return Skew(
        adjusted=trace.adjusted,
        told=told,
        switch_url=_switched(trace, state).url,
        label="Show times as sent" if trace.adjusted else "Adjust times",
        count=format_plural(len(found), "correction"),
        lines=lines,
        more=f"and {format_plural(more, 'smaller correction')}" if more else "",
    )


def _line(trace: LoadedTrace, state: TraceState, at: int) -> SkewLine:
    found, columns = trace.skew, trace.tree.columns
    row = int(found.first[at])
    caller = int(trace.tree.parent[row])
    by = int(found.shift_ns[row])
    count = int(found.calls[at])
    calls, most = format_plural(count, "call"), "" if count == 1 else "up to "
    early, late = int(found.early_ns[at]), int(found.late_ns[at])
    reasons = [
        f"{verb} {most}{format_duration(amount)} {when}"
        for amount, verb, when in ((early, "began", "before"), (late, "ended", "after"))
        if amount
    ]
    host = "" if columns.host is None else columns.hosts[columns.host[row]]
    return SkewLine(
        service=row_service(trace, row),
        service_class=service_class(columns.services[columns.service[row]]),
        host=cut(host, _LONGEST_HOST),
        name=row_name(trace, row),
        url=reveal(trace, state, row).url,
        by=f"{format_duration(abs(by))} {'later' if by > 0 else 'earlier'}" if by else "unmoved",
        spans=format_plural(int(found.spans[at]), "span"),
        why=f"{calls} from {cut(row_service(trace, caller), _LONGEST_HOST)}"
        f" {' and '.join(reasons)} the caller",
    )


def _switched(trace: LoadedTrace, state: TraceState) -> TraceState:
    """Return the state with times of the other kind. A zoom is told from the trace's start on, which
    may move with them."""
    state = state.adjusting(not trace.adjusted)
    if state.from_ns is None and state.to_ns is None:
        return state
    tree = trace.tree
    timed = tree.columns.start_ns != 0
    moves = trace.skew.shift_ns[timed]
    starts = tree.columns.start_ns[timed] + (-moves if trace.adjusted else moves)
    by = tree.start_ns - int(np.min(starts, initial=tree.end_ns))
    begin, end = state.from_ns, state.to_ns
    begin = None if begin is None else max(begin + by, 0)
    end = None if end is None else end + by
    return state.zoomed(None, None) if end is not None and end <= 0 else state.zoomed(begin, end)
