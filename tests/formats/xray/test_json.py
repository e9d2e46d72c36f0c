import json

import pytest
from hypothesis import given

from tests.formats.reading import read
from tests.formats.strategies import json_values
from tests.formats.xray.reading import LONE, SEGMENT, TRACE
from viewer.formats.base import DecodeError
from viewer.formats.xray.json import XrayJson, is_header

HEADER = {"format": "json", "version": 1}
CLAIMED = [
    SEGMENT,
    LONE,
    [SEGMENT],
    {"Traces": [{"Id": TRACE, "Segments": []}]},
    {"Traces": [], "UnprocessedTraceIds": [TRACE]},
    {"Id": TRACE, "Segments": ["{}"]},
    [{"Id": TRACE, "Segments": ["{}"]}],
    {"TraceSegmentDocuments": []},
    HEADER,
    {"format": "JSON", "version": 1},
]
NOT_CLAIMED = [
    {},
    [],
    [1, SEGMENT],
    [[SEGMENT]],
    {"id": 1, "start_time": 2},
    {**SEGMENT, "span_id": "1"},
    {"traceId": "1", "id": "2", "name": "a", "start_time": 1},
    {"Traces": []},
    {"Traces": [1]},
    {"Traces": {}},
    {"Segments": []},
    {**HEADER, "more": 1},
    {"format": "xml", "version": 1},
    {"format": "json", "version": 2},
    {"format": "json", "version": [1]},
    [HEADER],
    "text",
    None,
]


@pytest.mark.parametrize("value", CLAIMED)
def test_it_claims_what_holds_documents(value: object) -> None:
    assert XrayJson().claims(value)


@pytest.mark.parametrize("value", NOT_CLAIMED)
def test_it_leaves_everything_else_to_others(value: object) -> None:
    assert not XrayJson().claims(value)


@given(json_values)
def test_claiming_never_raises(value: object) -> None:
    assert XrayJson().claims(value) in (True, False)
    assert is_header(value) in (True, False)


def test_a_list_of_documents_is_read_as_a_whole() -> None:
    contents = read(json.dumps([LONE, SEGMENT]))
    assert [span.service for span in contents.spans] == ["shop", "shop"]


def test_an_item_of_a_list_that_is_no_document_is_named() -> None:
    contents = read(json.dumps([SEGMENT, 7, {"a": 1}]))
    assert len(contents.spans) == 1
    assert [(item.reason, item.where) for item in contents.rejected] == [
        ("an X-Ray segment document is a JSON object", "item 2"),
        ("the trace ID is missing", "item 3"),
    ]


def test_what_sdks_sent_to_the_daemon_can_be_read_from_a_file_of_lines() -> None:
    lines = [HEADER, LONE, HEADER, SEGMENT, HEADER, {**SEGMENT, "name": None}]
    contents = read("\n".join(json.dumps(line) for line in lines))
    assert contents.format == "xray"
    assert [span.service for span in contents.spans] == ["", "shop"]
    assert [(item.reason, item.where) for item in contents.rejected] == [
        ("the name is missing", "line 6")
    ]


def test_the_place_within_a_file_is_named_in_full() -> None:
    traces = {"Traces": [{"Id": TRACE, "Segments": [SEGMENT, "{"]}]}
    contents = read(json.dumps(SEGMENT) + "\n" + json.dumps(traces))
    assert [item.where for item in contents.rejected] == ["line 2 trace 1 segment 2"]


def test_a_document_nested_beyond_the_parser_s_depth_is_refused_with_the_reason() -> None:
    levels = 100_000
    deep = '{"id":"1","name":"a","start_time":1,"subsegments":[' * levels + "]}" * levels
    with pytest.raises(DecodeError, match="nested too deeply"):
        read(deep)
    contents = read(json.dumps(SEGMENT) + "\n" + deep)
    assert len(contents.spans) == 1
    assert contents.rejected[0].where.startswith("line 2")
