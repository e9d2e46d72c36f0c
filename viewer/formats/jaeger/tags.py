"""Jaeger's typed key-value pairs, in the three ways its JSON writes them: ``type`` and ``value``
(UI and API), ``vType`` and a field per type (protobuf), an object with ``@`` for dots
(Elasticsearch's ``tag``)."""

import base64
import binascii
from collections.abc import Iterator, Mapping

from viewer.formats.loose_json import to_dict, to_int, to_list, to_text, to_value
from viewer.trace.attributes import Attribute, Value, clean_text

_PROTO_TYPES = ("STRING", "BOOL", "INT64", "FLOAT64", "BINARY")
_PROTO_FIELDS = {
    "vStr": "STRING",
    "vBool": "BOOL",
    "vInt64": "INT64",
    "vFloat64": "FLOAT64",
    "vDouble": "FLOAT64",
    "vLong": "INT64",
    "vBinary": "BINARY",
}


def read_tags(tags: object, tag_map: object = None) -> Iterator[Attribute]:
    """Yield the attributes of a ``tags`` list (or object) and of Elasticsearch's ``tag`` object."""
    if isinstance(tags, dict):
        yield from _of_object(tags)
    for tag in to_list(tags):
        fields = to_dict(tag)
        key = fields.get("key")
        if isinstance(key, str):
            yield clean_text(key), _value(fields)
    yield from _of_object(to_dict(tag_map))


def _of_object(fields: Mapping[str, object]) -> Iterator[Attribute]:
    for key, value in fields.items():
        yield clean_text(key.replace("@", ".")), to_value(value)


def _value(tag: Mapping[str, object]) -> Value:
    if "value" in tag:
        kind = tag.get("type")
        return _typed(tag["value"], kind.upper() if isinstance(kind, str) else "")
    kind = tag.get("vType")
    if isinstance(kind, int) and 0 <= kind < len(_PROTO_TYPES):
        kind = _PROTO_TYPES[kind]
    if isinstance(kind, str):
        field = next((name for name, of in _PROTO_FIELDS.items() if of == kind and name in tag), "")
        return _typed(tag.get(field, _ZEROS.get(kind)), kind)
    # The type STRING is protobuf's default and may be left out; so may a zero value.
    for field, of in _PROTO_FIELDS.items():
        if field in tag:
            return _typed(tag[field], of)
    return ""


_ZEROS: dict[str, object] = {"STRING": "", "BOOL": False, "INT64": 0, "FLOAT64": 0.0, "BINARY": ""}


def _typed(value: object, kind: str) -> Value:
    """Return a value as its declared type where it can be read so, else as what it is."""
    if kind == "BOOL" and isinstance(value, str):
        return value.lower() == "true" if value.lower() in ("true", "false") else to_value(value)
    if kind == "INT64":
        number = to_int(value)
        return to_value(value if number is None else number)
    if kind == "FLOAT64" and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return to_value(value)
    if kind == "BINARY" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return to_text(value)
    if kind == "STRING" and isinstance(value, int | float) and not isinstance(value, bool):
        return to_text(value)
    return to_value(value)
