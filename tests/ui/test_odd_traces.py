"""Every odd trace of other people, in every view and state: an answer, well-formed and bounded, in which
nothing vanishes and every warning leads to its span."""

import re
from collections import Counter
from functools import cache

import pytest
from flask.testing import FlaskClient

from tests.builders import a_batch
from tests.conftest import SHARED_TRACES
from tests.formats.reading import read
from tests.formats.test_shared_traces import TABLE
from tests.ui.stage import HTML, a_client
from tests.ui.strict_html import StrictHtml
from viewer.store import open_store
from viewer.store.base import SpanStore
from viewer.ui.panels import PANELS
from viewer.ui.viewmodel.rows import WINDOW_ROWS

MOST_BYTES = 2_000_000
MOST_FOLLOWED = 6
# Many traces of a kind, and one of many spans, that take long to load, and hold nothing odd else.
_LEFT_OUT = ("hipster-shop", "hotel-reservation", "nextjs-build")
VIEWS = ("timeline", *(panel.name for panel in PANELS))
STATES = ("adjust=skew&only=errors", "find=e&only=matches,min:1ms", "focus={span}")
TIMELINES = (
    "focus={span}",
    "collapse=*",
    "unfold=*&collapse={span}",
    "span={span}&from=1000&to=9000&critical=off",
    "adjust=skew&only=errors&find=e",
    "offset=75&uiFind={span}",
)
OTHERS = (
    "view=statistics&by=http.method",
    "view=graph&by=operation",
    "view=json&as=jaeger",
    "view=spans&columns=http.url&sort=-duration",
    "view=logs&errors=only&filter=e",
)
FILES = [name for name in TABLE if not any(part in name for part in _LEFT_OUT)]
pytestmark = pytest.mark.skipif(not SHARED_TRACES.is_dir(), reason="no real traces")


@pytest.fixture(scope="module")
def store() -> SpanStore:
    """A store of the largest trace of each file."""
    store = open_store("memory:")
    for name in FILES:
        spans = read((SHARED_TRACES / name).read_bytes()).spans
        largest = trace_of(name)
        store.write_spans([a_batch(span for span in spans if span.trace_id == largest)])
    return store


@pytest.fixture(scope="module")
def client(store: SpanStore) -> FlaskClient:
    # One for all: each new one compiles the templates.
    return a_client(store)


@cache
def trace_of(name: str) -> str:
    """Return the ID of a file's largest trace."""
    spans = read((SHARED_TRACES / name).read_bytes()).spans
    return Counter(span.trace_id for span in spans).most_common(1)[0][0]


def look(client: FlaskClient, address: str) -> StrictHtml:
    """Return a page, which is well-formed and bounded."""
    answer = client.get(address, headers=HTML, follow_redirects=True)
    assert answer.status_code == 200, address
    assert len(answer.data) < MOST_BYTES, address
    page = StrictHtml(answer.text)
    assert not page.faults, (address, page.faults[:5])
    return page


def rows_of(page: StrictHtml) -> list[str]:
    return [said["data-span-row"] for _, said in page.elements if "data-span-row" in said]


@pytest.mark.parametrize("name", FILES)
def test_it_is_shown_in_every_view_and_nothing_vanishes(
    store: SpanStore, client: FlaskClient, name: str
) -> None:
    trace_id = trace_of(name)
    url = f"/trace/{trace_id}"
    whole = look(client, f"{url}?unfold=*")
    rows = rows_of(whole)
    (total,) = (int(said["total"]) for tag, said in whole.elements if tag == "span-tree")
    for offset in range(WINDOW_ROWS, total, WINDOW_ROWS):
        rows += rows_of(look(client, f"{url}/rows?unfold=*&offset={offset}"))
    # Exact re-deliveries count once; all else has a row.
    columns = store.get_columns(trace_id)
    assert columns is not None
    kept = set(zip(columns.span_id.tolist(), columns.digest.tolist(), strict=True))
    assert len(rows) == len(set(rows)) == total == len(kept)
    span = rows[len(rows) // 2]
    for number, view in enumerate(VIEWS):
        state = STATES[number % len(STATES)].format(span=span)
        look(client, f"{url}?view={view}&span={span}&{state}")
    for query in (*TIMELINES, *OTHERS):
        look(client, f"{url}?{query.format(span=span)}")
    look(client, f"{url}...{trace_id}")


@pytest.mark.parametrize("name", FILES)
def test_warnings_and_findings_lead_to_a_selected_row(client: FlaskClient, name: str) -> None:
    page = look(client, f"/trace/{trace_of(name)}")
    links = [said["href"] for _, said in page.elements if "data-selects" in said]
    for address in list(dict.fromkeys(links))[:MOST_FOLLOWED]:
        shown = look(client, address)
        selected = [said for _, said in shown.elements if said.get("aria-selected") == "true"]
        assert [said.get("data-span-row") for said in selected] == re.findall(
            r"[?&]span=(\w+)", address
        )
