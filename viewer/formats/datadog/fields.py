"""Loosely typed fields of a span, as MessagePack and JSON carry them."""

from msgpack import ExtType  # type: ignore[import-untyped]

from viewer.formats.loose_json import bounded_int, to_int
from viewer.formats.loose_json import to_text as json_text
from viewer.trace.attributes import MAX_DEPTH, Attributes, Value, clean_text
from viewer.trace.ids import MAX_SPAN_ID, InvalidId, parse_span_id, span_id_of_any_text

_MAX_DECIMAL = 20
_MIN_SIGNED = -(1 << 63)


class BadField(ValueError):
    """A field without which a span cannot be placed is unreadable."""


def to_text(value: object) -> str:
    """Return a text field, which may have come as bytes; numbers as their digits, else empty."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else json_text(value)


def to_map(value: object) -> dict[object, object]:
    """Return a map, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def to_ns(value: object, name: str) -> int:
    """Return a time in nanoseconds, 0 where it is absent; raise BadField if it is no number."""
    if value is None:
        return 0
    number = to_int(value)
    if number is None:
        raise BadField(f"{name} is no number of nanoseconds")
    return number


def to_uint64(value: object, what: str, lenient: bool = False) -> int:
    """Return a 64-bit ID, 0 included: a number, signed ones by their bits (as the agent's decoder
    takes them), decimal digits, or hex digits; raise InvalidId."""
    if isinstance(value, int) and not isinstance(value, bool):
        if _MIN_SIGNED <= value <= MAX_SPAN_ID:
            return value & MAX_SPAN_ID
        raise InvalidId(f"the {what} is no number of 64 bits")
    if not isinstance(value, str):
        raise InvalidId(f"the {what} is {'missing' if value is None else 'no number'}")
    if is_decimal(value):
        return int(value)
    return span_id_of_any_text(value)[0] if lenient else parse_span_id(value)


def is_decimal(text: str) -> bool:
    """Say whether text is a 64-bit number in decimal digits, as Datadog writes IDs."""
    return (
        len(text) <= _MAX_DECIMAL
        and text.isascii()
        and text.isdecimal()
        and int(text) <= MAX_SPAN_ID
    )


def to_value(value: object, depth: int = 0) -> Value:
    """Return any value as an attribute's; below MAX_DEPTH levels "…" stands for the rest (so this
    recursion is bounded)."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, int):
        return bounded_int(value)
    if isinstance(value, ExtType):
        return bytes(value.data)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {to_key(key): to_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [to_value(item, depth + 1) for item in value]
    return str(value)


def to_key(key: object) -> str:
    """Return a map's key as text."""
    return to_text(key) or str(key)


def to_attributes(value: object) -> Attributes:
    """Return a map as attributes, or none for anything else."""
    return tuple((to_key(key), to_value(item)) for key, item in to_map(value).items())
