"""The JSON view: which spans a page holds, in which form, and that it never grows without bound."""

import json

import pytest

from tests.builders import TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.otlp.encode import encode_document
from viewer.trace.span import Span
from viewer.ui.viewmodel.json_view import MOST_TEXT, SPANS_A_PAGE, JsonView, json_view, page_rows
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"


def shown(spans: list[Span], **options: str) -> JsonView:
    trace = a_loaded_trace(*spans)
    state = TraceState(PATH, find="x").viewing("json", **options)
    by_id = {span.span_id: span for span in spans}
    ids = trace.tree.columns.span_id
    held = {row: by_id[int(ids[row])] for row in page_rows(trace, state)}
    return json_view(trace, state, held, {"otlp": "OTLP JSON", "html": "HTML"})


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
    assert found.told == "Spans 1 to 2 of 2"
    assert (found.previous_url, found.next_url) == ("", "")
    assert [(file.label, file.url) for file in found.files] == [
        ("OTLP JSON", f"{PATH}/download?format=otlp"),
        ("HTML", f"{PATH}/download?format=html"),
    ]


def test_a_large_trace_is_read_in_pages_that_hold_every_span_once() -> None:
    spans = a_forest([0] + [1] * (2 * SPANS_A_PAGE))
    pages = [shown(spans, page=str(number)) for number in (1, 2, 3)]
    held = [
        span["spanId"]
        for page in pages
        for resource in json.loads(page.text)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert len(held) == len(set(held)) == len(spans)
    assert pages[1].previous_url == f"{PATH}?view=json&find=x"
    assert pages[1].next_url == f"{PATH}?view=json&page=3&find=x"
    assert pages[2].next_url == ""
    assert pages[2].told == "Spans 401 to 401 of 401; a file has all"


@pytest.mark.parametrize(
    ("page", "told"), [("0", "1 to 200"), ("x", "1 to 200"), ("99", "201 to 201")]
)
def test_a_page_that_is_not_there_is_the_nearest_one(page: str, told: str) -> None:
    assert told in shown(a_forest([0] + [1] * SPANS_A_PAGE), page=page).told


def test_a_huge_value_is_cut_and_said_to_be() -> None:
    found = shown([a_span(1, attributes={"body": "x" * (MOST_TEXT + 10)})])
    assert len(found.text) == MOST_TEXT
    assert "cut after 500,000 characters; a file has all" in found.told
