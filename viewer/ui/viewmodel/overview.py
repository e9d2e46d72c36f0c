"""What all matches of a search are together: how many, and how they lie over time and duration. In a
large store it comes after the rows: counting takes longer than finding the first of them."""

from dataclasses import dataclass, replace

from viewer.search.link import SearchFields, write_link
from viewer.store.base import TraceCounts
from viewer.ui.filters import (
    format_about,
    format_count,
    format_duration,
    format_many,
    format_plural,
)
from viewer.ui.viewmodel.distribution import DistributionView

TOTALS_PATH = "/search/totals"


@dataclass(frozen=True, slots=True)
class Total:
    """How many match, in words; ``number`` is empty while that is not known. ``is_late`` says that it
    comes after the page, into the place that waits for it. ``exact_url`` counts what is estimated."""

    number: str
    text: str
    is_late: bool
    exact_url: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """With a ``url`` all is still to come from there; ``search_url`` is the search itself."""

    total: Total
    distribution: DistributionView | None
    url: str
    search_url: str


def overview(
    fields: SearchFields,
    counts: TraceCounts,
    distribution: DistributionView | None,
    took_ns: int,
    *,
    is_late: bool,
) -> Overview:
    """Return what is known; ``took_ns`` is what the store needed for it."""
    exact_url = _totals_url(replace(fields, totals="exact")) if counts.one_in > 1 else ""
    total = Total(str(counts.total), _total_line(counts, took_ns), is_late, exact_url)
    return Overview(total, distribution, "", write_link(fields))


def overview_to_come(fields: SearchFields, took_ns: int) -> Overview:
    """Return the place for it; ``took_ns`` is what the store needed for the rows."""
    text = f"First rows after {format_duration(took_ns)}"
    return Overview(Total("", text, False), None, _totals_url(fields), write_link(fields))


def _totals_url(fields: SearchFields) -> str:
    _, _, query = write_link(fields).partition("?")
    return f"{TOTALS_PATH}?{query}"


def _total_line(counts: TraceCounts, took_ns: int) -> str:
    before = ""
    if counts.estimated_total is not None and counts.estimated_total > counts.total:
        before = f" (sampled: about {format_count(round(counts.estimated_total))} before)"
    searched = f"{format_many(counts.searched_spans)} spans searched"
    if counts.one_in > 1:
        found, stored = format_about(counts.total), format_about(counts.stored_traces)
        return (
            f"About {found} traces{before} of about {stored}, estimated from one trace in"
            f" {format_count(counts.one_in)} · {searched} · {format_duration(took_ns)}"
        )
    return (
        f"{format_plural(counts.total, 'trace')}{before} of {format_count(counts.stored_traces)} · "
        f"{searched} · {format_duration(took_ns)}"
    )
