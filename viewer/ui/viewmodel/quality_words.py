"""Problems of a trace's making in words: what is wrong, where, and what to do about it."""

from dataclasses import dataclass

from viewer.analysis.quality import FLOOD, Issue, Problem, Severity
from viewer.ui.filters import format_count, format_duration, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.finding_words import Evidence, cut, evidence_of
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.trace_state import TraceState

_ICONS = {Severity.BROKEN: "error", Severity.DOUBTFUL: "warning", Severity.NOTE: "info"}
_COLOURS = {Severity.BROKEN: "error", Severity.DOUBTFUL: "warning", Severity.NOTE: "note"}
_LONGEST_PART = 80
# {spans} is the count with its noun, {service} the one concerned, {caller} the one above it.
_WORDS = {
    Problem.LOST_CALLER: (
        "{spans} of {service} named a caller that is not in the trace{where}.",
        "Instrument what calls {service}, let it export its spans, and sample all services alike.",
    ),
    Problem.LOST_OWN_SPAN: (
        "{spans} of {service} named a parent within the service that is not in the trace.",
        "Look in {service} for spans that are never ended, dropped by a full queue, or lost at exit.",
    ),
    Problem.NO_ROOT: (
        "The trace has no root: of {spans} at the top, each named a parent.",
        "Let the service where requests come in export its spans.",
    ),
    Problem.SEVERAL_ROOTS: (
        "The trace has {count} roots.",
        "Pass the context on (W3C traceparent) where a new root begins, or use links.",
    ),
    Problem.CYCLE: (
        "{spans} named one another as parents, in a circle.",
        "Look for span IDs that {service} uses twice.",
    ),
    Problem.SELF_PARENT: (
        "{spans} had their own ID as parent ID.",
        "Mend how {service} sets the parent span ID; a root has none.",
    ),
    Problem.DUPLICATE_ID: (
        "{spans} shared a span ID with another span.",
        "Give every span an ID of its own; look for forks that share a random seed.",
    ),
    Problem.REDELIVERED: (
        "{spans} arrived again and were left out: each is shown once.",
        "Look for exporters that send again after a timeout, or two pipelines with one target.",
    ),
    Problem.SKEW: (
        "{spans} of {service} started before the call from {caller}, by {amount}.",
        "Synchronise the clocks of the hosts of {caller} and {service} (NTP, chrony).",
    ),
    Problem.STARTS_EARLY: (
        "{spans} of {service} started before a parent of the same service, by {amount}.",
        "Start the parent first, and take both times from one clock.",
    ),
    Problem.ENDS_LATE: (
        "{spans} of {service} outlived the parent in {caller}, by {amount}.",
        "If nobody waits for them, make them consumers or link them; if not, end the parent later.",
    ),
    Problem.NO_START: (
        "{spans} of {service} came without a start time.",
        "Set the start when the span begins; without it a span has no place in time.",
    ),
    Problem.FAR_TIME: (
        "{spans} of {service} started before 2000 or after tomorrow.",
        "Check the clock and the unit of time (nanoseconds, not milliseconds).",
    ),
    Problem.FLOOD: (
        "{name} of {service} has {spans} in this trace.",
        "From {flood} on, one span with a count, or sampling within the loop, says as much.",
    ),
    Problem.NO_PEER: (
        "{spans} of {service} called something that neither answered with a span nor is named.",
        "Set server.address (or peer.service) on client spans.",
    ),
    Problem.NO_MESSAGE: (
        "{spans} of {service} failed and did not say why.",
        "Set the status message, or record the exception.",
    ),
    Problem.NO_STATEMENT: (
        "{spans} of {service} called a database without a statement or table.",
        "Set db.query.text (with parameters left out) or db.collection.name.",
    ),
    Problem.NO_CORRELATION: (
        "The root names no user, session or order.",
        "Set an attribute such as enduser.id or order.id on it, to find the trace by it.",
    ),
    Problem.SECRET: (
        "{spans} carried attributes that may hold secrets: {names}.",
        "Leave them out where they are made, or redact them on the way in.",
    ),
}


@dataclass(frozen=True, slots=True)
class IssueLine:
    """A problem: ``severity`` colours it, ``icon`` and ``word`` say it without colour."""

    name: str
    severity: str
    icon: str
    word: str
    text: str
    advice: str
    evidence: tuple[Evidence, ...]


def issue_line(trace: LoadedTrace, state: TraceState, issue: Issue) -> IssueLine:
    """Return an issue's words."""
    row = int(issue.rows[0]) if len(issue.rows) else -1
    services = {
        name: "" if at < 0 else cut(row_service(trace, at), _LONGEST_PART)
        for name, at in (("service", row), ("caller", issue.caller))
    }
    where = ""
    if issue.caller >= 0:
        where = f"; by their times, look at {services['caller']}"
    words = {
        **services,
        "spans": format_plural(issue.count, "span"),
        "count": format_count(issue.count),
        "amount": f"{'up to ' if issue.count > 1 else ''}{format_duration(issue.amount_ns)}",
        "name": "" if row < 0 else cut(row_name(trace, row), _LONGEST_PART),
        "names": cut(", ".join(issue.names)),
        "flood": format_count(FLOOD),
        "where": where,
    }
    text, advice = _WORDS[issue.problem]
    return IssueLine(
        name=issue.problem.value,
        severity=_COLOURS[issue.severity],
        icon=_ICONS[issue.severity],
        word=issue.severity.value.capitalize(),
        text=text.format(**words),
        advice=advice.format(**words),
        evidence=evidence_of(trace, state, issue.rows.tolist()),
    )
