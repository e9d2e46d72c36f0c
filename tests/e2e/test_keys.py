"""Every key of the trace page that its help lists, pressed."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import FAILING, REPEATS

pytestmark = pytest.mark.e2e
SHORT = FAILING[16:]
OpenPage = Callable[..., Page]
PAYMENT = "0000000000000003"


def test_the_question_mark_opens_the_help_and_escape_closes_only_that(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?span={PAYMENT}")
    expect(page.locator("#key-help")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#key-help")).to_be_visible()
    expect(page.locator("#key-help")).to_contain_text("next failed span")
    page.keyboard.press("Escape")
    expect(page.locator("#key-help")).to_be_hidden()
    expect(page.locator("[data-span-detail]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-span-detail]")).to_have_count(0)


def test_without_script_a_button_opens_the_help(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}", java_script_enabled=False)
    page.get_by_role("button", name="Keys").click()
    expect(page.locator("#key-help")).to_be_visible()


def test_f_finds_n_and_p_step_and_escape_clears(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.keyboard.press("f")
    expect(page.locator("[data-find]")).to_be_focused()
    page.keyboard.type("UPDATE")
    page.keyboard.press("Enter")
    expect(page.locator("[data-find-count]")).to_have_text("5 matches")
    page.keyboard.press("Escape")
    expect(page.locator("[data-find]")).not_to_be_focused()
    for key, place in (("n", 1), ("n", 2), ("p", 1), ("p", 5)):
        page.keyboard.press(key)
        expect(page.locator("[data-find-count]")).to_have_text(f"{place} of 5 matches")
    page.keyboard.press("Escape")
    expect(page.locator("[data-span-detail]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("[data-find-count]")).to_have_count(0)
    page.wait_for_url(re.compile(rf"/trace/{SHORT}$"))


def test_enter_opens_the_row_in_focus(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.locator(f"[data-span-row='{PAYMENT}']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"[data-span-detail='{PAYMENT}']")).to_be_visible()


def test_plus_and_minus_zoom_and_zero_resets(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.keyboard.press("+")
    page.wait_for_url(re.compile(r"from=225000000&to=675000000"))
    page.keyboard.press("+")
    page.wait_for_url(re.compile(r"from=337500000&to=562500000"))
    page.keyboard.press("-")
    page.wait_for_url(re.compile(r"from=225000000&to=675000000"))
    page.keyboard.press("0")
    page.wait_for_url(re.compile(rf"/trace/{SHORT}$"))


def test_brackets_collapse_and_expand_all(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.keyboard.press("[")
    expect(page.locator("[data-span-row]")).to_have_count(1)
    page.keyboard.press("]")
    expect(page.locator("[data-span-row]")).to_have_count(8)


def test_r_unfolds_repeats_and_folds_them_again(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{REPEATS}")
    rows = page.locator("span-tree")
    expect(rows).to_have_attribute("total", "4")
    page.keyboard.press("r")
    expect(rows).to_have_attribute("total", "77")
    page.keyboard.press("r")
    expect(rows).to_have_attribute("total", "4")


def test_letters_typed_into_a_field_stay_letters(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.keyboard.press("f")
    page.keyboard.type("?[cre")
    expect(page.locator("[data-find]")).to_have_value("?[cre")
    expect(page.locator("#key-help")).to_be_hidden()


@pytest.mark.parametrize("view", ["spans", "logs"])
def test_rows_of_a_list_are_walked_and_opened(open_page: OpenPage, view: str) -> None:
    page = open_page(f"/trace/{SHORT}?view={view}")
    first = page.locator("tr[data-span-row] .row-op").first
    page.keyboard.press("j")
    expect(first).to_be_focused()
    if view == "spans":
        page.keyboard.press("ArrowDown")
        expect(page.locator("tr[data-span-row] .row-op").nth(1)).to_be_focused()
        page.keyboard.press("k")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-span-detail]")).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator(".panel-form [type=search]")).to_be_focused()


def test_arrows_scroll_a_view_without_rows(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?view=json")
    page.locator("#json-text").focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('#json').scrollTop") > 0
