"""The fields that Zipkin's two JSON forms share, read as loosely as strangers write them."""

from collections.abc import Mapping

from viewer.formats.loose_json import (
    read_parent_id,
    read_span_id,
    read_trace_id,
    to_dict,
    to_int,
    to_text,
)
from viewer.formats.zipkin.span import NOWHERE, Endpoint


class BadField(ValueError):
    """A field without which a span cannot be placed is unreadable."""


def read_ids(
    span: Mapping[str, object], lenient: bool, as_sent: list[tuple[str, str]]
) -> tuple[str, int, int]:
    """Return the IDs of trace, span and parent (0 = none); raise InvalidId. What had to be made up
    is added to ``as_sent``."""
    trace_id, made_up = read_trace_id(span.get("traceId"), lenient)
    if made_up:
        as_sent.append(("traceId", str(span["traceId"])))
    span_id, made_up = read_span_id(span.get("id"), lenient)
    if made_up:
        as_sent.append(("id", str(span["id"])))
    parent_id, made_up = read_parent_id(span.get("parentId"), lenient)
    if made_up:
        as_sent.append(("parentId", str(span["parentId"])))
    return trace_id, span_id, parent_id


def read_micros(span: Mapping[str, object], field: str) -> int:
    """Return a number of microseconds, 0 where it is absent; raise BadField."""
    value = span.get(field)
    if value is None or value == "":
        return 0
    number = to_int(value)
    if number is None:
        raise BadField(f"{field} is no number of microseconds")
    return max(number, 0)


def read_endpoint(value: object) -> Endpoint:
    """Return an endpoint; what is missing or odd in it is left out."""
    if not value:
        return NOWHERE
    endpoint = to_dict(value)
    port = to_int(endpoint.get("port")) or 0
    return Endpoint(
        to_text(endpoint.get("serviceName")),
        to_text(endpoint.get("ipv4")),
        to_text(endpoint.get("ipv6")),
        port if 0 < port < 65536 else 0,
    )
