"""The top of a trace page: what the trace is, what is wrong with it, and the finding in words."""

from dataclasses import dataclass

import numpy as np

from viewer.analysis.findings import bottleneck, first_error
from viewer.trace.attributes import show_value
from viewer.trace.ids import format_trace_id
from viewer.trace.span import Span, StatusCode
from viewer.trace.tree import Oddity
from viewer.ui.filters import format_count, format_duration, format_weight, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import compare_url
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TraceState

_LONGEST_MESSAGE = 200
_WORDS = {
    Oddity.ORPHAN: ("span whose parent is missing", "spans whose parent is missing"),
    Oddity.SEVERAL_ROOTS: ("root", "roots"),
    Oddity.NO_ROOT: ("root missing", "no root: {} top spans"),
    Oddity.SELF_PARENT: ("span is its own parent", "spans are their own parents"),
    Oddity.CYCLE: ("span in a circle of parents", "spans in a circle of parents"),
    Oddity.DUPLICATE_ID: ("span with a re-used ID", "spans with a re-used ID"),
    Oddity.SHARED_ID: ("shared client/server ID", "shared client/server IDs"),
    Oddity.REDELIVERED: ("span delivered again, shown once", "spans delivered again, shown once"),
    Oddity.STARTS_EARLY: (
        "span starts before its parent (clock skew?)",
        "spans start before their parents (clock skew?)",
    ),
    Oddity.ENDS_LATE: ("span outlives its parent", "spans outlive their parents"),
    Oddity.ZERO_DURATION: ("span without a duration", "spans without a duration"),
    Oddity.NO_START: ("span without a start time", "spans without a start time"),
    Oddity.FAR_TIME: (
        "span starts before 2000 or after tomorrow (whose clock?)",
        "spans start before 2000 or after tomorrow (whose clock?)",
    ),
}
_MERELY_NOTED = frozenset(
    {Oddity.SHARED_ID, Oddity.REDELIVERED, Oddity.ZERO_DURATION, Oddity.ENDS_LATE}
)


@dataclass(frozen=True, slots=True)
class TraceWarning:
    """An oddity in words; ``url`` selects the first span concerned, empty where there is none."""

    name: str
    text: str
    url: str
    serious: bool


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One sentence on the trace, a link to its span. ``kind`` is error or bottleneck."""

    kind: str
    lead: str
    subject: str
    rest: str
    url: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A view to choose."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """A trace in two lines and a finding, and the views to choose from. ``failed`` says whether any
    span did, ``weight`` how many traces it stands for after sampling (``×10``)."""

    trace_id: str
    full_id: str
    service: str
    service_class: str
    name: str
    title: str
    failed: bool
    start_ns: int
    duration_ns: int
    spans: int
    services: int
    errors: int
    depth: int
    weight: str
    error_url: str
    compare_url: str
    choices_url: str
    url: str
    warnings: tuple[TraceWarning, ...]
    findings: tuple[FindingLine, ...]
    tabs: tuple[Tab, ...]


def trace_header(
    trace: LoadedTrace, state: TraceState, failed_span: Span | None, tabs: tuple[Tab, ...] = ()
) -> TraceHeader:
    """Return the header. ``failed_span`` is the span of `findings.first_error`'s row, for its words."""
    tree, columns = trace.tree, trace.tree.columns
    root = int(first_root(trace))
    service, name = row_service(trace, root), row_name(trace, root)
    errors = int((columns.status == StatusCode.ERROR).sum())
    lines = [_error_line(trace, state, failed_span), _bottleneck_line(trace, state)]
    error_line = lines[0]
    return TraceHeader(
        trace_id=format_trace_id(tree.trace_id),
        full_id=tree.trace_id,
        service=service,
        service_class=service_class(columns.services[columns.service[root]]),
        name=name,
        title=f"{service}: {name}",
        failed=errors > 0,
        start_ns=tree.start_ns,
        duration_ns=tree.duration_ns,
        spans=len(tree),
        services=len(np.unique(columns.service)),
        errors=errors,
        depth=int(tree.depth.max()) + 1,
        weight=format_weight(columns.weight),
        error_url=error_line.url if error_line else "",
        compare_url=compare_url(tree.trace_id, utc=state.utc),
        choices_url=compare_url(tree.trace_id, "/choices", state.utc),
        url=state.url,
        warnings=_warnings(trace, state),
        findings=tuple(line for line in lines if line),
        tabs=tabs,
    )


def first_root(trace: LoadedTrace) -> int:
    """Return the earliest true root, or the earliest top row where there is none."""
    roots = trace.tree.roots
    true_roots = roots[trace.tree.columns.parent_id[roots] == 0]
    return int(true_roots[0] if len(true_roots) else roots[0])


def _warnings(trace: LoadedTrace, state: TraceState) -> tuple[TraceWarning, ...]:
    warnings: list[TraceWarning] = []
    for finding in trace.tree.findings:
        one, many = _WORDS[finding.oddity]
        words = one if finding.count == 1 else many
        count = format_count(finding.count)
        text = words.format(count) if "{}" in words else f"{count} {words}"
        if finding.oddity is Oddity.NO_ROOT and finding.count == 1:
            text = words
        url = reveal(trace, state, int(finding.rows[0])).url if len(finding.rows) else ""
        serious = finding.oddity not in _MERELY_NOTED
        warnings.append(TraceWarning(finding.oddity.value, text, url, serious))
    return tuple(sorted(warnings, key=lambda warning: not warning.serious))


def _subject(trace: LoadedTrace, row: int) -> str:
    return f"{row_service(trace, row)} · {row_name(trace, row)}"


def _error_line(trace: LoadedTrace, state: TraceState, failed: Span | None) -> FindingLine | None:
    row = first_error(trace.tree)
    if row is None:
        return None
    message = "" if failed is None else error_message(failed)
    if len(message) > _LONGEST_MESSAGE:
        message = message[: _LONGEST_MESSAGE - 1] + "…"
    rest = f": {message}" if message else ", which gave no message"
    return FindingLine(
        "error", "failed at", _subject(trace, row), rest, reveal(trace, state, row).url
    )


def error_message(span: Span) -> str:
    """Return what a failed span says of its error: status message, exception event, or status code."""
    if span.status.message:
        return span.status.message
    for event in reversed(span.events):
        said = dict(event.attributes)
        if said.get("exception.message"):
            return show_value(said["exception.message"])
        if said.get("exception.type"):
            return show_value(said["exception.type"])
    attributes = dict(span.attributes)
    for key in ("error.message", "error.type", "http.response.status_code", "http.status_code"):
        if attributes.get(key):
            return f"{key} {show_value(attributes[key])}"
    return ""


def _bottleneck_line(trace: LoadedTrace, state: TraceState) -> FindingLine | None:
    slowest = bottleneck(trace.tree, trace.self_ns)
    if slowest is None:
        return None
    own, whole = format_duration(slowest.self_ns), format_duration(trace.tree.duration_ns)
    rest = f" takes {own} itself, of {whole} ({_share(slowest.share)})"
    return FindingLine(
        "bottleneck", "", _subject(trace, slowest.row), rest, reveal(trace, state, slowest.row).url
    )


def _share(share: float) -> str:
    # A span without a start time is outside of the trace's own duration, and may be longer.
    if share > 1:
        return "over 100%"
    return f"{share:.0%}" if share >= 0.01 else "under 1%"
