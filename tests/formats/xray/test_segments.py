import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import json_values, objects_of
from tests.formats.xray.reading import (
    LONE,
    SEGMENT,
    SUBSEGMENT,
    TRACE,
    TRACE_ID,
    read_all,
    read_segment,
    read_subsegment,
)
from viewer.formats.base import MAX_LINKS, Decoded
from viewer.formats.xray.json import XrayJson
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Dropped, Link, OpenEnd, SpanKind
from viewer.trace.tree import Oddity, TraceTree, build_tree

NAMES = (
    *("trace_id", "id", "parent_id", "name", "start_time", "end_time", "in_progress", "type"),
    *("http", "request", "response", "status", "sql", "url", "aws", "xray", "ec2", "sdk"),
    *("cloudwatch_logs", "elastic_beanstalk", "deployment_id", "service", "namespace", "cause"),
    *("exceptions", "stack", "message", "annotations", "metadata", "links", "subsegments"),
    *("fault", "error", "throttle", "Segments", "Document", "Traces", "TraceSegmentDocuments"),
)


@pytest.mark.parametrize(
    ("sent", "start_ns"),
    [
        (1_568_835_610.432, 1_568_835_610_432_000_000),
        ("1.568835610432E9", 1_568_835_610_432_000_000),
        (1_700_000_000.000001, 1_700_000_000_000_001_000),
        (1_478_293_361.2709999, 1_478_293_361_271_000_000),  # not cut to …270999
        (1_700_000_000, 1_700_000_000_000_000_000),
        ("1700000000", 1_700_000_000_000_000_000),
        (0, 0),
    ],
)
def test_times_are_rounded_to_the_microsecond(sent: object, start_ns: int) -> None:
    assert read_segment(start_time=sent, end_time=2e9).start_ns == start_ns


@given(st.integers(0, 4_000_000_000_000_000))
def test_every_microsecond_survives_a_double(micros: int) -> None:
    decoded = Decoded()
    sent = {**SEGMENT, "start_time": micros / 1e6, "end_time": micros / 1e6}
    XrayJson().decode_value(json.loads(json.dumps(sent)), decoded, False)
    assert decoded.batch.start_ns == [micros * 1_000]


def test_a_duration_is_the_difference_of_the_rounded_times() -> None:
    span = read_segment(start_time=1_700_000_000.1, end_time=1_700_000_000.100003)
    assert span.duration_ns == 3_000


def test_an_end_before_the_start_stays_visible() -> None:
    span = read_segment(end_time=1_600_000_000.5)
    assert span.duration_ns == 0
    assert ("end_time", "1600000000.5") in span.as_sent
    assert span.open_ends == 0


@pytest.mark.parametrize("field", ["start_time", "end_time"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("soon", "is no number of seconds"),
        ([1], "is no number of seconds"),
        (True, "is no number of seconds"),
        (float("nan"), "lies outside the years"),
        (float("inf"), "lies outside the years"),
        (-1, "lies outside the years"),
        (1_700_000_000_000, "lies outside the years"),  # milliseconds
        (10**400, "lies outside the years"),
        ("1" * 1000, "is no number of seconds"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_time_costs_one_span(field: str, value: object, reason: str) -> None:
    contents = read_all({**SEGMENT, "subsegments": [{**SUBSEGMENT, field: value}, LONE]})
    assert [span.name for span in contents.spans] == ["shop", "charge"]
    assert contents.rejected[0].reason.startswith(f"{field} {reason}")
    (rejection,) = contents.rejected
    assert rejection.count == 1
    assert rejection.where.endswith("subsegment 1")


@pytest.mark.parametrize(
    ("field", "reason"),
    [("start_time", "start_time is missing"), ("name", "the name is missing")],
)
def test_name_and_start_are_required(field: str, reason: str) -> None:
    contents = read_all({**SEGMENT, "subsegments": [{**SUBSEGMENT, field: None}]})
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason == reason


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, SpanKind.INTERNAL),
        ({"namespace": "aws"}, SpanKind.CLIENT),
        ({"namespace": "remote"}, SpanKind.CLIENT),
        ({"namespace": "local"}, SpanKind.INTERNAL),
        ({"http": {"request": {"client_ip": "10.0.0.1"}}}, SpanKind.SERVER),
        (
            {"namespace": "remote", "http": {"request": {"client_ip": "10.0.0.1"}}},
            SpanKind.CLIENT,
        ),
    ],
)
def test_a_subsegment_s_kind_is_told_by_its_namespace(fields: dict, kind: SpanKind) -> None:
    span = read_subsegment(**fields)
    assert (span.kind, span.as_sent) == (kind, ())


@pytest.mark.parametrize(("sent", "shown"), [("lunar", "lunar"), ([1], "[1]")])
def test_an_unknown_namespace_is_kept_as_sent(sent: object, shown: str) -> None:
    span = read_subsegment(namespace=sent)
    assert (span.kind, span.as_sent) == (SpanKind.INTERNAL, (("namespace", shown),))


def test_a_segment_is_a_server_s() -> None:
    assert read_segment().kind is SpanKind.SERVER
    assert read_segment(namespace="remote").kind is SpanKind.SERVER


def test_links_are_links_and_a_bad_one_is_left_out_with_a_note() -> None:
    good = {"trace_id": TRACE, "id": "00000000000000aa", "attributes": {"n": 1}}
    contents = read_all({**SEGMENT, "links": [{"trace_id": TRACE, "id": "x"}, good, 7]})
    assert contents.spans[0].links == (Link(TRACE_ID, 0xAA, (("n", 1),)),)
    assert [note.reason for note in contents.notes] == [
        "a link was left out: 'x' is no span ID: expected hex digits",
        "a link was left out: the trace ID is missing",
    ]


@pytest.mark.parametrize("fields", [{"in_progress": True}, {}])
def test_what_has_not_ended_is_in_progress(fields: dict) -> None:
    span = read_segment(end_time=None, **fields)
    assert (span.open_ends, span.duration_ns) == (OpenEnd.IN_PROGRESS, 0)
    assert ("in_progress", "true") in span.as_sent


def test_what_has_ended_is_not_in_progress() -> None:
    assert read_segment(in_progress=False).open_ends == 0
    odd = read_segment(in_progress=True)
    assert (odd.open_ends, odd.duration_ns) == (OpenEnd.IN_PROGRESS, 0)
    assert ("end_time", str(SEGMENT["end_time"])) in odd.as_sent


def unfinished(document: dict) -> dict:
    return {**document, "end_time": None, "in_progress": True}


def test_a_finished_form_takes_the_place_of_unfinished_ones_of_its_file_value() -> None:
    for order in ([unfinished(SEGMENT), SEGMENT], [SEGMENT, unfinished(SEGMENT)]):
        (span,) = read_all(order).spans
        assert (span.open_ends, span.duration_ns) == (0, 500_000_000)


def test_of_unfinished_forms_the_last_is_kept_and_those_of_other_spans_stay() -> None:
    first, last = unfinished(SEGMENT), {**unfinished(SEGMENT), "user": "u"}
    other = {**unfinished(SEGMENT), "id": "aa"}
    elsewhere = {**unfinished(SEGMENT), "trace_id": "1" * 32}
    spans = read_all([first, other, last, elsewhere, {**SEGMENT, "id": "bb"}]).spans
    own = int(SEGMENT["id"], 16)
    assert [span.span_id for span in spans] == [0xAA, own, own, 0xBB]
    assert spans[1].attributes == (("enduser.id", "u"),)


def test_a_finished_form_that_cannot_be_kept_takes_nobody_s_place() -> None:
    contents = read_all([unfinished(SEGMENT), {**SEGMENT, "start_time": "odd"}])
    assert [span.open_ends for span in contents.spans] == [OpenEnd.IN_PROGRESS]


def test_a_lone_subsegment_waits_for_the_service_of_its_parent() -> None:
    (span,) = read_all(LONE).spans
    assert (span.service, span.resource.attributes) == ("", ())
    assert span.open_ends == OpenEnd.SERVICE_OF_PARENT
    assert (span.name, span.kind) == ("charge", SpanKind.INTERNAL)
    assert span.parent_id == int(SEGMENT["id"], 16)


def test_what_lies_in_a_lone_subsegment_waits_with_it() -> None:
    inner = {**SUBSEGMENT, "id": "aa", "end_time": None}
    spans = read_all({**LONE, "subsegments": [inner]}).spans
    assert [span.open_ends for span in spans] == [
        OpenEnd.SERVICE_OF_PARENT,
        OpenEnd.SERVICE_OF_PARENT | OpenEnd.IN_PROGRESS,
    ]


def test_a_subsegment_without_a_parent_is_a_segment() -> None:
    span = read_segment(type="subsegment")
    assert (span.service, span.kind, span.open_ends) == ("shop", SpanKind.SERVER, 0)


def test_lone_subsegments_take_the_service_of_a_segment_beside_them_in_any_order() -> None:
    documents = [
        {**SEGMENT, "subsegments": [{**SUBSEGMENT, "id": "1"}]},
        *({**LONE, "id": f"{number + 1:x}", "parent_id": f"{number:x}"} for number in range(1, 9)),
        {**LONE, "id": "aaaa", "parent_id": "bbbb"},
        {**LONE, "id": "cccc", "parent_id": "1", "trace_id": "1" * 32},
    ]
    random.Random(1).shuffle(documents)
    for span in read_all(documents).spans:
        waits = span.span_id in (0xAAAA, 0xCCCC)
        assert span.service == ("" if waits else "shop")
        assert span.open_ends == (OpenEnd.SERVICE_OF_PARENT if waits else 0)


def test_lone_subsegments_in_a_circle_stay_without_a_service() -> None:
    documents = [
        {**LONE, "id": "1", "parent_id": "2"},
        {**LONE, "id": "2", "parent_id": "1"},
        {**LONE, "id": "3", "parent_id": "2"},
        {**LONE, "id": "4", "parent_id": "4"},
    ]
    spans = read_all(documents).spans
    assert [span.service for span in spans] == [""] * 4
    assert [span.parent_id for span in spans] == [2, 1, 2, 0]


def test_the_segment_s_own_word_goes_before_that_of_a_lone_subsegment_of_the_same_id() -> None:
    twice = {**LONE, "id": SEGMENT["id"], "parent_id": "ff"}
    lone = {**LONE, "id": "1"}
    spans = read_all([twice, SEGMENT, lone]).spans
    assert [span.service for span in spans] == ["", "shop", "shop"]


def test_two_thousand_documents_in_the_worst_order_are_no_quadratic_work() -> None:
    count = 2_000
    documents = [
        {**LONE, "id": f"{number:x}", "parent_id": f"{number + 1:x}"} for number in range(1, count)
    ]
    documents.append({**SEGMENT, "id": f"{count:x}"})
    assert {span.service for span in read_all(documents).spans} == {"shop"}


def tree_of(path: Path) -> TraceTree:
    spans = read(path.read_bytes()).spans
    tree = build_tree(columns_of_spans(spans[0].trace_id, spans, list(range(len(spans)))))
    tree.check()
    return tree


def test_a_real_document_becomes_a_tree_of_its_nesting(shared_traces: Path) -> None:
    tree = tree_of(shared_traces / "xray/segment-18-spans.json")
    assert (len(tree), len(tree.roots), max(tree.depth)) == (18, 1, 5)
    assert not tree.findings


def test_a_real_trace_of_many_documents_becomes_one_tree(shared_traces: Path) -> None:
    tree = tree_of(shared_traces / "xray/matrix-61-spans.json")
    assert (len(tree), len(tree.roots), max(tree.depth)) == (61, 1, 9)
    assert {finding.oddity: finding.count for finding in tree.findings} == {
        Oddity.STARTS_EARLY: 9,
        Oddity.ENDS_LATE: 1,
        Oddity.ZERO_DURATION: 6,
    }
    assert "MatrixMul" in {tree.columns.services[row] for row in tree.columns.service}


def test_a_real_circle_is_read_as_it_was_sent(shared_traces: Path) -> None:
    tree = tree_of(shared_traces / "xray/cycle-16-spans.json")
    assert Oddity.CYCLE in {finding.oddity for finding in tree.findings}


# What is hostile.


def decoded_of(value: object, *, lenient: bool) -> Decoded:
    decoded = Decoded()
    XrayJson().decode_value(value, decoded, lenient)
    decoded.batch.to_arrow()
    return decoded


@given(objects_of(*NAMES), st.booleans())
def test_any_json_is_decoded_or_refused(value: object, lenient: bool) -> None:
    XrayJson().claims(value)
    decoded_of(value, lenient=lenient)


WHOLE = {
    **SEGMENT,
    "parent_id": "aa",
    "type": "segment",
    "namespace": "remote",
    "http": {"request": {"client_ip": "x"}, "response": {"status": 1}},
    "sql": {"url": "a//b/c"},
    "aws": {"xray": {"sdk": "X-Ray for Go"}, "ec2": {"ami_id": "a"}, "cloudwatch_logs": []},
    "service": {"version": "1"},
    "cause": {"exceptions": [{"id": "a", "message": "m", "stack": [{"line": 1}]}]},
    "annotations": {"a": 1},
    "metadata": {"a": {}},
    "links": [{"trace_id": TRACE, "id": "a", "attributes": {}}],
    "fault": True,
    "subsegments": [],
}


@given(st.sampled_from(sorted(WHOLE)), json_values, st.booleans())
def test_any_value_in_any_field_costs_one_span_at_most(
    field: str, value: object, lenient: bool
) -> None:
    neighbour = {**SEGMENT, "id": "ff", "user": "neighbour"}
    decoded = decoded_of([{**WHOLE, field: value}, neighbour], lenient=lenient)
    assert ("enduser.id", "neighbour") in list(decoded.batch.spans())[-1].attributes
    if not decoded.rejected:
        assert len(decoded.batch) >= 2


@given(
    st.sampled_from(["http", "sql", "aws", "service", "cause", "annotations", "links"]),
    st.sampled_from(["request", "response", "url", "xray", "ec2", "exceptions", "attributes"]),
    json_values,
)
def test_any_value_one_level_down_costs_nothing(field: str, key: str, value: object) -> None:
    decoded = decoded_of({**WHOLE, field: {key: value}}, lenient=False)
    assert (len(decoded.batch), decoded.rejected_spans) == (1, 0)


@given(st.data())
def test_a_document_cut_off_or_changed_harms_no_neighbour(data: st.DataObject) -> None:
    text = json.dumps(WHOLE)
    cut = data.draw(st.integers(0, len(text) - 1))
    changed = text[:cut] + data.draw(st.text(max_size=3))
    neighbour = {**SEGMENT, "id": "ff"}
    decoded = decoded_of({"TraceSegmentDocuments": [changed, json.dumps(neighbour)]}, lenient=False)
    assert list(decoded.batch.spans())[-1].span_id == 0xFF


def test_of_too_many_links_the_first_are_kept_and_the_others_counted() -> None:
    links = [{"trace_id": TRACE, "id": "00000000000000aa"}] * (MAX_LINKS + 3)
    contents = read_all({**SEGMENT, "links": links})
    (span,) = contents.spans
    assert (len(span.links), span.dropped) == (MAX_LINKS, Dropped(links=3))
    assert contents.notes[0].reason == "links beyond 10,000 a span were left out"
