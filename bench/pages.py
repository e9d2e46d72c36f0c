"""What opening large traces costs: `python -m bench.pages` prints tables and writes JSON.

Makes traces (realistic trees, deep chains, one parent of all), serves them, and opens each in fresh
Chromium contexts at 1440 × 900: the very first time, when the server knows nothing of the trace
("cold"), and again. How long until the first row is drawn, what is transferred, how large the page is,
how it scrolls, whether its very last span can be reached, and how long a step takes from the click
to the frame that shows it. Then search pages with few and many results, down to the last one.
``--compare`` sets a run beside an earlier one. Needs Chromium ($CHROMIUM, or one on PATH).
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.browser import count_nodes, find_browser, fresh_page, open_page
from bench.results import Measured, median, read, show, write
from bench.server import Server
from bench.traces import LAST_SPAN, Case, make_copies, make_trace, parse_case

TRACES, SEARCHES = "Trace page in Chromium, 1440 × 900, empty cache", "Search page, likewise"
_FLICK_PX_PER_S, _FLICK_S = 6_000, 3
_RESULTS = (20, 1_500)
_SPANS_OF_A_RESULT = 20
_TERM = "things/7"

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

# Scrolls down until no more results are to come.
_ALL_RESULTS = """
() => {
  scrollTo(0, document.documentElement.scrollHeight);
  return !document.querySelector(".result-more");
}
"""
_SHOWN_RESULTS = (
    "[...document.querySelectorAll('[data-result-row]')].map((row) => row.dataset.resultRow)"
)

# Takes a step and tells the milliseconds until a frame with what it leads to has been drawn.
_STEP = """
async ([step, isThere]) => {
  const begin = performance.now();
  const wanted = new Function("return " + isThere);
  new Function(step)();
  while (!wanted()) {
    await new Promise(requestAnimationFrame);
    if (performance.now() - begin > 60000) throw new Error("nothing came of " + step);
  }
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begin;
}
"""
_STEPS = {
    "detail_ms": (
        "const head = document.querySelector('.waterfall-head').getBoundingClientRect().bottom;"
        "[...document.querySelectorAll('[data-span-row]')]"
        ".find((row) => row.getBoundingClientRect().top >= head)"
        ".querySelector('.row-op').click();",
        "document.querySelector('#span-detail [data-key=close]')",
    ),
    "find_ms": (
        f"const box = document.querySelector('[data-find]'); box.value = '{_TERM}';"
        "box.form.requestSubmit();",
        "document.querySelector('[data-find-count]')",
    ),
    "collapse_all_ms": (
        "document.querySelector('[data-collapse-all]').click();",
        "document.querySelector('span-tree[aria-rowcount=\"1\"]')",
    ),
}

CASES = tuple(
    parse_case(text)
    for text in (
        "tree:10", "tree:1000", "tree:10000", "tree:100000", "tree:1000000",
        "chain:2000", "chain:10000", "wide:10000", "wide:100000",
    )
)  # fmt: skip


def open_trace(browser: Browser, url: str, case: Case) -> Measured:
    """Open a trace's page once and measure."""
    with fresh_page(browser) as (page, seen):
        opened = asdict(open_page(page, seen, url))
        flick = page.evaluate(_FLICK, [_FLICK_PX_PER_S, _FLICK_S])
        before = page.evaluate("performance.now()")
        page.wait_for_function(_AT_THE_END, arg=LAST_SPAN.hex(), timeout=60_000, polling=50)
        return {
            "case": case.name,
            **opened,
            "most_dom_nodes": max(opened["dom_nodes"], count_nodes(page)),
            "scroll_fps": flick["fps"],
            "longest_frame_ms": flick["longest"],
            "end_reached_ms": page.evaluate("performance.now()") - before,
            **take_steps(page),
        }


def take_steps(page: Page) -> dict[str, float]:
    """Take each step on the page once; return how long each took."""
    return {name: float(page.evaluate(_STEP, list(step))) for name, step in _STEPS.items()}


def open_search(browser: Browser, url: str, results: int) -> Measured:
    """Open a page of results once, scroll to its end, and measure."""
    with fresh_page(browser) as (page, seen):
        opened = open_page(page, seen, f"{url}/search?limit={results}")
        before = page.evaluate("performance.now()")
        page.wait_for_function(_ALL_RESULTS, timeout=60_000, polling=20)
        end_reached_ms = page.evaluate("performance.now()") - before
        shown = page.evaluate(_SHOWN_RESULTS)
        if len(set(shown)) != results or len(shown) != results:
            raise SystemExit(f"{results} results were asked for, {len(shown)} are shown")
        return {
            "case": f"{results:,} results",
            **asdict(opened),
            "most_dom_nodes": count_nodes(page),
            "end_reached_ms": end_reached_ms,
        }


def cold_and_warm(runs: Sequence[Measured]) -> Measured:
    """Return the medians of all runs but the very first, and that one's time to the first row."""
    found = median(runs[1:])
    case, warm = found.pop("case"), found.pop("first_row_ms")
    cold = runs[0]["first_row_ms"]
    return {"case": case, "first_row_cold_ms": cold, "first_row_ms": warm, **found}


def measure(cases: Sequence[Case], runs: int) -> dict[str, list[Measured]]:
    """Make, serve and open the cases once and ``runs`` times more, and the search pages."""
    with tempfile.TemporaryDirectory(prefix="tracefall-bench-") as text:
        folder = Path(text)
        files = []
        for number, case in enumerate(cases):
            files.append(folder / f"{number}.pb")
            files[-1].write_bytes(make_trace(case))
        few = folder / "results.pb"
        few.write_bytes(make_copies(Case("tree", _SPANS_OF_A_RESULT), max(_RESULTS)))
        arguments = ("--retention", "off", "--no-receivers")
        with (
            Server(f"duckdb:{text}/0.duckdb", *arguments, files=files, ready_s=300) as server,
            Server(f"duckdb:{text}/1.duckdb", *arguments, files=[few], ready_s=300) as searched,
            sync_playwright() as tools,
        ):
            browser = tools.chromium.launch(executable_path=find_browser())
            # A browser's own first page is slow whatever it shows.
            with fresh_page(browser) as (page, seen):
                open_page(page, seen, f"{searched.ui_url}/search?limit=1")
            traces = [
                cold_and_warm([open_trace(browser, url, case) for _ in range(runs + 1)])
                for case in cases
                if (url := f"{server.ui_url}/trace/{case.trace_id.hex()}")
            ]
            searches = [
                cold_and_warm(
                    [open_search(browser, searched.ui_url, count) for _ in range(runs + 1)]
                )
                for count in _RESULTS
            ]
            browser.close()
    return {TRACES: traces, SEARCHES: searches}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what opening large traces costs.")
    parser.add_argument("case", nargs="*", type=parse_case, help="tree:N, chain:N or wide:N")
    parser.add_argument("--runs", type=int, default=3, help="how often after the first time")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="show both runs")
    arguments = parser.parse_args()
    earlier = read(arguments.compare) if arguments.compare else {}
    found = measure(arguments.case or CASES, max(arguments.runs, 1))
    for title, results in found.items():
        show(title, results, earlier.get(title, ()))
    if arguments.json:
        write(arguments.json, found)


if __name__ == "__main__":
    main()
