"""Chromium for measurements: a page with an empty cache, and what it has transferred."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page

# Notes when the first row stands in the document, and when that frame has been drawn.
_WATCH_FIRST_ROW = """
window.firstRow = new Promise((done) => {
  const look = () => {
    if (!document.querySelector("[data-span-row], [data-result-row]")) return false;
    requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    return true;
  };
  const watcher = new MutationObserver(() => { if (look()) watcher.disconnect(); });
  watcher.observe(document, { childList: true, subtree: true });
});
"""


@dataclass(slots=True)
class Transferred:
    """What a page has transferred so far."""

    bytes: float = 0.0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that has come to rest: until its first row was drawn, what it transferred, its elements
    and its script's memory."""

    first_row_ms: float
    transferred_kb: float
    requests: float
    dom_nodes: float
    js_heap_mb: float


def find_browser() -> str:
    """Return $CHROMIUM or a Chromium on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise SystemExit("no Chromium found; set CHROMIUM to the path of one")
    return found


@contextmanager
def fresh_page(browser: Browser) -> Iterator[tuple[Page, Transferred]]:
    """Yield a page of 1440 × 900 with an empty cache, and what it transfers as it goes."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    seen = Transferred()
    session = context.new_cdp_session(page)
    session.send("Network.enable")

    def count(event: dict[str, Any]) -> None:
        seen.bytes += event["encodedDataLength"]
        seen.requests += 1

    session.on("Network.loadingFinished", count)
    page.add_init_script(_WATCH_FIRST_ROW)
    yield page, seen
    context.close()


def open_page(page: Page, seen: Transferred, url: str) -> Opened:
    """Open an address, wait until the page is at rest, and measure."""
    page.goto(url, wait_until="commit", timeout=120_000)
    first_row_ms = float(page.evaluate("firstRow"))
    page.wait_for_load_state("networkidle")
    return Opened(
        first_row_ms=first_row_ms,
        transferred_kb=seen.bytes / 1000,
        requests=seen.requests,
        dom_nodes=count_nodes(page),
        js_heap_mb=page.evaluate("performance.memory.usedJSHeapSize") / 1e6,
    )


def count_nodes(page: Page) -> int:
    """Return how many elements the document has."""
    return int(page.evaluate("document.querySelectorAll('*').length"))
