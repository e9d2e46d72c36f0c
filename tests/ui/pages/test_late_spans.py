"""What the page of a fresh trace asks for: cheap, exact, and only of fresh traces."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import TRACE_ID, a_batch, a_span
from tests.ui.stage import HTML, NOW_NS, a_client
from viewer.store.memory import MemoryStore
from viewer.trace.columns import TraceColumns

URL = f"/trace/{TRACE_ID}"
POLL = f'hx-get="{URL}/late?since={NOW_NS}" hx-trigger="every 5s"'


class Clock:
    now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


class CountingStore(MemoryStore):
    """Counts how often a trace is read."""

    reads = 0

    def get_columns(self, trace_id: str) -> TraceColumns | None:
        self.reads += 1
        return super().get_columns(trace_id)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> CountingStore:
    store = CountingStore(clock=clock)
    store.write_spans([a_batch([a_span(1)])])
    return store


@pytest.fixture
def pages(store: CountingStore, clock: Clock) -> FlaskClient:
    return a_client(store, now_ns=clock)


def poll(pages: FlaskClient, since: object = NOW_NS, at: str = URL) -> TestResponse:
    headers = {"HX-Request": "true", "HX-Target": "div#late-notice"}
    headers["HX-Current-URL"] = f"http://localhost{at}"
    return pages.get(f"{URL}/late?since={since}", headers=headers)


def test_the_page_of_a_fresh_trace_asks_and_says_nothing(pages: FlaskClient) -> None:
    text = pages.get(URL, headers=HTML).text
    assert POLL in text
    assert "data-late" not in text
    assert POLL in pages.get(f"{URL}?view=statistics", headers=HTML).text


def test_late_spans_are_counted_without_loading_the_trace(
    pages: FlaskClient, store: CountingStore, clock: Clock
) -> None:
    pages.get(URL, headers=HTML)
    clock.now_ns += 5 * 10**9
    assert "data-late" not in poll(pages).text
    store.write_spans([a_batch([a_span(1), *(a_span(number, 1) for number in range(2, 39))])])
    text = poll(pages).text
    assert "37 new spans arrived — show" in text
    assert POLL in text
    assert store.reads == 1


def test_showing_them_keeps_what_the_address_says(
    pages: FlaskClient, store: CountingStore, clock: Clock
) -> None:
    pages.get(URL, headers=HTML)
    clock.now_ns += 10**9
    store.write_spans([a_batch([a_span(2, 1)])])
    shown = f"{URL}?span=0000000000000001&find=x"
    text = poll(pages, at=shown).text
    assert f'href="{shown.replace("&", "&amp;")}" data-late' in text
    assert f'href="{URL}" data-late' in poll(pages, at="/search?q=1").text
    # It is there at once, although the trace was looked up a moment ago.
    text = pages.get(shown, headers=HTML).text
    assert "2 spans" in text
    assert f"since={clock.now_ns}" in text
    assert "data-late" not in poll(pages, clock.now_ns).text


def test_of_an_old_trace_nothing_is_asked(pages: FlaskClient, clock: Clock) -> None:
    clock.now_ns += 601 * 10**9
    assert "hx-trigger" not in pages.get(URL, headers=HTML).text.partition("late-notice")[2]
    assert "hx-trigger" not in poll(pages).text


def test_a_store_that_takes_nothing_is_not_asked(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    store.write_spans([a_batch([a_span(1)])])
    store.capabilities = type(store.capabilities)(writable=False)
    assert "late-notice" not in a_client(store, now_ns=clock).get(URL, headers=HTML).text


@pytest.mark.parametrize("since", ["", "-1", "x", "1" * 20, "²"])
def test_what_is_no_time_is_a_400(pages: FlaskClient, since: str) -> None:
    assert poll(pages, since).status_code == 400


def test_an_unknown_trace_has_no_late_spans(pages: FlaskClient) -> None:
    assert "data-late" not in pages.get("/trace/ff/late?since=0").text
    assert pages.get("/trace/nonsense/late?since=0").status_code == 400
