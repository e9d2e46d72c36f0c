import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import objects_of
from viewer.formats.base import MAX_EVENTS, MAX_LINKS, Decoded
from viewer.formats.zipkin.v2 import ZipkinV2
from viewer.trace.span import Dropped, SpanKind, StatusCode

SPAN = {"traceId": "4d1e00c0db9010db", "id": "86154a4ba6e91385", "name": "get"}


def decode_one(**fields: object):
    contents = read(json.dumps([{**SPAN, **fields}]))
    assert contents.format == "zipkin-v2"
    assert not contents.rejected
    (span,) = contents.spans
    return span


def test_the_whole_of_a_span_is_read() -> None:
    span = decode_one(
        parentId="1",
        kind="CLIENT",
        timestamp=1_700_000_000_000_001,
        duration=5,
        localEndpoint={"serviceName": "Shop", "ipv4": "10.0.0.1", "port": 80},
        remoteEndpoint={"serviceName": "db", "ipv6": "::1", "port": 5432},
        annotations=[{"timestamp": 7, "value": "sent"}],
        tags={"http.path": "/"},
        shared=True,
    )
    assert (span.trace_id, span.parent_id) == ("0" * 16 + "4d1e00c0db9010db", 1)
    assert (span.kind, span.service) == (SpanKind.CLIENT, "Shop")
    assert span.resource.attributes == (("service.name", "Shop"),)
    assert (span.start_ns, span.duration_ns) == (1_700_000_000_000_001_000, 5_000)
    assert span.attributes == (
        ("http.path", "/"),
        ("peer.service", "db"),
        ("net.peer.ip", "::1"),
        ("net.peer.port", 5432),
        ("net.host.ip", "10.0.0.1"),
        ("net.host.port", 80),
    )
    assert [(event.time_ns, event.name) for event in span.events] == [(7_000, "sent")]
    assert span.as_sent == (("shared", "true"),)


@pytest.mark.parametrize(
    ("tags", "code", "message", "left"),
    [
        ({"error": "true"}, StatusCode.ERROR, "", ()),
        ({"error": ""}, StatusCode.ERROR, "", ()),
        ({"error": "no money"}, StatusCode.ERROR, "no money", ()),
        ({"error": "false"}, StatusCode.UNSET, "", (("error", "false"),)),
        ({"otel.status_code": "OK"}, StatusCode.OK, "", ()),
        (
            {"otel.status_code": "ERROR", "otel.status_description": "a", "error": "b"},
            StatusCode.ERROR,
            "a",
            (),
        ),
    ],
)
def test_the_status_is_taken_out_of_the_tags(tags, code, message, left) -> None:
    span = decode_one(tags=tags)
    assert (span.status.code, span.status.message, span.attributes) == (code, message, left)


def test_a_span_that_names_itself_as_parent_is_a_root() -> None:
    span = decode_one(parentId=SPAN["id"])
    assert (span.parent_id, span.as_sent) == (0, (("parentId", SPAN["id"]),))


def test_client_and_server_halves_of_one_id_stay_two_spans() -> None:
    both = [{**SPAN, "kind": "CLIENT"}, {**SPAN, "kind": "SERVER", "shared": True}]
    first, second = read(json.dumps(both)).spans
    assert first.span_id == second.span_id
    assert (first.kind, second.kind) == (SpanKind.CLIENT, SpanKind.SERVER)


def test_an_event_s_attributes_come_as_json_in_the_annotation() -> None:
    value = json.dumps({"cache miss": {"key": "a", "n": 1}})
    (event,) = decode_one(annotations=[{"timestamp": 1, "value": value}]).events
    assert (event.name, event.attributes) == ("cache miss", (("key", "a"), ("n", 1)))


@pytest.mark.parametrize("value", ['{"a": 1}', '{"a"', '{"a": {}, "b": {}}', "plain"])
def test_other_annotations_are_only_a_name(value: str) -> None:
    (event,) = decode_one(annotations=[{"timestamp": 1, "value": value}]).events
    assert (event.name, event.attributes) == (value, ())


def test_links_hidden_in_tags_are_found() -> None:
    span = decode_one(tags={"otlp.link.0": f'{"f" * 32}|00000000000000aa|a=b|{{"k":"v|w"}}|3'})
    (link,) = span.links
    assert (link.trace_id, link.span_id, link.trace_state) == ("f" * 32, 0xAA, "a=b")
    assert (link.attributes, link.dropped_attributes) == ((("k", "v|w"),), 3)
    assert span.attributes == ()


def test_a_link_that_cannot_be_read_stays_a_tag() -> None:
    contents = read(json.dumps({**SPAN, "tags": {"otlp.link.0": "x|y"}}))
    assert contents.spans[0].attributes == (("otlp.link.0", "x|y"),)
    assert contents.notes[0].reason.startswith("a link stays a tag")


def test_tags_about_the_resource_are_the_resource_s() -> None:
    span = decode_one(
        localEndpoint={"serviceName": "shop"},
        tags={
            "http.path": "/",
            "telemetry.sdk.language": "python",
            "service.name": "Shop",
            "k8s.pod.name": "shop-1",
            "faas.name": "f",
            "faas.trigger": "http",
        },
    )
    assert span.service == "Shop"
    assert span.resource.attributes == (
        ("service.name", "Shop"),
        ("telemetry.sdk.language", "python"),
        ("k8s.pod.name", "shop-1"),
        ("faas.name", "f"),
    )
    assert span.attributes == (("http.path", "/"), ("faas.trigger", "http"))
    assert span.as_sent == (("localEndpoint.serviceName", "shop"),)


def test_a_service_is_found_in_the_tags_where_there_is_no_endpoint() -> None:
    span = decode_one(tags={"service.name": "Shop", "host.name": "a"})
    assert (span.service, span.attributes) == ("Shop", ())
    unnamed = decode_one(tags={"service.name": 7, "host.name": "a"})
    assert unnamed.resource.attributes == (("host.name", "a"),)


def test_scope_and_dropped_counts_are_taken_out_of_the_tags() -> None:
    span = decode_one(
        tags={
            "otel.scope.name": "lib",
            "otel.library.name": "lib",
            "otel.scope.version": "2",
            "otel.library.version": "1",
            "otel.dropped_attributes_count": "3",
            "otel.dropped_links_count": "many",
        }
    )
    assert (span.scope.name, span.scope.version, span.dropped.attributes) == ("lib", "2", 3)
    assert span.attributes == (
        ("otel.library.version", "1"),
        ("otel.dropped_links_count", "many"),
    )


@pytest.mark.parametrize("time", ["1700000000000001", 1700000000000001.0, 1700000000000001])
def test_times_may_be_text_or_fractions(time: object) -> None:
    span = decode_one(timestamp=time, duration=time)
    assert span.start_ns == span.duration_ns == 1_700_000_000_000_001_000


def test_an_unknown_kind_is_kept_as_sent() -> None:
    assert decode_one(kind="ODD").as_sent == (("kind", "ODD"),)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("traceId", "", "the ID is empty"),
        ("id", "0", "a span ID of zeros only"),
        ("timestamp", "soon", "timestamp is no number"),
        ("duration", [1], "duration is no number"),
    ],
)
def test_a_bad_span_is_refused_and_its_neighbour_is_kept(
    field: str, value: object, reason: str
) -> None:
    contents = read(json.dumps([{**SPAN, field: value}, SPAN]))
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason.startswith(reason)
    assert contents.rejected[0].where == "item 1"


def test_v1_spans_are_not_claimed() -> None:
    v1 = {**SPAN, "annotations": [{"timestamp": 1, "value": "cs", "endpoint": {}}]}
    assert not ZipkinV2().claims(v1)
    assert not ZipkinV2().claims({**SPAN, "binaryAnnotations": []})
    assert ZipkinV2().claims({**SPAN, "annotations": [{"timestamp": 1, "value": "x"}]})


NAMES = (
    "traceId", "id", "parentId", "kind", "name", "timestamp", "duration", "localEndpoint",
    "remoteEndpoint", "serviceName", "ipv4", "ipv6", "port", "annotations", "value", "tags",
    "error", "otlp.link.0", "shared", "debug", "otel.status_code",
)  # fmt: skip


@given(objects_of(*NAMES), st.booleans())
def test_no_object_of_its_field_names_breaks_the_decoder(value: object, lenient: bool) -> None:
    wire_format, decoded = ZipkinV2(), Decoded()
    if wire_format.claims(value):
        wire_format.decode_value(value, decoded, lenient)
    fields = value if isinstance(value, dict) else {"tags": value, "annotations": value}
    wire_format.decode_value({**SPAN, **fields}, decoded, lenient)
    assert decoded.batch.to_arrow().num_rows == len(decoded.batch)
    list(decoded.batch.spans())


def test_of_too_many_annotations_the_first_are_kept_and_the_others_counted() -> None:
    annotations = [{"timestamp": at, "value": "a"} for at in range(MAX_EVENTS + 3)]
    contents = read(json.dumps([{**SPAN, "annotations": annotations}]))
    (span,) = contents.spans
    assert (len(span.events), span.dropped) == (MAX_EVENTS, Dropped(events=3))
    assert span.events[-1].time_ns == (MAX_EVENTS - 1) * 1_000
    (note,) = contents.notes
    assert note.reason == "annotations beyond 10,000 a span were left out"


def test_annotations_left_out_here_and_by_the_sender_are_counted_together() -> None:
    annotations = [{"timestamp": 1, "value": "a"}] * (MAX_EVENTS + 3)
    tags = {"otel.dropped_events_count": "4", "otel.dropped_links_count": "2"}
    span = decode_one(annotations=annotations, tags=tags)
    assert (span.dropped, span.attributes) == (Dropped(events=7, links=2), ())


def test_of_too_many_links_the_last_stay_tags() -> None:
    link = f"{1:032x}|{2:016x}||{{}}|0"
    tags = {f"otlp.link.{number}": link for number in range(MAX_LINKS + 1)}
    contents = read(json.dumps([{**SPAN, "tags": tags}]))
    (span,) = contents.spans
    assert len(span.links) == MAX_LINKS
    assert span.attributes == ((f"otlp.link.{MAX_LINKS}", link),)
    assert contents.notes[0].reason == "links beyond 10,000 a span stay tags"
