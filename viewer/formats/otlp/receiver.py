"""OTLP as a server speaks it (opentelemetry-proto docs/specification.md: "OTLP/HTTP", "OTLP/gRPC")."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from viewer.formats.base import Decoded
from viewer.formats.otlp import json as otlp_json
from viewer.formats.otlp import wire
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.formats.receiver import GrpcMethod, HttpAnswer, HttpRequest, WrongMediaType

PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACES_PATH = "/v1/traces"
_QUIET_PATHS = ("/v1/metrics", "/v1/logs")
_COLLECTOR = "/opentelemetry.proto.collector"
_MAX_MESSAGE = 2000


class OtlpHttp:
    """Takes ``/v1/traces``; ``/v1/metrics`` and ``/v1/logs`` are answered, and what they hold is
    not kept, so that an SDK which exports all three stays quiet."""

    name = "OTLP/HTTP"
    flag = "--otlp-http"
    port = 4318
    shown_path = TRACES_PATH
    paths: Mapping[str, tuple[str, ...]] = dict.fromkeys((TRACES_PATH, *_QUIET_PATHS), ("POST",))

    def __init__(self, decoder: OtlpDecoder) -> None:
        self._decoders: dict[str, Callable[[bytes], Decoded]] = {
            PROTOBUF: decoder.decode_request,
            "application/protobuf": decoder.decode_request,
            JSON: otlp_json.decode_request,
        }

    def is_bulk(self, request: HttpRequest) -> bool:
        return request.path == TRACES_PATH and request.media_type == PROTOBUF

    def decode(self, request: HttpRequest) -> Decoded | None:
        if request.path in _QUIET_PATHS:
            return None
        decoder = self._decoders.get(request.media_type)
        if decoder is None:
            raise WrongMediaType(
                f"Content-Type {request.media_type[:80]!r} is not taken; send {PROTOBUF} or {JSON}"
            )
        return decoder(request.body)

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:
        if request.media_type == JSON:
            return HttpAnswer(body=_success_json(decoded))
        return HttpAnswer(body=_success(decoded), media_type=PROTOBUF)

    def refuse(self, request: HttpRequest, status: HTTPStatus, message: str) -> HttpAnswer:
        """Answer with a google.rpc.Status, as the specification wants it for every error."""
        if request.media_type == JSON:
            return HttpAnswer(status, json.dumps({"message": message}).encode())
        # Status.message is field 2, as is the message of OTLP's own Status.
        data: bytes = wire.Status(message=message.encode()).SerializeToString()
        return HttpAnswer(status, data, PROTOBUF)


class OtlpGrpc:
    """``TraceService/Export``; those of metrics and logs are answered, and not kept."""

    name = "OTLP/gRPC"
    flag = "--otlp-grpc"
    port = 4317

    def __init__(self, decoder: OtlpDecoder) -> None:
        # The three responses are one message but for its name: field 1, partial_success.
        quiet = GrpcMethod(lambda _: None, lambda _, decoded: _success(decoded))
        self.methods: Mapping[str, GrpcMethod] = {
            f"{_COLLECTOR}.trace.v1.TraceService/Export": GrpcMethod(
                decoder.decode_request, lambda _, decoded: _success(decoded), is_bulk=True
            ),
            f"{_COLLECTOR}.metrics.v1.MetricsService/Export": quiet,
            f"{_COLLECTOR}.logs.v1.LogsService/Export": quiet,
        }


def _partial(decoded: Decoded | None) -> tuple[int, str]:
    """Return how many spans were refused, and why; ("" where there is nothing to say)."""
    if decoded is None:
        return 0, ""
    messages = [
        f"{rejection.reason} ({rejection.count})"
        for rejection in (*decoded.rejected, *decoded.notes)
    ]
    return decoded.rejected_spans, "; ".join(messages)[:_MAX_MESSAGE]


def _success(decoded: Decoded | None) -> bytes:
    rejected, message = _partial(decoded)
    response: Message = ExportTraceServiceResponse()
    if message:
        response = ExportTraceServiceResponse(
            partial_success=ExportTracePartialSuccess(
                rejected_spans=rejected, error_message=message
            )
        )
    return response.SerializeToString()


def _success_json(decoded: Decoded | None) -> bytes:
    rejected, message = _partial(decoded)
    partial = {"rejectedSpans": str(rejected), "errorMessage": message}
    return json.dumps({"partialSuccess": partial} if message else {}).encode()
