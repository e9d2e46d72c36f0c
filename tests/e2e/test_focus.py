"""A part of a trace in focus, and the way to the rows of a deep one, in Chromium."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DEEP, DEEP_LEVELS, FAILING, REPEATS

pytestmark = pytest.mark.e2e
SHORT, DEEP_SHORT = FAILING[16:], DEEP[16:]
OpenPage = Callable[..., Page]


@pytest.mark.parametrize("script", [True, False])
def test_a_span_is_focused_on_and_left_again(open_page: OpenPage, script: bool) -> None:
    page = open_page(f"/trace/{SHORT}", java_script_enabled=script)
    page.locator("[data-span-row='0000000000000002'] .row-op").click()
    page.locator("#span-detail").get_by_role("link", name="Focus").click()
    rows = page.locator("[data-span-row]")
    expect(rows).to_have_count(6)
    assert "focus=0000000000000002" in page.url
    expect(page.locator("#focus-bar")).to_contain_text("6 of 8 spans, 50.0 ms of 900 ms")
    expect(page.locator(".head-axis text").last).to_have_text("50.0 ms")
    expect(rows.first).to_have_attribute("aria-level", "1")
    page.locator("#focus-bar").get_by_role("link", name="POST /checkout").click()
    expect(rows).to_have_count(8)
    page.locator("#focus-bar").get_by_role("link", name="Whole trace").click()
    expect(page.locator("#focus-bar")).to_have_count(0)
    expect(rows).to_have_count(8)


def test_keys_focus_on_a_row_and_leave(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    rows = page.locator("[data-span-row]")
    page.locator("[data-span-row='0000000000000002']").focus()
    page.keyboard.press("z")
    expect(rows).to_have_count(6)
    page.keyboard.press("+")
    page.wait_for_url(re.compile("from="))
    expect(page.locator(".minimap-reset")).to_have_text(re.compile("Whole part"))
    page.keyboard.press("Shift+Z")
    expect(rows).to_have_count(8)
    assert page.url.endswith(SHORT)
    page.locator("[data-span-row='000000000000000a']").focus()
    page.keyboard.press("z")  # nothing is below it
    expect(page.locator("#focus-bar")).to_have_count(0)
    page.go_back()
    expect(rows).to_have_count(6)


def test_find_and_filter_stay_in_the_part(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?focus=2")
    page.keyboard.press("f")
    page.keyboard.type("e")
    page.keyboard.press("Enter")
    expect(page.locator("[data-find-count]")).to_have_text("6 matches")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("[data-span-row='0000000000000002']")).to_have_attribute(
        "aria-selected", "true"
    )
    assert "focus=" in page.url


def test_a_finding_out_of_the_part_leads_out_of_it(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?focus=2")
    page.locator("[data-finding=error] a").click()
    expect(page.locator("[data-span-row='0000000000000003']")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#focus-bar")).to_have_count(0)


def trail(page: Page) -> list[str]:
    return page.locator("#row-trail li").all_inner_texts()


def test_the_way_to_the_first_row_in_sight_stays_while_scrolling(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{DEEP_SHORT}")
    assert trail(page) == ["2,000 levels"]
    head = page.locator(".waterfall-head").bounding_box()
    for level in (4, 50, 1000, 1500, DEEP_LEVELS - 40):
        page.evaluate(f"document.querySelector('span-tree').scrollTop = 24 * {level - 1}")
        expect(page.locator("#row-trail li").last).to_have_text(f"descend to level {level - 1}")
        names = [f"descend to level {above}" for above in range(max(level - 4, 1), level)]
        between = level - 6
        if level > 5:
            names = ["descend to level 1", f"{between:,} levels", *names]
        assert trail(page) == names
        assert page.locator(".waterfall-head").bounding_box() == head
    bar = page.locator("#row-trail")
    assert bar.evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    bar.locator("a").first.click()
    expect(page.locator("[data-span-row='0000000000000001']")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("[data-span-row='0000000000000001']")).to_be_in_viewport()


def test_without_script_the_way_to_the_first_row_is_told(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{DEEP_SHORT}?offset=1875", java_script_enabled=False)
    assert trail(page)[0] == "descend to level 1"
    assert trail(page)[1] == "1,870 levels"
    assert trail(page)[-1] == "descend to level 1875"


@pytest.mark.parametrize("width", [400, 1440])
def test_names_are_read_at_the_deepest_level(open_page: OpenPage, width: int) -> None:
    page = open_page(f"/trace/{DEEP_SHORT}?span=7d0", viewport={"width": width, "height": 900})
    name = page.locator("[data-span-row='00000000000007d0'] .row-op")
    expect(name).to_be_in_viewport()
    box = name.bounding_box()
    assert box
    assert box["width"] > 80
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    other = open_page(f"/trace/{DEEP_SHORT}?focus=7c0", viewport={"width": width, "height": 900})
    assert other.evaluate("document.documentElement.scrollWidth") <= width
    expect(other.locator("#focus-bar")).to_contain_text("17 of 2,000 spans")


def test_traces_that_are_not_deep_have_no_line_for_it(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{REPEATS[16:]}")
    expect(page.locator(".trail")).to_have_count(0)
    first = page.locator("[data-span-row]").first.bounding_box()
    assert first
    assert first["y"] <= 152
