"""OTLP over gRPC as clients speak it: real channels to a server of our own process."""

import socket
from collections.abc import Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.collector.senders import a_body
from tests.conftest import needs_ipv6
from tests.formats.otlp.test_protobuf import a_request, a_wire_span
from viewer.collector.door import MAX_BODY, Door, Workload
from viewer.collector.grpc import GrpcServer
from viewer.collector.listen import PortTaken
from viewer.collector.pipeline import Overloaded, Pipeline
from viewer.collector.stats import DoorStats
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.formats.otlp.receiver import OtlpGrpc
from viewer.store import open_store
from viewer.store.base import SpanStore

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Running:
    """A server with its store and counters."""

    def __init__(self, auth_token: str | None = None, *, full: bool = False) -> None:
        self.store: SpanStore = open_store("memory:")
        self.pipeline = Pipeline(self.store, None)
        self.stats = DoorStats("OTLP/gRPC")
        taking = _Full() if full else self.pipeline
        door = Door(taking, self.stats, Workload())  # type: ignore[arg-type]
        self.server = GrpcServer(OtlpGrpc(OtlpDecoder()), door, auth_token, "127.0.0.1", 0)
        self.server.start()
        self.channel = self.connect("127.0.0.1")

    def connect(self, host: str) -> grpc.Channel:
        options = [("grpc.max_send_message_length", -1)]
        return grpc.insecure_channel(f"{host}:{self.server.port}", options)

    def export(self, body: bytes, **options: object) -> bytes:
        return bytes(self.channel.unary_unary(EXPORT)(body, timeout=20, **options))

    def close(self) -> None:
        self.channel.close()
        self.server.begin_stop()
        self.server.finish_stop()
        self.pipeline.close()


class _Full:
    def accept(self, batch: object) -> None:
        raise Overloaded("more spans arrive than can be stored")

    def append(self, body: bytes) -> None:
        return None


@pytest.fixture
def running() -> Iterator[Running]:
    started = Running()
    yield started
    started.close()


def test_a_request_is_kept_before_it_is_answered(running: Running) -> None:
    answer = TraceServiceStub(running.channel).Export(
        ExportTraceServiceRequest.FromString(a_body(1)[0])
    )
    assert answer == ExportTraceServiceResponse()
    assert running.store.stats().traces == 1
    report = running.stats.report()
    assert (report.requests, report.accepted_spans > 0) == (1, True)
    assert "grpc" in report.last_client


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_messages_are_taken(running: Running, compression: grpc.Compression) -> None:
    assert running.export(a_body(2)[0] * 3, compression=compression) == b""
    assert running.store.stats().traces == 1


def test_metrics_and_logs_are_answered_quietly(running: Running) -> None:
    metrics = MetricsServiceStub(running.channel).Export(ExportMetricsServiceRequest())
    logs = LogsServiceStub(running.channel).Export(ExportLogsServiceRequest())
    assert metrics == ExportMetricsServiceResponse()
    assert logs == ExportLogsServiceResponse()
    assert running.stats.report().requests == 0


def test_a_partly_bad_batch_keeps_the_good_spans_and_says_how_many_were_not(
    running: Running,
) -> None:
    answer = running.export(a_request(a_wire_span(), a_wire_span(span_id=b"")))
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert partial.rejected_spans == 1
    assert "span ID" in partial.error_message
    assert running.store.stats().span_rows == 1


def code_of(running: Running, body: bytes, **options: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as failure:
        running.export(body, **options)
    return failure.value.code(), failure.value.details()  # type: ignore[attr-defined]


def test_a_message_that_is_none_is_refused_with_what_was_expected(running: Running) -> None:
    code, details = code_of(running, b"\xff\xff")
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "ExportTraceServiceRequest" in details
    assert "Traceback" not in details
    assert running.stats.report().rejected == {"body cannot be decoded": 1}


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused_also_when_it_is_small_compressed(
    running: Running, compression: grpc.Compression | None
) -> None:
    code, details = code_of(running, bytes(MAX_BODY + 1), compression=compression)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger" in details
    assert running.export(a_body(3)[0]) == b"", "the next one is taken"


def test_an_unknown_method_is_unimplemented(running: Running) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        running.channel.unary_unary("/some.Other/Method")(b"", timeout=20)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]


def test_a_token_is_asked_for() -> None:
    running = Running("s3cret")
    body = a_body(4)[0]
    assert code_of(running, body)[0] is grpc.StatusCode.UNAUTHENTICATED
    wrong = (("authorization", "Bearer wrong"),)
    assert code_of(running, body, metadata=wrong)[0] is grpc.StatusCode.UNAUTHENTICATED
    assert running.export(body, metadata=(("authorization", "Bearer s3cret"),)) == b""
    assert running.store.stats().traces == 1
    running.close()


def test_overload_is_unavailable_with_a_time_to_come_back() -> None:
    running = Running(full=True)
    with pytest.raises(grpc.RpcError) as failure:
        running.export(a_body(5)[0])
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]
    status = rpc_status.from_call(failure.value)
    assert status is not None
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds > 0
    running.close()


@needs_ipv6
def test_it_listens_on_both_loopback_addresses(running: Running) -> None:
    channel = running.connect("[::1]")
    assert channel.unary_unary(EXPORT)(a_body(6)[0], timeout=20) == b""
    channel.close()


def test_a_taken_port_is_said(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        door = Door(running.pipeline, running.stats, Workload())
        with pytest.raises(PortTaken, match=str(port)):
            GrpcServer(OtlpGrpc(OtlpDecoder()), door, None, "127.0.0.1", port)
