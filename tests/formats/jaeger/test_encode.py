import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import TRACE_ID, a_span
from tests.formats.reading import read
from tests.formats.strategies import int64, spans, texts
from viewer.formats.jaeger.encode import encode, encode_groups, encode_trace
from viewer.trace.span import Dropped, Event, Link, Scope, Span, SpanKind

# Jaeger has no nested values: they become JSON text.
jaeger_values = st.one_of(
    texts,
    st.booleans(),
    int64,
    st.floats(allow_nan=False, allow_infinity=False),
    st.binary(max_size=8),
)


def as_jaeger_keeps(span: Span) -> Span:
    """What Jaeger's shape has no place for is gone; empty trace states and event names are none."""
    return replace(
        span,
        dropped=Dropped(),
        resource=replace(
            span.resource,
            attributes=(
                ("service.name", span.service),
                *(pair for pair in span.resource.attributes if pair[0] != "service.name"),
            ),
        ),
    )


@settings(max_examples=40)
@given(st.lists(spans(of=jaeger_values, step_ns=1000), min_size=1, max_size=4))
def test_decoding_gives_the_spans_back_to_the_microsecond(sent) -> None:
    found = read(encode(sent), lenient=False)
    assert not found.rejected
    assert sorted(map(repr, found.spans)) == sorted(repr(as_jaeger_keeps(span)) for span in sent)


def test_the_shape_is_jaeger_s() -> None:
    span = a_span(
        0xAB,
        1,
        kind=SpanKind.SERVER,
        error="no",
        attributes={"big": 1 << 60, "list": ["a", 1], "raw": b"\x00", "ratio": 0.5},
        resource={"host.name": "h"},
        scope=Scope("lib", "2"),
        events=[Event(a_span().start_ns + 1_000, "hit", (("n", 1),))],
        links=[Link("f" * 32, 7)],
    )
    assert encode_trace(TRACE_ID, [span]) == {
        "traceID": TRACE_ID,
        "spans": [
            {
                "traceID": TRACE_ID,
                "spanID": "00000000000000ab",
                "operationName": "GET /",
                "references": [
                    {"refType": "CHILD_OF", "traceID": TRACE_ID, "spanID": "0000000000000001"},
                    {"refType": "FOLLOWS_FROM", "traceID": "f" * 32, "spanID": "0000000000000007"},
                ],
                "startTime": 1_700_000_000_000_000,
                "duration": 100_000,
                "tags": [
                    {"key": "big", "type": "int64", "value": "1152921504606846976"},
                    {"key": "list", "type": "string", "value": '["a",1]'},
                    {"key": "raw", "type": "binary", "value": "AA=="},
                    {"key": "ratio", "type": "float64", "value": 0.5},
                    {"key": "otel.scope.name", "type": "string", "value": "lib"},
                    {"key": "otel.scope.version", "type": "string", "value": "2"},
                    {"key": "span.kind", "type": "string", "value": "server"},
                    {"key": "error", "type": "bool", "value": True},
                    {"key": "otel.status_code", "type": "string", "value": "ERROR"},
                    {"key": "otel.status_description", "type": "string", "value": "no"},
                ],
                "logs": [
                    {
                        "timestamp": 1_700_000_000_000_001,
                        "fields": [
                            {"key": "event", "type": "string", "value": "hit"},
                            {"key": "n", "type": "int64", "value": 1},
                        ],
                    }
                ],
                "processID": "p1",
                "warnings": None,
            }
        ],
        "processes": {
            "p1": {
                "serviceName": "shop",
                "tags": [{"key": "host.name", "type": "string", "value": "h"}],
            }
        },
        "warnings": None,
    }


def test_equal_processes_share_a_number_in_the_order_met() -> None:
    trace = encode_trace(TRACE_ID, [a_span(1), a_span(2, service="b"), a_span(3)])
    assert [span["processID"] for span in trace["spans"]] == ["p1", "p2", "p1"]
    assert list(trace["processes"]) == ["p1", "p2"]


def test_a_64_bit_trace_id_has_16_digits() -> None:
    trace_id = "0" * 16 + "1" * 16
    trace = encode_trace(trace_id, [a_span(1, trace_id=trace_id)])
    assert trace["traceID"] == trace["spans"][0]["traceID"] == "1" * 16


def test_what_is_said_twice_is_written_once() -> None:
    span = a_span(1, kind=SpanKind.CLIENT, attributes={"span.kind": "client"})
    keys = [tag["key"] for tag in encode_trace(TRACE_ID, [span])["spans"][0]["tags"]]
    assert keys == ["span.kind"]


def test_warnings_stand_with_their_span() -> None:
    trace = encode_trace(TRACE_ID, [a_span(1), a_span(2)], {1: ["orphan"]})
    assert [span["warnings"] for span in trace["spans"]] == [None, ["orphan"]]


def test_a_trace_of_jaeger_s_own_ui_comes_back_as_it_was(shared_traces: Path) -> None:
    data = (shared_traces / "jaeger/hotel-reservation-1000-traces.json.gz").read_bytes()
    found = read(data).spans[:500]
    again = read(encode(found)).spans
    assert sorted(map(repr, again)) == sorted(map(repr, found))
    assert json.loads(encode(found[:1]))["data"][0]["spans"][0]["flags"] == 1


@given(st.lists(spans(), max_size=3), st.lists(spans(), max_size=3))
@settings(max_examples=25)
def test_pieces_make_one_document(some: list[Span], others: list[Span]) -> None:
    some = [replace(span, trace_id=TRACE_ID) for span in some]
    others = [replace(span, trace_id=TRACE_ID) for span in others]
    whole = b"".join(encode_groups([some, [], others]))
    assert json.loads(whole) == json.loads(encode([*some, *others]))
