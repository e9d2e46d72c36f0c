"""Findings in words, as a colleague would say them: a sentence each, a link, and the evidence."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from viewer.analysis.findings import Bottleneck, ErrorSpread, HeaviestService, error_message
from viewer.analysis.gaps import Gap
from viewer.analysis.overview import AnyFinding
from viewer.analysis.patterns import InARow, Repetition, Retry
from viewer.analysis.self_time import self_intervals
from viewer.analysis.slow_spans import SlowSpan
from viewer.trace.span import Span
from viewer.ui.filters import format_count, format_duration, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TraceState

_LONGEST_MESSAGE = 200
_LONGEST_PART = 80
_MOST_ABOVE = 5
_OFF_PATH = "none of it on the critical path"
_LARGE_SHARE = 0.1
_ICONS = {"error": "error", "warning": "warning", "note": "clock"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span that shows it: its name, how long it took, where it is, and its service in the title."""

    label: str
    title: str
    duration: str
    url: str


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One sentence on the trace: lead, subject (a link to its span) and rest. ``kind`` is the
    finding's public name; ``severity`` is error, warning or note, ``word`` says the kind in words
    and ``icon`` shows the severity. ``advice`` says what to do, empty where that is plain."""

    kind: str
    lead: str
    subject: str
    rest: str
    url: str
    severity: str
    word: str
    evidence: tuple[Evidence, ...] = ()
    advice: str = ""

    @property
    def text(self) -> str:
        """The whole sentence."""
        return f"{self.lead} {self.subject}{self.rest}".lstrip()

    @property
    def icon(self) -> str:
        return _ICONS[self.severity]


def finding_line(
    trace: LoadedTrace, state: TraceState, finding: AnyFinding, failed: Span | None
) -> FindingLine:
    """Return a finding's words. ``failed`` is the span of the error's row, for its message."""
    if isinstance(finding, ErrorSpread):
        return _error(trace, state, finding, failed)
    if isinstance(finding, Bottleneck):
        return _bottleneck(trace, state, finding)
    if isinstance(finding, HeaviestService):
        return _heaviest(trace, state, finding)
    if isinstance(finding, Repetition):
        return _repetition(trace, state, finding)
    if isinstance(finding, Retry):
        return _retry(trace, state, finding)
    if isinstance(finding, InARow):
        return _in_a_row(trace, state, finding)
    return _gap(trace, state, finding)


def slow_line(trace: LoadedTrace, state: TraceState, slow: SlowSpan) -> FindingLine:
    """Return the words for a span that took longer than usual."""
    took, p95, median = map(format_duration, (slow.duration_ns, slow.p95_ns, slow.median_ns))
    times = (
        f"{slow.duration_ns / slow.p95_ns:.1f} times its p95 of {p95}"
        if slow.p95_ns
        else "p95 0 ns"
    )
    rest = f" took {took}, {times} (median {median}, {format_plural(slow.samples, 'span')})"
    if slow.others:
        rest += f"; so did {format_plural(slow.others, 'other')} of the heaviest"
    return FindingLine("slow", "", subject(trace, slow.row), rest, _url(trace, state, slow.row),
                       "warning", "Slower than usual")  # fmt: skip


def statement_line(
    trace: LoadedTrace, state: TraceState, text: str, rows: list[int]
) -> FindingLine:
    """Return the words for a statement that is executed again and again."""
    total = format_duration(sum(int(trace.tree.columns.dur_ns[row]) for row in rows))
    rest = f" executes the same statement {format_count(len(rows))} times ({total}): {cut(text)}"
    return FindingLine(
        kind="statement",
        lead="",
        subject=row_service(trace, rows[0]),
        rest=rest,
        url=_url(trace, state, rows[0]),
        severity="warning",
        word="Same statement",
        evidence=evidence_of(trace, state, rows[:_MOST_ABOVE]),
        advice="Ask once and keep the answer, or ask for all at once.",
    )


def subject(trace: LoadedTrace, row: int) -> str:
    """Return how a span is named in a sentence."""
    return f"{row_service(trace, row)} · {row_name(trace, row)}"


def evidence_of(trace: LoadedTrace, state: TraceState, rows: Iterable[int]) -> tuple[Evidence, ...]:
    """Return links to these rows."""
    return tuple(
        Evidence(
            label=cut(row_name(trace, row), _LONGEST_PART),
            title=subject(trace, row),
            duration=format_duration(int(trace.tree.columns.dur_ns[row])),
            url=_url(trace, state, row),
        )
        for row in rows
    )


def cut(text: str, most: int = _LONGEST_MESSAGE) -> str:
    """Return the text on one line, its beginning if it is long."""
    line = " ".join(text[: 2 * most].split())
    return line if len(line) <= most and len(text) <= 2 * most else line[: most - 1] + "…"


def share_of(share: float) -> str:
    """Print a share: ``43 %``."""
    # A span without a start time is outside of the trace's own duration, and may be longer.
    if share > 1:
        return "over 100 %"
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "under 1 %"


def _url(trace: LoadedTrace, state: TraceState, row: int) -> str:
    return reveal(trace, state, row).url


def _named(trace: LoadedTrace, row: int) -> str:
    return cut(subject(trace, row), _LONGEST_PART)


def _error(
    trace: LoadedTrace, state: TraceState, found: ErrorSpread, failed: Span | None
) -> FindingLine:
    message = "" if failed is None else cut(error_message(failed))
    rest = f": {message}" if message else ", which gave no message"
    above = len(found.above)
    if above:
        top = cut(row_service(trace, int(found.above[-1])), _LONGEST_PART)
        rest += f"; {format_plural(above, 'span')} above it failed with it, up to {top}"
    if found.others:
        rest += f"; {format_plural(found.others, 'other error')} began elsewhere"
    return FindingLine(
        "error", "failed at", subject(trace, found.row), rest, _url(trace, state, found.row),
        "error", "Error", evidence_of(trace, state, found.above[:_MOST_ABOVE].tolist()),
    )  # fmt: skip


def _bottleneck(trace: LoadedTrace, state: TraceState, found: Bottleneck) -> FindingLine:
    own = format_duration(found.self_ns)
    critical = _of_it_critical(trace, found)
    # What the end did not wait for holds nothing up.
    large = found.share >= _LARGE_SHARE and critical != _OFF_PATH
    rest = f" is the bottleneck: {own} itself" if large else f" takes longest: {own} itself"
    rest += f", {share_of(found.share)} of the trace"
    if found.caller is not None and found.caller_share:
        caller = cut(row_service(trace, found.caller), _LONGEST_PART)
        rest += f", {share_of(found.caller_share)} of {caller}"
    rest += f", {critical}"
    return FindingLine(
        "bottleneck", "", subject(trace, found.row), rest, _url(trace, state, found.row),
        "note", "Bottleneck",
    )  # fmt: skip


def _of_it_critical(trace: LoadedTrace, found: Bottleneck) -> str:
    """Say how much of the bottleneck's self time is on the critical path."""
    tree, row = trace.tree, found.row
    window = trace.critical.window_of(row) - tree.columns.start_ns[row]
    if not len(window):
        return _OFF_PATH
    low, high = window[0].tolist()
    # While the path is with a span or those below it, its self time is on the path: nothing on the
    # path runs then but the span itself.
    passed = found.self_ns
    if (low, high) != (0, int(tree.columns.dur_ns[row])):
        within = np.clip(self_intervals(tree, row, trace.children.of(row)), low, high)
        passed = int((within[:, 1] - within[:, 0]).sum())
    part = {found.self_ns: "all", 0: "none"}.get(passed, format_duration(passed))
    return f"{part} of it on the critical path"


def _heaviest(trace: LoadedTrace, state: TraceState, found: HeaviestService) -> FindingLine:
    took, calls = format_duration(found.busy_ns), ""
    if found.calls > 1:
        calls = f" in {format_count(found.calls)} calls"
    rest = f" takes {took}{calls}, {share_of(found.share)} of total"
    return FindingLine(
        "service", "", row_service(trace, found.row), rest, _url(trace, state, found.row),
        "note", "Heaviest service",
    )  # fmt: skip


def _repetition(trace: LoadedTrace, state: TraceState, found: Repetition) -> FindingLine:
    first = int(found.rows[0])
    count, total = format_count(found.count), format_duration(found.total_ns)
    by = _named(trace, found.parent)
    if found.families > 1:
        by = f"{format_count(found.families)} spans like {by}"
    rest = f" is called {count} times one after the other by {by}: {total}"
    return FindingLine(
        kind="repetition",
        lead="",
        subject=subject(trace, first),
        rest=f"{rest}, {share_of(found.share)} of the trace",
        url=_url(trace, state, first),
        severity="warning",
        word="Repeated calls (N+1)",
        evidence=evidence_of(trace, state, found.rows.tolist()),
        advice="Ask for all at once: a join, a list of keys, or a batch call.",
    )


def _retry(trace: LoadedTrace, state: TraceState, found: Retry) -> FindingLine:
    first, lost = int(found.rows[0]), format_duration(found.lost_ns)
    ended = "with success at last" if found.recovered else "and failed each time"
    rest = (
        f" was tried {format_count(found.attempts)} times by {_named(trace, found.parent)}"
        f" {ended}; {lost} passed before the last attempt"
    )
    if found.families > 1:
        rest += f"; so it is at {format_plural(found.families, 'span')}"
    return FindingLine(
        "retry", "", subject(trace, first), rest, _url(trace, state, first),
        "warning", "Retry", evidence_of(trace, state, found.rows.tolist()),
    )  # fmt: skip


def _in_a_row(trace: LoadedTrace, state: TraceState, found: InARow) -> FindingLine:
    total, saved = format_duration(found.total_ns), format_duration(found.saved_ns)
    rest = (
        f" makes {format_count(found.count)} calls one after the other: {total},"
        f" {share_of(found.share)} of the trace; it could save up to {saved} if they ran at once"
    )
    return FindingLine(
        kind="in-a-row",
        lead="",
        subject=subject(trace, found.parent),
        rest=rest,
        url=_url(trace, state, found.parent),
        severity="note",
        word="One after another",
        evidence=evidence_of(trace, state, found.rows.tolist()),
        advice="Those that do not need one another's answer can be started together.",
    )


def _gap(trace: LoadedTrace, state: TraceState, found: Gap) -> FindingLine:
    between = " and ".join(_named(trace, row) for row in (found.after, found.before))
    return FindingLine(
        kind="gap",
        lead=f"nothing is recorded for {format_duration(found.length_ns)} of",
        subject=subject(trace, found.row),
        rest=f" between {between}, {share_of(found.share)} of the trace",
        url=_url(trace, state, found.row),
        severity="warning",
        word="Gap",
        evidence=evidence_of(trace, state, (found.after, found.before)),
        advice="Add a span there, or look for waiting: a lock, a queue, a pause, a pool.",
    )
