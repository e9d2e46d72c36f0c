"""The detail panel: everything of a span, nothing of it dangerous, long things folded and told."""

from dataclasses import replace

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.ids import format_span_id
from viewer.trace.span import Dropped, Event, Link, Scope, Span, SpanKind
from viewer.ui.viewmodel.span_detail import SpanDetail, span_detail
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}", span=1)
OTHER = "1" * 32


def detail(*spans: Span, row: int = 0, state: TraceState = STATE) -> SpanDetail:
    """Return the detail of a row; the spans stand in drawing order."""
    return span_detail(a_loaded_trace(*spans), state, row, spans[row])


def section(found: SpanDetail, id_: str) -> dict[str, str]:
    (only,) = [section for section in found.sections if section.id == id_]
    return {field.key: field.value for field in only.fields}


def test_a_span_with_others_below_it_can_be_focused_on() -> None:
    spans = (
        a_span(1),
        a_span(2, 1, start_ns=START_NS + 10 * MS, duration_ns=50 * MS),
        a_span(3, 2, start_ns=START_NS + 20 * MS, duration_ns=10 * MS),
    )
    assert detail(*spans, row=1).focus_url.endswith("&focus=0000000000000002")
    assert detail(*spans, row=2).focus_url == ""
    focused = STATE.focusing(2)
    inner = detail(*spans, row=1, state=focused)
    assert inner.focus_url == ""
    # The zoom is of the part, links out of it leave it.
    assert "from=10000000&to=20000000" in detail(*spans, row=2, state=focused).zoom_url
    assert detail(*spans, row=0, state=focused).zoom_url == ""
    assert "focus" not in inner.parent_url


def test_it_says_what_the_span_is_and_where_it_stands() -> None:
    spans = (
        a_span(1, duration_ns=100 * MS),
        a_span(
            2,
            1,
            name="charge",
            service="payment",
            kind=SpanKind.CLIENT,
            start_ns=START_NS + 10 * MS,
            duration_ns=50 * MS,
            error="declined",
        ),
        a_span(3, 2, start_ns=START_NS + 10 * MS, duration_ns=20 * MS),
        a_span(4, 3, start_ns=START_NS + 10 * MS, duration_ns=10 * MS),
    )
    found = detail(*spans, row=1)
    assert (found.name, found.service, found.kind) == ("charge", "payment", "client")
    assert (found.status, found.status_message) == ("error", "declined")
    assert (found.offset, found.duration_ns, found.self_ns) == ("10.0 ms", 50 * MS, 30 * MS)
    assert found.share == "50.0 %"
    assert (found.children, found.descendants) == (1, 2)
    assert found.parent_id == "0000000000000001"
    assert found.parent_url.endswith("?span=0000000000000001")
    assert found.zoom_url.endswith(f"from={10 * MS}&to={60 * MS}")
    assert "span=" not in found.close_url


# Values.


def test_a_value_of_an_event_has_no_link_to_search_for_it() -> None:
    event = detail(a_span(events=[Event(START_NS, "e", (("k", "v"),))])).events[0]
    assert event.fields[0].search_url == ""


def test_fields_are_sorted_and_very_many_are_cut_and_told() -> None:
    attributes = {f"key{number:04}": number for number in reversed(range(600))}
    found = detail(a_span(attributes=attributes))
    first = found.sections[0]
    assert [field.key for field in first.fields] == [f"key{number:04}" for number in range(500)]
    assert first.note == "100 more are in the JSON."


# Sections.


def test_resource_and_scope_are_shown_with_their_schema() -> None:
    span = a_span(
        resource={"host.name": "web-1"},
        scope=Scope("lib", "1.2", (("lang", "py"),), "https://schema.example/1"),
    )
    span = replace(span, resource=replace(span.resource, schema_url="https://schema.example/2"))
    found = detail(span)
    assert section(found, "resource") == {
        "schema URL": "https://schema.example/2",
        "service.name": "shop",
        "host.name": "web-1",
    }
    assert section(found, "scope") == {
        "name": "lib",
        "version": "1.2",
        "schema URL": "https://schema.example/1",
        "lang": "py",
    }


def test_sections_without_content_are_left_out() -> None:
    assert [section.id for section in detail(a_span(service="")).sections] == []


def test_what_the_sender_left_out_is_told() -> None:
    def note(dropped: Dropped) -> str:
        return detail(replace(a_span(), dropped=dropped)).sections[0].note

    assert note(Dropped(attributes=1)) == "The sender left out 1 attribute."
    assert note(Dropped(2, 0, 3)) == "The sender left out 2 attributes and 3 links."
    assert note(Dropped(0, 1, 0)) == "The sender left out 1 event."
    found = detail(
        a_span(
            events=[Event(START_NS, "e", dropped_attributes=4)],
            links=[Link(OTHER, 5, dropped_attributes=1)],
        )
    )
    assert found.events[0].note == "The sender left out 4 attributes."
    assert found.links[0].note == "The sender left out 1 attribute."


def test_flags_trace_state_and_what_a_format_changed_are_as_sent() -> None:
    span = replace(a_span(), flags=1, trace_state="a=b", as_sent=(("kind", "RPC"),))
    assert section(detail(span), "as-sent") == {
        "flags": "0x01",
        "trace state": "a=b",
        "kind": "RPC",
    }


def test_a_server_half_tells_the_ids_that_were_sent() -> None:
    spans = (
        a_span(1),
        a_span(2, 1, kind=SpanKind.CLIENT, duration_ns=10),
        a_span(2, 1, kind=SpanKind.SERVER, duration_ns=5, start_ns=START_NS + 1),
    )
    trace = a_loaded_trace(*spans)
    found = span_detail(trace, STATE, 2, spans[2])
    assert found.span_id == format_span_id(int(trace.tree.shown_id[2])) != format_span_id(2)
    assert found.parent_id == format_span_id(2)
    assert found.parent_url.endswith(f"span={format_span_id(2)}")
    sent = section(found, "as-sent")
    assert sent == {"span ID": format_span_id(2), "parent span ID": format_span_id(1)}


# Parents and ancestors.


@pytest.mark.parametrize(
    ("spans", "row", "parent", "note"),
    [
        ([a_span(1)], 0, "", ""),
        ([a_span(1, 99)], 0, "0000000000000063", "not in this trace"),
        ([a_span(1, 1)], 0, "0000000000000001", "its own ID"),
        ([a_span(1, 2), a_span(2, 1)], 0, "0000000000000002", "one of a circle of parents"),
    ],
)
def test_a_span_at_the_top_tells_why(spans: list[Span], row: int, parent: str, note: str) -> None:
    found = detail(*spans, row=row)
    assert found.parent_id == parent
    assert found.parent_url == ""
    if parent:
        assert found.parent_note == note


def test_the_nearest_ancestors_are_steps_and_the_others_counted() -> None:
    spans = a_forest(range(10))
    found = detail(*spans, row=9)
    assert [step.name for step in found.ancestors] == [f"step {number}" for number in range(4, 10)]
    assert found.more_ancestors == 3
    assert found.ancestors[-1].url.endswith("span=0000000000000009")


# Events and links.


def test_events_stand_in_the_order_of_time_with_their_place_in_the_span() -> None:
    found = detail(
        a_span(
            duration_ns=10 * MS,
            events=[
                Event(START_NS + 5 * MS, "exception", (("exception.type", "T"),)),
                Event(START_NS - 2 * MS, ""),
                Event(0, "no time"),
            ],
        )
    )
    assert [(event.name, event.offset, event.is_exception) for event in found.events] == [
        ("no time", "no time", False),
        ("(no name)", "-2.00 ms", False),
        ("exception", "5.00 ms", True),
    ]


def test_very_many_events_are_cut_and_told() -> None:
    many = [Event(START_NS + number, "e") for number in range(1700)]
    found = detail(a_span(events=many))
    assert (len(found.events), found.event_count) == (500, 1700)
    assert found.events_note == "1,200 more are in the JSON."
    assert detail(a_span(events=many[:500])).events_note == ""


def test_very_many_links_are_cut_and_told() -> None:
    found = detail(a_span(links=[Link(OTHER, number) for number in range(1, 502)]))
    assert (len(found.links), found.link_count) == (500, 501)
    assert found.links_note == "1 more is in the JSON."


def test_links_lead_to_spans_of_this_trace_and_of_others() -> None:
    links = [
        Link(TRACE_ID, 7),
        Link(OTHER, 7, (("why", "retry"),), trace_state="a=b", flags=1),
        Link(OTHER, 0),
        Link("0" * 31 + "a", 1),
        Link(TRACE_ID, 0),
    ]
    state = replace(STATE, find="x", utc=True)
    here, there, whole, short, self_ = detail(a_span(links=links), state=state).links
    assert here.here
    assert here.url == state.selecting(7).url
    assert not there.here
    assert there.url == f"/trace/{OTHER}?span=0000000000000007&tz=utc"
    assert [(field.key, field.value) for field in there.fields] == [
        ("trace state", "a=b"),
        ("flags", "0x01"),
        ("why", "retry"),
    ]
    assert whole.url == f"/trace/{OTHER}?tz=utc"
    assert whole.span_id == ""
    assert short.url.startswith("/trace/000000000000000a?span=")
    assert short.trace_id == "000000000000000a"
    assert self_.url == f"/trace/{TRACE_ID}?tz=utc"


# Time.


def test_a_span_without_time_says_so() -> None:
    found = detail(a_span(1, start_ns=0, duration_ns=0))
    assert found.start_ns == 0
    assert found.zoom_url == ""
    assert found.share == "0.0 %"
