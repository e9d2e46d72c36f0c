"""Pages of a list of spans: which rows the address asks for, what is told of them, and where others are."""

from collections.abc import Callable
from dataclasses import dataclass

from viewer.ui.filters import format_count
from viewer.ui.viewmodel.trace_state import TraceState

SPANS_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Pager:
    """What a page holds, and the addresses of those beside it, "" where there is none."""

    told: str
    previous_url: str
    next_url: str


def page_of(state: TraceState, count: int) -> range:
    """Return the places on the page that the view's option ``page`` names, counted from 1, of so many
    spans (at least one); the first or last page where there is no such one."""
    said = state.option("page")
    pages = -(-count // SPANS_A_PAGE)
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 1
    begin = (min(max(number, 1), pages) - 1) * SPANS_A_PAGE
    return range(begin, min(begin + SPANS_A_PAGE, count))


def pager(shown: range, count: int, url: Callable[[str], str]) -> Pager:
    """Return the pager for a page; ``url`` makes the address of one from its number as the option
    has it, "" for the first."""
    page = shown.start // SPANS_A_PAGE + 1
    told = f"Spans {format_count(shown.start + 1)} to {format_count(shown.stop)}"
    return Pager(
        told=f"{told} of {format_count(count)}",
        previous_url=url("" if page == 2 else str(page - 1)) if page > 1 else "",
        next_url=url(str(page + 1)) if shown.stop < count else "",
    )
