"""What surrounds the pages: the box, the theme, the keys."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import FAILING

pytestmark = pytest.mark.e2e
OpenPage = Callable[..., Page]


def background(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def test_a_pasted_header_leads_to_its_span(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.keyboard.press("/")
    page.keyboard.insert_text(f"traceparent: 00-{FAILING}-0000000000000003-01")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trace/{FAILING[16:]}?span=0000000000000003")
    expect(page.locator("[data-span-detail]")).to_be_visible()


def test_the_slash_is_typed_where_one_types(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.get_by_label("Operation", exact=True).press_sequentially("GET /")
    expect(page.get_by_label("Operation", exact=True)).to_have_value("GET /")


def test_the_theme_follows_the_system_until_one_chooses(open_page: OpenPage) -> None:
    light = background(open_page("/search", color_scheme="light"))
    page = open_page("/search", color_scheme="dark")
    dark = background(page)
    assert dark != light
    page.get_by_role("button", name="Light or dark").click()
    assert background(page) == light
    page.reload()
    assert background(page) == light
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert background(page) == dark
    assert page.context.cookies() == []


def test_the_navigation_leads_to_every_page(open_page: OpenPage) -> None:
    page = open_page("/search")
    for name, title in (("Upload", "Upload"), ("Status", "Status"), ("Search", "Search")):
        page.locator("header").get_by_role("link", name=name).first.click()
        expect(page).to_have_title(f"{title} · Tracefall")


def test_the_status_page_refreshes_itself(open_page: OpenPage) -> None:
    page = open_page("/status")
    with page.expect_response(
        lambda answer: answer.url.endswith("/status"), timeout=10_000
    ) as seen:
        page.evaluate("document.querySelector('#status-report').dataset.old = 'yes'")
    assert seen.value.request.headers["hx-request"] == "true"
    expect(page.locator("#status-report[data-old]")).to_have_count(0)
