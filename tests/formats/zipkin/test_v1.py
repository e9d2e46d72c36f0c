import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import objects_of
from tests.formats.zipkin.recorded import CLIENT_AND_ROOT_V1, SERVER_HALF_V1
from viewer.formats.base import MAX_EVENTS, Decoded
from viewer.formats.zipkin.v1 import ZipkinV1
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Dropped, Span, SpanKind, StatusCode
from viewer.trace.tree import build_tree

SPAN = {"traceId": "4d1e00c0db9010db", "id": "86154a4ba6e91385", "name": "get"}
SHOP = {"serviceName": "Shop", "ipv4": "10.0.0.1", "port": 80}
STOCK = {"serviceName": "Stock", "ipv4": "10.0.0.2", "port": 81}


def said(text: str, time_us: int, host: object = SHOP) -> dict[str, object]:
    return {"value": text, "timestamp": time_us, "endpoint": host}


def tag(key: str, value: object, host: object = SHOP, **more: object) -> dict[str, object]:
    return {"key": key, "value": value, "endpoint": host, **more}


def decode_one(*annotations: object, tags: object = (), **fields: object) -> Span:
    span = {**SPAN, "annotations": annotations, "binaryAnnotations": list(tags), **fields}
    contents = read(json.dumps([span]).encode(), lenient=False)
    assert contents.format == "zipkin-v1"
    assert not contents.rejected
    (found,) = contents.spans
    return found


def test_a_client_s_span_and_its_root_are_read_as_py_zipkin_sends_them() -> None:
    query, root = read(CLIENT_AND_ROOT_V1).spans
    assert (query.kind, query.service, query.name) == (SpanKind.CLIENT, "Shop", "query")
    assert (query.trace_id, query.parent_id) == ("0" * 16 + "f2a74de452e6b438", root.span_id)
    assert (query.start_ns, query.duration_ns) == (1795676738464849000, 9000)
    assert (query.status.code, query.status.message) == (StatusCode.ERROR, "no stock")
    assert query.attributes == (
        ("sql.rows", "3"),
        ("peer.service", "db"),
        ("net.peer.ip", "10.0.0.9"),
        ("net.peer.port", 5432),
        ("net.host.ip", "10.0.0.1"),
        ("net.host.port", 8080),
    )
    # The client received a microsecond after the rounded duration ended: that stays an event.
    assert [event.name for event in query.events] == ["cr", "sent"]
    assert (root.kind, root.parent_id, root.events) == (SpanKind.SERVER, 0, ())
    assert root.as_sent == ()


def test_a_server_half_without_times_is_shared_and_takes_its_annotations() -> None:
    (span,) = read(SERVER_HALF_V1).spans
    assert (span.kind, span.service) == (SpanKind.SERVER, "Stock")
    assert (span.start_ns, span.duration_ns) == (1795676738466125000, 4000)
    assert (span.events, span.as_sent) == ((), (("shared", "true"),))


@pytest.mark.parametrize(
    ("annotations", "kind", "duration_us"),
    [
        ([("cs", 1), ("cr", 6)], SpanKind.CLIENT, 5),
        ([("cr", 6), ("cs", 1)], SpanKind.CLIENT, 5),
        ([("sr", 1), ("ss", 6)], SpanKind.SERVER, 5),
        ([("ms", 1), ("ws", 6)], SpanKind.PRODUCER, 5),
        ([("ms", 1)], SpanKind.PRODUCER, 0),
        ([("wr", 1), ("mr", 6)], SpanKind.CONSUMER, 5),
        ([("mr", 1)], SpanKind.CONSUMER, 0),
        ([("cs", 6), ("cr", 1)], SpanKind.CLIENT, 0),
    ],
)
def test_core_annotations_give_kind_service_and_times(annotations, kind, duration_us) -> None:
    span = decode_one(*(said(*annotation) for annotation in annotations))
    assert (span.kind, span.service) == (kind, "Shop")
    assert span.duration_ns == duration_us * 1_000
    assert span.start_ns == (6_000 if annotations[0] == ("cs", 6) else 1_000)


def test_a_message_s_wire_times_are_events_where_they_bound_nothing() -> None:
    span = decode_one(said("cs", 1), said("ws", 2), said("wr", 3), said("cr", 4))
    assert [event.name for event in span.events] == ["ws", "wr"]


def test_times_that_the_span_states_come_before_its_annotations() -> None:
    span = decode_one(said("cs", 5), said("cr", 9), timestamp=4, duration=6)
    assert (span.start_ns, span.duration_ns) == (4_000, 6_000)
    assert [(event.time_ns, event.name) for event in span.events] == [(5_000, "cs"), (9_000, "cr")]


def test_times_of_annotations_without_meaning_bound_a_span_that_states_none() -> None:
    span = decode_one(said("b", 9), said("a", 4))
    assert (span.kind, span.start_ns, span.duration_ns) == (SpanKind.UNSPECIFIED, 4_000, 5_000)
    assert len(span.events) == 2
    assert decode_one(said("b", 9), timestamp=3).duration_ns == 0
    assert decode_one(timestamp=3, duration=4).duration_ns == 4_000
    assert decode_one().start_ns == 0


@pytest.mark.parametrize(
    ("annotations", "shared"),
    [
        ([said("sr", 1), said("ss", 2)], True),
        ([said("sr", 1)], True),
        ([said("ss", 1)], False),
        ([said("cs", 1), said("cr", 2)], False),
        ([said("ms", 1)], False),
    ],
)
def test_only_a_server_that_received_a_span_without_times_shares_it(annotations, shared) -> None:
    assert (("shared", "true") in decode_one(*annotations).as_sent) is shared


def test_a_server_that_states_its_times_shares_nothing() -> None:
    both = (said("sr", 1), said("ss", 2))
    assert decode_one(*both, timestamp=1, duration=1).as_sent == ()
    assert decode_one(*both, timestamp=1).as_sent == (("shared", "true"),)


def test_both_halves_in_one_span_stay_the_client_s_and_lose_no_time() -> None:
    span = decode_one(
        said("cs", 1),
        said("sr", 2, STOCK),
        said("ss", 3, STOCK),
        said("cr", 4),
        tags=[tag("id", "a", STOCK), tag("id", "b"), tag("id", "c", STOCK), tag("of", "d", STOCK)],
        timestamp=1,
        duration=3,
    )
    assert (span.kind, span.service) == (SpanKind.CLIENT, "Shop")
    assert span.attributes[:5] == (
        ("id", "b"),
        ("of", "d"),
        ("peer.service", "Stock"),
        ("net.peer.ip", "10.0.0.2"),
        ("net.peer.port", 81),
    )
    assert [(event.time_ns, event.name, event.attributes) for event in span.events] == [
        (2_000, "sr", (("service.name", "Stock"),)),
        (3_000, "ss", (("service.name", "Stock"),)),
    ]
    assert span.as_sent == (("id", "a"), ("id", "c"))


@pytest.mark.parametrize(
    ("core", "key", "kind"),
    [
        ("cs", "sa", SpanKind.CLIENT),
        ("sr", "ca", SpanKind.SERVER),
        ("ms", "ma", SpanKind.PRODUCER),
        ("mr", "ma", SpanKind.CONSUMER),
        ("note", "sa", SpanKind.UNSPECIFIED),
        ("note", "ca", SpanKind.SERVER),
    ],
)
def test_an_address_is_the_other_side_and_no_tag(core: str, key: str, kind: SpanKind) -> None:
    span = decode_one(said(core, 1), tags=[tag(key, True, STOCK)])
    assert (span.kind, span.service) == (kind, "Shop")
    assert span.attributes[:3] == (
        ("peer.service", "Stock"),
        ("net.peer.ip", "10.0.0.2"),
        ("net.peer.port", 81),
    )


def test_two_addresses_and_nothing_else_are_the_two_sides() -> None:
    span = decode_one(tags=[tag("ca", True), tag("sa", True, STOCK)])
    assert (span.kind, span.service) == (SpanKind.UNSPECIFIED, "Shop")
    assert dict(span.attributes)["peer.service"] == "Stock"


def test_an_address_without_use_stays_visible() -> None:
    span = decode_one(said("sr", 1), tags=[tag("sa", True, STOCK)], timestamp=1, duration=1)
    assert span.as_sent == (("sa", "Stock 10.0.0.2:81"),)
    redirected = [tag("sa", True, STOCK), tag("sa", True, {"serviceName": "db", "ipv6": "::1"})]
    span = decode_one(said("cs", 1), tags=redirected)
    assert dict(span.attributes)["peer.service"] == "db"
    assert span.as_sent == (("sa", "Stock 10.0.0.2:81"),)


def test_a_client_s_port_under_the_server_s_name_names_no_peer() -> None:
    client = {**SHOP, "ipv4": "10.0.0.7", "port": 40123}
    attributes = dict(decode_one(said("sr", 1), tags=[tag("ca", True, client)]).attributes)
    assert "peer.service" not in attributes
    assert attributes["net.peer.ip"] == "10.0.0.7"


def test_a_tag_that_is_only_called_like_an_address_stays_a_tag() -> None:
    span = decode_one(said("cs", 1), tags=[tag("sa", "text", STOCK), tag("ca", True, None)])
    assert dict(span.attributes)["sa"] == "text"
    assert dict(span.attributes)["ca"] is True


@pytest.mark.parametrize(
    ("value", "type_", "kept"),
    [
        ("7", "I16", 7),
        ("-7", "I64", -7),
        ("x", "I32", "x"),
        (7, "I32", 7),
        ("1.5", "DOUBLE", 1.5),
        ("x", "DOUBLE", "x"),
        ("AP8=", "BYTES", b"\0\xff"),
        ("?", "BYTES", "?"),
        ("true", "BOOL", True),
        ("true", "STRING", "true"),
        ("7", None, "7"),
        (7.5, None, 7.5),
        (False, None, False),
        ({"a": [1]}, None, {"a": [1]}),
    ],
)
def test_binary_annotations_keep_their_type(value: object, type_: object, kept: object) -> None:
    ((key, found),) = decode_one(tags=[tag("n", value, None, type=type_)]).attributes
    assert (key, found, type(found)) == ("n", kept, type(kept))


def test_the_local_component_is_an_attribute_and_names_a_service_at_need() -> None:
    assert decode_one(tags=[tag("lc", "")]).attributes[:1] == (("net.host.ip", "10.0.0.1"),)
    span = decode_one(tags=[tag("lc", "finatra", {"ipv4": "10.0.0.1"})])
    assert (span.service, span.attributes[0]) == ("finatra", ("component", "finatra"))
    assert span.as_sent == (("lc", "finatra"),)
    assert decode_one(tags=[tag("lc", "finatra")]).service == "Shop"


def test_of_several_values_of_a_key_the_last_is_the_tag() -> None:
    span = decode_one(tags=[tag("k", "a", None), tag("k", "b", None), tag("k", "b", None)])
    assert (span.attributes, span.as_sent) == ((("k", "b"),), (("k", "a"),))


def test_opentelemetry_s_v1_span_has_its_service_and_no_kind() -> None:
    host = {"serviceName": "Shop"}
    span = decode_one(
        {"value": '{"miss": {"key": "a"}}', "timestamp": 5, "endpoint": host},
        tags=[
            tag("telemetry.sdk.language", "python", host),
            tag("service.name", "Shop", host),
            tag("otel.library.name", "lib", host),
            tag("otel.scope.name", "lib", host),
            tag("n", "3", host),
        ],
        timestamp=4,
        duration=9,
        debug=True,
    )
    assert (span.kind, span.service, span.scope.name) == (SpanKind.UNSPECIFIED, "Shop", "lib")
    assert span.resource.attributes == (
        ("service.name", "Shop"),
        ("telemetry.sdk.language", "python"),
    )
    assert span.attributes == (("n", "3"),)
    assert [(event.name, event.attributes) for event in span.events] == [("miss", (("key", "a"),))]
    assert span.as_sent == (("debug", "true"),)


def test_annotations_without_an_endpoint_give_a_kind_and_no_service() -> None:
    span = decode_one({"value": "cs", "timestamp": 1}, {"value": "cr", "timestamp": 3})
    assert (span.kind, span.service, span.duration_ns) == (SpanKind.CLIENT, "", 2_000)


def test_a_span_below_a_shared_one_hangs_under_the_server_s_half() -> None:
    client = [said("cs", 1_000), said("cr", 9_000)]
    server = [said("sr", 2_000, STOCK), said("ss", 8_000, STOCK)]
    below = [said("cs", 3_000, STOCK), said("cr", 4_000, STOCK)]
    body = [
        {**SPAN, "id": "c", "parentId": "b", "annotations": below},
        {**SPAN, "id": "b", "parentId": "a", "annotations": server},
        {**SPAN, "id": "b", "parentId": "a", "annotations": client, "timestamp": 1000},
        {**SPAN, "id": "a", "annotations": [said("sr", 1), said("ss", 10_000)]},
    ]
    spans = read(json.dumps(body).encode()).spans
    tree = build_tree(columns_of_spans(spans[0].trace_id, spans, range(len(spans))))
    tree.check()
    rows = [
        (SpanKind(kind).name, tree.columns.services[service], parent)
        for kind, service, parent in zip(
            tree.columns.kind, tree.columns.service, tree.parent, strict=True
        )
    ]
    assert rows == [
        ("SERVER", "Shop", -1),
        ("CLIENT", "Shop", 0),
        ("SERVER", "Stock", 1),
        ("CLIENT", "Stock", 2),
    ]


def test_a_v1_span_without_annotations_reads_the_same_in_v2() -> None:
    assert not ZipkinV1().claims({**SPAN, "annotations": []})
    assert ZipkinV1().claims({**SPAN, "annotations": [{"value": "x"}, said("cs", 1)]})
    assert not ZipkinV1().claims({**SPAN, "spanId": "1", "binaryAnnotations": []})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("traceId", "", "the ID is empty"),
        ("traceId", None, "the trace ID is missing"),
        ("id", "0", "a span ID of zeros only"),
        ("timestamp", "soon", "timestamp is no number"),
    ],
)
def test_a_bad_span_is_refused_and_its_neighbour_is_kept(
    field: str, value: object, reason: str
) -> None:
    good = {**SPAN, "binaryAnnotations": []}
    contents = read(json.dumps([{**good, field: value}, good]).encode())
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason.startswith(reason)
    assert contents.rejected[0].where == "item 1"


def test_the_train_tickets_are_the_clients_and_name_their_servers(shared_traces: Path) -> None:
    spans = read((shared_traces / "zipkin-v1/train-ticket-79-spans.json").read_bytes()).spans
    assert sum(span.kind is SpanKind.CLIENT for span in spans) == 78
    peers = {dict(span.attributes).get("peer.service") for span in spans}
    assert "ts-sso-service" in peers
    for span in spans:
        named = {event.name for event in span.events}
        assert span.kind is SpanKind.SERVER or {"sr", "ss"} <= named


NAMES = (
    "traceId", "id", "parentId", "name", "timestamp", "duration", "annotations", "value",
    "binaryAnnotations", "key", "type", "endpoint", "serviceName", "ipv4", "ipv6", "port", "debug",
)  # fmt: skip
parts = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "timestamp": st.integers(-2, 5) | st.sampled_from(["3", None, 1e300]),
            "value": st.sampled_from(["cs", "cr", "sr", "ss", "ms", "mr", "ws", "wr", True, ""]),
            "key": st.sampled_from(["sa", "ca", "ma", "lc", "error", "k"]),
            "type": st.sampled_from(["I16", "BYTES", "DOUBLE", "BOOL", 3]),
            "endpoint": st.sampled_from([SHOP, STOCK, {}, None, "x", {"ipv6": "::1", "port": -1}]),
        },
    ),
    max_size=6,
)


@given(parts, parts, st.integers(0, 3), st.integers(0, 3))
def test_any_mixture_of_annotations_makes_one_span(
    annotations: object, tags: object, timestamp: int, duration: int
) -> None:
    decoded = Decoded()
    span = {**SPAN, "annotations": annotations, "binaryAnnotations": tags}
    span |= {"timestamp": timestamp, "duration": duration}
    ZipkinV1().decode_value(span, decoded, lenient=False)
    assert len(decoded.batch) == 1
    (found,) = decoded.batch.spans()
    assert found.duration_ns >= 0


@given(objects_of(*NAMES), st.booleans())
def test_no_object_of_its_field_names_breaks_the_decoder(value: object, lenient: bool) -> None:
    wire_format, decoded = ZipkinV1(), Decoded()
    if wire_format.claims(value):
        wire_format.decode_value(value, decoded, lenient)
    fields = value if isinstance(value, dict) else {"binaryAnnotations": value}
    wire_format.decode_value({**SPAN, **fields}, decoded, lenient)
    assert decoded.batch.to_arrow().num_rows == len(decoded.batch)
    list(decoded.batch.spans())


def test_of_too_many_annotations_the_first_are_kept_and_the_others_counted() -> None:
    span = decode_one(*[said("x", 1)] * (MAX_EVENTS + 3))
    assert (len(span.events), span.dropped) == (MAX_EVENTS, Dropped(events=3))


def test_a_span_of_too_many_tags_is_refused() -> None:
    bad = {**SPAN, "binaryAnnotations": [{}] * 100_001}
    contents = read(json.dumps([bad, {**SPAN, "binaryAnnotations": []}]))
    assert len(contents.spans) == 1
    assert contents.rejected[0].reason == "a span with 100,001 tags, at most 100,000"


def test_a_large_tag_costs_those_that_follow_of_its_key_little() -> None:
    large = {"many": ["ä"] * 20_000}
    tags = [tag("k", large), *[tag("k", str(at), STOCK) for at in range(500)]]
    began = time.process_time()
    span = decode_one(said("x", 1), tags=tags)
    assert time.process_time() - began < 3
    assert dict(span.attributes)["k"] == large
    assert len(span.as_sent) == 500
