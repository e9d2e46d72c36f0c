"""What went wrong in a segment: exceptions as events, and the status.

As the Collector's translator has it (contrib `receiver/awsxrayreceiver`: `cause.go`), with two
differences: only ``fault`` and ``error`` make an error, neither a cause nor an HTTP status alone; and
exceptions have a time.
"""

from collections.abc import Iterable, Mapping

from viewer.formats.base import MAX_EVENTS, Decoded
from viewer.formats.loose_json import to_dict, to_list, to_text, to_value
from viewer.formats.xray.fields import XRAY, is_set, put, put_all
from viewer.trace.attributes import Value, show_value
from viewer.trace.span import Event, Status, StatusCode

_EXCEPTION = {"message": "exception.message", "type": "exception.type"}
_EXCEPTION_PREFIX = f"{XRAY}exception."
_CAUSE_PREFIX = f"{XRAY}cause."
# It is written out at each subsegment that refers to it.
_MAX_REFERRED = 2_000


def causes_by_id(entities: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Return the messages of a document's exceptions by the IDs that others refer to them with:
    the exception's own, or that of the subsegment it happened in (Node's SDK)."""
    messages: dict[str, str] = {}
    for entity in entities:
        exceptions = to_list(to_dict(entity.get("cause")).get("exceptions"))
        for place, exception in enumerate(exceptions):
            message = _message_of(exception)[:_MAX_REFERRED]
            messages.setdefault(to_text(to_dict(exception).get("id")), message)
            if place == 0:
                messages.setdefault(to_text(entity.get("id")), message)
    messages.pop("", None)
    return messages


def status(entity: Mapping[str, object], causes: Mapping[str, str]) -> Status:
    """Return the status: an error if ``fault`` or ``error`` says so."""
    if not is_set(entity.get("fault")) and not is_set(entity.get("error")):
        return Status()
    return Status(StatusCode.ERROR, _message(entity.get("cause"), causes))


def exceptions(
    cause: object, end_ns: int, decoded: Decoded, where: str
) -> tuple[tuple[Event, ...], int]:
    """Return a cause's exceptions as events, and how many are left out. X-Ray does not tell when
    they happened: they stand at the end of their span, which they ended as a rule."""
    sent = to_list(to_dict(cause).get("exceptions"))
    items, left_out = decoded.first(sent, MAX_EVENTS, "exceptions", where)
    return tuple(_event(item, end_ns) for item in items), left_out


def put_cause(attributes: dict[str, Value], cause: object) -> None:
    """Keep what a cause says beside its exceptions."""
    if isinstance(cause, str):
        put(attributes, f"{_CAUSE_PREFIX}id", cause, f"{XRAY}cause")
    elif isinstance(cause, Mapping):
        known = isinstance(cause.get("exceptions"), list)
        rest = {key: value for key, value in cause.items() if not known or key != "exceptions"}
        put_all(attributes, rest, {}, _CAUSE_PREFIX)
    else:
        put(attributes, f"{XRAY}cause", cause, f"{XRAY}cause")


def _message(cause: object, causes: Mapping[str, str]) -> str:
    if isinstance(cause, str):
        return causes.get(to_text(cause)) or to_text(cause)
    fields = to_dict(cause)
    for exception in to_list(fields.get("exceptions"))[:1]:
        return _message_of(exception)
    return to_text(fields.get("message")) or causes.get(to_text(fields.get("id")), "")


def _message_of(exception: object) -> str:
    if not isinstance(exception, Mapping):
        return show_value(to_value(exception))
    return to_text(exception.get("message")) or to_text(exception.get("type"))


def _event(exception: object, time_ns: int) -> Event:
    attributes: dict[str, Value] = {}
    if not isinstance(exception, Mapping):
        put(attributes, "exception.message", exception, "exception.message")
        return Event(time_ns, "exception", tuple(attributes.items()))
    rest = dict(exception)
    stack = rest.get("stack")
    if isinstance(stack, list):
        del rest["stack"]
    put_all(attributes, rest, _EXCEPTION, _EXCEPTION_PREFIX)
    if isinstance(stack, list) and stack:
        attributes["exception.stacktrace"] = _stacktrace(exception, stack)
    return Event(time_ns, "exception", tuple(attributes.items()))


def _stacktrace(exception: Mapping[str, object], stack: list[object]) -> str:
    head = f"{to_text(exception.get('type'))}: {to_text(exception.get('message'))}\n"
    return head + "".join(f"\tat {_frame(frame)}\n" for frame in stack)


def _frame(frame: object) -> str:
    if not isinstance(frame, Mapping):
        return show_value(to_value(frame))
    line = to_text(frame.get("line")) or "<unknown>"
    return f"{to_text(frame.get('label'))}({to_text(frame.get('path'))}: {line})"
