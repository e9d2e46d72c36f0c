"""Links between traces, in Chromium: there, and back again."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import FAILING, LARGE

pytestmark = pytest.mark.e2e
OpenPage = Callable[..., Page]


def test_the_other_trace_shows_the_link_back(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{FAILING[16:]}")
    page.locator("[data-span-row='0000000000000003']").click()
    page.locator("#span-detail .detail-links a").click()
    expect(page.locator("[data-span-detail='0000000000000001']")).to_be_visible()
    assert LARGE[16:] in page.url
    back = page.locator("[data-back-link]")
    expect(back).to_have_count(1)
    expect(back).to_contain_text("charge")
    expect(back).to_contain_text("payment")
    back.get_by_role("link").click()
    expect(page.locator("[data-span-detail='0000000000000003']")).to_be_visible()
    assert FAILING[16:] in page.url


def test_where_nothing_links_the_panel_says_nothing(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{FAILING[16:]}?span=0000000000000002")
    expect(page.locator("#back-links")).to_have_text("")
    expect(page.locator("[data-back-link]")).to_have_count(0)


def test_without_script_it_is_a_link(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{LARGE[16:]}?span=0000000000000001", java_script_enabled=False)
    page.get_by_role("link", name="Spans that link here").click()
    page.locator("[data-back-link]").get_by_role("link").click()
    expect(page.locator("[data-span-detail='0000000000000003']")).to_be_visible()
