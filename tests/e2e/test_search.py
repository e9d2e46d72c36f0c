"""The search page in Chromium, used as a person does."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import CROWD, FAILING, HOSTILE
from tests.e2e.test_accessible import violations

pytestmark = pytest.mark.e2e
SHORT = FAILING[16:]
OpenPage = Callable[..., Page]


def shown_rows(page: Page) -> list[str]:
    return page.locator("[data-result-row]").evaluate_all(
        "rows => rows.map(row => row.dataset.resultRow)"
    )


def scroll_on(page: Page) -> None:
    """Scroll to the end of what is shown and wait for what comes then."""
    before = page.locator("[data-result-row]").count()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(
        "count => document.querySelectorAll('[data-result-row]').length > count", arg=before
    )


def expected_rows(first: int, last: int) -> list[str]:
    return [f"{number:016x}" for number in range(first, last + 1)]


def find(page: Page) -> None:
    page.get_by_role("button", name="Find").click()


def test_the_first_result_stands_in_the_upper_third_of_the_window(open_page: OpenPage) -> None:
    box = open_page("/search").locator("[data-result-row]").first.bounding_box()
    assert box is not None
    assert box["y"] < 300


def test_a_search_finds_and_opens_a_trace(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.get_by_label("Service", exact=True).select_option("payment")
    expect(page.locator("#operation-names option")).to_have_count(1)
    page.get_by_label("Operation", exact=True).fill("charge")
    page.get_by_label("Min", exact=True).fill("500ms")
    page.get_by_label("Status", exact=True).select_option("error")
    find(page)
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "1")
    assert page.url.endswith(
        "/search?service=payment&operation=charge&minDuration=500ms&status=error"
    )
    expect(page.locator(".result-match")).to_contain_text("charge")
    page.locator("[data-result-row] .result-link").click()
    page.wait_for_url(f"**/trace/{SHORT}")


def test_enter_in_a_field_searches(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.get_by_label("Attributes").fill("card.brand=visa")
    page.get_by_label("Attributes").press("Enter")
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "1")
    assert shown_rows(page) == [SHORT]


def test_the_attributes_field_suggests_keys_and_values(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.get_by_label("Attributes").press_sequentially("card.br")
    expect(page.locator("#tag-suggestions option")).to_have_count(1)
    page.get_by_label("Attributes").fill("card.brand=")
    expect(page.locator("#tag-suggestions option")).to_have_attribute("value", "card.brand=visa")


def test_back_and_forward_show_what_was_there(open_page: OpenPage) -> None:
    page = open_page("/search?limit=3")
    newest = shown_rows(page)
    page.get_by_role("link", name="longest").click()
    expect(page.locator(".results-sorts [aria-current]")).to_have_text("longest")
    longest = shown_rows(page)
    page.get_by_role("link", name="Next 3").click()
    expect(page.get_by_role("link", name="First")).to_be_visible()
    assert not set(shown_rows(page)) & set(longest)
    page.go_back()
    expect(page.locator(f"[data-result-row='{longest[0]}']")).to_be_visible()
    assert shown_rows(page) == longest
    page.go_back()
    expect(page.locator(".results-sorts [aria-current]")).to_have_text("newest")
    assert shown_rows(page) == newest


def test_a_colleague_sees_the_same(open_page: OpenPage) -> None:
    page = open_page("/search?sort=most-spans&limit=5&minDuration=1ms")
    other = open_page(page.url.partition("/search")[1] + page.url.partition("/search")[2])
    assert shown_rows(other) == shown_rows(page)
    expect(other.get_by_label("Min", exact=True)).to_have_value("1ms")


def test_brushing_the_distribution_narrows_time_and_duration(open_page: OpenPage) -> None:
    page = open_page("/search")
    total = int(page.locator("[data-total]").get_attribute("data-total") or 0)
    box = page.locator(".distribution-plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"start=\d+&end=\d+&minDuration=.*durationOf=trace"))
    assert int(page.locator("[data-total]").get_attribute("data-total") or 0) < total
    expect(page.get_by_label("Time range")).to_have_value("custom")


def test_a_custom_range_survives_the_form_to_the_microsecond(open_page: OpenPage) -> None:
    page = open_page(
        "/search?start=1699999999999999&end=1700000000900001", timezone_id="Asia/Kolkata"
    )
    expect(page.get_by_label(re.compile("From"))).to_have_value("2023-11-15T03:43:19.999")
    find(page)
    page.wait_for_url("**/search?start=1699999999999999&end=1700000000900001")


def test_times_are_local_unless_the_address_says_utc(open_page: OpenPage) -> None:
    page = open_page("/search?service=payment", timezone_id="Asia/Kolkata")
    expect(page.locator("[data-result-row] time[data-time=clock]")).to_have_text("03:43:20.000")
    expect(page.locator(".result-day")).to_have_text("Wed 15 Nov 2023")
    page.locator(".results-tools a").first.click()
    page.wait_for_url("**tz=utc")
    expect(page.locator("[data-result-row] time[data-time=clock]")).to_have_text("22:13:20.000")


def test_hostile_names_are_shown_as_text(open_page: OpenPage) -> None:
    page = open_page("/search?service=%3Cb%3Ebold%3C%2Fb%3E")
    expect(page).to_have_title("Search · Tracefall")
    row = page.locator(f"[data-result-row='{HOSTILE[16:]}']")
    expect(row.locator(".result-link")).to_have_text("<script>document.title='owned'</script>")


def test_without_script_the_form_and_the_pages_work(open_page: OpenPage) -> None:
    page = open_page("/search?limit=3", java_script_enabled=False)
    first = shown_rows(page)
    page.get_by_role("link", name="Next 3").click()
    assert not set(shown_rows(page)) & set(first)
    page.get_by_label("Service", exact=True).select_option("payment")
    find(page)
    assert shown_rows(page) == [SHORT]


def test_all_results_come_once_each_in_order_as_one_scrolls(open_crowded: OpenPage) -> None:
    page = open_crowded("/search?limit=1500&tz=utc")
    assert shown_rows(page) == expected_rows(1, 200)
    assert page.evaluate("document.querySelectorAll('*').length") < 10_000
    next_page = page.get_by_role("link", name="Next 1,500")
    columns = "[...document.querySelectorAll('.result-head > *')].map(e => e.offsetLeft)"
    before = page.evaluate(columns)
    for _ in range(7):
        expect(next_page).to_have_count(0)
        scroll_on(page)
    expect(page.locator(".result-more")).to_have_count(0)
    assert shown_rows(page) == expected_rows(1, 1500)
    assert page.evaluate(columns) == before
    bars = page.locator(".result-bar rect").evaluate_all(
        "bars => bars.map(bar => bar.getAttribute('width'))"
    )
    assert [place for place, width in enumerate(bars, start=1) if width == "100.00%"] == [1450]
    days = page.locator(".result-day:visible").all_text_contents()
    assert len(days) == len(set(days)) == 10
    next_page.click()
    expect(page.locator("[data-result-row]")).to_have_count(CROWD - 1500)
    assert shown_rows(page) == expected_rows(1501, CROWD)


def test_a_list_of_many_parts_is_accessible_and_compares_across_them(
    open_crowded: OpenPage,
) -> None:
    page = open_crowded("/search?limit=300", color_scheme="light")
    page.locator("[data-result-row] input").first.check()
    scroll_on(page)
    page.locator("[data-result-row] input").last.check()
    assert violations(page) == []
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="Compare ticked").click()
    page.wait_for_url(f"**/trace/{1:016x}...{300:016x}")


def test_back_returns_to_the_row_that_was_opened(open_crowded: OpenPage) -> None:
    page = open_crowded("/search?limit=1500")
    scroll_on(page)
    scroll_on(page)
    row = page.locator(f"[data-result-row='{500:016x}']")
    row.locator(".result-link").click()
    page.wait_for_url(f"**/trace/{500:016x}")
    page.go_back()
    expect(row).to_be_in_viewport()
    assert shown_rows(page)[:600] == expected_rows(1, 600)


def test_without_script_a_long_list_is_pages(open_crowded: OpenPage) -> None:
    page = open_crowded("/search?limit=1500", java_script_enabled=False)
    seen = shown_rows(page)
    assert page.get_by_role("link", name="Next 1,500").count() == 0
    while page.locator(".result-more a").count():
        page.locator(".result-more a").click()
        seen += shown_rows(page)
    assert seen == expected_rows(1, CROWD)


@pytest.mark.parametrize("width", [400, 1280, 2560])
def test_the_page_never_scrolls_sideways(open_page: OpenPage, width: int) -> None:
    for path in ("/search", "/upload", "/status", "/search?service=%3Cb%3Ebold%3C%2Fb%3E"):
        page = open_page(path, viewport={"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
