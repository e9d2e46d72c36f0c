"""OTLP over HTTP (opentelemetry-proto docs/specification.md, "OTLP/HTTP"): a WSGI application that
serves its own port and, mounted beside the pages, the UI's port."""

import json
import zlib
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

import zstandard
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from viewer.collector.access import is_authorized
from viewer.collector.pipeline import RETRY_AFTER_S, Overloaded, Pipeline
from viewer.collector.stats import DoorStats
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.otlp import json as otlp_json
from viewer.formats.otlp import wire
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.store.base import StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_BODY = 16 << 20
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
TRACES_PATH = "/v1/traces"
_QUIET_PATHS = ("/v1/metrics", "/v1/logs")
PATHS = (TRACES_PATH, *_QUIET_PATHS)


class Refusal(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: HTTPStatus, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after


class OtlpHttp:
    """Takes ``/v1/traces``; ``/v1/metrics`` and ``/v1/logs`` are answered, and what they hold is
    not kept, so that an SDK which exports all three stays quiet."""

    def __init__(self, pipeline: Pipeline, stats: DoorStats, auth_token: str | None) -> None:
        self._pipeline, self._stats, self._token = pipeline, stats, auth_token
        self.decoder = OtlpDecoder()
        self._decoders: dict[str, Callable[[bytes], Decoded]] = {
            _PROTOBUF: self.decoder.decode_request,
            "application/protobuf": self.decoder.decode_request,
            _JSON: otlp_json.decode_request,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        try:
            answer = self._answer(environ, media_type)
            status, headers = HTTPStatus.OK, []
        except Refusal as refusal:
            status = refusal.status
            answer = _encode_error(refusal.message, media_type)
            headers = [("Retry-After", str(refusal.retry_after))] if refusal.retry_after else []
            if status is HTTPStatus.METHOD_NOT_ALLOWED:
                headers.append(("Allow", "POST"))
            if status is HTTPStatus.UNAUTHORIZED:
                headers.append(("WWW-Authenticate", 'Bearer realm="tracefall"'))
        start_response(
            f"{status.value} {status.phrase}",
            [
                ("Content-Type", _JSON if media_type == _JSON else _PROTOBUF),
                ("Content-Length", str(len(answer))),
                ("X-Content-Type-Options", "nosniff"),
                *headers,
            ],
        )
        return [answer]

    def _answer(self, environ: "WSGIEnvironment", media_type: str) -> bytes:
        path = environ.get("PATH_INFO", "")
        if not is_authorized(environ.get("HTTP_AUTHORIZATION", ""), self._token):
            self._refuse(HTTPStatus.UNAUTHORIZED, "this server wants Authorization: Bearer <token>")
        if path not in PATHS:
            raise Refusal(HTTPStatus.NOT_FOUND, f"no such path; traces go to {TRACES_PATH}")
        if environ["REQUEST_METHOD"] != "POST":
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is taken here")
        if path in _QUIET_PATHS:
            return b"{}" if media_type == _JSON else b""
        decoder = self._decoders.get(media_type)
        if decoder is None:
            self._refuse(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type {media_type[:80]!r} is not taken; send {_PROTOBUF} or {_JSON}",
            )
        body = self._body(environ)
        decoded = self._decode(decoder, body)
        self._store(decoded)
        self._stats.rejections(decoded.rejected)
        client = environ.get("HTTP_USER_AGENT", "")[:200]
        self._stats.accepted(len(decoded.batch), len(body), client)
        return _encode_success(decoded, media_type)

    def _decode(self, decoder: Callable[[bytes], Decoded], body: bytes) -> Decoded:
        try:
            return decoder(body)
        except DecodeError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error), "body cannot be decoded")

    def _store(self, decoded: Decoded) -> None:
        try:
            self._pipeline.accept(decoded.batch)
        except (Overloaded, StoreError) as error:
            self._stats.rejected("overloaded, sender asked to try again", len(decoded.batch))
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, f"try again later: {error}", RETRY_AFTER_S
            ) from error

    def _body(self, environ: "WSGIEnvironment") -> bytes:
        # waitress has taken the body in already, chunks joined, and set its length.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE, "body over the limit")
        raw: bytes = environ["wsgi.input"].read(length)
        encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
        try:
            body = _decompress(raw, encoding)
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            self._refuse(
                HTTPStatus.BAD_REQUEST, f"the body is no valid {encoding}: {error}", "bad encoding"
            )
        if body is None:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE, "body over the limit")
        return body

    def _refuse(self, status: HTTPStatus, message: str, reason: str = "") -> NoReturn:
        self._stats.rejected(reason or status.phrase.lower())
        raise Refusal(status, message)


_TOO_LARGE = f"the body is larger than {MAX_BODY >> 20} MiB; send smaller batches"


def _decompress(raw: bytes, encoding: str) -> bytes | None:
    """Return the plain body, or None if it would exceed MAX_BODY; raise what the codec raises."""
    if encoding in ("", "identity"):
        return raw
    if encoding in ("gzip", "x-gzip", "deflate"):
        # 47: zlib finds out by itself whether the header is gzip's or zlib's.
        inflater = zlib.decompressobj(47)
        body = inflater.decompress(raw, MAX_BODY + 1)
        if len(body) > MAX_BODY:
            return None
        if not inflater.eof:
            raise EOFError("it breaks off")
        return body
    if encoding == "zstd":
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw) as reader:
            body = reader.read(MAX_BODY + 1)
        return None if len(body) > MAX_BODY else body
    raise Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"Content-Encoding {encoding[:40]!r} is not taken; send gzip, zstd or none",
    )


def _encode_success(decoded: Decoded, media_type: str) -> bytes:
    messages = [
        f"{rejection.reason} ({rejection.count})"
        for rejection in (*decoded.rejected, *decoded.notes)
    ]
    rejected, message = decoded.rejected_spans, "; ".join(messages)[:2000]
    if media_type == _JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": message}
        return json.dumps({"partialSuccess": partial} if messages else {}).encode()
    response: Message = ExportTraceServiceResponse()
    if messages:
        response = ExportTraceServiceResponse(
            partial_success=ExportTracePartialSuccess(
                rejected_spans=rejected, error_message=message
            )
        )
    return response.SerializeToString()


def _encode_error(message: str, media_type: str) -> bytes:
    """Return a google.rpc.Status, as the specification wants it for every error."""
    if media_type == _JSON:
        return json.dumps({"message": message}).encode()
    # Status.message is field 2, as is the message of OTLP's own Status.
    data: bytes = wire.Status(message=message.encode()).SerializeToString()
    return data
