"""Spans that arrive while their trace is looked at, in Chromium: told, and shown when asked for."""

from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from bench.server import Server
from tests.builders import MS, START_NS, a_span
from tests.e2e import sending
from viewer.trace.span import Span

pytestmark = pytest.mark.e2e
OpenPage = Callable[..., Page]
Send = Callable[[list[Span]], None]
_NUMBERS = count(0xE2_0000)
POLLED_MS = 12_000


@pytest.fixture
def send(server: Server) -> Send:
    return partial(sending.send, server)


@pytest.fixture
def trace_id() -> str:
    return f"{next(_NUMBERS):032x}"


def children(trace_id: str, first: int, last: int) -> list[Span]:
    return [
        a_span(
            number,
            1,
            trace_id=trace_id,
            name=f"step {number}",
            start_ns=START_NS + (1_000 - number) * MS,
            duration_ns=MS,
        )
        for number in range(first, last + 1)
    ]


def opened(open_page: OpenPage, send: Send, trace_id: str, **options: object) -> Page:
    root = a_span(1, trace_id=trace_id, name="GET /", duration_ns=1_000 * MS)
    send([root, *children(trace_id, 2, 60)])
    page = open_page(f"/trace/{trace_id[16:]}", **options)
    expect(page.locator("[data-span-row]").first).to_be_visible(timeout=POLLED_MS)
    return page


def test_late_spans_are_told_and_move_nothing_until_they_are_asked_for(
    open_page: OpenPage, send: Send, trace_id: str
) -> None:
    page = opened(open_page, send, trace_id)
    row = page.locator("[data-span-row='000000000000001e']")
    row.click()
    expect(page.locator("[data-span-detail='000000000000001e']")).to_be_visible()
    before = row.bounding_box()
    shown = page.locator("[data-span-row]").count()
    send(children(trace_id, 61, 97))
    notice = page.locator("[data-late]")
    expect(notice).to_have_text("37 new spans arrived — show", timeout=POLLED_MS)
    assert page.locator("[data-span-row]").count() == shown
    assert row.bounding_box() == before
    page.evaluate("window.same = true")
    notice.click()
    expect(page.locator(".trace-facts")).to_contain_text("97 spans")
    expect(notice).to_have_count(0)
    assert page.evaluate("window.same") is True
    # What was selected is selected, and the rows stay where they were on the screen.
    expect(page.locator("[data-span-detail='000000000000001e']")).to_be_visible()
    assert "span=000000000000001e" in page.url


def test_the_count_grows_while_it_stands_there(
    open_page: OpenPage, send: Send, trace_id: str
) -> None:
    page = opened(open_page, send, trace_id)
    send(children(trace_id, 61, 61))
    notice = page.locator("[data-late]")
    expect(notice).to_have_text("1 new span arrived — show", timeout=POLLED_MS)
    send(children(trace_id, 61, 63))
    expect(notice).to_have_text("3 new spans arrived — show", timeout=POLLED_MS)


def test_a_page_asks_every_five_seconds_at_most_and_not_while_hidden(
    open_page: OpenPage, send: Send, trace_id: str
) -> None:
    page = opened(open_page, send, trace_id)
    asked: list[str] = []
    page.on("request", lambda request: "/late?" in request.url and asked.append(request.url))
    page.wait_for_timeout(6_500)
    assert len(asked) == 1
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    page.wait_for_timeout(6_500)
    assert len(asked) == 1


def test_without_script_nothing_is_asked(open_page: OpenPage, send: Send, trace_id: str) -> None:
    page = opened(open_page, send, trace_id, java_script_enabled=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    send(children(trace_id, 61, 61))
    page.wait_for_timeout(6_000)
    assert not asked
    expect(page.locator("[data-late]")).to_have_count(0)
