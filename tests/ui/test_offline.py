"""The page that needs no server: whole, inert whatever the spans say, and of bounded size."""

import base64
import hashlib
import re

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_client, a_store
from viewer.store.base import SpanStore
from viewer.trace.span import Event, Link
from viewer.ui.loaded_trace import TraceCache
from viewer.ui.offline import write_offline
from viewer.ui.viewmodel import offline_page

CSS = ".row { color: red }"
SCRIPT = "</style><script>alert(1)</script>"


def written(store: SpanStore, css: str = CSS, link: str = "") -> str:
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    templates = a_client(store).application.jinja_env
    return b"".join(write_offline(store, trace, templates, css, "1.0", link)).decode()


def test_it_holds_every_span_with_its_attributes_events_and_links() -> None:
    page = written(
        a_store(
            [
                a_span(1, attributes={"user": "ada"}),
                a_span(
                    2,
                    1,
                    error="boom",
                    events=[Event(START_NS, "cache miss", (("key", "k7"),))],
                    links=[Link("9" * 32, 5)],
                ),
            ]
        )
    )
    assert page.count('class="offline-span"') == 2
    for text in ("ada", "boom", "cache miss", "k7", "9" * 32, 'href="#span-0000000000000001"'):
        assert text in page


def test_its_policy_lets_only_its_own_style_through() -> None:
    page = written(a_store([a_span(1)]))
    digest = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in page
    assert f"<style>{CSS}</style>" in page


def test_it_asks_for_nothing_from_anywhere() -> None:
    page = written(a_store(a_forest([0, 1, 1])))
    assert not re.search(r"<(script|link|img|iframe|use|object|form)\b", page)
    assert not re.search(r'(src|href)="(?!#)', page)


def test_what_strangers_sent_is_only_text() -> None:
    page = written(
        a_store(
            [
                a_span(
                    1,
                    name=SCRIPT,
                    service=SCRIPT,
                    error=SCRIPT,
                    attributes={SCRIPT: SCRIPT, "u": "javascript:alert(1)", "lone": "\ud800"},
                    events=[Event(START_NS, SCRIPT, ((SCRIPT, SCRIPT),))],
                )
            ]
        )
    )
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert 'href="javascript' not in page


def test_a_style_sheet_that_would_break_out_is_refused() -> None:
    with pytest.raises(ValueError, match="tag"):
        written(a_store([a_span(1)]), css="</style><script>")


def test_of_a_large_trace_it_shows_the_failed_and_the_longest_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offline_page.offline_rows, "__defaults__", (3,))
    page = written(
        a_store(
            [
                a_span(1, duration_ns=100 * MS),
                a_span(2, 1, name="long", duration_ns=50 * MS),
                a_span(3, 1, name="short", duration_ns=1 * MS),
                a_span(4, 1, name="failed", duration_ns=2 * MS, error=True),
            ]
        )
    )
    assert page.count('class="offline-span"') == 3
    assert ">long<" in page
    assert ">failed<" in page
    assert ">short<" not in page
    assert "3 spans are here: those that failed, then the longest. 1 span of the trace is" in page
