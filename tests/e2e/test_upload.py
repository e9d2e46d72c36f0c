"""Files dropped or chosen in Chromium become ordinary traces."""

from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.builders import a_trace
from viewer.formats.otlp.encode import encode

pytestmark = pytest.mark.e2e
OpenPage = Callable[..., Page]


def a_file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/json", "buffer": content}


def good(number: int) -> bytes:
    return encode(a_trace(number, service="uploaded"))


def test_files_are_stored_reported_and_found(open_page: OpenPage) -> None:
    page = open_page("/upload")
    page.get_by_label("choose them").set_input_files(
        [a_file("good.json", good(0xA1)), a_file("page.html", b"<html>hello</html>")]
    )
    page.locator("main").get_by_role("button", name="Upload").click()
    files = page.locator(".upload-file")
    expect(files).to_have_count(2)
    expect(files.nth(0)).to_contain_text("3 spans")
    expect(files.nth(1)).to_contain_text("Failed")
    files.nth(0).get_by_role("link", name="Open the trace").click()
    page.wait_for_url("**/trace/00000000000000a1")
    expect(page.locator("[data-span-row]")).to_have_count(3)


def test_a_dropped_file_is_sent_at_once(open_page: OpenPage) -> None:
    page = open_page("/upload")
    dropped = page.evaluate_handle(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], "dropped.json"));
          return data;
        }""",
        good(0xA2).decode(),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    expect(page.locator(".upload-file")).to_contain_text("dropped.json")
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "1")


def test_without_script_the_form_does_it_all(open_page: OpenPage) -> None:
    page = open_page("/upload", java_script_enabled=False)
    page.get_by_label("choose them").set_input_files(a_file("plain.json", good(0xA3)))
    page.locator("main").get_by_role("button", name="Upload").click()
    expect(page.locator(".upload-file")).to_contain_text("plain.json")
