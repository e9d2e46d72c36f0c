"""OTLP JSON's KeyValue and AnyValue (opentelemetry-proto: common/v1/common.proto), in camelCase or
snake_case; a bare JSON value stands for itself, a plain object for a list of KeyValues."""

from collections.abc import Callable, Iterator

from viewer.formats.loose_json import to_dict, to_int, to_list, to_text, to_value
from viewer.trace.attributes import (
    MAX_DEPTH,
    Attribute,
    Attributes,
    Value,
    clean_text,
    encode_attribute,
    escape_key,
)
from viewer.trace.ids import base64_bytes


def read_packed_attributes(value: object) -> tuple[list[str], str]:
    """Return attributes as their column holds them; plain text, the most frequent, goes past the
    general way."""
    if not value:
        return [], ""
    texts: list[str] = []
    letters: list[str] = []
    for pair in value if isinstance(value, list) else ():
        try:
            any_value = pair["value"]
            if "stringValue" in any_value:
                text = any_value["stringValue"]
                texts.append(f"{_KEYS[pair['key']]}={text if text.isascii() else clean_text(text)}")
                letters.append("s")
                continue
        except (KeyError, TypeError, AttributeError):
            pass  # it is of another shape; the general way knows
        for attribute in _pair(pair):
            text, letter = encode_attribute(*attribute)
            texts.append(text)
            letters.append(letter)
    if isinstance(value, dict):
        for name, item in value.items():
            text, letter = encode_attribute(clean_text(name), to_value(item))
            texts.append(text)
            letters.append(letter)
    return texts, "".join(letters)


class _EscapedKeys(dict[str, str]):
    """Attribute keys as columns hold them: few keys come again and again."""

    def __missing__(self, key: str) -> str:
        escaped = escape_key(key)
        if len(self) >= 10_000:
            self.clear()
        if len(key) <= 200:
            self[key] = escaped
        return escaped


_KEYS = _EscapedKeys()


def read_attributes(value: object) -> Attributes:
    """Return a list of KeyValues as attributes."""
    if isinstance(value, dict):
        return tuple((clean_text(key), to_value(item)) for key, item in value.items())
    return tuple(attribute for pair in to_list(value) for attribute in _pair(pair))


def _pair(pair: object) -> Iterator[Attribute]:
    """Yield a KeyValue's attribute, or nothing if it is none."""
    if isinstance(pair, dict) and isinstance(pair.get("key"), str):
        yield clean_text(pair["key"]), _value(pair.get("value"), 0)


def _value(any_value: object, depth: int) -> Value:
    """Return an AnyValue. Depth is capped at MAX_DEPTH, so this recursion is bounded."""
    if not isinstance(any_value, dict):
        return to_value(any_value, depth)
    for name, raw in any_value.items():
        if raw is None:
            continue
        if name in _PLAIN:
            return _PLAIN[name](raw)
        if name in _NESTED:
            return _NESTED[name](raw, depth) if depth < MAX_DEPTH else "…"
    return to_value(any_value, depth) if any(key not in _EMPTY for key in any_value) else None


def _int(raw: object) -> Value:
    number = to_int(raw)
    return to_value(raw if number is None else number)


def _double(raw: object) -> Value:
    if isinstance(raw, int | float | str):
        try:
            return float(raw)
        except (ValueError, OverflowError):
            return to_text(raw)
    return to_value(raw)


def _bool(raw: object) -> Value:
    return raw == "true" if isinstance(raw, str) else bool(raw)


def _bytes(raw: object) -> Value:
    text = to_text(raw)
    value = base64_bytes(text)
    return text if value is None else value


def _array(raw: object, depth: int) -> Value:
    values = raw if isinstance(raw, list) else to_list(to_dict(raw).get("values"))
    return [_value(item, depth + 1) for item in values]


def _map(raw: object, depth: int) -> Value:
    pairs = raw if isinstance(raw, list) else to_list(to_dict(raw).get("values"))
    return {
        clean_text(pair["key"]): _value(pair.get("value"), depth + 1)
        for pair in pairs
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


_PLAIN: dict[str, Callable[[object], Value]] = {
    "stringValue": to_text,
    "string_value": to_text,
    "intValue": _int,
    "int_value": _int,
    "doubleValue": _double,
    "double_value": _double,
    "boolValue": _bool,
    "bool_value": _bool,
    "bytesValue": _bytes,
    "bytes_value": _bytes,
}
_NESTED: dict[str, Callable[[object, int], Value]] = {
    "arrayValue": _array,
    "array_value": _array,
    "kvlistValue": _map,
    "kvlist_value": _map,
}
_EMPTY = _PLAIN.keys() | _NESTED.keys()
