"""Times adjusted for clock skew, in Chromium: there and back, in place, with what was moved."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from bench.server import Server
from tests.builders import MS, START_NS, a_span
from tests.e2e.sending import send

pytestmark = pytest.mark.e2e
OpenPage = Callable[..., Page]
SKEWED = "000000000000000000000000000000e1"
PATH = f"/trace/{SKEWED[16:]}"


@pytest.fixture(scope="module", autouse=True)
def _skewed(server: Server) -> None:
    spans = [
        a_span(1, trace_id=SKEWED, name="GET /", service="web", duration_ns=100 * MS),
        a_span(
            2,
            1,
            trace_id=SKEWED,
            name="query",
            service="db",
            start_ns=START_NS - 1_000 * MS,
            duration_ns=60 * MS,
        ),
        a_span(
            3,
            1,
            trace_id=SKEWED,
            name="render",
            service="web",
            start_ns=START_NS + 70 * MS,
            duration_ns=MS,
        ),
    ]
    send(server, spans)


def test_the_switch_shows_adjusted_times_in_place_and_back(open_page: OpenPage) -> None:
    page = open_page(PATH)
    switch = page.get_by_role("switch", name="Times adjusted for clock skew")
    expect(page.locator("[data-warning=clock-skew]")).to_contain_text("by up to 1.00 s")
    expect(switch).to_have_attribute("aria-checked", "false")
    page.locator("[data-span-row='0000000000000003']").click()
    expect(page.locator("[data-span-detail='0000000000000003']")).to_be_visible()
    page.evaluate("window.same = true")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(page).to_have_url(re.compile(r"adjust=skew"))
    expect(page.locator(".trace-facts b")).to_have_text("100 ms")
    # It is still the same page, and what was selected since it was drawn is selected.
    assert page.evaluate("window.same") is True
    expect(page.locator("[data-span-detail='0000000000000003']")).to_be_visible()
    page.locator("[data-span-row='0000000000000002']").click()
    expect(page.locator("[data-sent-start]")).to_be_visible()
    page.reload()
    expect(page.locator(".trace-facts b")).to_have_text("100 ms")
    switch.click()
    expect(page.locator(".trace-facts b")).to_have_text("1.10 s")
    expect(page.locator("[data-sent-start]")).to_have_count(0)
    page.go_back()
    expect(page.locator(".trace-facts b")).to_have_text("100 ms")


@pytest.mark.parametrize("script", [True, False])
def test_every_correction_is_listed_and_leads_to_its_spans(
    open_page: OpenPage, script: bool
) -> None:
    page = open_page(PATH, java_script_enabled=script)
    page.get_by_role("button", name="1 correction").click()
    listed = page.locator("#skew-list")
    expect(listed).to_be_visible()
    expect(listed).to_contain_text("1.00 s later")
    expect(listed).to_contain_text("1 call from web began 1.00 s before the caller")
    box = listed.bounding_box()
    assert box is not None
    assert box["y"] < 200
    listed.get_by_role("link").click()
    expect(page.locator("[data-span-detail='0000000000000002']")).to_be_visible()


def test_without_script_the_switch_is_a_link(open_page: OpenPage) -> None:
    page = open_page(PATH, java_script_enabled=False)
    page.get_by_role("switch", name="Times adjusted for clock skew").click()
    expect(page.locator("[data-warning=clock-skew]")).to_contain_text("1 of 3 spans moved")


def test_the_list_fits_on_a_telephone(open_page: OpenPage) -> None:
    page = open_page(PATH, viewport={"width": 400, "height": 800})
    page.get_by_role("button", name="1 correction").click()
    box = page.locator("#skew-list").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 400
