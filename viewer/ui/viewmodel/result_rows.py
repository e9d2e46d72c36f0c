"""Rows of search results: one a trace, and what all rows of a list are measured by."""

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.search.link import SearchLink
from viewer.search.query import Sort, TraceQuery
from viewer.store.base import PageExtent
from viewer.trace.ids import format_trace_id
from viewer.trace.summary import MatchedSpan, ServiceCount, TraceSummary
from viewer.ui.filters import (
    format_ago,
    format_day,
    format_duration,
    format_plural,
    format_service,
    format_weight,
    service_class,
)
from viewer.ui.viewmodel.address import trace_url

_CHIPS = 5
_CHIP_CHARACTERS = 51


@dataclass(frozen=True, slots=True)
class ServiceChip:
    """A service's share of a trace, in its hue."""

    name: str
    css: str
    spans: int
    errors: int
    title: str


@dataclass(frozen=True, slots=True)
class Match:
    """The span that made a trace match, where it is not the root; ``why`` names the conditions."""

    url: str
    operation: str
    service: str
    css: str
    duration: str
    why: str


@dataclass(frozen=True, slots=True)
class RowScale:
    """What all rows of a list have in common, those too that come later: the duration of a whole
    bar, and whether each row carries its day."""

    longest_ns: int
    dated: bool


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A trace. ``weight`` says how many it stands for after sampling (``×10``). ``bar_width`` is its
    duration in percent of the longest of the list. ``dated`` rows carry their day beside the time; else a
    line above the row says it, unless ``same_day``: the row above started on the same day (in UTC).
    """

    trace_id: str
    url: str
    operation: str
    service: str
    css: str
    headless: bool
    match: Match | None
    chips: tuple[ServiceChip, ...]
    more_services: int
    more_title: str
    spans: int
    errors: int
    duration_ns: int
    weight: str
    bar_width: str
    start_ns: int
    dated: bool
    same_day: bool
    ago: str


def row_scale(extent: PageExtent, sort: Sort) -> RowScale:
    """Return the scale of a list that shows all traces of this extent."""
    # Out of time order a line above each change of day would stand above nearly every row.
    in_time = sort in (Sort.NEWEST, Sort.OLDEST)
    dated = not in_time and format_day(extent.first_ns) != format_day(extent.last_ns)
    return RowScale(extent.longest_ns, dated)


def result_rows(
    traces: Sequence[TraceSummary],
    link: SearchLink,
    scale: RowScale,
    now_ns: int,
    *,
    above_ns: int | None = None,
) -> tuple[ResultRow, ...]:
    """Return a row a trace; ``above_ns`` is the start of the row above the first, where one is."""
    above = None if above_ns is None else format_day(above_ns)
    rows: list[ResultRow] = []
    for trace in traces:
        day = format_day(trace.start_ns)
        rows.append(_row(trace, link, scale, day == above, now_ns))
        above = day
    return tuple(rows)


def _row(
    trace: TraceSummary,
    link: SearchLink,
    scale: RowScale,
    same_day: bool,
    now_ns: int,
) -> ResultRow:
    chips, rest = _chips(trace.services)
    # What has come in since the scale was taken may be longer than all that were there.
    share = min(100.0, 100 * trace.duration_ns / max(scale.longest_ns, 1))
    return ResultRow(
        trace_id=format_trace_id(trace.trace_id),
        url=trace_url(trace.trace_id, tz=link.fields.tz),
        operation=trace.root_name or "(no name)",
        service=format_service(trace.root_service),
        css=service_class(trace.root_service),
        headless=not trace.has_root,
        match=_match(trace, link),
        chips=chips,
        more_services=len(rest),
        more_title=", ".join(format_service(count.service) for count in rest),
        spans=trace.spans,
        errors=trace.errors,
        duration_ns=trace.duration_ns,
        weight=format_weight(trace.weight),
        bar_width=f"{max(0.4, share):.2f}%",
        start_ns=trace.start_ns,
        dated=scale.dated,
        same_day=same_day,
        ago=format_ago(trace.start_ns, now_ns),
    )


def _chips(services: Sequence[ServiceCount]) -> tuple[tuple[ServiceChip, ...], list[ServiceCount]]:
    """Show the services with errors, then those with most spans; names are never cut, so how many
    fit depends on how long they are."""
    ranked = sorted(services, key=lambda count: (-bool(count.errors), -count.spans, count.service))
    shown: list[ServiceCount] = []
    room = _CHIP_CHARACTERS
    for count in ranked[:_CHIPS]:
        room -= len(format_service(count.service)) + (8 if count.errors else 5)
        # The number of those left out needs room too.
        if shown and room < (0 if len(shown) + 1 == len(ranked) else 4):
            break
        shown.append(count)
    rest = sorted(ranked[len(shown) :], key=lambda count: count.service)
    shown.sort(key=lambda count: count.service)
    return tuple(_chip(count) for count in shown), rest


def _chip(count: ServiceCount) -> ServiceChip:
    name = format_service(count.service)
    title = f"{name}: {format_plural(count.spans, 'span')}"
    if count.errors:
        title += f", {format_plural(count.errors, 'error')}"
    return ServiceChip(name, service_class(count.service), count.spans, count.errors, title)


def _match(trace: TraceSummary, link: SearchLink) -> Match | None:
    """Describe the matched span, unless it is the one that the row is about anyway."""
    matched = trace.matched
    if matched is None or matched.is_root or not link.fields.has_conditions:
        return None
    if not trace.has_root and _is_shown(trace, matched):
        return None
    return Match(
        url=trace_url(trace.trace_id, matched.span_id, link.fields.tz),
        operation=matched.name or "(no name)",
        service=format_service(matched.service),
        css=service_class(matched.service),
        duration=format_duration(matched.duration_ns),
        why=_why(link.query),
    )


def _is_shown(trace: TraceSummary, matched: MatchedSpan) -> bool:
    shown = (trace.root_service, trace.root_name, trace.start_ns)
    return shown == (matched.service, matched.name, matched.start_ns)


def _why(query: TraceQuery) -> str:
    """Name the conditions on one span, in the order of the form."""
    said: list[str] = []
    if query.service:
        said.append(f"service {query.service}")
    if query.operation:
        said.append(f"operation {query.operation}")
    said += [f"{key}={value}" for key, value in query.tags]
    if query.min_span_ns is not None:
        said.append(f"at least {format_duration(query.min_span_ns)}")
    if query.max_span_ns is not None:
        said.append(f"at most {format_duration(query.max_span_ns)}")
    if query.errors_only:
        said.append("an error")
    if not said:
        return "The first span of this trace within the time range"
    return f"The first span with {', '.join(said)}"
