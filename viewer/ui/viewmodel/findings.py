"""The findings view: all that is to be said of a trace, and how well it is made."""

from collections.abc import Mapping
from dataclasses import dataclass

from viewer.analysis.attribute_quality import attribute_issues, same_statements
from viewer.analysis.findings import first_error
from viewer.analysis.overview import MOST_OF_A_KIND
from viewer.analysis.patterns import Repetition
from viewer.analysis.quality import by_severity, structure_issues
from viewer.analysis.slow_spans import Usual, heaviest_rows, slower_than_usual
from viewer.trace.span import Span
from viewer.ui.filters import format_count, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.finding_words import (
    FindingLine,
    finding_line,
    slow_line,
    statement_line,
)
from viewer.ui.viewmodel.quality_words import IssueLine, issue_line
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState


@dataclass(frozen=True, slots=True)
class Findings:
    """``lines`` are the findings, most important first; ``left_out`` counts further ones. ``issues``
    are what is broken in the trace's making; ``looked_at`` says where not all attributes were seen."""

    lines: tuple[FindingLine, ...]
    left_out: str
    issues: tuple[IssueLine, ...]
    looked_at: str


def findings(
    trace: LoadedTrace,
    state: TraceState,
    spans: Mapping[int, Span],
    usual: Mapping[tuple[str, str], Usual],
) -> Findings:
    """Return the view. ``spans`` are those of `attribute_quality.rows_to_look_at` and of the first
    error, by row; ``usual`` is how long the operations of `slow_spans.heaviest_rows` usually take."""
    there = state.viewing(TIMELINE)
    tree, found = trace.tree, trace.overview()
    failed = first_error(tree)
    failed_span = None if failed is None else spans.get(failed)
    slow = slower_than_usual(tree, heaviest_rows(tree, trace.self_ns), usual)
    repeated = [one.rows[0] for one in found.findings if isinstance(one, Repetition)]
    columns = tree.columns
    told = {
        (columns.services[columns.service[row]], columns.names[columns.name[row]])
        for row in repeated
    }
    same = same_statements(spans, told)
    staked = [
        (stake, finding_line(trace, there, one, failed_span))
        for stake, one in zip(found.stakes, found.findings, strict=True)
    ]
    staked += [(one.duration_ns - one.p95_ns, slow_line(trace, there, one)) for one in slow]
    for text, rows in same[:MOST_OF_A_KIND]:
        # Statements may be executed at once: their sum says no more than the trace's duration.
        total = min(int(columns.dur_ns[rows].sum()), tree.duration_ns)
        staked.append((total, statement_line(trace, there, text, rows.tolist())))
    staked.sort(key=lambda pair: -pair[0])
    left_out = found.left_out + max(len(same) - MOST_OF_A_KIND, 0)
    issues = by_severity([*structure_issues(tree), *attribute_issues(tree, spans)])
    looked_at = ""
    if len(spans) < len(tree):
        looked_at = (
            f"Attributes of {format_count(len(spans))} of {format_plural(len(tree), 'span')}"
            " were looked at: roots, failed ones, calls without an answer, then the first."
        )
    return Findings(
        lines=tuple(line for _, line in staked),
        left_out=f"{format_plural(left_out, 'more finding')} of these kinds" if left_out else "",
        issues=tuple(issue_line(trace, there, issue) for issue in issues),
        looked_at=looked_at,
    )
