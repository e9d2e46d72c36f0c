"""EventQuery: which events of a trace, as every engine understands it.

Events are in order of time; one without a time stands at its span's start. An event tells of an
error if it is named as OpenTelemetry's and OpenTracing's are, has their attributes, or a log level
of that kind.
"""

from dataclasses import dataclass

from viewer.trace.attributes import show_value
from viewer.trace.span import Event

ERROR_NAMES = ("error", "exception")
ERROR_KEYS = ("error.kind", "error.object", "exception.message", "exception.type")
LEVEL_KEYS = ("level", "severity")
ERROR_LEVELS = ("critical", "error", "fatal")


@dataclass(frozen=True, slots=True)
class EventQuery:
    """``text`` occurs in an event's name or in one of its attributes, as ``key=value``, letter case
    ignored; "" is in all of them. ``errors_only`` leaves out what tells of no error."""

    text: str = ""
    errors_only: bool = False
    limit: int = 200
    offset: int = 0


def tells_error(event: Event) -> bool:
    """Say whether an event tells of an error."""
    return event.name in ERROR_NAMES or any(
        key in ERROR_KEYS or (key in LEVEL_KEYS and show_value(value).lower() in ERROR_LEVELS)
        for key, value in event.attributes
    )
