"""JSON as strangers write it: parsing that survives odd text, and reading of loosely typed fields."""

import gc
import json
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import orjson

from viewer.formats.base import DecodeError
from viewer.trace.attributes import MAX_DEPTH, Value, clean_text
from viewer.trace.ids import (
    InvalidId,
    base64_bytes,
    parse_span_id,
    parse_trace_id,
    span_id_from_bytes,
    span_id_of_any_text,
    trace_id_from_bytes,
    trace_id_of_any_text,
)

TOO_DEEP = "nested too deeply"
_MAX_DIGITS = 20
_MIN_INT, _MAX_INT = -(1 << 63), (1 << 64) - 1
_gc_lock = threading.Lock()
_gc_pauses = 0
_gc_was_enabled = False


@contextmanager
def paused_gc() -> Iterator[None]:
    """Keep the cyclic garbage collector off meanwhile. JSON trees hold no cycles, but millions of
    new dicts make it run over and over, which triples the time. Nests, also across threads."""
    global _gc_pauses, _gc_was_enabled
    with _gc_lock:
        if _gc_pauses == 0:
            _gc_was_enabled = gc.isenabled()
            gc.disable()
        _gc_pauses += 1
    try:
        yield
    finally:
        with _gc_lock:
            _gc_pauses -= 1
            if _gc_pauses == 0 and _gc_was_enabled:
                gc.enable()


def load(data: bytes) -> object:
    """Parse one JSON value; raise DecodeError with what is wrong and at which byte.

    orjson is strict; what it refuses gets a second chance with the standard library, which takes
    lone surrogates, NaN and integers of any size, and invalid UTF-8 is replaced.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode("utf-8", "replace"))
        raise DecodeError(f"no JSON: {complaint(error)}", f"byte {at}") from None
    except RecursionError:
        raise DecodeError(f"no JSON to be read: {TOO_DEEP}") from None
    except ValueError as error:
        raise DecodeError(f"no JSON to be read: {error}") from None


def complaint(error: json.JSONDecodeError) -> str:
    """Return the standard library's complaint as the middle of a sentence."""
    if error.pos >= len(error.doc) or error.msg.startswith("Unterminated string"):
        return "it breaks off"
    if error.msg == "Extra data":
        return "something follows the value"
    return error.msg[0].lower() + error.msg[1:]


def first_of(fields: Mapping[str, object], *names: str) -> object:
    """Return the first of these fields that is there and not null, or None."""
    for name in names:
        value = fields.get(name)
        if value is not None:
            return value
    return None


def to_text(value: object) -> str:
    """Return a text field; numbers as their digits, everything else as empty."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(bounded_int(value)) if isinstance(value, int) else repr(value)
    return ""


def to_int(value: object) -> int | None:
    """Return a whole number written as JSON number or text of digits; None if it is neither."""
    if isinstance(value, str):
        try:
            return int(value) if len(value) <= _MAX_DIGITS else None
        except ValueError:
            return None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    return None


def to_count(value: object) -> int:
    """Return an optional unsigned 32-bit number, 0 where it is absent or out of range."""
    if value is None:
        return 0
    number = to_int(value)
    return number if number is not None and 0 <= number <= 0xFFFFFFFF else 0


def to_dict(value: object) -> dict[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def to_list(value: object) -> list[object]:
    """Return a JSON array, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def bounded_int(value: int) -> int | str:
    """Return an integer of up to 64 bits as it is, a larger one as text (cut to 100 digits)."""
    if _MIN_INT <= value <= _MAX_INT:
        return value
    if value.bit_length() > 330:
        return "an integer of more than 100 digits"
    return str(value)


def to_value(value: object, depth: int = 0) -> Value:
    """Return any JSON value as an attribute's value; below MAX_DEPTH levels "…" stands for the
    rest (so this recursion is bounded)."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return bounded_int(value)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {clean_text(key): to_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [to_value(item, depth + 1) for item in value]
    return str(value)


def read_trace_id(value: object, lenient: bool) -> tuple[str, bool]:
    """Return a trace ID and whether it had to be made up (lenient only). Hex of up to 32 digits,
    or base64 of 8 or 16 bytes as protobuf's own JSON has it; raises InvalidId."""
    text = _id_text(value, "trace ID")
    if lenient:
        return trace_id_of_any_text(text)
    try:
        return parse_trace_id(text), False
    except InvalidId:
        raw = base64_bytes(text) if 11 <= len(text) <= 24 else None
        if raw is None or len(raw) not in (8, 16):
            raise
        return trace_id_from_bytes(raw), False


def read_span_id(value: object, lenient: bool) -> tuple[int, bool]:
    """As read_trace_id, for a span ID (16 digits, 8 bytes)."""
    text = _id_text(value, "span ID")
    if lenient:
        return span_id_of_any_text(text)
    try:
        return parse_span_id(text), False
    except InvalidId:
        raw = base64_bytes(text) if 11 <= len(text) <= 12 else None
        if raw is None or len(raw) != 8:
            raise
        return span_id_from_bytes(raw), False


def read_parent_id(value: object, lenient: bool) -> tuple[int, bool]:
    """As read_span_id, but absent, empty and all-zero mean a root: 0."""
    if value is None or (isinstance(value, str) and not value.strip("0")):
        return 0, False
    try:
        return read_span_id(value, lenient)
    except InvalidId as error:
        if isinstance(value, str) and base64_bytes(value) == bytes(8):
            return 0, False
        raise InvalidId(f"the parent's ID: {error}") from error


def _id_text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise InvalidId(f"the {what} is missing" if value is None else f"the {what} is no text")
