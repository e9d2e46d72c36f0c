import pytest

from viewer.formats.jaeger.mapping import (
    REF_TYPE,
    Reference,
    changed_times,
    log_event,
    process_resource,
    relate,
    take_sdk,
)
from viewer.trace.span import Link, Resource

TRACE, OTHER = "0" * 31 + "1", "0" * 31 + "2"
PYTHON = (("telemetry.sdk.language", "python"), ("telemetry.sdk.version", "1.21.0"))


@pytest.mark.parametrize(
    ("references", "field", "parent_id", "links"),
    [
        ([], 0, 0, []),
        ([], 5, 5, []),
        ([Reference(True, TRACE, 5)], 5, 5, []),
        ([Reference(False, TRACE, 5)], 5, 5, [(TRACE, 5, False)]),
        ([Reference(False, TRACE, 5)], 0, 5, [(TRACE, 5, False)]),
        ([Reference(False, TRACE, 5), Reference(True, TRACE, 6)], 0, 6, [(TRACE, 5, False)]),
        ([Reference(True, TRACE, 6)], 5, 5, [(TRACE, 6, True)]),
        ([Reference(True, OTHER, 5)], 5, 5, [(OTHER, 5, True)]),
        ([Reference(False, OTHER, 5)], 0, 0, [(OTHER, 5, False)]),
    ],
)
def test_one_parent_is_found_among_references_and_the_older_field(
    references, field, parent_id, links
) -> None:
    expected = tuple(
        Link(trace_id, span_id, ((REF_TYPE, "child_of"),) if child else ())
        for trace_id, span_id, child in links
    )
    assert relate(TRACE, references, field) == (parent_id, expected)


def test_a_service_that_the_tags_repeat_is_named_once() -> None:
    resource = process_resource("shop", [("service.name", "shop"), ("ip", "::1")])
    assert resource == Resource("shop", (("service.name", "shop"), ("ip", "::1")))
    assert process_resource(None, [("ip", "::1")]) == Resource("", (("ip", "::1"),))


def test_tags_that_name_the_sdk_move_to_the_resource() -> None:
    tags = [("a", "b"), *PYTHON]
    resource = take_sdk(Resource("shop", (("service.name", "shop"),)), tags)
    assert resource == Resource("shop", (("service.name", "shop"), *PYTHON))
    assert tags == [("a", "b")]


def test_what_the_process_says_of_the_sdk_is_not_overruled() -> None:
    known = Resource("shop", (("telemetry.sdk.language", "go"), PYTHON[1]))
    tags = [*PYTHON, ("a", "b")]
    assert take_sdk(known, tags) == known
    assert tags == [PYTHON[0], ("a", "b")]


def test_a_resource_without_news_stays_the_same_object() -> None:
    resource = Resource("shop")
    assert take_sdk(resource, [("a", "b")]) is resource


@pytest.mark.parametrize("key", ["event", "message"])
def test_a_logs_event_or_message_is_the_events_name(key: str) -> None:
    event = log_event(7, [("level", "info"), (key, "cache miss")])
    assert (event.time_ns, event.name, event.attributes) == (7, "cache miss", (("level", "info"),))


def test_times_that_cannot_be_kept_are_told() -> None:
    assert changed_times(5, 0) == []
    assert changed_times(-1_000, -5) == [("startTime", "-1000 ns"), ("duration", "-5 ns")]
    assert changed_times((1 << 63), 1) == [("startTime", f"{1 << 63} ns")]
