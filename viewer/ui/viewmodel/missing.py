"""Why a trace is not stored, with all that is still known of it: removed, too old, or never seen."""

from viewer.store.base import StoreStats
from viewer.store.retention import KEEPS_ALL
from viewer.trace.ids import format_trace_id, time_of_datadog_id, time_of_xray_id
from viewer.trace.summary import RemovedTrace
from viewer.ui.filters import (
    format_duration,
    format_plural,
    format_service,
    format_time,
)
from viewer.ui.viewmodel.problem import NOT_STORED, Problem

REMOVED = "This trace was removed by retention"
TOO_OLD = "This trace is older than what is kept"
_LONGEST_NAME = 200


def removed_trace(removed: RemovedTrace, retention: str) -> Problem:
    """Say what a trace was that retention removed; it is gone for good (410)."""
    name, service = _name(removed.root_name or "(no name)"), _name(removed.root_service)
    told = (
        f"It was {name} of {service}" if removed.has_root else f"It began with {name} of {service}"
    )
    facts = [format_duration(removed.duration_ns), format_plural(removed.spans, "span")]
    when = f", from {format_time(removed.start_ns)} UTC" if removed.start_ns else ""
    return Problem(
        410,
        REMOVED,
        f"{told}: {', '.join(facts)}{when}.",
        asked=format_trace_id(removed.trace_id),
        known=(f"It was removed on {format_time(removed.removed_ns)} UTC", *keeps(retention)),
    )


def missing_trace(
    trace_id: str,
    asked: str,
    stats: StoreStats,
    retention: str,
    known: tuple[str, ...] = NOT_STORED,
) -> Problem:
    """Say that a trace is not stored, and what is; 410 if its ID carries a time that is older than
    what is kept, else 404. ``known`` are lines that help beside it."""
    missing = f"No span with the trace ID {format_trace_id(trace_id)} is stored"
    said, too_old = told_by_id(trace_id, stats, retention)
    stored = (*holds(stats), *keeps(retention))
    if too_old:
        text = f"{missing}. If any was, retention has removed it."
        return Problem(410, TOO_OLD, text, asked=asked, known=(*said, *stored))
    return Problem(404, "No such trace", f"{missing}.", asked=asked, known=(*said, *known, *stored))


def told_by_id(
    trace_id: str, stats: StoreStats, retention: str, *, is_xray: bool = False
) -> tuple[tuple[str, ...], bool]:
    """Return what the time says that an ID carries, and whether it proves the trace too old. Any
    ID may look like X-Ray's, so it proves something only where it was written as such."""
    since = stats.oldest_ns if stats.span_rows and keeps(retention) else 0
    made_ns = time_of_datadog_id(trace_id)
    if not made_ns and is_xray:
        made_ns = time_of_xray_id(trace_id)
    if made_ns:
        line = f"Its ID says that it is from {format_time(made_ns)} UTC"
        if made_ns >= since:
            return (line,), False
        return (f"{line}, before the oldest span that is stored",), True
    made_ns = time_of_xray_id(trace_id)
    if not made_ns or made_ns >= since:
        return (), False
    line = f"If its ID is of AWS X-Ray, it is from {format_time(made_ns)} UTC"
    return (f"{line}, before the oldest span that is stored",), False


def holds(stats: StoreStats) -> tuple[str, ...]:
    """Say what is stored."""
    if not stats.span_rows:
        return ("The store is still empty",)
    first, last = format_time(stats.oldest_ns), format_time(stats.newest_ns)
    traces = format_plural(stats.traces, "trace")
    return (f"The store holds {traces}, from {first} to {last} UTC",)


def keeps(retention: str) -> tuple[str, ...]:
    """Say how long spans are kept; nothing where they are kept for ever, or that is not known."""
    return (f"Retention keeps {retention}",) if retention and retention != KEEPS_ALL else ()


def _name(text: str) -> str:
    """Return a stranger's name for a sentence: cut, and isolated so that it turns no others around."""
    shown = format_service(text)
    return (
        f"\u2068{shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + '…'}\u2069"
    )
