"""The JSON view: which spans a page holds, in which form, and that it never grows without bound."""

import json

import pytest

from tests.builders import TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.otlp.encode import encode_document
from viewer.trace.span import Span
from viewer.ui.viewmodel.json_view import MOST_TEXT, JsonView, json_rows, json_view
from viewer.ui.viewmodel.pager import PAGE_ROWS
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"


def shown(spans: list[Span], **options: str) -> JsonView:
    trace = a_loaded_trace(*spans)
    state = TraceState(PATH, find="x").viewing("json", **options)
    by_id = {span.span_id: span for span in spans}
    ids = trace.tree.columns.span_id
    rows = json_rows(trace, state)
    held = {row: by_id[int(ids[row])] for row in rows}
    return json_view(trace, state, rows, held, {"otlp": "OTLP JSON", "html": "HTML"})


def test_it_is_otlp_unless_the_address_says_jaeger() -> None:
    spans = [a_span(1, attributes={"a": "é"}), a_span(2, 1)]
    found = shown(spans)
    assert json.loads(found.text) == encode_document(spans)
    assert "é" in found.text
    assert [(form.label, form.current) for form in found.forms] == [
        ("OTLP", True),
        ("Jaeger", False),
    ]
    assert found.forms[1].url == f"{PATH}?view=json&as=jaeger&find=x"
    jaeger = shown(spans, **{"as": "jaeger"})
    assert json.loads(jaeger.text) == encode_trace(TRACE_ID, spans)
    assert (found.pager.text, found.note) == ("2 spans", "")
    assert (found.pager.previous_url, found.pager.next_url) == ("", "")
    assert [(file.label, file.url) for file in found.files] == [
        ("OTLP JSON", f"{PATH}/download?format=otlp"),
        ("HTML", f"{PATH}/download?format=html"),
    ]


def test_a_large_trace_is_read_in_pages_that_hold_every_span_once() -> None:
    spans = a_forest([0] + [1] * (2 * PAGE_ROWS))
    pages = [shown(spans, page=str(number)) for number in (1, 2, 3)]
    held = [
        span["spanId"]
        for page in pages
        for resource in json.loads(page.text)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert len(held) == len(set(held)) == len(spans)
    assert pages[1].pager.previous_url == f"{PATH}?view=json&find=x"
    assert pages[1].pager.next_url == f"{PATH}?view=json&page=3&find=x"
    assert pages[2].pager.next_url == ""
    assert pages[2].pager.text == "401–401 of 401 spans"
    assert pages[2].note == "A file has all"


@pytest.mark.parametrize(
    ("page", "told"), [("0", "1–200 of"), ("x", "1–200 of"), ("99", "201–201 of")]
)
def test_a_page_that_is_not_there_is_the_nearest_one(page: str, told: str) -> None:
    assert told in shown(a_forest([0] + [1] * PAGE_ROWS), page=page).pager.text


def test_a_huge_value_is_cut_and_said_to_be() -> None:
    found = shown([a_span(1, attributes={"body": "x" * (MOST_TEXT + 10)})])
    assert len(found.text) == MOST_TEXT
    assert found.note == "Cut after 500,000 characters; a file has all"
