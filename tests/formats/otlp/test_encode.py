import json
from pathlib import Path

from google.protobuf.json_format import Parse
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.builders import a_span
from tests.formats.reading import read
from tests.formats.strategies import spans
from viewer.formats.otlp.encode import encode, encode_groups
from viewer.trace.span import Scope, Span, SpanKind


@settings(max_examples=40)
@given(st.lists(spans(), max_size=4))
def test_decoding_gives_the_spans_back(sent) -> None:
    if not sent:
        return
    found = read(encode(sent), lenient=False)
    assert not found.rejected
    assert sorted(map(repr, found.spans)) == sorted(map(repr, sent))


def test_ids_are_hex_times_text_and_enums_numbers() -> None:
    span = a_span(0xAB, 1, kind=SpanKind.SERVER, error="no")
    encoded = json.loads(encode([span]))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert encoded["traceId"] == span.trace_id
    assert (encoded["spanId"], encoded["parentSpanId"]) == ("00000000000000ab", "0000000000000001")
    assert encoded["startTimeUnixNano"] == str(span.start_ns)
    assert (encoded["kind"], encoded["status"]) == (2, {"code": 2, "message": "no"})


def test_spans_of_one_resource_and_scope_stand_together() -> None:
    lib = Scope("lib")
    batch = [a_span(1), a_span(2, service="b"), a_span(3), a_span(4, scope=lib)]
    document = json.loads(encode(batch))
    assert [
        [len(scope["spans"]) for scope in resource["scopeSpans"]]
        for resource in document["resourceSpans"]
    ] == [[2, 1], [1]]


def test_attributes_that_python_calls_equal_stay_apart() -> None:
    batch = [a_span(1, resource={"n": 1}), a_span(2, resource={"n": True})]
    assert len(json.loads(encode(batch))["resourceSpans"]) == 2


def test_the_specification_s_own_parser_takes_it(shared_traces: Path) -> None:
    contents = read((shared_traces / "jaeger/genai-57-spans.json").read_bytes())
    document = json.loads(encode(contents.spans))
    # protobuf's JSON wants base64 where OTLP has hex, so the IDs are left out here.
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId", "links"):
                    span.pop(name, None)
    request = Parse(json.dumps(document), ExportTraceServiceRequest())
    assert sum(
        len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans
    ) == len(contents.spans)


@given(st.lists(spans(), max_size=3), st.lists(spans(), max_size=3))
@settings(max_examples=25)
def test_pieces_make_one_document(some: list[Span], others: list[Span]) -> None:
    assert b"".join(encode_groups([some])) == encode(some)
    whole = b"".join(encode_groups([some, [], others]))
    parts = [json.loads(encode(group))["resourceSpans"] for group in (some, others)]
    assert json.loads(whole) == {"resourceSpans": [*parts[0], *parts[1]]}
