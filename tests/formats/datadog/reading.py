"""Decodes bodies and single spans, for tests."""

from tests.formats.datadog import encoders
from viewer.formats.base import Decoded
from viewer.formats.datadog.msgpack import read_body
from viewer.formats.datadog.payload import Chunk, TracerPayload
from viewer.formats.datadog.spans import add_payload
from viewer.trace.span import Span


def decode(version: str, body: bytes, *, lenient: bool = False) -> Decoded:
    payload, decoded = TracerPayload(), Decoded()
    read_body(version, body, payload)
    add_payload(payload, decoded, lenient=lenient)
    return decoded


def spans(version: str, body: bytes) -> list[Span]:
    decoded = decode(version, body)
    assert not decoded.rejected
    return list(decoded.batch.spans())


def of_fields(**fields: object) -> Span:
    """Map one span of v0.4."""
    (made,) = of_chunk(encoders.root(**fields))
    return made


def of_chunk(*fields: object, lenient: bool = False) -> list[Span]:
    decoded = Decoded()
    add_payload(TracerPayload([Chunk(list(fields))]), decoded, lenient=lenient)
    assert not decoded.rejected, decoded.rejected
    return list(decoded.batch.spans())


def reasons(decoded: Decoded) -> list[str]:
    return [rejection.reason for rejection in decoded.rejected]
