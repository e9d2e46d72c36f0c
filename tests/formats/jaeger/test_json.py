import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import objects_of
from viewer.formats.base import Decoded
from viewer.formats.jaeger.json import JaegerJson
from viewer.formats.jaeger.mapping import REF_TYPE
from viewer.trace.span import SpanKind, StatusCode

TRACE, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SPAN = {
    "traceID": TRACE,
    "spanID": SPAN_ID,
    "operationName": "GET /",
    "startTime": 1_700_000_000_000_001,
    "duration": 5,
    "processID": "p1",
}
PROCESSES = {
    "p1": {"serviceName": "shop", "tags": [{"key": "hostname", "type": "string", "value": "h"}]}
}


def a_trace(*spans: object) -> dict[str, object]:
    return {"traceID": TRACE, "spans": list(spans), "processes": PROCESSES}


def decode_one(**fields: object):
    (span,) = read(json.dumps(a_trace({**SPAN, **fields}))).spans
    return span


def tags(**values: object) -> list[dict[str, object]]:
    return [{"key": key.replace("__", "."), "value": value} for key, value in values.items()]


def a_reference(
    kind: str, span_id: int, trace_id: str = TRACE, **more: object
) -> dict[str, object]:
    return {"refType": kind, "traceID": trace_id, "spanID": f"{span_id:016x}", **more}


def test_microseconds_become_nanoseconds() -> None:
    span = decode_one()
    assert (span.start_ns, span.duration_ns) == (1_700_000_000_000_001_000, 5_000)


def test_the_process_is_the_resource() -> None:
    span = decode_one()
    assert span.service == "shop"
    assert span.resource.attributes == (("service.name", "shop"), ("hostname", "h"))


def test_a_process_that_is_not_there_is_kept_as_sent() -> None:
    span = decode_one(processID="p9")
    assert (span.service, span.as_sent) == ("", (("processID", "p9"),))


@pytest.mark.parametrize("kind", ["server", "client", "producer", "consumer", "internal"])
def test_the_kind_is_taken_out_of_the_tags(kind: str) -> None:
    span = decode_one(tags=tags(span__kind=kind, a="b"))
    assert span.kind is SpanKind[kind.upper()]
    assert span.attributes == (("a", "b"),)


@pytest.mark.parametrize(
    ("sent", "code", "message", "left"),
    [
        ({"error": True}, StatusCode.ERROR, "", ()),
        ({"error": "true"}, StatusCode.ERROR, "", ()),
        ({"error": False}, StatusCode.UNSET, "", (("error", False),)),
        (
            {"otel__status_code": "ERROR", "otel__status_description": "no"},
            StatusCode.ERROR,
            "no",
            (),
        ),
        ({"otel__status_code": "OK"}, StatusCode.OK, "", ()),
        ({"error": True, "otel__status_code": "OK"}, StatusCode.ERROR, "", ()),
        ({"http__status_code": 500}, StatusCode.UNSET, "", (("http.status_code", 500),)),
    ],
)
def test_the_status_is_taken_out_of_the_tags(sent, code, message, left) -> None:
    span = decode_one(tags=tags(**sent))
    assert (span.status.code, span.status.message, span.attributes) == (code, message, left)


def test_scope_and_trace_state_are_taken_out_of_the_tags() -> None:
    span = decode_one(
        tags=tags(otel__scope__name="lib", otel__scope__version="2", w3c__tracestate="a=b")
    )
    assert (span.scope.name, span.scope.version, span.trace_state) == ("lib", "2", "a=b")
    assert span.attributes == ()


def test_the_first_child_of_in_the_same_trace_is_the_parent() -> None:
    other = "f" * 32
    span = decode_one(
        references=[
            a_reference("CHILD_OF", 1, other),
            a_reference("FOLLOWS_FROM", 2),
            a_reference("CHILD_OF", 3),
            a_reference("CHILD_OF", 4),
        ]
    )
    assert span.parent_id == 3
    assert [(link.trace_id, link.span_id) for link in span.links] == [
        (other, 1),
        (TRACE, 2),
        (TRACE, 4),
    ]
    assert span.links[0].attributes == ((REF_TYPE, "child_of"),)
    assert span.links[1].attributes == ()


def test_what_follows_from_a_span_hangs_under_it_where_nothing_else_is_the_parent() -> None:
    span = decode_one(references=[a_reference("FOLLOWS_FROM", 2)])
    assert span.parent_id == 2
    assert [link.span_id for link in span.links] == [2]


def test_the_parent_may_stand_in_a_field_of_its_own() -> None:
    assert decode_one(parentSpanID="00000000000000aa").parent_id == 0xAA
    assert decode_one(parentSpanID="0").parent_id == 0
    both = decode_one(parentSpanID="00000000000000aa", references=[a_reference("CHILD_OF", 0xAA)])
    assert (both.parent_id, both.links) == (0xAA, ())


def test_of_nested_spans_only_the_ids_are_taken() -> None:
    nested: dict[str, object] = {"traceID": TRACE, "spanID": "00000000000000aa"}
    for _ in range(200):
        nested = {**SPAN, "spanID": "00000000000000aa", "references": [{"span": nested}]}
    span = decode_one(references=[{"refType": "CHILD_OF", "span": nested}])
    assert span.parent_id == 0xAA


def test_a_bad_reference_is_left_out_and_noted() -> None:
    contents = read(json.dumps(a_trace({**SPAN, "references": [{"refType": "CHILD_OF"}]})))
    assert len(contents.spans) == 1
    assert contents.notes[0].reason.startswith("a reference was left out")


def test_logs_are_events_named_by_event_or_message() -> None:
    log = {"timestamp": 7, "fields": tags(level="info", event="hit")}
    said = {"timestamp": 8, "fields": tags(message="said")}
    bare = {"timestamp": 9, "fields": []}
    first, second, third = decode_one(logs=[log, said, bare]).events
    assert (first.time_ns, first.name, first.attributes) == (7_000, "hit", (("level", "info"),))
    assert (second.name, second.attributes) == ("said", ())
    assert third.name == ""


def test_warnings_are_kept_as_sent() -> None:
    text = json.dumps({**a_trace({**SPAN, "warnings": ["skew"]}, SPAN), "warnings": ["cut"]})
    first, second = read(text).spans
    assert first.as_sent == (("warning of the trace", "cut"), ("warning", "skew"))
    assert second.as_sent == ()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda trace: {"data": [trace], "total": 0, "errors": None},
        lambda trace: trace,
        lambda trace: [trace],
        lambda trace: {**trace["spans"][0], "process": PROCESSES["p1"]},
        lambda trace: {"_index": "jaeger", "_source": {**SPAN, "process": PROCESSES["p1"]}},
        lambda trace: {"hits": {"hits": [{"_source": {**SPAN, "process": PROCESSES["p1"]}}]}},
    ],
)
def test_all_wrappings_found_in_the_wild_are_read(wrap) -> None:
    contents = read(json.dumps(wrap(a_trace(SPAN))))
    assert contents.format == "jaeger-json"
    assert [span.service for span in contents.spans] == ["shop"]


def test_lines_of_a_bulk_request_are_no_rejections() -> None:
    span = json.dumps({**SPAN, "process": PROCESSES["p1"]})
    contents = read('{"index":{}}\n' + span + '\n{"create":{"_id":"1"}}\n' + span)
    assert len(contents.spans) == 2
    assert not contents.rejected


@pytest.mark.parametrize(
    ("start", "nanoseconds"),
    [
        ("2017-01-26T16:46:31.639875139-05:00", 1485467191639875139),
        ("2017-01-26T21:46:31.6Z", 1485467191600000000),
        ("2017-01-26T21:46:31z", 1485467191000000000),
        ("2017-01-27T03:16:31+05:30", 1485467191000000000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_protobuf_times_keep_their_nanoseconds(start: str, nanoseconds: int) -> None:
    assert decode_one(startTime=start).start_ns == nanoseconds


@pytest.mark.parametrize(
    ("duration", "nanoseconds"), [("5000ns", 5000), ("0.5s", 500_000_000), ("7", 7000)]
)
def test_protobuf_durations_have_units(duration: str, nanoseconds: int) -> None:
    assert decode_one(duration=duration).duration_ns == nanoseconds


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("startTime", "yesterday", "startTime is neither microseconds nor an RFC 3339 time"),
        ("startTime", "2017-13-45T00:00:00Z", "startTime is no possible time"),
        ("startTime", True, "startTime is neither"),
        ("duration", "long", "duration is neither"),
        ("spanID", "", "the ID is empty"),
        ("traceID", 5, "the trace ID is no text"),
    ],
)
def test_a_bad_span_is_refused_and_its_neighbour_is_kept(
    field: str, value: object, reason: str
) -> None:
    contents = read(json.dumps(a_trace({**SPAN, field: value}, SPAN)))
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason.startswith(reason)


NAMES = (
    "data", "spans", "processes", "p1", "process", "serviceName", "tags", "tag", "logs", "fields",
    "references", "refType", "traceID", "spanID", "operationName", "startTime", "duration", "flags",
    "processID", "warnings", "key", "value", "type", "_source", "hits", "index", "processMap",
)  # fmt: skip


@given(objects_of(*NAMES), st.booleans())
def test_no_object_of_its_field_names_breaks_the_decoder(value: object, lenient: bool) -> None:
    wire_format, decoded = JaegerJson(), Decoded()
    if wire_format.claims(value):
        wire_format.decode_value(value, decoded, lenient)
    fields = value if isinstance(value, dict) else {"references": value, "tags": value}
    wire_format.decode_value(a_trace({**SPAN, **fields}, value), decoded, lenient)
    assert decoded.batch.to_arrow().num_rows == len(decoded.batch)
    list(decoded.batch.spans())
