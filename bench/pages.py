"""What opening large traces costs: `python -m bench.pages` prints a table and writes JSON.

Makes traces (realistic trees, a deep chain), serves them, and opens each in a fresh Chromium context at
1440 × 900: time to the first row, what was transferred, how large the page is, how it scrolls, and
whether its very last span can be reached by scrolling. Needs Chromium ($CHROMIUM, or one on PATH).
"""

import argparse
import json
import os
import random
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.server import Server

BEGIN_NS = 1_795_000_000_000_000_000
LAST_SPAN = b"\xff" * 8
_FLICK_PX_PER_S, _FLICK_S = 6_000, 3
_SERVICES = 24

# Notes when the first row stands in the document, and when that frame has been drawn.
_WATCH_FIRST_ROW = """
window.firstRow = new Promise((done) => {
  const look = () => {
    if (!document.querySelector("[data-span-row]")) return false;
    requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    return true;
  };
  const watcher = new MutationObserver(() => { if (look()) watcher.disconnect(); });
  watcher.observe(document, { childList: true, subtree: true });
});
"""

_FLICK = """
async ([speed, seconds]) => {
  const scroller = document.querySelector("[data-waterfall]");
  const frames = [];
  const begin = performance.now();
  let last = begin;
  while (last - begin < seconds * 1000) {
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    scroller.scrollTop += (speed * (now - last)) / 1000;
    last = now;
  }
  return { fps: frames.length / seconds, longest: Math.max(...frames.slice(1)) };
}
"""

_AT_THE_END = """
(id) => {
  const scroller = document.querySelector("[data-waterfall]");
  const row = document.querySelector(`[data-span-row="${id}"]`);
  if (!row) { scroller.scrollTop = scroller.scrollHeight; return false; }
  row.scrollIntoView({ block: "nearest" });
  const box = row.getBoundingClientRect();
  return box.height > 0 && box.bottom <= innerHeight + 1 && box.top >= 0;
}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A made trace: ``tree`` is realistic, ``chain`` has a level per span, ``wide`` one parent."""

    shape: str
    spans: int

    @property
    def name(self) -> str:
        return f"{self.shape} {self.spans:,}"

    @property
    def trace_id(self) -> bytes:
        return f"{self.shape:>5}{self.spans:>11}".encode()


@dataclass(frozen=True, slots=True)
class Result:
    """One case, medians over the runs."""

    case: str
    first_row_ms: float
    transferred_kb: float
    requests: float
    dom_nodes: float
    js_heap_mb: float
    end_reached_ms: float
    dom_nodes_at_end: float
    scroll_fps: float
    longest_frame_ms: float


CASES = (Case("tree", 10), Case("tree", 17_000), Case("tree", 100_000), Case("chain", 2_000))


def make_trace(case: Case) -> bytes:
    """Return a trace as an OTLP request; the last row that a waterfall draws is LAST_SPAN."""
    chance = random.Random(case.name)
    request = ExportTraceServiceRequest()
    scopes = [_service(request, number) for number in range(_SERVICES)]
    # What may still get children: ID, begin, end.
    parents = [(b"", BEGIN_NS, BEGIN_NS + 60 * 10**9)]
    for number in range(case.spans - 1):
        parent, begin, end = parents[_place(case.shape, len(parents), chance)]
        span = scopes[chance.randrange(_SERVICES)].spans.add()
        span.trace_id, span.span_id, span.parent_span_id = case.trace_id, _span_id(number), parent
        span.name = f"operation {chance.randrange(60)}"
        span.kind = 2 + number % 2  # type: ignore[assignment]
        if not number:
            parents.clear()
        elif case.shape == "chain":
            begin, end = begin + 1_000, end - 1_000
        else:
            begin += int((end - begin) * 0.9 * chance.random())
            end = begin + max(1_000, int((end - begin) * chance.uniform(0.05, 0.6)))
        span.start_time_unix_nano, span.end_time_unix_nano = begin, end
        _describe(span, number, chance)
        if not number or case.shape == "chain" or end - begin > 5_000_000:
            parents.append((span.span_id, begin, end))
        if len(parents) > 400:
            # The root stays: everything that is left hangs somewhere below it.
            del parents[chance.randrange(1, 400)]
    last = scopes[0].spans.add()
    # A chain ends with its deepest span, the others with the root's last child.
    parent, _, end = parents[-1] if case.shape == "chain" else parents[0]
    last.trace_id, last.span_id, last.parent_span_id = case.trace_id, LAST_SPAN, parent
    last.name = "the end"
    last.start_time_unix_nano, last.end_time_unix_nano = end - 1_000, end
    return request.SerializeToString()


def _place(shape: str, count: int, chance: random.Random) -> int:
    if shape == "chain":
        return count - 1
    return 0 if shape == "wide" else chance.randrange(count)


def _service(request: ExportTraceServiceRequest, number: int) -> ScopeSpans:
    resource_spans = request.resource_spans.add()
    name = resource_spans.resource.attributes.add()
    name.key, name.value.string_value = "service.name", f"service-{number:02d}"
    return resource_spans.scope_spans.add()


def _span_id(number: int) -> bytes:
    return (number + 1).to_bytes(8, "big")


def _describe(span: Any, number: int, chance: random.Random) -> None:
    """Add eight attributes, and an event on every fifth span."""
    for key, value in (
        ("http.request.method", "GET"),
        ("http.route", f"/v1/things/{chance.randrange(60)}"),
        ("url.full", f"https://service.internal/v1/things/{number}"),
        ("server.address", "service.internal"),
        ("user_agent.original", "bench/1.0"),
        ("enduser.id", f"u-{chance.randrange(10_000)}"),
        ("thread.name", f"worker-{number % 16}"),
        ("app.tenant", f"tenant-{number % 40}"),
    ):
        attribute = span.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    if number % 5 == 0:
        event = span.events.add()
        event.name, event.time_unix_nano = "cache.miss", span.start_time_unix_nano
    if number % 97 == 96:
        span.status.code, span.status.message = 2, "upstream timed out"


def find_browser() -> str:
    """Return $CHROMIUM or a Chromium on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise SystemExit("no Chromium found; set CHROMIUM to the path of one")
    return found


@contextmanager
def fresh_page(browser: Browser) -> Iterator[tuple[Page, dict[str, float]]]:
    """Yield a page with an empty cache, and what it transfers as it goes."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    seen = {"bytes": 0.0, "requests": 0.0}
    session = context.new_cdp_session(page)
    session.send("Network.enable")

    def count(event: dict[str, Any]) -> None:
        seen["bytes"] += event["encodedDataLength"]
        seen["requests"] += 1

    session.on("Network.loadingFinished", count)
    page.add_init_script(_WATCH_FIRST_ROW)
    yield page, seen
    context.close()


def open_once(browser: Browser, url: str, case: Case) -> Result:
    """Open a trace's page once and measure."""
    with fresh_page(browser) as (page, seen):
        page.goto(url, wait_until="commit")
        first_row_ms = float(page.evaluate("firstRow"))
        page.wait_for_load_state("networkidle")
        loaded = dict(seen)
        nodes = page.evaluate("document.querySelectorAll('*').length")
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        flick = page.evaluate(_FLICK, [_FLICK_PX_PER_S, _FLICK_S])
        before = page.evaluate("performance.now()")
        page.wait_for_function(_AT_THE_END, arg=LAST_SPAN.hex(), timeout=60_000, polling=50)
        return Result(
            case=case.name,
            first_row_ms=first_row_ms,
            transferred_kb=loaded["bytes"] / 1000,
            requests=loaded["requests"],
            dom_nodes=nodes,
            js_heap_mb=heap / 1e6,
            end_reached_ms=page.evaluate("performance.now()") - before,
            dom_nodes_at_end=page.evaluate("document.querySelectorAll('*').length"),
            scroll_fps=flick["fps"],
            longest_frame_ms=flick["longest"],
        )


def median(results: list[Result]) -> Result:
    """Return the median of each number."""
    rows = [asdict(result) for result in results]
    numbers = {
        name: statistics.median(row[name] for row in rows) for name in rows[0] if name != "case"
    }
    return Result(case=results[0].case, **numbers)


def measure(cases: list[Case], runs: int) -> list[Result]:
    """Make, serve and open the cases; return their medians."""
    results = []
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as folder:
        files = []
        for number, case in enumerate(cases):
            files.append(Path(folder) / f"{number}.pb")
            files[-1].write_bytes(make_trace(case))
        arguments = ("--retention", "off", "--no-receivers")
        store = f"duckdb:{folder}/pages.duckdb"
        with (
            Server(store, *arguments, files=files, ready_s=300) as server,
            sync_playwright() as tools,
        ):
            browser = tools.chromium.launch(executable_path=find_browser())
            for case in cases:
                url = f"{server.ui_url}/trace/{case.trace_id.hex()}"
                results.append(median([open_once(browser, url, case) for _ in range(runs)]))
            browser.close()
    return results


def show(results: list[Result]) -> None:
    """Print a table, a row per case."""
    table = Table(title="Trace page in Chromium, 1440 × 900, empty cache")
    for name in asdict(results[0]):
        table.add_column(name.replace("_", " "), justify="left" if name == "case" else "right")
    for result in results:
        values = asdict(result).values()
        table.add_row(*(value if isinstance(value, str) else f"{value:,.0f}" for value in values))
    Console(width=max(160, Console().width)).print(table)


def parse_case(text: str) -> Case:
    """Read ``tree:100000``."""
    shape, _, spans = text.partition(":")
    if shape not in ("tree", "chain", "wide") or not spans.isdecimal() or int(spans) < 3:
        raise argparse.ArgumentTypeError("expected tree:N, chain:N or wide:N with at least 3 spans")
    return Case(shape, int(spans))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what opening large traces costs.")
    parser.add_argument("case", nargs="*", type=parse_case, help="tree:N, chain:N or wide:N")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    results = measure(arguments.case or list(CASES), arguments.runs)
    show(results)
    if arguments.json:
        rows = [asdict(result) for result in results]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
