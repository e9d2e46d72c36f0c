"""The comparison in Chromium, used as a person does, with and without script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import FAILING, HOSTILE, LARGE

pytestmark = pytest.mark.e2e
SHORT, OTHER = FAILING[16:], HOSTILE[16:]
PAIR = f"/trace/{SHORT}...{OTHER}"
OpenPage = Callable[..., Page]


def named(page: Page) -> list[str]:
    return page.locator("[data-compare-node]").evaluate_all(
        "rows => rows.map(row => row.dataset.compareNode)"
    )


@pytest.mark.parametrize("script", [True, False])
def test_two_ticked_results_are_compared(open_page: OpenPage, script: bool) -> None:
    page = open_page("/search?service=storefront&limit=5", java_script_enabled=script)
    boxes = page.get_by_role("checkbox")
    ids = [boxes.nth(place).get_attribute("value") for place in (0, 1)]
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Compare ticked").click()
    page.wait_for_url(f"**/trace/{ids[0]}...{ids[1]}")
    expect(page.get_by_role("region", name="Trace A")).to_contain_text("storefront")
    expect(page.locator("[data-finding=comparison]")).to_contain_text(re.compile("B|Both"))


def test_three_ticked_results_are_too_many(open_page: OpenPage) -> None:
    page = open_page("/search?limit=5")
    for place in range(3):
        page.get_by_role("checkbox").nth(place).check()
    page.get_by_role("button", name="Compare ticked").click()
    expect(page.get_by_role("status")).to_contain_text("3 traces were chosen")


def test_a_tick_does_not_open_the_trace(open_page: OpenPage) -> None:
    page = open_page("/search?limit=5")
    page.get_by_role("checkbox").first.click()
    expect(page.get_by_role("checkbox").first).to_be_checked()
    assert page.url.endswith("/search?limit=5")


@pytest.mark.parametrize("script", [True, False])
def test_a_trace_page_offers_others_to_compare_with(open_page: OpenPage, script: bool) -> None:
    page = open_page("/search?service=storefront&limit=5")
    trace_id = page.get_by_role("checkbox").first.get_attribute("value")
    page = open_page(f"/trace/{trace_id}", java_script_enabled=script)
    page.get_by_role("link", name="Compare with…").click()
    page.get_by_role("link", name="the fastest").click()
    page.wait_for_url(f"**/trace/{trace_id}...*")
    expect(page.locator("#comparison")).to_be_visible()


def test_the_choices_open_in_the_trace_page_and_take_a_pasted_id(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.get_by_role("link", name="Compare with…").click()
    expect(page.locator("#compare-choices")).to_contain_text("No other trace of gateway")
    assert page.url.endswith(f"/trace/{SHORT}")
    expect(page.locator("#compare-toggle")).to_be_focused()
    page.get_by_label("any other").fill(HOSTILE)
    page.get_by_label("any other").press("Enter")
    page.wait_for_url(f"**{PAIR}")


def test_filters_orders_and_nodes_are_steps_one_can_go_back(open_page: OpenPage) -> None:
    page = open_page(PAIR)
    everything = named(page)
    page.get_by_role("link", name=re.compile("^Removed")).click()
    page.wait_for_url("**?show=removed")
    expect(page.locator("[data-compare-node]")).to_have_count(8)
    page.get_by_role("link", name="difference", exact=True).click()
    page.wait_for_url("**?show=removed&sort=difference")
    page.get_by_role("link", name="charge").first.click()
    page.wait_for_url("**node=a:0000000000000003")
    expect(page.locator("#compare-attributes")).to_contain_text("card.brand")
    expect(page.locator("[data-compare-node].is-selected")).to_contain_text("charge")
    page.reload()
    expect(page.locator("#compare-attributes")).to_contain_text("card.brand")
    for _ in range(3):
        page.go_back()
    expect(page.locator("[data-compare-node]")).to_have_count(len(everything))
    assert named(page) == everything


def test_swapping_lets_a_and_b_change_places(open_page: OpenPage) -> None:
    page = open_page(f"{PAIR}?show=removed")
    page.get_by_role("link", name="Swap").click()
    page.wait_for_url(f"**/trace/{OTHER}...{SHORT}?show=added")
    expect(page.get_by_role("region", name="Trace B")).to_contain_text("POST /checkout")


def test_a_span_of_a_timeline_leads_to_its_trace(open_page: OpenPage) -> None:
    page = open_page(PAIR)
    page.locator("#compare-timelines a").filter(has_text="charge").click()
    page.wait_for_url(f"**/trace/{SHORT}?span=0000000000000003")


@pytest.mark.parametrize("width", [1440, 400])
def test_the_page_fits_its_window_also_with_hostile_names(open_page: OpenPage, width: int) -> None:
    page = open_page(f"{PAIR}?show=all", viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title() != "owned"


def test_a_large_trace_makes_no_large_page(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{LARGE}...{SHORT}?show=all")
    assert page.locator("[data-compare-node]").count() <= 400
    assert len(page.content()) < 900_000
