"""The top of a trace page: what the trace is, what is wrong with it, and the finding in words."""

from dataclasses import dataclass

import numpy as np

from viewer.analysis.findings import ErrorSpread
from viewer.trace.ids import format_trace_id
from viewer.trace.span import Span, StatusCode
from viewer.trace.tree import Oddity
from viewer.ui.filters import (
    format_count,
    format_duration,
    format_plural,
    format_time_exact,
    format_weight,
    service_class,
)
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import compare_url
from viewer.ui.viewmodel.finding_words import FindingLine, finding_line
from viewer.ui.viewmodel.key_help import KEY_HELP, KeyHelp
from viewer.ui.viewmodel.markdown import markdown
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.skew import Skew, skew
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TraceState
from viewer.ui.viewmodel.whole_file import WholeFile

FINDINGS = "findings"
_MOST_FINDINGS, _MOST_COPIED = 2, 5
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
        "span starts before its parent",
        "spans start before their parents",
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
class Tab:
    """A view to choose."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """A trace in two lines, what matters most of it, and the views to choose from. ``failed`` says
    whether any span did, ``weight`` how many traces it stands for after sampling (``×10``); ``more``
    counts the findings, all of which are told in the view of ``more_url``; empty if there is but one;
    ``markdown`` says what matters for a chat or an issue."""

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
    skew: Skew | None
    findings: tuple[FindingLine, ...]
    more: str
    more_url: str
    markdown: str
    tabs: tuple[Tab, ...]
    files: tuple[WholeFile, ...]
    key_help: KeyHelp = KEY_HELP


def trace_header(
    trace: LoadedTrace,
    state: TraceState,
    failed_span: Span | None,
    tabs: tuple[Tab, ...] = (),
    files: tuple[WholeFile, ...] = (),
) -> TraceHeader:
    """Return the header. ``failed_span`` is the span of `findings.first_error`'s row, for its words."""
    tree, columns = trace.tree, trace.tree.columns
    root = int(first_root(trace))
    service, name = row_service(trace, root), row_name(trace, root)
    title, services = f"{service}: {name}", int(np.count_nonzero(np.bincount(columns.service)))
    errors = int((columns.status == StatusCode.ERROR).sum())
    found = trace.overview().findings
    told = [finding_line(trace, state, one, failed_span) for one in found[:_MOST_COPIED]]
    lines = tuple(told[:_MOST_FINDINGS])
    error_url = lines[0].url if found and isinstance(found[0], ErrorSpread) else ""
    findings = len(found) + trace.overview().left_out
    return TraceHeader(
        trace_id=format_trace_id(tree.trace_id),
        full_id=tree.trace_id,
        service=service,
        service_class=service_class(columns.services[columns.service[root]]),
        name=name,
        title=title,
        failed=errors > 0,
        start_ns=tree.start_ns,
        duration_ns=tree.duration_ns,
        spans=len(tree),
        services=services,
        errors=errors,
        depth=int(tree.depth.max()) + 1,
        weight=format_weight(columns.weight),
        error_url=error_url,
        compare_url=compare_url(tree.trace_id, utc=state.utc),
        choices_url=compare_url(tree.trace_id, "/choices", state.utc),
        url=state.url,
        warnings=_warnings(trace, state),
        skew=skew(trace, state),
        findings=lines,
        more=format_plural(findings, "finding") if findings > 1 else "",
        more_url=state.viewing(FINDINGS).url,
        markdown=_markdown(trace, title, services, errors, [line.text for line in told]),
        tabs=tabs,
        files=files,
    )


def first_root(trace: LoadedTrace) -> int:
    """Return the earliest true root, or the earliest top row where there is none."""
    roots = trace.tree.roots
    true_roots = roots[trace.tree.columns.parent_id[roots] == 0]
    return int(true_roots[0] if len(true_roots) else roots[0])


def _markdown(
    trace: LoadedTrace, title: str, services: int, errors: int, sentences: list[str]
) -> str:
    tree = trace.tree
    facts = [
        format_duration(tree.duration_ns),
        format_plural(len(tree), "span"),
        format_plural(services, "service"),
        format_plural(errors, "error") if errors else "no errors",
    ]
    if tree.start_ns:
        facts.append(format_time_exact(tree.start_ns))
    return markdown(title, facts, sentences)


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
