"""The pages over a memory store, as tests of pages need them."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from flask.testing import FlaskClient

from tests.builders import START_NS, a_batch
from viewer.paths import STATIC, TEMPLATES
from viewer.store.memory import MemoryStore
from viewer.trace.report import FileReport
from viewer.trace.span import Span
from viewer.ui import create_ui
from viewer.ui.current import UiServices
from viewer.ui.loaded_trace import LoadedTrace, TraceCache

NOW_NS = START_NS + 3600 * 10**9
HTML = {"Accept": "text/html"}


def a_store(*traces: Iterable[Span]) -> MemoryStore:
    """Return a store that holds these traces."""
    store = MemoryStore(clock=lambda: NOW_NS)
    if traces:
        store.write_spans([a_batch(span for trace in traces for span in trace)])
    return store


def a_loaded_trace(*spans: Span) -> LoadedTrace:
    """Return the spans of one trace as its page has them."""
    found = TraceCache(a_store(spans)).get(spans[0].trace_id)
    assert found is not None
    return found


def store_nothing(name: str, stream: BinaryIO) -> FileReport:
    """An ingest for tests that upload nothing."""
    raise AssertionError(f"{name} was not to be stored")


def a_client(store: MemoryStore | None = None, **services: Any) -> FlaskClient:
    """Return a client of the pages; services not named are a plain server's."""
    given: dict[str, Any] = {"ingest": store_nothing, "now_ns": lambda: NOW_NS, **services}
    app = create_ui(UiServices(store or a_store(), "1.2.3", **given), TEMPLATES, STATIC)
    # Errors of ours fail the test instead of becoming a page.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app.test_client()


def htmx_headers(target: str) -> dict[str, str]:
    """Return what htmx 4 sends with a request whose answer goes into this element."""
    return {
        "HX-Request": "true",
        "HX-Request-Type": "partial",
        "HX-Target": f"section#{target}",
        "HX-Current-URL": "http://localhost/search?service=shop",
        "Accept": "text/html",
    }
