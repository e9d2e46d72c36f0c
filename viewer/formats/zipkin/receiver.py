"""Zipkin's HTTP collector (openzipkin/zipkin: `ZipkinHttpCollector.java`, port 9411).

What a body is to be is said by path and type, JSON by default; what it is, by its first byte, so
that a client pointed at the wrong path is told so in Zipkin's words.
"""

from collections.abc import Mapping
from http import HTTPStatus

from viewer.formats.base import Decoded, DecodeError, Format, JsonFormat, Payload
from viewer.formats.loose_json import load, paused_gc
from viewer.formats.receiver import HttpAnswer, HttpRequest
from viewer.formats.zipkin.lists import decode_list, whole
from viewer.formats.zipkin.proto import ZipkinProto
from viewer.formats.zipkin.thrift import ZipkinThrift
from viewer.formats.zipkin.v1 import ZipkinV1
from viewer.formats.zipkin.v2 import ZipkinV2

_V1_PATH, _V2_PATH, _HEALTH = "/api/v1/spans", "/api/v2/spans", "/health"
# Zipkin's names of its encodings, as its messages have them.
_JSON_V1, _JSON_V2, _PROTO3, _THRIFT = "JSON_V1", "JSON_V2", "PROTO3", "THRIFT"
_BY_TYPE = {
    (_V2_PATH, "application/x-protobuf"): _PROTO3,
    (_V1_PATH, "application/x-thrift"): _THRIFT,
}
_BY_PATH = {_V1_PATH: _JSON_V1, _V2_PATH: _JSON_V2}
_BINARY: dict[str, Format] = {_PROTO3: ZipkinProto(), _THRIFT: ZipkinThrift()}
_JSON: dict[str, JsonFormat] = {_JSON_V1: ZipkinV1(), _JSON_V2: ZipkinV2()}
# What only a span of the other version has.
_FOREIGN = {
    _JSON_V1: (_JSON_V2, ("localEndpoint", "remoteEndpoint", "tags")),
    _JSON_V2: (_JSON_V1, ("binaryAnnotations",)),
}
_BOM = b"\xef\xbb\xbf"


class ZipkinReceiver:
    """Zipkin over HTTP."""

    name = "Zipkin"
    flag = "--zipkin"
    port = 9411
    shown_path = _V2_PATH
    paths: Mapping[str, tuple[str, ...]] = {
        _V2_PATH: ("POST",),
        _V1_PATH: ("POST",),
        _HEALTH: ("GET",),
    }

    def decode(self, request: HttpRequest) -> Decoded | None:
        """Return a body's spans; raise DecodeError if none of it can be kept.

        Zipkin refuses a body whole for one bad span. Here the good ones are kept: a client that is
        refused drops all it sent, and what is missing is counted with its reason.
        """
        if request.path == _HEALTH:
            return None
        decoded = Decoded()
        expected = _BY_TYPE.get((request.path, request.media_type), _BY_PATH[request.path])
        if request.body.strip(b" \t\r\n"):
            _check_encoding(request.body, expected)
            if expected in _BINARY:
                decoded = whole(_BINARY[expected].decode(Payload(request.body)))
            else:
                decoded = _decode_json(request.body, expected)
        if decoded.rejected and not len(decoded.batch):
            first = decoded.rejected[0]
            raise DecodeError(first.reason, first.where)
        return decoded

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:  # noqa: ARG002
        """Accept spans without a word, as Zipkin does; say that all is well to who asks."""
        if decoded is None:
            return HttpAnswer(body=b'{"status":"UP"}')
        return HttpAnswer(HTTPStatus.ACCEPTED, media_type="text/plain")

    def refuse(self, request: HttpRequest, status: HTTPStatus, message: str) -> HttpAnswer:  # noqa: ARG002
        """Say why in a line of text."""
        return HttpAnswer(status, f"{message}\n".encode("utf-8", "replace"), "text/plain")


def _check_encoding(body: bytes, expected: str) -> None:
    """Raise DecodeError, in Zipkin's words, if a body is no list in the encoding it should have."""
    received = _sniff(body, expected)
    if not received:
        raise DecodeError(f"Expected a {expected} encoded list")
    if received != (_JSON_V2 if expected in _JSON else expected):
        raise DecodeError(f"Expected a {expected} encoded list, but received: {received}")


def _sniff(body: bytes, expected: str) -> str:
    """Name a list's encoding by its first bytes; JSON of either version is JSON_V2 here."""
    if body.removeprefix(_BOM).lstrip(b" \t\r\n")[:1] == b"[":
        return _JSON_V2
    # Thrift's first byte is a type, 10 for a span that is not in a list; a zero follows then. One
    # follows in protobuf, too, if a span is empty, which costs no other.
    if body[0] == 10 and (expected == _PROTO3 or body[1:2] not in (b"", b"\x00")):
        return _PROTO3
    return _THRIFT if body[0] in (11, 12) else ""


def _decode_json(body: bytes, expected: str) -> Decoded:
    received, foreign_fields = _FOREIGN[expected]

    def read(span: object, decoded: Decoded) -> None:
        if isinstance(span, dict):
            _JSON[expected].decode_value(span, decoded, lenient=False)
        else:
            decoded.reject("a span is no JSON object")

    with paused_gc():
        spans = load(body.removeprefix(_BOM))
        if not isinstance(spans, list):
            raise DecodeError(f"Expected a {expected} encoded list")
        if any(isinstance(span, dict) and _has_any(span, foreign_fields) for span in spans):
            raise DecodeError(f"Expected a {expected} encoded list, but received: {received}")
        return whole(decode_list(((f"item {at}", span) for at, span in enumerate(spans, 1)), read))


def _has_any(span: Mapping[str, object], fields: tuple[str, ...]) -> bool:
    return any(field in span for field in fields)
