import json

import pytest

from tests.formats.reading import Contents
from tests.formats.xray.reading import SEGMENT, SUBSEGMENT, TRACE, TRACE_ID, read_all
from viewer.formats.base import Decoded
from viewer.formats.xray.documents import BadDocument, Sent, open_document, sent_documents


def nested(depth: int) -> dict:
    """Subsegments within subsegments; the outermost is number 1."""
    inner: list = []
    for number in range(depth, 0, -1):
        inner = [{**SUBSEGMENT, "id": f"{number:016x}", "subsegments": inner}]
    return {**SEGMENT, "subsegments": inner}


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"id": 1}, [""]),
        ({"Traces": [{"Segments": [{"Document": "a"}, "b"]}]}, ["trace 1 segment 1", "trace 1 segment 2"]),
        ({"Traces": [7]}, ["trace 1"]),
        ({"Id": "x", "Segments": ["a", {"id": 1}]}, ["segment 1", "segment 2"]),
        ({"TraceSegmentDocuments": ["a", 2]}, ["document 1", "document 2"]),
        ([{"id": 1}, {"Id": "x", "Segments": ["a"]}], ["item 1", "item 2 segment 1"]),
        ({"Traces": []}, []),
        ([[], None], ["item 1", "item 2"]),
    ],
)  # fmt: skip
def test_every_document_is_found_with_its_place(value: object, places: list[str]) -> None:
    assert [sent.where for sent in sent_documents(value)] == places


def test_documents_are_texts_or_objects_in_a_segment_or_alone() -> None:
    text = json.dumps(SEGMENT)
    for held in ({"Id": "x", "Document": text}, {"Document": SEGMENT}, text, SEGMENT):
        (span,) = read_all({"Id": TRACE, "Segments": [held]}).spans
        assert span.service == "shop"


def test_a_document_without_a_trace_id_belongs_to_the_trace_around_it() -> None:
    bare = {key: value for key, value in SEGMENT.items() if key != "trace_id"}
    (span,) = read_all({"Id": TRACE, "Segments": [bare]}).spans
    assert span.trace_id == TRACE_ID
    assert rejected(read_all(bare)) == [("the trace ID is missing", "", 1)]


@pytest.mark.parametrize(
    ("sent", "trace_id", "as_sent"),
    [
        (TRACE, TRACE_ID, (("trace_id", TRACE),)),
        (TRACE.upper(), TRACE_ID, (("trace_id", TRACE.upper()),)),
        (TRACE_ID, TRACE_ID, ()),
        ("0af7651916cd43dd", "0" * 16 + "0af7651916cd43dd", ()),
    ],
)
def test_a_trace_id_is_x_ray_s_or_plain_hex(sent: str, trace_id: str, as_sent: tuple) -> None:
    (span,) = read_all({**SEGMENT, "trace_id": sent}, lenient=False).spans
    assert (span.trace_id, span.as_sent) == (trace_id, as_sent)


def rejected(contents: Contents) -> list[tuple[str, str, int]]:
    return [(item.reason, item.where, item.count) for item in contents.rejected]


@pytest.mark.parametrize("trace_id", ["1-5f84c7a1-e7d1", "", "x" * 40, 7, [], "0" * 32])
def test_without_a_trace_id_all_of_a_document_is_lost_and_nothing_of_its_neighbour(
    trace_id: object,
) -> None:
    contents = read_all([{**nested(2), "trace_id": trace_id}, SEGMENT], lenient=False)
    assert len(contents.spans) == 1
    ((_, where, count),) = rejected(contents)
    assert (where, count) == ("item 1", 3)


def test_a_file_s_ids_may_be_any_text() -> None:
    (span,) = read_all(
        {**SEGMENT, "trace_id": "my trace", "id": "my span", "parent_id": "above"}
    ).spans
    assert span.as_sent == (
        ("trace_id", "my trace"),
        ("id", "my span"),
        ("parent_id", "above"),
    )
    assert span.parent_id != 0


@pytest.mark.parametrize("text", ["", "no json", "[]", "7", '"text"', "{", '{"id": '])
def test_a_text_that_is_no_document_is_one_rejection_that_names_its_place(text: str) -> None:
    contents = read_all({"TraceSegmentDocuments": [json.dumps(SEGMENT), text]})
    assert len(contents.spans) == 1
    assert [item.where for item in contents.rejected] == ["document 2"]
    assert contents.rejected[0].count == 1


def test_what_is_nested_hangs_under_what_encloses_it_to_any_depth() -> None:
    depth = 400
    spans = read_all(nested(depth)).spans
    assert len(spans) == depth + 1
    assert [span.parent_id for span in spans[2:]] == [span.span_id for span in spans[1:-1]]
    assert {span.trace_id for span in spans} == {TRACE_ID}
    assert {span.service for span in spans} == {"shop"}


def test_a_hundred_thousand_levels_are_refused_and_not_a_crash() -> None:
    levels = 100_000
    deep = '{"id":"1","name":"a","start_time":1,"subsegments":[' * levels + "]}" * levels
    contents = read_all({"TraceSegmentDocuments": [deep, json.dumps(SEGMENT)]})
    assert len(contents.spans) == 1
    assert rejected(contents) == [("no JSON to be read: nested too deeply", "document 1", 1)]


def test_siblings_keep_their_order_and_their_parent() -> None:
    below = [{**SUBSEGMENT, "id": "b", "subsegments": [{**SUBSEGMENT, "id": "c"}]}]
    document = {**SEGMENT, "subsegments": [{**SUBSEGMENT, "id": "a"}, *below]}
    spans = read_all(document).spans
    top = spans[0].span_id
    assert [(span.span_id, span.parent_id) for span in spans[1:]] == [
        (10, top),
        (11, top),
        (12, 11),
    ]


@pytest.mark.parametrize("id_", ["", "xyz", "0" * 16, None, 7, [], "1" * 17])
def test_a_bad_id_costs_one_span_and_what_is_below_hangs_above(id_: object) -> None:
    document = nested(3)
    document["subsegments"][0]["subsegments"][0]["id"] = id_
    contents = read_all(document, lenient=False)
    top, first, third = contents.spans
    assert (first.parent_id, third.span_id, third.parent_id) == (top.span_id, 3, first.span_id)
    assert [(item.where, item.count) for item in contents.rejected] == [("subsegment 2", 1)]


def test_a_segment_with_a_bad_id_leaves_its_subsegments_to_its_parent() -> None:
    contents = read_all({**nested(1), "id": "odd", "parent_id": "aa"}, lenient=False)
    assert [(span.parent_id, span.service) for span in contents.spans] == [(0xAA, "shop")]


def test_a_segment_with_a_bad_parent_leaves_its_subsegments_to_itself() -> None:
    contents = read_all({**nested(1), "parent_id": "odd"}, lenient=False)
    assert [span.parent_id for span in contents.spans] == [int(SEGMENT["id"], 16)]
    ((reason, where, count),) = rejected(contents)
    assert reason.startswith("the parent's ID: 'odd' is no span ID")
    assert (where, count) == ("", 1)


def test_a_segment_that_names_itself_as_its_parent_is_a_root() -> None:
    (span,) = read_all({**SEGMENT, "parent_id": SEGMENT["id"]}).spans
    assert span.parent_id == 0
    assert ("parent_id", SEGMENT["id"]) in span.as_sent


@pytest.mark.parametrize("parent", [None, "", "0" * 16])
def test_no_parent_has_many_forms(parent: object) -> None:
    (span,) = read_all({**SEGMENT, "parent_id": parent}, lenient=False).spans
    assert (span.parent_id, span.as_sent) == (0, (("trace_id", TRACE),))


def test_ids_that_contradict_the_nesting_stay_visible() -> None:
    same = {**SUBSEGMENT, "parent_id": SEGMENT["id"].upper(), "trace_id": TRACE}
    other = {**SUBSEGMENT, "id": "b", "parent_id": "c", "trace_id": "1" * 32}
    _, first, second = read_all({**SEGMENT, "subsegments": [same, other]}).spans
    assert first.as_sent == ()
    assert second.as_sent == (("parent_id", "c"), ("trace_id", "1" * 32))
    assert second.trace_id == TRACE_ID


def test_subsegments_that_are_no_objects_are_told_once() -> None:
    contents = read_all({**SEGMENT, "subsegments": [1, SUBSEGMENT, "x", None]})
    assert len(contents.spans) == 2
    assert rejected(contents) == [("a subsegment is no JSON object", "", 1)]


def test_a_document_tells_its_id_even_where_it_is_refused() -> None:
    with pytest.raises(BadDocument) as refusal:
        open_document(Sent({**SEGMENT, "trace_id": "odd"}), Decoded(), lenient=False)
    assert (refusal.value.code, refusal.value.id) == ("InvalidTraceId", SEGMENT["id"])
    with pytest.raises(BadDocument) as refusal:
        open_document(Sent("{"), Decoded(), lenient=False)
    assert (refusal.value.code, refusal.value.id) == ("ParseError", "")


def test_a_flood_of_bad_subsegments_is_cut_short() -> None:
    good = {**SUBSEGMENT, "id": "00000000000000aa"}
    contents = read_all({**SEGMENT, "subsegments": [good, *[{}] * 150_000, SUBSEGMENT]})
    assert len(contents.spans) == 2
    assert contents.rejected[-1].reason == (
        "what follows more than 100,000 bad segments is not read"
    )
