"""Searches that are given up in Chromium: the server hears of it, and what is shown stays."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.test_waiting import SOON_S, Stage, within

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    """The search page with its one result; errors in the console fail the test."""
    faults: list[str] = []
    context = browser.new_context(base_url=f"http://127.0.0.1:{stage.server.port}")
    shown = context.new_page()
    shown.on("pageerror", lambda error: faults.append(str(error)))
    shown.on("console", lambda said: said.type == "error" and faults.append(said.text))
    shown.goto("/search")
    expect(shown.locator("[data-result-row]")).to_have_count(1)
    yield shown
    context.close()
    assert faults == []


def find(page: Page, stage: Stage, min_duration: str) -> None:
    """Begin a search and return once its query runs."""
    page.get_by_label("Min", exact=True).fill(min_duration)
    page.get_by_role("button", name="Find").click()
    assert stage.begun.acquire(timeout=10)


def test_a_search_can_be_stopped_and_the_results_stay(page: Page, stage: Stage) -> None:
    stop = page.get_by_role("link", name="Stop")
    expect(stop).to_be_hidden()
    stage.makes_slow("find_traces")
    find(page, stage, "1ms")
    stop.click()
    within(SOON_S, stage.is_idle)
    expect(stop).to_be_hidden()
    expect(page.locator("[data-result-row]")).to_have_count(1)
    expect(page.locator("#notice")).to_be_empty()
    assert page.url.endswith("/search")


def test_a_new_search_ends_the_one_before(page: Page, stage: Stage) -> None:
    stage.makes_slow("find_traces", times=1)
    find(page, stage, "1ms")
    page.get_by_label("Min", exact=True).fill("2ms")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/search?minDuration=2ms")
    within(SOON_S, stage.is_idle)


def test_another_order_ends_a_search(page: Page, stage: Stage) -> None:
    stage.makes_slow("find_traces", times=1)
    find(page, stage, "1ms")
    page.get_by_role("link", name="Longest").click()
    page.wait_for_url("**/search?*sort=*")
    within(SOON_S, stage.is_idle)


@pytest.fixture
def counting(page: Page, stage: Stage) -> Page:
    """The page of a large store while it counts."""
    stage.store.span_rows = lambda: 3_000_000  # type: ignore[method-assign]
    stage.makes_slow("count_traces", times=1)
    page.reload()
    assert stage.begun.acquire(timeout=10)
    expect(page.locator("#results-waits")).to_have_text(
        "Counting all matches … Stop", use_inner_text=True
    )
    return page


def test_counting_can_be_stopped_and_taken_up_again(counting: Page, stage: Stage) -> None:
    counting.get_by_role("link", name="Stop").click()
    within(SOON_S, stage.is_idle)
    expect(counting.get_by_role("link", name="Stop")).to_be_hidden()
    counting.get_by_role("link", name="Count all matches").click()
    expect(counting.locator("[data-total]")).to_have_attribute("data-total", "1")
    assert counting.url.endswith("/search")


def test_a_new_search_ends_the_counting_of_the_one_before(counting: Page, stage: Stage) -> None:
    counting.get_by_label("Min", exact=True).fill("2ms")
    counting.get_by_role("button", name="Find").click()
    expect(counting.locator("[data-total]")).to_have_attribute("data-total", "1")
    within(SOON_S, stage.is_idle)


LEAVING: dict[str, Callable[[Page], object]] = {
    "closes": lambda page: page.close(),
    "goes on": lambda page: page.goto("/upload"),
    "reloads": lambda page: page.reload(),
    "opens the trace": lambda page: page.locator(".result-link").click(),
}


@pytest.mark.parametrize("how", LEAVING)
def test_who_leaves_the_page_is_not_counted_for(counting: Page, stage: Stage, how: str) -> None:
    LEAVING[how](counting)
    within(SOON_S, stage.is_idle)


def test_without_script_nothing_is_offered_to_be_stopped(browser: Browser, stage: Stage) -> None:
    stage.store.span_rows = lambda: 3_000_000  # type: ignore[method-assign]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{stage.server.port}/search")
    expect(page.get_by_role("link", name="Stop")).to_be_hidden()
    page.get_by_role("link", name="Count all matches").click()
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "1")
    context.close()
