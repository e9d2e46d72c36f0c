import pytest

from tests.formats.xray.reading import SEGMENT, SUBSEGMENT, read_all, read_segment
from viewer.formats.base import MAX_EVENTS
from viewer.trace.span import Dropped, Event, Status, StatusCode

EXCEPTION = {
    "id": "3e9e11e3ab3fba60",
    "type": "PaymentError",
    "message": "no money",
    "remote": True,
    "truncated": 3,
    "skipped": 1,
    "cause": "00000000000000aa",
    "stack": [
        {"path": "pay.py", "line": 203, "label": "pay"},
        {"path": "main.py", "label": "main"},
    ],
}


def test_an_exception_is_an_event_of_opentelemetry_s_form() -> None:
    span = read_segment(fault=True, cause={"exceptions": [EXCEPTION]})
    (event,) = span.events
    assert event == Event(
        span.end_ns,
        "exception",
        (
            ("aws.xray.exception.id", "3e9e11e3ab3fba60"),
            ("exception.type", "PaymentError"),
            ("exception.message", "no money"),
            ("aws.xray.exception.remote", True),
            ("aws.xray.exception.truncated", 3),
            ("aws.xray.exception.skipped", 1),
            ("aws.xray.exception.cause", "00000000000000aa"),
            (
                "exception.stacktrace",
                "PaymentError: no money\n\tat pay(pay.py: 203)\n\tat main(main.py: <unknown>)\n",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ({"fault": True}, StatusCode.ERROR),
        ({"error": True}, StatusCode.ERROR),
        ({"error": True, "throttle": True}, StatusCode.ERROR),
        ({"throttle": True}, StatusCode.UNSET),
        ({"fault": False, "error": False}, StatusCode.UNSET),
        ({"http": {"response": {"status": 500}}}, StatusCode.UNSET),
        ({}, StatusCode.UNSET),
    ],
)
def test_only_fault_and_error_make_an_error(flags: dict, code: StatusCode) -> None:
    span = read_segment(cause={"exceptions": [EXCEPTION]}, **flags)
    assert span.status == Status(code, "no money" if code is StatusCode.ERROR else "")
    attributes = dict(span.attributes)
    for flag in ("fault", "error", "throttle"):
        assert attributes.get(f"aws.xray.{flag}") is (flags.get(flag) or None)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (None, ""),
        ("0123456789abcdef", "0123456789abcdef"),
        ({"id": "0123456789abcdef", "exceptions": []}, ""),
        ({"message": "timed out"}, "timed out"),
        ({"exceptions": [{"type": "OSError"}, EXCEPTION]}, "OSError"),
        ({"exceptions": ["broken", 7]}, "broken"),
        ({"exceptions": {"a": 1}}, ""),
        ([], ""),
        (7, ""),
    ],
)
def test_the_message_is_what_the_cause_says(cause: object, message: str) -> None:
    span = read_segment(fault=True, cause=cause)
    assert span.status == Status(StatusCode.ERROR, message)


@pytest.mark.parametrize(
    "reference",
    [
        "3e9e11e3ab3fba60",  # the exception's ID (Python, Java)
        {"id": "3e9e11e3ab3fba60"},
        {"id": SUBSEGMENT["id"], "exceptions": []},  # the subsegment's (Node)
    ],
)
def test_a_reference_to_an_exception_below_is_followed(reference: object) -> None:
    below = {**SUBSEGMENT, "fault": True, "cause": {"exceptions": [EXCEPTION]}}
    segment = {**SEGMENT, "fault": True, "cause": reference, "subsegments": [below]}
    span, child = read_all(segment).spans
    assert (span.status.message, child.status.message) == ("no money", "no money")
    shown = reference if isinstance(reference, str) else reference["id"]
    assert dict(span.attributes)["aws.xray.cause.id"] == shown


def test_what_else_a_cause_says_is_kept() -> None:
    cause = {"working_directory": "/app", "paths": ["a.py"], "exceptions": [], "odd": 1}
    assert dict(read_segment(cause=cause).attributes) == {
        "aws.xray.cause.working_directory": "/app",
        "aws.xray.cause.paths": ["a.py"],
        "aws.xray.cause.odd": 1,
    }
    assert dict(read_segment(cause=[1]).attributes) == {"aws.xray.cause": [1]}
    odd = read_segment(cause={"exceptions": 3})
    assert dict(odd.attributes) == {"aws.xray.cause.exceptions": 3}


def test_stacks_of_another_shape_are_kept() -> None:
    first, second = read_segment(
        cause={"exceptions": [{"stack": "at x"}, {"stack": ["at y", {"line": "9"}]}]}
    ).events
    assert first.attributes == (("aws.xray.exception.stack", "at x"),)
    assert dict(second.attributes)["exception.stacktrace"] == ": \n\tat at y\n\tat (: 9)\n"


def test_of_too_many_exceptions_the_first_are_kept_and_the_others_counted() -> None:
    nested = {**SUBSEGMENT, "cause": {"exceptions": [{"message": "x"}] * (MAX_EVENTS + 3)}}
    contents = read_all({**SEGMENT, "subsegments": [nested]})
    _, span = contents.spans
    assert (len(span.events), span.dropped) == (MAX_EVENTS, Dropped(events=3))
    (note,) = contents.notes
    assert (note.reason, note.where) == (
        "exceptions beyond 10,000 a span were left out",
        "subsegment 1",
    )


def test_a_message_is_cut_for_those_that_refer_to_it() -> None:
    other = {**SUBSEGMENT, "fault": True, "cause": EXCEPTION["id"]}
    cause = {"exceptions": [{**EXCEPTION, "message": "x" * 10_000}]}
    document = {**SEGMENT, "fault": True, "cause": cause, "subsegments": [other]}
    segment, subsegment = read_all(document).spans
    assert (len(segment.status.message), len(subsegment.status.message)) == (10_000, 2_000)
