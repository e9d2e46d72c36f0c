"""The views beside the timeline, used as a person does: with script, without, and from an address."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import FAILING, HOSTILE, LARGE
from tests.formats.reading import read

pytestmark = pytest.mark.e2e
SHORT = FAILING[16:]
OpenPage = Callable[..., Page]
CHARGE = "0000000000000003"
VIEWS = ("flame", "graph", "statistics", "findings", "spans", "logs", "json")


def stands(page: Page, span_id: str) -> None:
    """Expect the timeline, with this span selected and its row in sight."""
    expect(page.locator(".trace-tabs [aria-current]")).to_have_text("Timeline")
    expect(page.locator(f"[data-span-detail='{span_id}']")).to_be_visible()
    expect(page.locator(f"[data-span-row='{span_id}']")).to_be_in_viewport()


@pytest.mark.parametrize("script", [True, False])
def test_tabs_lead_from_view_to_view_and_keep_what_is_found_and_selected(
    open_page: OpenPage, script: bool
) -> None:
    page = open_page(f"/trace/{SHORT}?span={CHARGE}&find=line", java_script_enabled=script)
    for view in VIEWS:
        page.locator(".trace-tabs").get_by_role("link", name=view, exact=False).first.click()
        expect(page.locator(f"#{view}")).to_be_visible()
        assert f"view={view}" in page.url
        assert "find=line" in page.url
        expect(page.locator(f"[data-span-detail='{CHARGE}']")).to_be_visible()
    page.locator(".trace-tabs").get_by_role("link", name="Timeline").click()
    expect(page.locator("[data-find-count]")).to_have_text("5 matches")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_stays_within_its_window_and_its_size(open_page: OpenPage, view: str) -> None:
    for trace in (LARGE, HOSTILE):
        page = open_page(f"/trace/{trace}?view={view}", viewport={"width": 400, "height": 800})
        expect(page.locator(f"#{view}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        assert page.locator("script:not([src])").count() == 0
        assert page.title() != "owned"
        # Of a span of a megabyte and of a hundred thousand spans alike.
        assert page.evaluate("document.querySelectorAll('*').length") < 8_000


@pytest.mark.parametrize("script", [True, False])
def test_a_graph_of_operations_leads_to_the_longest_call(open_page: OpenPage, script: bool) -> None:
    page = open_page(f"/trace/{SHORT}?view=graph", java_script_enabled=script)
    expect(page.locator(".graph-node")).to_have_count(3)
    page.locator("#graph").get_by_role("link", name="operations").click()
    expect(page.locator(".graph-node")).to_have_count(8)
    assert "by=operation" in page.url
    page.locator(".graph-table").get_by_role("link", name="charge").click()
    stands(page, CHARGE)


def test_texts_of_a_graph_are_readable_and_lie_in_their_boxes(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{SHORT}?view=graph&by=operation")
    boxes = page.evaluate("""
        [...document.querySelectorAll(".graph-node")].map((node) => {
          const box = node.getBoundingClientRect();
          return [...node.querySelectorAll("text")].map((text) => {
            const own = text.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(text).fontSize);
            return [size, own.left >= box.left - 1 && own.right <= box.right + 1];
          });
        }).flat()
    """)
    assert len(boxes) >= 16
    assert all(size >= 11 and inside for size, inside in boxes)


@pytest.mark.parametrize("script", [True, False])
def test_statistics_are_grouped_sorted_and_lead_to_a_span(
    open_page: OpenPage, script: bool
) -> None:
    page = open_page(f"/trace/{SHORT}?view=statistics", java_script_enabled=script)
    first = page.locator("#statistics tbody tr").first
    expect(first).to_contain_text("charge")
    expect(first).to_contain_text("700 ms")
    page.locator("#statistics thead").get_by_role("link", name="Spans").click()
    expect(page.locator("#statistics [aria-sort]")).to_contain_text("Spans")
    page.get_by_label("Attribute to group by").fill("card.brand")
    page.locator("#statistics").get_by_role("button", name="Group").click()
    page.wait_for_url(re.compile("by=card.brand"))
    expect(page.locator("#statistics tbody tr")).to_have_count(1)
    expect(page.locator("#statistics .panel-note")).to_have_text("7 spans without card.brand")
    page.locator("#statistics tbody").get_by_role("link", name="visa").click()
    stands(page, CHARGE)


@pytest.mark.parametrize("script", [True, False])
def test_findings_lead_to_the_spans_that_show_them(open_page: OpenPage, script: bool) -> None:
    page = open_page(f"/trace/{SHORT}?view=findings", java_script_enabled=script)
    expect(page.locator("[data-found=error]")).to_contain_text("card gateway timed out")
    expect(page.locator("[data-found=bottleneck]")).to_contain_text("78 % of the trace")
    page.locator("[data-found=bottleneck]").get_by_role("link").first.click()
    stands(page, CHARGE)


@pytest.mark.parametrize("script", [True, False])
def test_the_span_list_is_sorted_filtered_and_given_columns(
    open_page: OpenPage, script: bool
) -> None:
    page = open_page(f"/trace/{SHORT}?view=spans", java_script_enabled=script)
    rows = page.locator("#spans tbody tr")
    expect(rows).to_have_count(8)
    page.locator("#spans thead").get_by_role("link", name="Duration").click()
    expect(page.locator("#spans [aria-sort]")).to_contain_text("Duration")
    expect(rows.first).to_contain_text("POST /checkout")
    page.get_by_label("Attribute to show as a column").fill("card.brand")
    page.locator("#spans").get_by_role("button", name="Show", exact=True).first.click()
    expect(page.locator("#spans thead")).to_contain_text("card.brand")
    expect(page.locator(f"#spans [data-span-row='{CHARGE}']")).to_contain_text("visa")
    page.get_by_label("Text in the operation's name").fill("update")
    page.locator("#spans").get_by_role("button", name="Show", exact=True).first.click()
    expect(rows).to_have_count(5)
    assert "operation=update" in page.url
    expect(page.locator("#spans thead")).to_contain_text("card.brand")
    rows.first.get_by_role("link", name="in the timeline").click()
    expect(page.locator(".trace-tabs [aria-current]")).to_have_text("Timeline")


def test_pages_of_a_long_list_are_steps_one_can_go_back(open_page: OpenPage) -> None:
    page = open_page(f"/trace/{LARGE[16:]}?view=spans")
    first = page.locator("#spans [data-span-row]").first.get_attribute("data-span-row")
    expect(page.locator("#pager")).to_contain_text("1–200 of 100,000 spans")
    page.get_by_label("Next page").click()
    expect(page.locator("#pager")).to_contain_text("201–400 of 100,000 spans")
    page.locator("#pager").get_by_role("link", name="Last").click()
    expect(page.locator("#pager")).to_contain_text("99,801–100,000")
    page.go_back()
    page.go_back()
    expect(page.locator("#pager")).to_contain_text("1–200 of")
    assert page.locator("#spans [data-span-row]").first.get_attribute("data-span-row") == first


@pytest.mark.parametrize("script", [True, False])
def test_the_log_is_filtered_and_leads_to_the_span(open_page: OpenPage, script: bool) -> None:
    page = open_page(f"/trace/{SHORT}?view=logs", java_script_enabled=script)
    expect(page.locator("#logs tbody tr")).to_have_count(1)
    expect(page.locator("#logs tbody tr")).to_contain_text("exception.type=Timeout")
    page.get_by_label("Text in an event's name or attributes").fill("nothing like it")
    page.locator("#logs").get_by_role("button", name="Show").click()
    expect(page.locator("#logs .empty")).to_contain_text("No event of this trace is like that")
    page.locator("#logs").get_by_role("link", name="Show all").click()
    page.locator("#logs tbody").get_by_role("link", name="in the timeline").click()
    stands(page, CHARGE)


@pytest.mark.parametrize("form", ["otlp", "jaeger"])
def test_json_is_what_the_tools_read(open_page: OpenPage, form: str) -> None:
    page = open_page(f"/trace/{SHORT}?view=json&as={form}")
    shown = page.locator("#json-text").inner_text()
    assert read(shown.encode()).ids == {
        (FAILING, int(span_id)) for span_id in (1, 2, 3, 10, 11, 12, 13, 14)
    }
    other = "Jaeger" if form == "otlp" else "OTLP"
    page.locator("#json").get_by_role("link", name=other, exact=True).click()
    expect(page.locator("#json [aria-current]")).to_have_text(other)
    assert json.loads(page.locator("#json-text").inner_text()) != json.loads(shown)


@pytest.mark.parametrize("script", [True, False])
def test_the_whole_trace_is_saved_as_a_page_that_opens_without_a_server(
    open_page: OpenPage, tmp_path: Path, script: bool
) -> None:
    page = open_page(f"/trace/{SHORT}", java_script_enabled=script, accept_downloads=True)
    page.get_by_label("Download", exact=True).click()
    with page.expect_download() as saved:
        page.locator("#download-menu").get_by_role("link", name="HTML page").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert file.name == f"{FAILING}.html" or file.name == f"{SHORT}.html"
    offline = page.context.browser
    assert offline is not None
    context = offline.new_context(offline=True, viewport={"width": 400, "height": 800})
    faults: list[str] = []
    alone = context.new_page()
    alone.on("console", lambda said: faults.append(said.text))
    alone.goto(file.as_uri())
    expect(alone.locator(".offline-span")).to_have_count(8)
    alone.locator(f"#span-{CHARGE} > summary").click()
    expect(alone.locator(f"#span-{CHARGE}")).to_contain_text("visa")
    assert alone.evaluate("document.documentElement.scrollWidth") == 400
    assert alone.evaluate("getComputedStyle(document.querySelector('.row')).display") == "grid"
    context.close()
    assert faults == []
