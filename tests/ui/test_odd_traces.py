"""Every odd trace of other people, in every view and state: an answer, well-formed and bounded, in which
nothing vanishes and every warning leads to its span."""

import re
from collections import Counter

import pytest
from flask.testing import FlaskClient

from tests.builders import a_batch
from tests.conftest import SHARED_TRACES
from tests.formats.reading import read
from tests.formats.test_shared_traces import TABLE
from tests.ui.stage import HTML, a_client
from tests.ui.strict_html import StrictHtml
from viewer.store import open_store
from viewer.trace.span import Span
from viewer.ui.panels import PANELS
from viewer.ui.viewmodel.rows import WINDOW_ROWS

MOST_BYTES = 2_000_000
# Many traces of a kind, and one of many spans, that take long to load, and hold nothing odd else.
_LEFT_OUT = ("hipster-shop", "hotel-reservation", "nextjs-build")
VIEWS = ("timeline", *(panel.name for panel in PANELS))
STATES = ("adjust=skew&only=errors", "find=e&only=matches,min:1ms", "focus={span}", "tz=utc&find=e")
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
pytestmark = pytest.mark.skipif(not SHARED_TRACES.is_dir(), reason="no real traces")


def spans_of(name: str) -> list[Span]:
    """Return the spans of the largest trace of a file."""
    spans = read((SHARED_TRACES / name).read_bytes()).spans
    ((largest, _),) = Counter(span.trace_id for span in spans).most_common(1)
    return [span for span in spans if span.trace_id == largest]


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


@pytest.mark.parametrize("name", [name for name in TABLE if not any(p in name for p in _LEFT_OUT)])
def test_it_is_shown_in_every_view_and_nothing_vanishes(name: str) -> None:
    spans = spans_of(name)
    store = open_store("memory:")
    store.write_spans([a_batch(spans)])
    client = a_client(store)
    url = f"/trace/{spans[0].trace_id}"
    whole = look(client, f"{url}?unfold=*")
    rows = rows_of(whole)
    (total,) = (int(said["total"]) for tag, said in whole.elements if tag == "span-tree")
    for offset in range(WINDOW_ROWS, total, WINDOW_ROWS):
        rows += rows_of(look(client, f"{url}/rows?unfold=*&offset={offset}"))
    # Exact re-deliveries count once; all else has a row.
    assert len(rows) == len(set(rows)) == total == store.count_spans(spans[0].trace_id)
    span = rows[len(rows) // 2]
    for number, view in enumerate(VIEWS):
        look(client, f"{url}?view={view}&span={span}")
        look(client, f"{url}?view={view}&{STATES[number % len(STATES)].format(span=span)}")
    for query in (*TIMELINES, *OTHERS):
        look(client, f"{url}?{query.format(span=span)}")
    look(client, f"{url}...{spans[0].trace_id}")


@pytest.mark.parametrize("name", [name for name in TABLE if not any(p in name for p in _LEFT_OUT)])
def test_warnings_and_findings_lead_to_a_selected_row(name: str) -> None:
    spans = spans_of(name)
    store = open_store("memory:")
    client = a_client(store)
    store.write_spans([a_batch(spans)])
    page = look(client, f"/trace/{spans[0].trace_id}")
    for address in {said["href"] for _, said in page.elements if "data-selects" in said}:
        shown = look(client, address)
        selected = [said for _, said in shown.elements if said.get("aria-selected") == "true"]
        assert [said.get("data-span-row") for said in selected] == re.findall(
            r"[?&]span=(\w+)", address
        )
