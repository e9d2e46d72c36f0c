"""Repeated siblings in Chromium: one row, unfolded and folded again by mouse, keys, links."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import REPEATS

pytestmark = pytest.mark.e2e
SHORT = REPEATS[16:]
LOOP = "0000000000000064"
OpenPage = Callable[..., Page]


def test_a_loop_is_one_row_until_it_is_unfolded(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    rows = page.locator("[data-span-row]")
    expect(rows).to_have_count(4)
    loop = page.locator(f"[data-span-row='{LOOP}']")
    expect(loop.locator(".row-fold")).to_have_text("×37 · Σ 370 ms · max 10.0 ms · 4 failed")
    expect(loop).to_have_attribute("aria-expanded", "false")
    expect(loop).to_have_attribute("aria-posinset", "2")
    expect(loop).to_have_attribute("aria-setsize", "3")
    expect(page.locator("span-tree")).to_have_attribute("aria-rowcount", "4")
    expect(page.locator(".timeline-hidden")).to_have_text("73 folded")
    loop.locator(".twisty").click()
    expect(page.locator("span-tree")).to_have_attribute("aria-rowcount", "77")
    assert f"unfold={LOOP}" in page.url
    expect(page.locator(".timeline-hidden")).to_have_count(0)
    page.reload()
    expect(page.locator("span-tree")).to_have_attribute("aria-rowcount", "77")
    page.locator(f"[data-span-row='{LOOP}'] .row-refold").click()
    expect(rows).to_have_count(4)
    assert page.url.endswith(SHORT)


def test_unfolding_keeps_the_row_where_it_is(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?unfold={LOOP}")
    page.evaluate("document.querySelector('span-tree').scrollTop = 30")
    first = page.locator(f"[data-span-row='{LOOP}']")
    before = first.bounding_box()
    first.locator(".row-refold").click()
    expect(page.locator("[data-span-row]")).to_have_count(4)
    page.locator(f"[data-span-row='{LOOP}'] .twisty").click()
    expect(page.locator("span-tree")).to_have_attribute("aria-rowcount", "77")
    after = first.bounding_box()
    assert before
    assert after
    # Folded, all rows fit; unfolded again the first stays where the fold was.
    assert abs(after["y"] - before["y"]) <= 30


def test_the_arrows_unfold_and_fold_and_a_click_on_the_row_unfolds(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    rows = page.locator("[data-span-row]")
    page.locator(f"[data-span-row='{LOOP}']").focus()
    page.keyboard.press("ArrowRight")
    expect(rows).not_to_have_count(4)
    third = page.locator("[data-span-row='0000000000000066']")
    third.focus()
    page.keyboard.press("ArrowLeft")  # its own child
    expect(third).to_have_attribute("aria-expanded", "false")
    third.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f"[data-span-row='{LOOP}']")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f"[data-span-row='{LOOP}']")).to_have_attribute("aria-expanded", "false")
    page.locator(f"[data-span-row='{LOOP}']").focus()
    page.keyboard.press("ArrowLeft")
    expect(rows).to_have_count(4)
    page.locator(f"[data-span-row='{LOOP}'] .row-duration").click()
    expect(rows).not_to_have_count(4)
    expect(page.locator("[data-span-detail]")).to_have_count(0)


def test_a_selected_member_does_not_keep_the_fold_open(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?unfold={LOOP}")
    page.locator("[data-span-row='0000000000000068'] .row-duration").click()
    expect(page.locator("[data-span-detail='0000000000000068']")).to_be_visible()
    page.locator(".row-refold").click()
    expect(page.locator("[data-span-row]")).to_have_count(4)
    expect(page.locator("[data-span-detail]")).to_have_count(0)
    assert page.url.endswith(SHORT)


def test_a_link_to_a_member_stays_with_it_through_other_steps(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?span=66")
    member = page.locator("[data-span-row='0000000000000066']")
    expect(member).to_have_attribute("aria-selected", "true")
    page.evaluate("document.querySelector('span-tree').scrollTop = 24 * 3")
    page.keyboard.press("+")
    page.wait_for_url(re.compile("from="))
    expect(member).to_have_attribute("aria-selected", "true")
    assert f"unfold={LOOP}" in page.url


def test_find_steps_into_a_fold(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?find=i07")
    expect(page.locator(f"[data-span-row='{LOOP}'] .row-fold em")).to_have_text("2 matches")
    page.keyboard.press("n")
    expect(page.locator("[data-span-row='000000000000006b']")).to_have_attribute(
        "aria-selected", "true"
    )
    assert f"unfold={LOOP}" in page.url


def test_next_error_and_a_link_lead_into_a_fold(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.keyboard.press("e")
    expect(page.locator("[data-span-row='0000000000000069']")).to_have_attribute(
        "aria-selected", "true"
    )
    linked = open_page(f"/trace/{SHORT}?span=00000000000000ea")
    expect(linked.locator("[data-span-row='00000000000000ea']")).to_be_visible()


def test_a_switch_unfolds_all_and_folds_all(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    expect(page.locator("[data-span-row]")).to_have_count(4)
    page.keyboard.press("r")
    expect(page.locator("span-tree")).to_have_attribute("aria-rowcount", "77")
    expect(page.locator(".row-refold")).to_have_count(0)
    assert "unfold=*" in page.url
    expect(page.locator("[data-fold-repeats]")).to_have_attribute("aria-checked", "false")
    page.locator("[data-fold-repeats]").click()
    expect(page.locator("[data-span-row]")).to_have_count(4)


def test_the_filter_folds_what_it_lets_through(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?only=errors")
    expect(page.locator("[data-span-row]")).to_have_count(5)
    page = open_page(f"/trace/{SHORT}?only=service:items")
    expect(page.locator(".row-fold")).to_contain_text("×37 ·")


def test_without_script_folds_are_links(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}", java_script_enabled=False)
    expect(page.locator("[data-span-row]")).to_have_count(4)
    page.locator(f"[data-span-row='{LOOP}'] .row-op").click()
    expect(page.locator("[data-span-row]")).to_have_count(75)  # a window of them
    page.locator("[data-span-row='0000000000000068'] .row-op").click()
    expect(page.locator("[data-span-detail]")).to_be_visible()
    page.locator(".row-refold").click()
    expect(page.locator("[data-span-row]")).to_have_count(4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1440])
def test_a_fold_says_all_at_any_width(open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page(
        f"/trace/{SHORT}", viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    said = page.locator(".row-fold")
    assert said.evaluate("said => said.scrollWidth <= said.clientWidth")
    expect(page.locator(f"[data-span-row='{LOOP}'] .row-op")).to_have_text(re.compile("GET /items"))
