"""What the server receives and stores."""

from html import unescape

from tests.builders import a_span, a_trace
from tests.ui.stage import HTML, NOW_NS, a_client, a_store, htmx_headers
from viewer.trace.report import DoorReport

OPEN = DoorReport(
    "OTLP/HTTP",
    "http://127.0.0.1:4318/v1/traces",
    requests=18,
    accepted_spans=9_231_233,
    bytes=3 << 20,
    spans_per_second=1532.4,
    rejected={"a span ID of zeros": 12, "too large": 40},
    last_client="10.0.0.7",
    last_seen_ns=NOW_NS - 3 * 60 * 10**9,
)
CLOSED = DoorReport("Zipkin", "", closed="port 9411 is taken")


def get(**services: object) -> str:
    client = a_client(a_store(a_trace(service="a b")), **services)
    return unescape(client.get("/status", headers=HTML).text)


def test_receivers_show_counts_rates_and_rejects_the_most_frequent_first() -> None:
    text = get(doors=lambda: [OPEN])
    for shown in ("9,231,233", "1,532", "3.00 MiB", "10.0.0.7", "3 min ago"):
        assert shown in text
    assert text.index("too large") < text.index("a span ID of zeros")


def test_a_closed_receiver_says_why_and_turns_the_dot_amber() -> None:
    text = get(doors=lambda: [OPEN, CLOSED])
    assert "closed: port 9411 is taken" in text
    assert "status-dot is-warn" in text


def test_a_store_that_cannot_be_written_turns_the_dot_red() -> None:
    text = get(doors=lambda: [OPEN, CLOSED], trouble=lambda: "the disk is full")
    assert "status-dot is-error" in text
    assert "Spans cannot be stored: the disk is full" in text


def test_each_service_leads_to_its_search() -> None:
    assert 'href="/search?service=a+b"' in get()


def test_retention_is_said() -> None:
    assert "7 days or 20 GB" in get(retention="7 days or 20 GB")
    assert "for ever" in get()


def test_it_refreshes_its_own_element() -> None:
    response = a_client().get("/status", headers=htmx_headers("status-report"))
    assert response.text.startswith('<div id="status-report"')
    assert 'hx-trigger="every 5s"' in response.text


def test_an_empty_store_has_no_dates() -> None:
    text = a_client().get("/status", headers=HTML).text
    assert "1970" not in text


def test_spans_without_a_time_are_said_to_have_none() -> None:
    client = a_client(a_store([a_span(service="", start_ns=0)]))
    text = client.get("/status", headers=HTML).text
    assert "no start time" in text
    assert "1970" not in text
