"""The results of a search: one row a trace, what is above them and what is below."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from viewer.search.link import SearchFields, SearchLink, pinned, write_cursor, write_link
from viewer.search.query import Sort, TraceQuery
from viewer.store.base import TracePage
from viewer.trace.ids import format_trace_id
from viewer.trace.summary import MatchedSpan, ServiceCount, TraceSummary
from viewer.ui.filters import (
    format_ago,
    format_count,
    format_day,
    format_duration,
    format_many,
    format_plural,
    format_service,
    format_weight,
    service_class,
)
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.distribution import DistributionView
from viewer.ui.viewmodel.first_span import FirstSpan

_CHIPS = 5
_CHIP_CHARACTERS = 51
_SORTS = {
    Sort.NEWEST: "newest",
    Sort.OLDEST: "oldest",
    Sort.LONGEST: "longest",
    Sort.SHORTEST: "shortest",
    Sort.MOST_SPANS: "most spans",
    Sort.MOST_ERRORS: "most errors",
}


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
class ResultRow:
    """A trace. ``weight`` says how many it stands for after sampling (``×10``). ``bar_width`` is its
    duration in percent of the longest shown. ``dated`` rows carry their day beside the time; else a
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


@dataclass(frozen=True, slots=True)
class SortLink:
    """An order to choose."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Everything below the search form. ``first_span`` stands there while the store is empty.

    ``total`` counts all matches, ``total_line`` says it in words; ``notes`` are what was left out
    of the search, ``advice`` what to try when nothing matched."""

    rows: tuple[ResultRow, ...]
    total: int
    total_line: str
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    sorts: tuple[SortLink, ...]
    url: str
    permalink: str
    first_url: str
    next_url: str
    next_label: str
    utc: bool
    zone_url: str
    distribution: DistributionView | None
    first_span: FirstSpan | None


def results(
    link: SearchLink,
    page: TracePage,
    *,
    now_ns: int,
    took_ns: int,
    distribution: DistributionView | None = None,
    first_span: FirstSpan | None = None,
) -> Results:
    """Turn a page of traces into rows; ``took_ns`` is what the store needed."""
    fields = link.fields
    first = replace(fields, after="")
    next_url = ""
    if page.next is not None:
        next_url = write_link(replace(fields, after=write_cursor(page.next)))
    return Results(
        rows=result_rows(page.traces, link, now_ns),
        total=page.total,
        total_line=_total_line(page, took_ns),
        notes=_notes(link),
        advice=_advice(fields, page),
        sorts=tuple(
            SortLink(label, write_link(replace(first, sort=sort)), sort is fields.sort)
            for sort, label in _SORTS.items()
        ),
        url=write_link(fields),
        permalink=write_link(pinned(fields, link.query, now_ns)),
        first_url=write_link(first) if fields.after else "",
        next_url=next_url,
        next_label=f"Next {format_count(fields.limit)}",
        utc=fields.tz == "utc",
        zone_url=write_link(replace(fields, tz="" if fields.tz else "utc")),
        distribution=distribution,
        first_span=first_span,
    )


def result_rows(
    traces: Sequence[TraceSummary], link: SearchLink, now_ns: int
) -> tuple[ResultRow, ...]:
    """Return a row a trace, bars relative to the longest of them."""
    longest = max((trace.duration_ns for trace in traces), default=0) or 1
    days = [format_day(trace.start_ns) for trace in traces]
    # Out of time order a line above each change of day would stand above nearly every row.
    dated = link.fields.sort not in (Sort.NEWEST, Sort.OLDEST) and len(set(days)) > 1
    rows: list[ResultRow] = []
    for place, trace in enumerate(traces):
        same_day = place > 0 and days[place] == days[place - 1]
        rows.append(_row(trace, link, longest, dated, same_day, now_ns))
    return tuple(rows)


def _row(
    trace: TraceSummary,
    link: SearchLink,
    longest: int,
    dated: bool,
    same_day: bool,
    now_ns: int,
) -> ResultRow:
    chips, rest = _chips(trace.services)
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
        bar_width=f"{max(0.4, 100 * trace.duration_ns / longest):.2f}%",
        start_ns=trace.start_ns,
        dated=dated,
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


def _total_line(page: TracePage, took_ns: int) -> str:
    before = ""
    if page.estimated_total is not None and page.estimated_total > page.total:
        before = f" (sampled: about {format_count(round(page.estimated_total))} before)"
    return (
        f"{format_plural(page.total, 'trace')}{before} of {format_count(page.stored_traces)} · "
        f"{format_many(page.searched_spans)} spans searched · {format_duration(took_ns)}"
    )


_NAMED = {
    "minDuration": "Min duration",
    "maxDuration": "Max duration",
    "tags": "Attributes",
    "tag": "Attributes",
    "durationOf": "Duration of",
    "lookback": "Time range",
    "start": "Time range, start",
    "end": "Time range, end",
    "from": "Time range, start",
    "to": "Time range, end",
    "after": "Page",
}


def _notes(link: SearchLink) -> tuple[str, ...]:
    notes = [f"{_NAMED.get(name, name.capitalize())}: {text}" for name, text in link.errors.items()]
    if link.ignored:
        notes.append(f"Not known here and ignored: {', '.join(link.ignored[:10])}")
    return tuple(notes)


def _advice(fields: SearchFields, page: TracePage) -> tuple[str, ...]:
    """Say what a search without results could leave out."""
    if page.total or not (page.stored_traces or fields.has_conditions):
        return ()
    advice: list[str] = []
    if fields.lookback:
        advice.append("widen the time range")
    if fields.min_duration or fields.max_duration:
        other = "trace" if fields.duration_of == "span" else "span"
        advice.append(f"loosen the duration, or apply it to the {other}")
    if fields.tags:
        advice.append("leave out an attribute: all must hold on one span, with exactly this value")
    if fields.operation:
        advice.append("leave out the operation: it must be a span's whole name")
    if fields.status:
        advice.append("show traces without errors too")
    if fields.service and not advice:
        advice.append("choose another service")
    return tuple(advice)
