"""Stored traces written out, and read back by our own readers."""

import json
from collections.abc import Iterator

import pytest

from tests.builders import START_NS, TRACE_ID, a_batch, a_span, a_trace
from tests.formats.reading import read
from viewer.export import ENCODERS, UnknownTrace, export_page, export_traces, trace_id_of
from viewer.store import open_store
from viewer.store.base import SpanStore
from viewer.trace.ids import InvalidId
from viewer.trace.span import Event, Link, Span

FORMATS = {"otlp": "otlp-json", "jaeger": "jaeger-json", "zipkin": "zipkin-v2"}
A, B = "abcdef00000000000000000000000001", "abcdef00000000000000000000000002"


def rich_trace() -> list[Span]:
    root = a_span(1, attributes={"text": "ü", "number": 7, "ok": True}, error="boom")
    child = a_span(2, 1, events=[Event(START_NS + 5000, "e", (("k", "v"),))], links=[Link(A, 9)])
    return [root, child]


@pytest.fixture
def store() -> Iterator[SpanStore]:
    """Three traces, two of whose IDs begin alike."""
    made = open_store("memory:")
    spans = [*rich_trace(), a_span(11, trace_id=A), a_span(11, trace_id=B), a_span(12, trace_id=B)]
    made.write_spans([a_batch(spans), a_batch(spans[:1])])
    yield made
    made.close()


def test_every_format_is_read_back_as_what_it_is(store: SpanStore) -> None:
    assert set(ENCODERS) == set(FORMATS)
    for name, read_as in FORMATS.items():
        contents = read(export_traces(store, [TRACE_ID, B], name))
        assert contents.format == read_as
        assert contents.ids == {(TRACE_ID, 1), (TRACE_ID, 2), (B, 11), (B, 12)}
        assert len(contents.spans) == 4
        assert not contents.rejected
        assert [span.status.message for span in contents.spans if span.span_id == 1] == ["boom"]


def test_otlp_keeps_every_span_as_it_was_sent(store: SpanStore) -> None:
    contents = read(export_traces(store, [TRACE_ID], "otlp"))
    assert sorted(contents.spans, key=lambda span: span.span_id) == rich_trace()


def test_a_trace_named_twice_is_written_once_and_in_the_order_named(store: SpanStore) -> None:
    document = json.loads(export_traces(store, [B, A, B, A.upper()], "jaeger"))
    assert [trace["traceID"] for trace in document["data"]] == [B, A]


@pytest.mark.parametrize(
    ("text", "trace_id"),
    [
        (TRACE_ID, TRACE_ID),
        ("0AF7651916CD43DD8448EB211C80319C", TRACE_ID),
        ("af7651916cd43dd8448eb211c80319c", TRACE_ID),
        (f"00-{TRACE_ID}-0000000000000001-01", TRACE_ID),
        (f"http://localhost:16686/trace/{TRACE_ID}?span=1", TRACE_ID),
        ("0af765", TRACE_ID),
        ("000000000000000c", B),
        (A, A),
    ],
)
def test_an_id_is_taken_in_any_form_that_leads_to_one_trace(
    store: SpanStore, text: str, trace_id: str
) -> None:
    assert trace_id_of(store, text) == trace_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f" * 32, f"{'f' * 32} is not stored; it was read as a trace ID in hex"),
        ("abcdef0", f"may mean several traces: {A}, {B}; name one in full"),
        ("000000000000000b", "may mean several traces"),
    ],
)
def test_what_leads_to_no_trace_or_to_several_is_refused(
    store: SpanStore, text: str, said: str
) -> None:
    with pytest.raises(UnknownTrace, match=said):
        export_traces(store, [TRACE_ID, text], "otlp")


def test_what_is_no_id_is_refused(store: SpanStore) -> None:
    with pytest.raises(InvalidId, match="neither an ID"):
        export_traces(store, ["hello world"], "otlp")


def test_a_long_list_of_candidates_is_cut(store: SpanStore) -> None:
    store.write_spans([a_batch(span for number in range(9) for span in a_trace(0xABC000 + number))])
    with pytest.raises(UnknownTrace, match=r"several traces: (\w+, ){3}…; name"):
        trace_id_of(store, "000000000000000000000000")


def test_a_trace_as_a_page_needs_nothing_from_anywhere(store: SpanStore) -> None:
    page = b"".join(export_page(store, B[:32])).decode()
    assert page.startswith("<!doctype html>")
    assert page.count('class="offline-span"') == 2
    assert "<script" not in page
    with pytest.raises(UnknownTrace):
        b"".join(export_page(store, "1" * 32))
