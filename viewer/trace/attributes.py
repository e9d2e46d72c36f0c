"""Typed, nested attribute values, and the text form in which columns carry them.

A column holds an attribute as ``key=value`` plus one letter for its type, so that equality search
is one list look-up and the type survives. Letters: s string, i integer, d double, b boolean,
y bytes (base64), j array or map (JSON), n empty value. Types follow OTLP's AnyValue.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import orjson

Value: TypeAlias = "str | bool | int | float | bytes | Sequence[Value] | Mapping[str, Value] | None"
Attribute: TypeAlias = tuple[str, Value]
Attributes: TypeAlias = tuple[Attribute, ...]

MAX_DEPTH = 100


def clean_text(text: str) -> str:
    """Replace lone surrogates, which JSON may carry and UTF-8 cannot, by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def encode_attribute(key: str, value: Value) -> tuple[str, str]:
    """Return (``key=value``, type letter); ``=`` and ``\\`` in a key are escaped by ``\\``."""
    text, letter = encode_value(value)
    return f"{escape_key(key)}={text}", letter


def escape_key(key: str) -> str:
    """Return the key as it stands before the ``=`` of the column's text form."""
    if "=" in key or "\\" in key:
        key = key.replace("\\", "\\\\").replace("=", "\\=")
    return clean_text(key)


def encode_value(value: Value) -> tuple[str, str]:
    """Return (text, type letter) of one value."""
    if isinstance(value, str):
        return clean_text(value), "s"
    if isinstance(value, bool):
        return ("true" if value else "false"), "b"
    if isinstance(value, int):
        return str(value), "i"
    if isinstance(value, float):
        return repr(value), "d"
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode(), "y"
    if value is None:
        return "", "n"
    return dump_json(plain(value)), "j"


def decode_attribute(text: str, letter: str) -> Attribute:
    """Undo encode_attribute."""
    key, value = split_attribute(text)
    return key, decode_value(value, letter)


def split_attribute(text: str) -> tuple[str, str]:
    """Split ``key=value`` at its first unescaped ``=``; returns the plain key and the value's text."""
    key, _, value = text.partition("=")
    if "\\" not in key:
        return key, value
    parts: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            parts.append(text[position + 1])
            position += 2
            continue
        if char == "=":
            break
        parts.append(char)
        position += 1
    return "".join(parts), text[position + 1 :]


def decode_value(text: str, letter: str) -> Value:
    """Undo encode_value; text whose letter does not fit comes back as a string."""
    try:
        if letter == "i":
            return int(text)
        if letter == "d":
            return float(text)
        if letter == "b":
            return text == "true"
        if letter == "y":
            return base64.b64decode(text)
        if letter == "n":
            return None
        if letter == "j":
            value: Value = json.loads(text)
            return value
    except (ValueError, RecursionError):
        return text
    return text


def decode_attributes(texts: Iterable[str], letters: str) -> Attributes:
    """Undo encode_attribute for a whole list and its string of letters."""
    return tuple(
        decode_attribute(text, letter) for text, letter in zip(texts, letters, strict=True)
    )


def plain(value: Value, depth: int = 0) -> Value:
    """Return a nested value as JSON can hold it: bytes and non-finite doubles become marked maps.

    Deeper than MAX_DEPTH levels the rest is replaced by the text "…" (depth is capped, so this
    recursion is bounded).
    """
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bytes | bytearray):
        return {"@bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"@double": repr(value)}
    if isinstance(value, Mapping):
        return {clean_text(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item, depth + 1) for item in value]
    return value


def marked_bytes(value: Mapping[str, Value]) -> bytes | None:
    """Return the bytes that `plain` has made this map of; None if it is another map."""
    text = value.get("@bytes")
    if len(value) != 1 or not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text)
    except ValueError:
        return None


def dump_json(value: object) -> str:
    """Write JSON compactly, UTF-8 kept; integers beyond 64 bits too (where orjson stops)."""
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, TypeError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def show_value(value: Value) -> str:
    """Return a value as a person reads it: text itself, numbers, JSON for nested ones."""
    return encode_value(value)[0]
