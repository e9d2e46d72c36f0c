"""Whole traces as files: every span once, in the format's own shape, whatever the size."""

import gzip
import json

import pytest

from tests.builders import TRACE_ID, a_batch, a_forest, a_span
from tests.formats.reading import read
from tests.ui.stage import HTML, a_client, a_store
from viewer.ui import downloads
from viewer.ui.downloads import DOWNLOADS, span_groups
from viewer.ui.loaded_trace import TraceCache

READ_AS = {"otlp": "otlp-json", "jaeger": "jaeger-json", "zipkin": "zipkin-v2"}


@pytest.mark.parametrize("format_", READ_AS)
@pytest.mark.parametrize("group", [1, 2, 10_000])
def test_a_file_is_read_back_with_every_span(
    monkeypatch: pytest.MonkeyPatch, format_: str, group: int
) -> None:
    monkeypatch.setattr(downloads, "GROUP_SPANS", group)
    spans = [*a_forest([0, 1, 1, 2]), a_span(9, service="other", attributes={"k": "<b>ü"})]
    answer = a_client(a_store(spans, spans[:2])).get(f"/trace/{TRACE_ID}/download?format={format_}")
    assert answer.content_type == "application/json"
    name = f"{TRACE_ID}.{format_}.json"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    contents = read(answer.data)
    assert contents.format == READ_AS[format_]
    assert sorted(span.span_id for span in contents.spans) == [1, 2, 3, 4, 9]
    assert {span.name for span in contents.spans} >= {"step 1", "GET /"}


def test_every_format_but_the_page_is_read_back() -> None:
    assert set(DOWNLOADS) == {*READ_AS, "html"}


def test_a_page_of_its_own_links_back_to_where_it_came_from() -> None:
    answer = a_client(a_store([a_span(1)])).get(f"/trace/{TRACE_ID}/download?format=html")
    assert answer.content_type == "text/html; charset=utf-8"
    assert f'filename="{TRACE_ID}.html"' in answer.headers["Content-Disposition"]
    assert f'<a href="http://localhost/trace/{TRACE_ID}">' in answer.text
    assert answer.text.rstrip().endswith("</html>")


def test_it_is_otlp_unless_the_address_says_otherwise() -> None:
    answer = a_client(a_store([a_span(1)])).get(f"/trace/{TRACE_ID}/download")
    assert list(json.loads(answer.data)) == ["resourceSpans"]


def test_a_format_that_is_not_known_is_said_to_be() -> None:
    answer = a_client(a_store([a_span(1)])).get(
        f"/trace/{TRACE_ID}/download?format=<b>", headers=HTML
    )
    assert answer.status_code == 400
    assert "&lt;b&gt;" in answer.text
    assert "otlp, jaeger, zipkin" in answer.text


def test_a_trace_that_is_not_stored_is_no_file() -> None:
    answer = a_client(a_store()).get(f"/trace/{TRACE_ID}/download")
    assert answer.status_code == 404
    assert "Content-Disposition" not in answer.headers


def test_a_file_is_packed_on_its_way() -> None:
    client = a_client(a_store([a_span(1)]))
    plain = client.get(f"/trace/{TRACE_ID}/download").data
    packed = client.get(f"/trace/{TRACE_ID}/download", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain


def test_spans_of_one_id_come_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "GROUP_SPANS", 1)
    twins = [
        a_span(1, name=name, start_ns=1_700_000_000_000_000_000 + n) for n, name in enumerate("abc")
    ]
    store = a_store([*twins, a_span(2, 1)])
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    groups = [[span.name for span in group] for group in span_groups(store, trace.tree)]
    assert sorted(map(sorted, groups)) == [["GET /"], ["a", "b", "c"]]


def test_spans_that_go_meanwhile_leave_a_whole_document() -> None:
    store = a_store([a_span(1), a_span(2, 1)])
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    store.write_spans([a_batch([])], replaced=[(TRACE_ID, 1), (TRACE_ID, 2)])
    for format_ in READ_AS:
        text = b"".join(DOWNLOADS[format_].write(store, trace))
        assert json.loads(text) in (
            {"resourceSpans": []},
            [],
            {"data": [], "total": 0, "limit": 0, "offset": 0, "errors": None},
        )
