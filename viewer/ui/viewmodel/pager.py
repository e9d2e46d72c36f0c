"""The pages of a list within a view of a trace: which is shown, and the ways to the others."""

from dataclasses import dataclass, replace

from viewer.ui.filters import format_count, format_plural
from viewer.ui.viewmodel.trace_state import TraceState

PAGE_ROWS = 200
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Pager:
    """``text`` says what is shown of how many; URLs are empty where there is no such page."""

    text: str
    page: str
    first_url: str
    previous_url: str
    next_url: str
    last_url: str


def asked_offset(state: TraceState) -> int:
    """Return where the page begins that the state asks for (``page``, from 1), the first one if it
    says no number."""
    text = state.option("page")
    asked = int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 1
    return max(asked - 1, 0) * PAGE_ROWS


def page_offset(state: TraceState, total: int) -> int:
    """Return the same, but of the last page if there are not so many."""
    return min(asked_offset(state), max((total - 1) // PAGE_ROWS, 0) * PAGE_ROWS)


def pager(state: TraceState, total: int, noun: str, of_all: int | None = None) -> Pager:
    """Return the pager of ``total`` things, of ``of_all`` where a filter leaves some of them out."""
    offset = page_offset(state, total)
    pages, number = max(-(-total // PAGE_ROWS), 1), offset // PAGE_ROWS + 1
    text = format_plural(total, noun)
    if pages > 1:
        end = min(offset + PAGE_ROWS, total)
        text = f"{format_count(offset + 1)}–{format_count(end)} of {text}"
    if of_all is not None and of_all != total:
        text += f", of {format_count(of_all)} in the trace"
    return Pager(
        text=text,
        page=f"page {format_count(number)} of {format_count(pages)}" if pages > 1 else "",
        first_url=at_page(state, 1).url if number > 2 else "",
        previous_url=at_page(state, number - 1).url if number > 1 else "",
        next_url=at_page(state, number + 1).url if number < pages else "",
        last_url=at_page(state, pages).url if number < pages - 1 else "",
    )


def at_page(state: TraceState, number: int) -> TraceState:
    """Return the state at another page of its list; the first one needs no word in the address."""
    options = tuple(option for option in state.options if option[0] != "page")
    if number > 1:
        options += (("page", str(number)),)
    return replace(state, options=options, offset=0)
