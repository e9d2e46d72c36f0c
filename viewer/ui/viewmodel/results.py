"""The results of a search: one row a trace, what is above them and what is below."""

from dataclasses import dataclass, replace

from viewer.search.link import SearchFields, SearchLink, pinned, write_link
from viewer.search.query import Sort
from viewer.store.base import TracePage
from viewer.ui.viewmodel.first_span import FirstSpan
from viewer.ui.viewmodel.overview import Overview
from viewer.ui.viewmodel.rows_part import RowsPart, rows_part

_SORTS = {
    Sort.NEWEST: "newest",
    Sort.OLDEST: "oldest",
    Sort.LONGEST: "longest",
    Sort.SHORTEST: "shortest",
    Sort.MOST_SPANS: "most spans",
    Sort.MOST_ERRORS: "most errors",
}


@dataclass(frozen=True, slots=True)
class SortLink:
    """An order to choose."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Everything below the search form. ``first_span`` stands there while the store is empty.

    ``notes`` are what was left out of the search, ``advice`` what to try when nothing matched."""

    part: RowsPart
    overview: Overview
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    sorts: tuple[SortLink, ...]
    url: str
    permalink: str
    first_url: str
    utc: bool
    zone_url: str
    first_span: FirstSpan | None


def results(
    link: SearchLink,
    page: TracePage,
    *,
    now_ns: int,
    overview: Overview,
    first_span: FirstSpan | None = None,
) -> Results:
    """Turn a page of traces, found by `query_of_first_part`, into rows."""
    fields = link.fields
    first = replace(fields, after="")
    return Results(
        part=rows_part(link, page, now_ns),
        overview=overview,
        notes=_notes(link),
        advice=_advice(fields, overview) if not page.traces else (),
        sorts=tuple(
            SortLink(label, write_link(replace(first, sort=sort)), sort is fields.sort)
            for sort, label in _SORTS.items()
        ),
        url=write_link(fields),
        permalink=write_link(pinned(fields, link.query, now_ns)),
        first_url=write_link(first) if fields.after else "",
        utc=fields.tz == "utc",
        zone_url=write_link(replace(fields, tz="" if fields.tz else "utc")),
        first_span=first_span,
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


def _advice(fields: SearchFields, overview: Overview) -> tuple[str, ...]:
    """Say what a search without results could leave out."""
    if overview.total.number not in ("", "0"):
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
