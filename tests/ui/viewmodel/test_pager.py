"""The pages of a list: what is said of them, and where each control leads."""

import pytest

from tests.builders import TRACE_ID
from viewer.ui.viewmodel.pager import PAGE_ROWS, asked_offset, page_offset, pager
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"


def at(page: str) -> TraceState:
    return TraceState(PATH).viewing("spans", sort="kind", page=page)


def test_what_fits_on_a_page_needs_no_controls() -> None:
    found = pager(at(""), 7, "span", 7)
    assert (found.text, found.page) == ("7 spans", "")
    assert [found.first_url, found.previous_url, found.next_url, found.last_url] == [""] * 4


def test_a_page_in_the_middle_leads_everywhere() -> None:
    found = pager(at("3"), 4 * PAGE_ROWS + 1, "span", 10_000)
    assert found.text == "401–600 of 801 spans, of 10,000 in the trace"
    assert found.page == "page 3 of 5"
    assert found.first_url == f"{PATH}?view=spans&sort=kind"
    assert found.previous_url == f"{PATH}?view=spans&sort=kind&page=2"
    assert found.next_url == f"{PATH}?view=spans&sort=kind&page=4"
    assert found.last_url == f"{PATH}?view=spans&sort=kind&page=5"


def test_the_first_and_the_last_page_end_the_list() -> None:
    first, last = pager(at(""), 2 * PAGE_ROWS, "event"), pager(at("2"), 2 * PAGE_ROWS, "event")
    assert (first.text, first.next_url != "", first.previous_url) == (
        "1–200 of 400 events",
        True,
        "",
    )
    assert (last.text, last.next_url, last.last_url) == ("201–400 of 400 events", "", "")
    assert last.previous_url == f"{PATH}?view=spans&sort=kind"


@pytest.mark.parametrize(
    ("page", "asked", "offset"),
    [("", 0, 0), ("1", 0, 0), ("2", 200, 200), ("9", 1600, 400), ("0", 0, 0), ("-1", 0, 0),
     ("x", 0, 0), ("٣", 0, 0), ("1" * 30, 0, 0)],
)  # fmt: skip
def test_a_page_that_is_not_there_is_the_nearest_one(page: str, asked: int, offset: int) -> None:
    assert asked_offset(at(page)) == asked
    assert page_offset(at(page), 500) == offset
    assert page_offset(at(page), 0) == 0
