"""Datadog JSON in files: the agent's v0.4 as a list of chunks, a list of spans, or single spans."""

from viewer.formats.base import Decoded
from viewer.formats.datadog.payload import Chunk, TracerPayload
from viewer.formats.datadog.spans import add_payload
from viewer.formats.datadog.v04 import from_json

_LOOKED_AT = 100


class DatadogJson:
    """The format `datadog-json`."""

    name = "datadog-json"
    title = "Datadog JSON"

    def claims(self, value: object) -> bool:
        """Recognise a span, and a list of spans or chunks as a whole: its spans share trace IDs."""
        if not isinstance(value, list):
            return _is_span(value)
        first = next((item for item in value[:_LOOKED_AT] if item != []), None)
        return _is_span(first[0] if isinstance(first, list) else first)

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the value's spans."""
        payload = from_json(value) if isinstance(value, list) else TracerPayload([Chunk([value])])
        add_payload(payload, decoded, lenient=lenient)


def _is_span(value: object) -> bool:
    """Say whether this is a span: numbers as IDs, or texts beside fields that only Datadog has."""
    if not isinstance(value, dict):
        return False
    ids = (value.get("trace_id"), value.get("span_id"))
    if any(isinstance(value.get(name), dict) for name in ("meta", "metrics")) or (
        isinstance(value.get("resource"), str) and "service" in value
    ):
        return all(isinstance(each, int | str) for each in ids)
    return "service" in value and all(
        isinstance(each, int) and not isinstance(each, bool) for each in ids
    )
