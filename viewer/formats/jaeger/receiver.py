"""Jaeger as its agent and collector speak it: the agent's two UDP ports, the collector's HTTP and
gRPC ports, and the answers that clients want about sampling (jaeger `cmd/agent`, `cmd/collector`,
`internal/sampling/http`)."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

import orjson
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError as ProtobufError

from viewer.formats.base import Decoded, DecodeError
from viewer.formats.jaeger import proto, thrift
from viewer.formats.jaeger.idl import sampling_pb2
from viewer.formats.jaeger.strategies import Strategies
from viewer.formats.receiver import GrpcMethod, HttpAnswer, HttpRequest, WrongMediaType

TRACES_PATH = "/api/traces"
THRIFT_TYPES = ("application/x-thrift", "application/vnd.apache.thrift.binary")
_COLLECTOR_SAMPLING, _SAMPLING, _LEGACY = "/api/sampling", "/sampling", "/"
_BAGGAGE = "/baggageRestrictions"
_TEXT = "text/plain; charset=utf-8"
_NO_SERVICE = "'service' parameter must be provided once"
_KEEP_EVERYTHING = Strategies()


class JaegerCompact:
    """The agent's port for Thrift compact."""

    name = "Jaeger compact"
    flag = "--jaeger-compact"
    port = thrift.COMPACT_PORT

    def decode(self, datagram: bytes) -> Decoded:
        return thrift.decode_compact(datagram)


class JaegerBinary:
    """The agent's port for Thrift binary."""

    name = "Jaeger binary"
    flag = "--jaeger-binary"
    port = thrift.BINARY_PORT

    def decode(self, datagram: bytes) -> Decoded:
        return thrift.decode_binary(datagram)


class JaegerHttp:
    """The collector's port for Thrift over HTTP, which also answers about sampling."""

    name = "Jaeger HTTP"
    flag = "--jaeger-http"
    port = thrift.HTTP_PORT
    shown_path = TRACES_PATH
    paths: Mapping[str, tuple[str, ...]] = {TRACES_PATH: ("POST",), _COLLECTOR_SAMPLING: ("GET",)}

    def __init__(self, strategies: Strategies = _KEEP_EVERYTHING) -> None:
        self._strategies = strategies

    def decode(self, request: HttpRequest) -> Decoded | None:
        if request.path == _COLLECTOR_SAMPLING:
            _service(request)
            return None
        if request.media_type not in THRIFT_TYPES:
            raise WrongMediaType(
                f"Unsupported content type: {request.media_type[:80] or 'none'}; "
                f"send {' or '.join(THRIFT_TYPES)}"
            )
        return thrift.decode_batch(request.body)

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:  # noqa: ARG002
        if request.path == _COLLECTOR_SAMPLING:
            return _strategy(request, self._strategies)
        return HttpAnswer(HTTPStatus.ACCEPTED, media_type=_TEXT)

    def refuse(self, request: HttpRequest, status: HTTPStatus, message: str) -> HttpAnswer:
        if status == HTTPStatus.BAD_REQUEST and request.path == TRACES_PATH:
            message = f"Unable to process request body: {message}"
        return _refusal(status, message)


class JaegerSampling:
    """The agent's port for questions: which spans to sample, and how much baggage is allowed."""

    name = "Jaeger sampling"
    flag = "--jaeger-sampling"
    port = 5778
    shown_path = _SAMPLING
    paths: Mapping[str, tuple[str, ...]] = dict.fromkeys((_SAMPLING, _LEGACY, _BAGGAGE), ("GET",))

    def __init__(self, strategies: Strategies = _KEEP_EVERYTHING) -> None:
        self._strategies = strategies

    def decode(self, request: HttpRequest) -> Decoded | None:
        """Return None: no question carries spans. Raises DecodeError if it names no service."""
        _service(request)
        return None

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:  # noqa: ARG002
        if request.path == _BAGGAGE:
            return HttpAnswer(body=b"[]")
        return _strategy(request, self._strategies)

    def refuse(self, request: HttpRequest, status: HTTPStatus, message: str) -> HttpAnswer:  # noqa: ARG002
        return _refusal(status, message)


class JaegerGrpc:
    """The collector's gRPC port: ``PostSpans``, and the same answers about sampling."""

    name = "Jaeger gRPC"
    flag = "--jaeger-grpc"
    port = 14250

    def __init__(self, strategies: Strategies = _KEEP_EVERYTHING) -> None:
        self._strategies = strategies
        self.methods: Mapping[str, GrpcMethod] = {
            "/jaeger.api_v2.CollectorService/PostSpans": GrpcMethod(
                proto.decode_request, lambda _, __: b""
            ),
            "/jaeger.api_v2.SamplingManager/GetSamplingStrategy": GrpcMethod(
                _question, self._answer
            ),
        }

    def _answer(self, message: bytes, decoded: Decoded | None) -> bytes:  # noqa: ARG002
        strategy = self._strategies.strategy(_asking(message))
        answer = ParseDict(strategy, sampling_pb2.SamplingStrategyResponse())
        return answer.SerializeToString()


def _question(message: bytes) -> None:
    """Read a question, which carries no spans; raises DecodeError if it is none."""
    _asking(message)


def _asking(message: bytes) -> str:
    """Return the service that asks; raises DecodeError."""
    try:
        parameters = sampling_pb2.SamplingStrategyParameters.FromString(message)
    except ProtobufError:
        raise DecodeError("expected Jaeger's SamplingStrategyParameters in protobuf") from None
    return parameters.serviceName.decode("utf-8", "replace")


def _service(request: HttpRequest) -> str:
    """Return the service that a question is about; raises DecodeError in Jaeger's words."""
    try:
        services = parse_qs(request.query, keep_blank_values=True, max_num_fields=100)["service"]
    except (KeyError, ValueError):
        raise DecodeError(_NO_SERVICE) from None
    if len(services) != 1:
        raise DecodeError(_NO_SERVICE)
    return services[0]


def _strategy(request: HttpRequest, strategies: Strategies) -> HttpAnswer:
    strategy = strategies.strategy(_service(request))
    if request.path == _LEGACY:
        # Clients of Thrift 0.9.2's days, who ask there, know the type by its number.
        kinds = sampling_pb2.SamplingStrategyType
        strategy["strategyType"] = kinds.Value(str(strategy["strategyType"]))
    return HttpAnswer(body=orjson.dumps(strategy))


def _refusal(status: HTTPStatus, message: str) -> HttpAnswer:
    """Answer as Go's http.Error does."""
    return HttpAnswer(status, f"{message}\n".encode("utf-8", "replace"), _TEXT)
