"""A browser, and a server process with sample traces and a few made ones."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.server import Server
from tests.builders import MS, START_NS, a_span
from viewer.formats.otlp.encode import encode
from viewer.trace.span import Event, Link, Span, SpanKind

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces"
# Chromium looks for its maker's hosts at every start; the flags keep it quiet and offline.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FAILING = "000000000000000000000000000000f1"
LARGE = "000000000000000000000000000000f2"
HOSTILE = "000000000000000000000000000000f3"
LARGE_SPANS = 100_000
REPEATS = "000000000000000000000000000000f4"
DEEP = "000000000000000000000000000000f5"
DEEP_LEVELS = 2_000
CROWD = 1_600
SCRIPT = "<script>document.title='owned'</script>"


def failing_trace() -> list[Span]:
    """A checkout that fails at payment, with an event, a link, and siblings to collapse."""
    root = a_span(
        1,
        trace_id=FAILING,
        name="POST /checkout",
        service="gateway",
        duration_ns=900 * MS,
        kind=SpanKind.SERVER,
        error=True,
    )
    stock = a_span(
        2,
        1,
        trace_id=FAILING,
        name="reserve",
        service="inventory",
        start_ns=START_NS + 10 * MS,
        duration_ns=50 * MS,
    )
    lines = [
        a_span(
            10 + line,
            2,
            trace_id=FAILING,
            name=f"UPDATE line {line}",
            service="inventory",
            start_ns=START_NS + (12 + line) * MS,
            duration_ns=MS,
            attributes={"db.system": "postgresql"},
        )
        for line in range(5)
    ]
    payment = a_span(
        3,
        1,
        trace_id=FAILING,
        name="charge",
        service="payment",
        start_ns=START_NS + 100 * MS,
        duration_ns=700 * MS,
        error="card gateway timed out",
        attributes={"http.response.status_code": 504, "card.brand": "visa"},
        events=[Event(START_NS + 750 * MS, "exception", (("exception.type", "Timeout"),))],
        links=[Link(LARGE, 1)],
    )
    return [root, stock, *lines, payment]


def large_trace() -> list[Span]:
    """A trace of LARGE_SPANS spans, ten children each."""
    return [
        a_span(
            number,
            (number + 8) // 10 if number > 1 else 0,
            trace_id=LARGE,
            name=f"step {number % 7}",
            service=f"service-{number % 5}",
            start_ns=START_NS + number * 1000,
            duration_ns=(LARGE_SPANS - number + 1) * 1000,
            attributes={"number": number},
        )
        for number in range(1, LARGE_SPANS + 1)
    ]


def hostile_trace() -> list[Span]:
    """Names and values a stranger might send."""
    attributes = {
        SCRIPT: SCRIPT,
        "link": "javascript:alert(1)",
        "rtl": "\u202egnp.exe",
        "huge": "x" * 1_000_000,
        "deep": "[" * 100 + "]" * 100,
        "nul": "a\x00b",
        "good link": "https://example.org/a?b=c",
    }
    return [
        a_span(
            1,
            trace_id=HOSTILE,
            name=SCRIPT,
            service="<b>bold</b>",
            attributes=attributes,
            error=SCRIPT,
            events=[Event(START_NS, SCRIPT)],
        )
    ]


def repeating_trace() -> list[Span]:
    """A loop of 37 calls that are answered each, two of which fail, between two other spans."""
    root = a_span(1, trace_id=REPEATS, name="GET /orders", service="orders", duration_ns=900 * MS)
    before, after = (
        a_span(
            number,
            1,
            trace_id=REPEATS,
            name=name,
            service="orders",
            start_ns=START_NS + at * MS,
            duration_ns=10 * MS,
        )
        for number, name, at in ((2, "SELECT orders", 5), (3, "render", 850))
    )
    spans = [root, before, after]
    for call in range(37):
        failed = call in (5, 30)
        start_ns = START_NS + (50 + 20 * call) * MS
        for number, parent, service in (
            (100 + call, 1, "orders"),
            (200 + call, 100 + call, "items"),
        ):
            spans.append(
                a_span(
                    number,
                    parent,
                    trace_id=REPEATS,
                    name="GET /items/{id}",
                    service=service,
                    start_ns=start_ns,
                    duration_ns=10 * MS,
                    error=failed,
                    attributes={"item": f"i{call:02}"},
                )
            )
    return spans


def deep_trace() -> list[Span]:
    """A chain of DEEP_LEVELS spans."""
    return [
        a_span(
            level,
            level - 1,
            trace_id=DEEP,
            name=f"descend to level {level}",
            service=f"service-{level % 5}",
            start_ns=START_NS + level * 1000,
            duration_ns=(DEEP_LEVELS - level + 1) * 2000,
        )
        for level in range(1, DEEP_LEVELS + 1)
    ]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that holds the samples and the traces above."""
    folder = tmp_path_factory.mktemp("e2e")
    made = folder / "made.json"
    lines = [failing_trace(), hostile_trace(), repeating_trace(), deep_trace()]
    made.write_bytes(b"\n".join(encode(spans) for spans in lines))
    large = folder / "large.json"
    large.write_bytes(encode(large_trace()))
    files = [made, large, SAMPLES / "otlp-json", SAMPLES / "otlp-proto", SAMPLES / "zipkin-v2"]
    store = f"duckdb:{folder / 'e2e.duckdb'}"
    with Server(store, "--retention", "off", files=files, ready_s=180) as running:
        yield running


def crowd() -> list[Span]:
    """CROWD traces of one span each over ten days, the first of them the last to begin; one near the
    list's end takes longest."""
    return [
        a_span(
            1,
            trace_id=f"{number:032x}",
            name=f"job {number}",
            start_ns=START_NS - number * 9 * 60_000 * MS,
            duration_ns=(900 if number == CROWD - 150 else 1 + number % 90) * MS,
        )
        for number in range(1, CROWD + 1)
    ]


@pytest.fixture(scope="session")
def crowded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that holds more traces than a page of results takes."""
    folder = tmp_path_factory.mktemp("crowd")
    made = folder / "crowd.json"
    made.write_bytes(encode(crowd()))
    store = f"duckdb:{folder / 'crowd.duckdb'}"
    with Server(store, "--retention", "off", files=[made], ready_s=180) as running:
        yield running


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=_FLAGS)
        yield running
        running.close()


def _is_own(server: Server, url: str) -> bool:
    return url.startswith((server.ui_url, "data:"))


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Open a path of the server as `_pages` says."""
    yield from _pages(browser, server)


@pytest.fixture
def open_crowded(browser: Browser, crowded_server: Server) -> Iterator[Callable[..., Page]]:
    """Open a path of the crowded server as `_pages` says."""
    yield from _pages(browser, crowded_server)


def _pages(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Open a path in a browser context of its own. Console errors and requests to other hosts fail
    the test, but for the answer itself with ``problem=True``; pass ``java_script_enabled=False`` and
    the like as keywords."""
    contexts = []
    faults: list[str] = []

    def open_path(path: str, problem: bool = False, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on(
            "console",
            lambda said: (
                said.type == "error"
                and not (problem and "the server responded with a status of 4" in said.text)
                and faults.append(f"console: {said.text}")
            ),
        )
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith(server.ui_url)
                or asked.url.startswith("data:")
                or faults.append(f"other host: {asked.url}")
            ),
        )
        page.goto(server.ui_url + path)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert not faults, faults
