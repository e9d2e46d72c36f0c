import json

import pytest

from tests.formats.datadog import encoders
from tests.formats.datadog.reading import of_chunk, of_fields
from viewer.formats.base import MAX_EVENTS, MAX_LINKS, Decoded
from viewer.formats.datadog.payload import Chunk, TracerPayload
from viewer.formats.datadog.spans import add_payload
from viewer.trace.span import Dropped, Event, Link, Span

LINK = {
    "trace_id": 2133000431340558749,
    "trace_id_high": 17452495159095626718,
    "span_id": 6535175571676211094,
    "attributes": {"link.reason": "batch"},
    "tracestate": "dd=s:1",
    "flags": (1 << 31) | 1,
}
IN_HEX = {
    **LINK,
    "trace_id": "f233b7e1421e8bde1d99f09757cf199d",
    "span_id": "5ab19b8ebe922796",
}
EXPECTED = Link(
    "f233b7e1421e8bde1d99f09757cf199d",
    0x5AB19B8EBE922796,
    (("link.reason", "batch"),),
    "dd=s:1",
    1,
)


def test_native_links_have_numbers_as_ids() -> None:
    assert of_fields(span_links=[LINK]).links == (EXPECTED,)


@pytest.mark.parametrize("link", [LINK, IN_HEX])
def test_links_as_a_tag_have_numbers_or_hex_and_the_tag_is_taken(link: object) -> None:
    span = of_fields(meta={"_dd.span_links": json.dumps([link])})
    assert span.links == (EXPECTED,)
    assert "_dd.span_links" not in dict(span.attributes)


def test_native_links_win_over_the_tag() -> None:
    span = of_fields(span_links=[LINK], meta={"_dd.span_links": '[{"trace_id":42,"span_id":42}]'})
    assert span.links == (EXPECTED,)
    assert "_dd.span_links" not in dict(span.attributes)


def test_a_link_to_half_an_id_is_completed_from_what_is_known() -> None:
    half = {"trace_id": encoders.LOWER, "span_id": 5}
    _, span = of_chunk(encoders.root(1), encoders.span(2, span_links=[half]))
    assert [link.trace_id for link in span.links] == [encoders.TRACE_ID]


@pytest.mark.parametrize(
    "link", [None, {}, {"trace_id": 0, "span_id": 0}, {"trace_id": "x"}, {"trace_id": 5}, []]
)
def test_a_bad_link_is_noted_and_costs_no_other(link: object) -> None:
    decoded = Decoded()
    span = encoders.root(span_links=[link, LINK])
    add_payload(TracerPayload([Chunk([span])]), decoded)
    assert [made.links for made in decoded.batch.spans()] == [(EXPECTED,)]
    assert [note.reason.split(":")[0] for note in decoded.notes] == ["a link was left out"]


TYPED = {
    "stage": {"type": 0, "string_value": "validate"},
    "ok": {"type": 1, "bool_value": True},
    "big": {"type": 2, "int_value": (1 << 62) + 1},
    "ratio": {"type": 3, "double_value": 2},
    "list": {
        "type": 4,
        "array_value": {
            "values": [
                {"type": 0, "string_value": "a"},
                {"type": 2, "int_value": 7},
            ]
        },
    },
}


def test_native_events_have_typed_attributes() -> None:
    sent = {"time_unix_nano": 111, "name": "checkpoint", "attributes": TYPED}
    assert of_fields(span_events=[sent]).events == (
        Event(
            111,
            "checkpoint",
            (
                ("stage", "validate"),
                ("ok", True),
                ("big", (1 << 62) + 1),
                ("ratio", 2.0),
                ("list", ["a", 7]),
            ),
        ),
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        "plain",
        {"type": 9},
        {"type": "x"},
        {"type": -1},
        {"type": 4},
        {"type": 4, "array_value": {"values": 5}},
        {"type": 0},
        {"type": {}},
    ],
)
def test_an_attribute_of_no_type_costs_no_event(value: object) -> None:
    sent = {"time_unix_nano": 1, "name": "e", "attributes": {"a": value, "b": TYPED["stage"]}}
    (event,) = of_fields(span_events=[sent]).events
    assert dict(event.attributes)["b"] == "validate"
    assert dict(event.attributes)["a"] in (None, [], ["x"])


def test_events_as_a_tag_are_read_and_the_tag_is_taken() -> None:
    text = '[{"name":"miss","time_unix_nano":111,"attributes":{"key":"k","n":1.5,"l":[1,true]}}]'
    span = of_fields(meta={"events": text})
    assert span.events == (Event(111, "miss", (("key", "k"), ("n", 1.5), ("l", [1, True]))),)
    assert "events" not in dict(span.attributes)


@pytest.mark.parametrize(
    "text", ["3", "[", "[1]", '{"a":1}', "[[]]", "none", "", "[" * 5_000, 5, None, b"[]"]
)
def test_a_tag_of_another_making_stays_a_tag(text: object) -> None:
    span = of_fields(meta={"events": text, "_dd.span_links": text})
    assert (span.events, span.links) == ((), ())
    assert {"events", "_dd.span_links"} <= dict(span.attributes).keys()


def test_broken_events_keep_what_they_have() -> None:
    span = of_fields(span_events=[None, {"time_unix_nano": -5, "name": 7}, {"attributes": []}])
    assert span.events == (Event(0, ""), Event(0, "7"), Event(0, ""))


def noted(**fields: object) -> tuple[Span, list[str]]:
    decoded = Decoded()
    add_payload(TracerPayload([Chunk([encoders.root(**fields)])]), decoded)
    (span,) = decoded.batch.spans()
    return span, [note.reason for note in decoded.notes]


def test_of_too_many_native_links_the_first_are_kept_and_the_others_counted() -> None:
    span, notes = noted(span_links=[LINK] * (MAX_LINKS + 3))
    assert (len(span.links), span.dropped) == (MAX_LINKS, Dropped(links=3))
    assert notes == ["links beyond 10,000 a span were left out"]


@pytest.mark.parametrize("field", ["span_events", "events"])
def test_of_too_many_native_events_the_first_are_kept_and_the_others_counted(field: str) -> None:
    span, notes = noted(**{field: [{"name": "x"}] * (MAX_EVENTS + 3)})
    assert (len(span.events), span.dropped) == (MAX_EVENTS, Dropped(events=3))
    assert notes == ["events beyond 10,000 a span were left out"]


@pytest.mark.parametrize(
    ("tag", "row"),
    [
        ("events", '{"name":"x"}'),
        ("_dd.span_links", '{"trace_id":1,"span_id":1}'),
        ("events", "{" * 12 + "}" * 12),
    ],
)
def test_a_tag_of_too_many_stays_a_tag(tag: str, row: str) -> None:
    text = f"[{','.join([row] * (MAX_EVENTS + 1))}]"
    span, notes = noted(meta={tag: text})
    assert (span.events, span.links, span.dropped, notes) == ((), (), Dropped(), [])
    assert dict(span.attributes)[tag] == text
