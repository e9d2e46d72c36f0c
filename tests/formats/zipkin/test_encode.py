import json
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import a_span
from tests.formats.reading import read
from tests.formats.strategies import spans, texts
from viewer.formats.zipkin.encode import encode, encode_groups, encode_span
from viewer.trace.attributes import show_value
from viewer.trace.ids import format_span_id
from viewer.trace.span import Dropped, Event, Link, Resource, Span, SpanKind, StatusCode


def as_zipkin_keeps(span: Span) -> Span:
    """All tags are text, the resource's among them; a zero duration is an absent one. A span that
    names itself as its parent is a root, visibly."""
    of_resource = [pair for pair in span.resource.attributes if pair[0] != "service.name"]
    service = span.service
    is_own_parent = span.parent_id == span.span_id
    return replace(
        span,
        resource=Resource(service, (("service.name", service),)) if service else Resource(),
        attributes=tuple(
            (key, show_value(value)) for key, value in (*of_resource, *span.attributes)
        ),
        flags=0,
        dropped=Dropped(),
        # the message of an error is told apart from the bare tag `error`
        status=span.status,
        parent_id=0 if is_own_parent else span.parent_id,
        as_sent=(("parentId", format_span_id(span.span_id)),) if is_own_parent else (),
    )


def is_plain(event: Event) -> bool:
    return not event.name.startswith('{"')


@settings(max_examples=40)
@given(st.lists(spans(of=texts, step_ns=1000), min_size=1, max_size=4))
@example([a_span(7, 7)])
def test_decoding_gives_the_spans_back_to_the_microsecond(sent) -> None:
    sent = [
        replace(
            span,
            events=tuple(filter(is_plain, span.events)),
            trace_state=span.trace_state.replace("|", ""),
        )
        for span in sent
    ]
    found = read(encode(sent), lenient=False)
    assert not found.rejected
    assert not found.notes
    expected = [as_zipkin_keeps(span) for span in sent]
    assert list(map(repr, found.spans)) == list(map(repr, expected))


def test_fields_stand_in_zipkin_s_order_and_empty_ones_are_left_out() -> None:
    span = a_span(
        0xAB,
        1,
        kind=SpanKind.CLIENT,
        attributes={"peer.service": "db", "net.peer.ip": "10.0.0.1", "net.peer.port": 5432, "n": 1},
        events=[Event(a_span().start_ns, "hit"), Event(a_span().start_ns, "miss", (("k", "v"),))],
    )
    assert list(encode_span(span).items()) == [
        ("traceId", span.trace_id),
        ("parentId", "0000000000000001"),
        ("id", "00000000000000ab"),
        ("kind", "CLIENT"),
        ("name", "GET /"),
        ("timestamp", 1_700_000_000_000_000),
        ("duration", 100_000),
        ("localEndpoint", {"serviceName": "shop"}),
        ("remoteEndpoint", {"serviceName": "db", "ipv4": "10.0.0.1", "port": 5432}),
        (
            "annotations",
            [
                {"timestamp": 1_700_000_000_000_000, "value": "hit"},
                {"timestamp": 1_700_000_000_000_000, "value": '{"miss":{"k":"v"}}'},
            ],
        ),
        ("tags", {"n": "1"}),
    ]


def test_a_short_duration_is_never_rounded_to_none() -> None:
    assert encode_span(a_span(duration_ns=400))["duration"] == 1
    assert "duration" not in encode_span(a_span(duration_ns=0))


def test_an_error_tag_never_makes_a_good_span_bad() -> None:
    assert "error" not in encode_span(a_span(attributes={"error": "x"})).get("tags", {})
    assert encode_span(a_span(attributes={"error": False}))["tags"]["error"] == "false"


def test_links_survive() -> None:
    link = Link("f" * 32, 7, (("k", "v"),), "a=b", dropped_attributes=2)
    (span,) = read(encode([a_span(links=[link])])).spans
    assert span.links == (link,)


def test_zipkin_s_own_examples_come_back_as_they_were(shared_traces: Path) -> None:
    for name in ("smartthings-oauth-authorization", "messaging-kafka", "yelp", "chinese-one-span"):
        found = read((shared_traces / f"zipkin-v2/{name}.json").read_bytes()).spans
        again = read(encode(found)).spans
        # The endpoints are written apart from the tags, so attributes may change places.
        for before, after in zip(found, again, strict=True):
            assert sorted(before.attributes) == sorted(after.attributes)
            same = replace(after, attributes=before.attributes, status=before.status)
            assert same == before
            assert after.status.code is before.status.code
            assert after.status.code is not StatusCode.ERROR or after.status == before.status


def test_the_encoded_list_is_json() -> None:
    assert json.loads(encode([])) == []


@given(st.lists(spans(), max_size=3), st.lists(spans(), max_size=3))
@settings(max_examples=25)
def test_pieces_make_one_document(some: list[Span], others: list[Span]) -> None:
    assert b"".join(encode_groups([some])) == encode(some)
    whole = b"".join(encode_groups([some, [], others]))
    assert json.loads(whole) == [*json.loads(encode(some)), *json.loads(encode(others))]
