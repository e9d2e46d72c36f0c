from tests.builders import START_NS, TRACE_ID, a_span
from tests.ui.stage import a_store
from viewer.trace.span import Event, Link, Span
from viewer.ui.adjusted_trace import load_adjusted


def adjusted(*spans: Span) -> tuple[list[Span], dict[int, list[str]]]:
    found = load_adjusted(a_store(spans), TRACE_ID, START_NS)
    assert found is not None
    return found


def test_an_unknown_trace_is_none() -> None:
    assert load_adjusted(a_store(), TRACE_ID, START_NS) is None


def test_attributes_are_sorted_by_key_everywhere() -> None:
    unsorted = (("b", 1), ("a", 2))
    (span,), _ = adjusted(
        a_span(
            1,
            attributes=dict(unsorted),
            resource=dict(unsorted),
            events=[Event(5, "e", unsorted)],
            links=[Link("f" * 32, 7, unsorted)],
        )
    )
    ordered = (("a", 2), ("b", 1))
    assert span.attributes == span.events[0].attributes == span.links[0].attributes == ordered
    assert span.resource.attributes == (*ordered, ("service.name", "shop"))


def test_numeric_addresses_get_their_dots() -> None:
    (span,), _ = adjusted(
        a_span(1, attributes={"ip": 167772161, "peer.ipv4": -1, "port": 80, "x": 167772161})
    )
    assert dict(span.attributes) == {
        "ip": "10.0.0.1",
        "peer.ipv4": "255.255.255.255",
        "port": 80,
        "x": 167772161,
    }


def test_what_describes_the_sdk_moves_to_the_resource() -> None:
    (span,), warnings = adjusted(a_span(1, attributes={"telemetry.sdk.name": "otel", "a": 1}))
    assert span.attributes == (("a", 1),)
    assert ("telemetry.sdk.name", "otel") in span.resource.attributes
    assert not warnings


def test_a_conflict_with_the_resource_is_a_warning() -> None:
    key = "telemetry.sdk.language"
    (span,), warnings = adjusted(a_span(1, attributes={key: "go"}, resource={key: "java"}))
    assert span.attributes == ((key, "go"),)
    assert dict(span.resource.attributes)[key] == "java"
    assert warnings == {0: [f"conflicting values between span and resource for attribute {key}"]}


def test_an_orphan_keeps_the_parent_that_it_names() -> None:
    (span,), warnings = adjusted(a_span(1, 0x63))
    assert span.parent_id == 0x63
    assert warnings == {0: ["parent span 0000000000000063 is not in the trace"]}


def test_one_id_used_twice_becomes_two() -> None:
    spans, warnings = adjusted(a_span(1, name="a"), a_span(1, name="b"))
    assert len({span.span_id for span in spans}) == 2
    assert ["span ID 0000000000000001 is used by several spans of the trace"] in warnings.values()
