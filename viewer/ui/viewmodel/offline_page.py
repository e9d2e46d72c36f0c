"""A trace as one page that needs no server: what is said of it, and its spans with all they hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from viewer.analysis.findings import first_error
from viewer.analysis.visible import with_ancestors
from viewer.trace.ids import format_span_id
from viewer.trace.span import Span, StatusCode
from viewer.trace.tree import Rows
from viewer.ui.filters import format_count, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.finding_words import FindingLine, finding_line
from viewer.ui.viewmodel.only_form import Kept
from viewer.ui.viewmodel.rows import WINDOW_ROWS, Row, window_of
from viewer.ui.viewmodel.span_detail import SpanDetail, span_detail
from viewer.ui.viewmodel.trace_header import TraceHeader, trace_header
from viewer.ui.viewmodel.trace_state import TraceState

MOST_SPANS = 5_000
_MOST_FINDINGS = 20


class OfflineState(TraceState):
    """The state of a page that is all there is: its addresses are places within it."""

    @property
    def url(self) -> str:
        return f"#span-{format_span_id(self.span)}" if self.span else "#main"


@dataclass(frozen=True, slots=True)
class OfflineSpan:
    """A span's row, and all that is known of it; None of a span that has gone meanwhile."""

    row: Row
    detail: SpanDetail | None


@dataclass(frozen=True, slots=True)
class OfflinePage:
    """``css`` is the style sheet and ``policy`` the page's Content-Security-Policy; ``told`` says
    which spans are left out, empty if none are; ``link`` is where the trace can be seen in full,
    empty where nobody serves it. ``windows`` are the spans in runs, made while they are printed."""

    css: str
    policy: str
    version: str
    link: str
    header: TraceHeader
    findings: tuple[FindingLine, ...]
    told: str
    windows: Iterator[Sequence[OfflineSpan]]


def offline_rows(trace: LoadedTrace, most: int = MOST_SPANS) -> Kept:
    """Return the rows that the page shows, ``most`` at most: all, or the failed spans and the longest
    with the ancestors of each; where ancestors are too many, of fewer."""
    count = len(trace.tree)
    if count <= most:
        every = np.ones(count, bool)
        return Kept(every, every)
    columns = trace.tree.columns
    # Failed ones first, then by duration; of equals the first.
    order = np.lexsort((-columns.dur_ns, columns.status != StatusCode.ERROR))
    wanted = most
    while True:
        chosen = np.zeros(count, bool)
        chosen[order[:wanted]] = True
        shown = with_ancestors(trace.tree, chosen)
        if int(shown.sum()) <= most or wanted == 0:
            return Kept(chosen, shown)
        wanted //= 2


def spans_to_tell(trace: LoadedTrace) -> list[int]:
    """Return the rows whose spans `offline_page` needs for its words."""
    failed = first_error(trace.tree)
    return [] if failed is None else [failed]


def offline_page(
    trace: LoadedTrace,
    state: OfflineState,
    kept: Kept,
    spans: Mapping[int, Span],
    windows: Iterator[Sequence[OfflineSpan]],
    css: str,
    policy: str,
    version: str,
    link: str,
) -> OfflinePage:
    """Return the page; ``spans`` are those of `spans_to_tell`, ``kept`` is from `offline_rows`."""
    failed = first_error(trace.tree)
    failed_span = None if failed is None else spans.get(failed)
    found = trace.overview().findings[:_MOST_FINDINGS]
    return OfflinePage(
        css=css,
        policy=policy,
        version=version,
        link=link,
        header=trace_header(trace, state, failed_span),
        findings=tuple(finding_line(trace, state, one, failed_span) for one in found),
        told=_told(kept),
        windows=windows,
    )


def window_spans(
    trace: LoadedTrace,
    state: OfflineState,
    kept: Kept,
    visible: Rows,
    offset: int,
    spans: Mapping[int, Span],
) -> list[OfflineSpan]:
    """Return the spans of WINDOW_ROWS of the ``visible`` rows; ``spans`` holds them by row."""
    window = window_of(trace, state, visible, None, offset, spans, kept)
    rows = visible[offset : offset + WINDOW_ROWS].tolist()
    return [
        OfflineSpan(shown, span_detail(trace, state, row, spans[row]) if row in spans else None)
        for shown, row in zip(window.rows, rows, strict=True)
    ]


def _told(kept: Kept) -> str:
    left_out = int((~kept.shown).sum())
    if not left_out:
        return ""
    ancestors = int((kept.shown & ~kept.chosen).sum())
    told = f"{format_count(int(kept.chosen.sum()))} spans are here: those that failed, then the longest"
    if ancestors:
        told += f"; with {format_plural(ancestors, 'span')} above them"
    are = "is" if left_out == 1 else "are"
    return f"{told}. {format_plural(left_out, 'span')} of the trace {are} left out."
