"""The trace page in Chromium, used as a person does."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import FAILING, HOSTILE, LARGE, LARGE_SPANS

pytestmark = pytest.mark.e2e
SHORT = FAILING[16:]
OpenPage = Callable[..., Page]


def shown_rows(page: Page) -> list[str]:
    return page.locator("[data-span-row]").evaluate_all(
        "rows => rows.map(row => row.dataset.spanRow)"
    )


def test_it_says_what_failed_and_what_took_the_time(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    expect(page.locator("[data-finding=error]")).to_have_text(
        re.compile("failed at payment · charge: card gateway timed out")
    )
    expect(page.locator("[data-finding=bottleneck]")).to_contain_text(
        "payment · charge is the bottleneck: 700 ms itself, 78 % of the trace"
    )
    expect(page.locator("[data-span-row]")).to_have_count(8)
    expect(page).to_have_title(re.compile("gateway: POST /checkout"))


def test_the_first_row_stands_high_on_the_page(open_page: OpenPage) -> None:
    box = open_page(f"/trace/{SHORT}").locator("[data-span-row]").first.bounding_box()
    assert box is not None
    assert box["y"] <= 152


def test_a_click_shows_the_span_and_the_address_says_so(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.locator("[data-span-row='0000000000000003']").click()
    detail = page.locator("[data-span-detail='0000000000000003']")
    expect(detail).to_contain_text("card gateway timed out")
    expect(detail).to_contain_text("http.response.status_code")
    expect(detail).to_contain_text("exception")
    assert "span=0000000000000003" in page.url
    expect(page.locator("[data-span-row='0000000000000003']")).to_have_attribute(
        "aria-selected", "true"
    )
    page.go_back()
    expect(page.locator("[data-span-detail]")).to_have_count(0)


def test_collapsing_hides_the_rows_below_and_survives_a_reload(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.locator("[data-span-row='0000000000000002'] .twisty").click()
    expect(page.locator("[data-span-row]")).to_have_count(3)
    expect(page.locator("[data-span-row='0000000000000002'] .twisty")).to_contain_text("5")
    page.reload()
    expect(page.locator("[data-span-row]")).to_have_count(3)
    page.locator("[data-expand-all]").click()
    expect(page.locator("[data-span-row]")).to_have_count(8)
    page.locator("[data-collapse-all]").click()
    expect(page.locator("[data-span-row]")).to_have_count(1)


def test_find_counts_marks_and_steps_through_matches(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.keyboard.press("f")
    page.keyboard.type("postgresql")
    page.keyboard.press("Enter")
    expect(page.locator("[data-find-count]")).to_have_text("5 matches")
    expect(page.locator(".row.is-match")).to_have_count(5)
    page.locator("[data-key=n]").click()
    expect(page.locator("[data-find-count]")).to_have_text("1 of 5 matches")
    expect(page.locator("[data-span-detail='000000000000000a']")).to_be_visible()
    page.locator("[data-key=p]").click()
    expect(page.locator("[data-find-count]")).to_have_text("5 of 5 matches")


def test_a_match_in_a_collapsed_subtree_is_revealed(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?collapse=*&find=visa")
    expect(page.locator("[data-span-row]")).to_have_count(1)
    page.locator("[data-key=n]").click()
    expect(page.locator("[data-span-row='0000000000000003']")).to_have_attribute(
        "aria-selected", "true"
    )


def test_dragging_over_the_minimap_zooms_and_double_click_resets(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    box = page.locator(".minimap-bars").bounding_box()
    assert box is not None
    y = box["y"] + 10
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=2\d{8}&to=4\d{8}"))
    expect(page.locator(".head-axis text").first).to_have_text(re.compile("22[45] ms"))
    page.locator(".minimap-bars").dblclick(position={"x": 500, "y": 10})
    page.wait_for_url(re.compile(rf"/trace/{SHORT}$"))


def test_a_key_turns_the_critical_path_off_and_on(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    expect(page.locator(".row-critical").first).to_be_attached()
    page.keyboard.press("c")
    expect(page.locator(".row-critical")).to_have_count(0)
    expect(page.locator("[data-span-row]")).to_have_count(8)
    assert "critical=off" in page.url
    page.keyboard.press("c")
    expect(page.locator(".row-critical").first).to_be_attached()


def test_what_matters_is_copied_as_markdown_with_a_link(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Copy as Markdown").click()
    expect(page.get_by_label("Copy as Markdown")).to_have_attribute("data-said", "Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("**")
    assert "- " in copied
    assert copied.endswith(f"\n\n{page.url}\n")


def test_a_link_to_a_span_opens_it_elsewhere(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("[data-span-row='0000000000000003']").click()
    page.get_by_label("Copy a link to this span").click()
    expect(page.get_by_label("Copy a link to this span")).to_have_attribute("data-said", "Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    other = open_page(copied[copied.index("/trace/") :])
    expect(other.locator("[data-span-detail='0000000000000003']")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_a_flame_graph_leads_into_a_node_and_back(open_page: OpenPage, script: bool) -> None:
    page = open_page(f"/trace/{SHORT}?view=flame", java_script_enabled=script)
    bars = page.locator(".flame-box")
    count = bars.count()
    assert count > 2
    page.locator(".flame-link").nth(1).click()
    page.wait_for_url(re.compile("node="))
    assert bars.count() < count
    box, first = page.locator(".flame-graph").bounding_box(), bars.first.bounding_box()
    assert box
    assert first
    assert abs(box["width"] - first["width"]) < 4
    page.locator(".flame-crumbs a", has_text="Whole trace").click()
    expect(bars).to_have_count(count)


def test_the_filter_keeps_ancestors_and_ends_with_show_all(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.locator("[popovertarget=only-form]").click()
    page.locator("#only-form").get_by_label("failed spans").check()
    page.locator("#only-form").get_by_role("button", name="Show").click()
    expect(page.locator(".only-told")).to_contain_text("filtered out")
    page.wait_for_url(re.compile("only=errors"))
    assert page.locator("[data-span-row]").count() < 8
    expect(page.locator(".row:not(.is-context):not(.has-error)")).to_have_count(0)
    expect(page.locator("#only-form")).to_be_hidden()
    page.locator(".only-told a").click()
    expect(page.locator("[data-span-row]")).to_have_count(8)


def test_without_script_the_filter_is_a_form(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}", java_script_enabled=False)
    page.locator("[popovertarget=only-form]").click()
    page.locator("#only-form input[name=min]").fill("0.1ms")
    page.locator("#only-form").get_by_role("button", name="Show").click()
    expect(page.locator(".only-told")).to_contain_text("at least 0.1ms")


def test_the_keyboard_walks_rows_and_opens_one(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.locator("span-tree").focus()
    for key in ("j", "ArrowDown", "k"):
        page.keyboard.press(key)
        page.wait_for_timeout(80)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-span-row='0000000000000002']")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-span-row]")).to_have_count(3)
    page.keyboard.press("e")
    expect(page.locator("[data-span-detail]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-span-detail]")).to_have_count(0)


def test_a_permalink_shows_a_colleague_the_same_view(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")
    page.locator("[data-span-row='0000000000000002'] .twisty").click()
    expect(page.locator("[data-span-row]")).to_have_count(3)
    page.keyboard.press("f")
    page.keyboard.type("charge")
    page.keyboard.press("Enter")
    expect(page.locator("[data-find-count]")).to_have_text("1 match")
    page.keyboard.press("Escape")  # out of the find box, back to the rows
    page.keyboard.press("+")
    page.wait_for_url(re.compile("from="))
    page.locator("[data-span-row='0000000000000003']").click()
    expect(page.locator("[data-span-detail]")).to_be_visible()
    colleague = open_page(
        page.url.partition("//")[2].partition("/")[1]
        + page.url.partition("//")[2].partition("/")[2]
    )
    for view in (page, colleague):
        view.wait_for_load_state("networkidle")  # what links to the span comes a moment later
    for part in ("#trace-header", "#span-detail", ".waterfall-head"):
        assert colleague.locator(part).inner_text() == page.locator(part).inner_text(), part
    assert colleague.locator("[data-find]").input_value() == "charge"
    assert (
        colleague.locator(".minimap-bars").inner_html()
        == page.locator(".minimap-bars").inner_html()
    )
    assert shown_rows(colleague) == shown_rows(page)
    widths = "bars => bars.map(bar => [bar.getAttribute('x'), bar.getAttribute('width')])"
    assert colleague.locator(".row-bar rect").evaluate_all(widths) == page.locator(
        ".row-bar rect"
    ).evaluate_all(widths)
    assert page.locator(".row.is-selected").get_attribute("data-span-row") == "0000000000000003"
    assert (
        colleague.locator(".row.is-selected").get_attribute("data-span-row") == "0000000000000003"
    )


def test_stale_parts_of_a_link_are_told_and_ignored(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?span=ffffffffffffffff&from=x&collapse=zz")
    expect(page.locator(".timeline .note")).to_have_count(3)
    expect(page.locator("[data-span-row]")).to_have_count(8)


def test_without_script_rows_detail_and_find_work(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}", java_script_enabled=False)
    page.locator("[data-span-row='0000000000000003'] .row-op").click()
    expect(page.locator("[data-span-detail='0000000000000003']")).to_contain_text("visa")
    page.locator("[data-span-row='0000000000000002'] .twisty").click()
    expect(page.locator("[data-span-row]")).to_have_count(3)
    page.locator("[data-find]").fill("line")
    page.locator("[data-find]").press("Enter")
    expect(page.locator("[data-find-count]")).to_have_text("5 matches")
    assert "span=0000000000000003" in page.url


def test_without_script_a_large_trace_is_read_in_windows(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{LARGE[16:]}", java_script_enabled=False)
    first = shown_rows(page)
    page.locator(".more-rows a").last.click()
    assert not set(first) & set(shown_rows(page))
    expect(page.locator(".more-rows")).to_have_count(2)


def test_a_large_trace_opens_small_and_scrolls_to_its_end(open_page: OpenPage) -> None:
    sizes: list[int] = []
    page = open_page("/search")
    page.on("response", lambda answer: sizes.append(int(answer.headers.get("content-length", 0))))
    page.goto(page.url.partition("/search")[0] + f"/trace/{LARGE[16:]}")
    expect(page.locator("[data-span-row]").first).to_be_visible()
    assert sum(sizes) < 300_000
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
    for _ in range(3):
        page.evaluate("document.querySelector('span-tree').scrollTop += 40000")
        page.wait_for_timeout(100)
    page.evaluate("document.querySelector('span-tree').scrollTop = 1e9")
    expect(page.locator(f"[aria-rowindex='{LARGE_SPANS}']")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < 5000


def test_hostile_names_and_values_are_text(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{HOSTILE[16:]}?span=0000000000000001")
    expect(page.locator("h1")).to_contain_text("<script>")
    expect(page.locator("[data-span-detail]")).to_contain_text("javascript:alert(1)")
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("[data-span-detail] a[href^='https://example.org']").count() == 1
    assert page.locator("[data-span-detail] details.field-fold").count() >= 1
    assert page.title() != "owned"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1440])
def test_nothing_scrolls_sideways(open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page(
        f"/trace/{HOSTILE[16:]}?span=0000000000000001",
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_divider_gives_the_tree_more_room_and_is_remembered(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}")

    def tree_width() -> float:
        box = page.locator(".head-name").bounding_box()
        assert box is not None
        return box["width"]

    before, box = tree_width(), page.locator("row-divider").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 4, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 204, box["y"] + 10, steps=4)
    page.mouse.up()
    assert tree_width() == pytest.approx(before + 200, abs=3)
    page.locator("row-divider").press("ArrowLeft")
    assert tree_width() == pytest.approx(before + 200 - 0.02 * 1440, abs=5)
    page.locator("[data-collapse-all]").click()
    expect(page.locator("[data-span-row]")).to_have_count(1)
    page.reload()
    assert tree_width() > before + 100
    page.locator("row-divider").dblclick()
    assert tree_width() == pytest.approx(before, abs=2)
