"""X-Ray's fields as attributes: known ones by their OpenTelemetry names, the others by their own."""

from collections.abc import Mapping

from viewer.formats.loose_json import to_value
from viewer.trace.attributes import Value, clean_text

XRAY = "aws.xray."


def put(attributes: dict[str, Value], name: str, value: object, otherwise: str) -> None:
    """Set an attribute; where the name already has another value, ``otherwise`` is the name. A
    null means absent."""
    if value is None:
        return
    kept = to_value(value)
    if name in attributes and attributes[name] != kept:
        name = otherwise
    attributes[name] = kept


def put_all(
    attributes: dict[str, Value],
    fields: Mapping[str, object],
    names: Mapping[str, str],
    prefix: str,
) -> None:
    """Set an attribute for each field: named by ``names``, or else by its own name after the
    prefix, so that nothing sent is lost."""
    for field, value in fields.items():
        own = prefix + clean_text(field)
        put(attributes, names.get(field, own), value, own)


def put_object(
    attributes: dict[str, Value], name: str, value: object, names: Mapping[str, str]
) -> None:
    """As put_all for what should be an object ``name``; anything else is kept under its name."""
    if isinstance(value, Mapping):
        put_all(attributes, value, names, f"{name}.")
    else:
        put(attributes, name, value, name)


def is_set(value: object) -> bool:
    """Say whether a flag is set."""
    return value is True or value in (1, "true")
