import json
from http import HTTPStatus

import pytest

from tests.formats.jaeger import messages
from tests.formats.jaeger.test_proto import request as proto_request
from tests.formats.jaeger.test_proto import span as proto_span
from viewer.formats.base import DecodeError
from viewer.formats.jaeger.idl import sampling_pb2
from viewer.formats.jaeger.receiver import (
    JaegerBinary,
    JaegerCompact,
    JaegerGrpc,
    JaegerHttp,
    JaegerSampling,
)
from viewer.formats.jaeger.strategies import Strategies
from viewer.formats.receiver import (
    DatagramReceiver,
    GrpcReceiver,
    HttpAnswer,
    HttpReceiver,
    HttpRequest,
    WrongMediaType,
)

STRATEGIES = Strategies.parse(
    json.dumps(
        {
            "service_strategies": [
                {
                    "service": "shop",
                    "type": "probabilistic",
                    "param": 0.25,
                    "operation_strategies": [
                        {"operation": "pay", "type": "probabilistic", "param": 0}
                    ],
                },
                {"service": "slow", "type": "ratelimiting", "param": 2},
            ]
        }
    ).encode()
)
BATCH = messages.batch(messages.span())
TEXT = "text/plain; charset=utf-8"


def post(body: bytes, media_type: str = "application/x-thrift", query: str = "") -> HttpRequest:
    return HttpRequest("POST", "/api/traces", query, media_type, body=body)


def ask(receiver: HttpReceiver, path: str, query: str) -> HttpAnswer:
    request = HttpRequest("GET", path, query)
    decoded = receiver.decode(request)
    assert decoded is None
    return receiver.answer(request, decoded)


def test_the_agents_ports_take_their_own_thrift() -> None:
    compact: DatagramReceiver = JaegerCompact()
    binary: DatagramReceiver = JaegerBinary()
    assert (compact.port, compact.flag) == (6831, "--jaeger-compact")
    assert (binary.port, binary.flag) == (6832, "--jaeger-binary")
    assert len(compact.decode(messages.compact(BATCH)).batch) == 1
    assert len(binary.decode(messages.binary(BATCH)).batch) == 1
    with pytest.raises(DecodeError, match="6832"):
        compact.decode(messages.binary(BATCH))


@pytest.mark.parametrize("query", ["", "format=jaeger.thrift"])
@pytest.mark.parametrize(
    "media_type", ["application/x-thrift", "application/vnd.apache.thrift.binary"]
)
def test_a_batch_over_http_is_accepted(media_type: str, query: str) -> None:
    receiver: HttpReceiver = JaegerHttp()
    request = post(messages.bare(BATCH), media_type, query)
    decoded = receiver.decode(request)
    assert decoded is not None
    assert len(decoded.batch) == 1
    assert receiver.answer(request, decoded) == HttpAnswer(HTTPStatus.ACCEPTED, b"", TEXT)


def test_a_body_that_cannot_be_read_is_refused_in_jaegers_words() -> None:
    receiver = JaegerHttp()
    request = post(b"{}")
    with pytest.raises(DecodeError) as caught:
        receiver.decode(request)
    answer = receiver.refuse(request, HTTPStatus.BAD_REQUEST, str(caught.value))
    assert answer.body.startswith(b"Unable to process request body: byte ")
    assert (answer.status, answer.media_type, answer.body[-1:]) == (400, TEXT, b"\n")


@pytest.mark.parametrize("media_type", ["application/json", "", "application/x-protobuf"])
def test_other_media_types_are_not_taken(media_type: str) -> None:
    receiver = JaegerHttp()
    request = post(messages.bare(BATCH), media_type)
    with pytest.raises(WrongMediaType, match="Unsupported content type") as caught:
        receiver.decode(request)
    answer = receiver.refuse(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(caught.value))
    assert answer.body.startswith(b"Unsupported content type: ")


def test_spans_are_posted_and_questions_got() -> None:
    assert JaegerHttp().paths == {"/api/traces": ("POST",), "/api/sampling": ("GET",)}
    assert set(JaegerSampling().paths) == {"/", "/sampling", "/baggageRestrictions"}
    assert set(JaegerSampling().paths.values()) == {("GET",)}


@pytest.mark.parametrize(
    ("receiver", "path"),
    [(JaegerSampling(STRATEGIES), "/sampling"), (JaegerHttp(STRATEGIES), "/api/sampling")],
)
def test_a_service_is_told_its_strategy(receiver: HttpReceiver, path: str) -> None:
    answer = ask(receiver, path, "service=shop")
    assert (answer.status, answer.media_type) == (200, "application/json")
    assert json.loads(answer.body) == STRATEGIES.strategy("shop")
    assert json.loads(ask(receiver, path, "service=slow&x=1").body) == {
        "strategyType": "RATE_LIMITING",
        "rateLimitingSampling": {"maxTracesPerSecond": 2},
    }


def test_everything_is_kept_without_strategies() -> None:
    for receiver, path in ((JaegerSampling(), "/sampling"), (JaegerHttp(), "/api/sampling")):
        assert json.loads(ask(receiver, path, "service=a%20b").body) == {
            "strategyType": "PROBABILISTIC",
            "probabilisticSampling": {"samplingRate": 1},
        }


def test_clients_of_old_are_told_the_type_as_a_number() -> None:
    receiver = JaegerSampling(STRATEGIES)
    assert json.loads(ask(receiver, "/", "service=slow").body)["strategyType"] == 1
    assert json.loads(ask(receiver, "/", "service=shop").body)["strategyType"] == 0


def test_no_baggage_is_restricted() -> None:
    assert ask(JaegerSampling(), "/baggageRestrictions", "service=shop").body == b"[]"


@pytest.mark.parametrize("path", ["/", "/sampling", "/baggageRestrictions", "/api/sampling"])
@pytest.mark.parametrize("query", ["", "service", "svc=a", "service=a&service=b", "&" * 500])
def test_a_question_names_its_service_once(path: str, query: str) -> None:
    receiver: HttpReceiver = JaegerHttp() if path.startswith("/api") else JaegerSampling()
    request = HttpRequest("GET", path, query)
    if query == "service":
        # A name that is empty is a name, as in Jaeger.
        assert receiver.decode(request) is None
        return
    with pytest.raises(DecodeError) as caught:
        receiver.decode(request)
    answer = receiver.refuse(request, HTTPStatus.BAD_REQUEST, str(caught.value))
    assert answer == HttpAnswer(
        HTTPStatus.BAD_REQUEST, b"'service' parameter must be provided once\n", TEXT
    )


def test_spans_over_grpc_are_answered_by_an_empty_message() -> None:
    receiver: GrpcReceiver = JaegerGrpc()
    method = receiver.methods["/jaeger.api_v2.CollectorService/PostSpans"]
    message = proto_request(proto_span())
    decoded = method.decode(message)
    assert decoded is not None
    assert len(decoded.batch) == 1
    assert method.answer(message, decoded) == b""


def sampling(receiver: GrpcReceiver, question: bytes) -> sampling_pb2.SamplingStrategyResponse:
    method = receiver.methods["/jaeger.api_v2.SamplingManager/GetSamplingStrategy"]
    answer = method.answer(question, method.decode(question))
    return sampling_pb2.SamplingStrategyResponse.FromString(answer)


def test_a_service_is_told_its_strategy_over_grpc() -> None:
    receiver = JaegerGrpc(STRATEGIES)
    shop = sampling(receiver, b"\x0a\x04shop")
    assert shop.strategyType == sampling_pb2.PROBABILISTIC
    assert shop.probabilisticSampling.samplingRate == 0.25
    (pay,) = shop.operationSampling.perOperationStrategies
    assert (pay.operation, pay.HasField("probabilisticSampling")) == ("pay", True)
    slow = sampling(receiver, b"\x0a\x04slow")
    assert slow.strategyType == sampling_pb2.RATE_LIMITING
    assert slow.rateLimitingSampling.maxTracesPerSecond == 2
    assert sampling(receiver, b"\x0a\x01\xff").probabilisticSampling.samplingRate == 1


def test_a_question_over_grpc_brings_no_spans() -> None:
    method = JaegerGrpc().methods["/jaeger.api_v2.SamplingManager/GetSamplingStrategy"]
    assert method.decode(b"") is None
    with pytest.raises(DecodeError, match="SamplingStrategyParameters"):
        method.decode(b"\xff")
