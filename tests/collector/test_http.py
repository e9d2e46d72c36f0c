"""OTLP/HTTP over real sockets: a server, and the bytes a client would send."""

import gzip
import http.client
import io
import json
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from bench.server import Server
from tests.builders import a_trace
from tests.conftest import needs_ipv6
from tests.formats.otlp.test_protobuf import a_request, a_wire_span
from viewer.collector.door import MAX_BODY, Door, Workload
from viewer.collector.http import HttpDoor
from viewer.collector.pipeline import Overloaded, Pipeline
from viewer.collector.stats import DoorStats
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.formats.otlp.encode import encode
from viewer.formats.otlp.receiver import OtlpHttp
from viewer.store import open_store
from viewer.trace.batch import SpanBatch

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(f"duckdb:{tmp_path_factory.mktemp('http') / 'a.duckdb'}") as running:
        yield running


def connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)


def post(
    server: Server, body: object, headers: dict[str, str], path: str = "/v1/traces"
) -> tuple[int, dict[str, str], bytes]:
    connection = connect(server.otlp_url)
    connection.request("POST", path, body, headers)  # type: ignore[arg-type]
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def trace_is_stored(server: Server, trace_id: str) -> bool:
    for _ in range(40):
        try:
            with urlopen(f"{server.ui_url}/api/traces/{trace_id}") as answer:
                return len(json.load(answer)["data"]) == 1
        except OSError:
            time.sleep(0.05)
    return False


def a_body(number: int) -> tuple[bytes, str]:
    trace_id = number.to_bytes(16, "big")
    return a_request(a_wire_span(trace_id=trace_id)), f"{number:032x}"


def test_protobuf_is_answered_in_protobuf_and_found_within_two_seconds(server: Server) -> None:
    body, trace_id = a_body(1)
    status, headers, answer = post(server, body, PROTOBUF)
    assert (status, answer, headers["Content-Type"]) == (200, b"", "application/x-protobuf")
    assert trace_is_stored(server, trace_id)


def test_json_is_answered_in_json(server: Server) -> None:
    status, headers, answer = post(
        server, encode(a_trace(2)), {"Content-Type": "application/json; charset=utf-8"}
    )
    assert (status, answer, headers["Content-Type"]) == (200, b"{}", "application/json")
    assert trace_is_stored(server, f"{2:032x}")


@pytest.mark.parametrize(
    ("number", "encoding", "compress"),
    [
        (3, "gzip", gzip.compress),
        (4, "deflate", zlib.compress),
        (5, "zstd", zstandard.compress),
        (6, "identity", bytes),
    ],
)
def test_compressed_bodies_are_taken(
    server: Server, number: int, encoding: str, compress: object
) -> None:
    body, trace_id = a_body(number)
    status, _, _ = post(server, compress(body), {**PROTOBUF, "Content-Encoding": encoding})  # type: ignore[operator]
    assert status == 200
    assert trace_is_stored(server, trace_id)


def test_chunked_bodies_are_taken(server: Server) -> None:
    body, trace_id = a_body(7)
    pieces = (body[at : at + 10] for at in range(0, len(body), 10))
    assert post(server, pieces, PROTOBUF)[0] == 200
    assert trace_is_stored(server, trace_id)


def test_a_connection_is_kept_alive(server: Server) -> None:
    connection = connect(server.otlp_url)
    connection.connect()
    first = connection.sock
    for number in (8, 9):
        connection.request("POST", "/v1/traces", a_body(number)[0], PROTOBUF)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert connection.sock is first
    connection.close()


@needs_ipv6
def test_it_listens_on_both_loopback_addresses(server: Server) -> None:
    port = urlsplit(server.otlp_url).port
    with socket.create_connection(("::1", port), 5):
        pass


def test_the_ui_port_takes_traces_as_well(server: Server) -> None:
    body, trace_id = a_body(10)
    connection = connect(server.ui_url)
    connection.request("POST", "/v1/traces", body, PROTOBUF)
    assert connection.getresponse().status == 200
    connection.close()
    assert trace_is_stored(server, trace_id)


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
def test_metrics_and_logs_are_answered_quietly(server: Server, path: str) -> None:
    assert post(server, b"anything", PROTOBUF, path)[0::2] == (200, b"")
    assert post(server, b"{}", JSON, path)[0::2] == (200, b"{}")


def test_a_partly_bad_batch_keeps_the_good_spans_and_says_how_many_were_not(server: Server) -> None:
    good, bad = a_wire_span(trace_id=(11).to_bytes(16, "big")), a_wire_span(span_id=b"")
    status, _, answer = post(server, a_request(good, bad, bad), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (status, partial.rejected_spans) == (200, 2)
    assert "span ID" in partial.error_message
    assert trace_is_stored(server, f"{11:032x}")


def test_a_partly_bad_json_batch_says_so_in_json(server: Server) -> None:
    document = {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz", "spanId": "1" * 16}]}]}]
    }
    status, _, answer = post(server, json.dumps(document), JSON)
    assert status == 200
    assert json.loads(answer)["partialSuccess"]["rejectedSpans"] == "1"


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        (b"\xff\xff", PROTOBUF, 400, b"ExportTraceServiceRequest"),
        (b"{nonsense", JSON, 400, b"JSON"),
        (b"not gzip", {**PROTOBUF, "Content-Encoding": "gzip"}, 400, b"gzip"),
        (
            gzip.compress(b"x" * 100, mtime=0)[:-9],
            {**PROTOBUF, "Content-Encoding": "gzip"},
            400,
            b"breaks off",
        ),
        (b"x", {"Content-Type": "text/plain"}, 415, b"text/plain"),
        (b"x", {**PROTOBUF, "Content-Encoding": "br"}, 415, b"br"),
        (
            gzip.compress(bytes(MAX_BODY + 1), mtime=0),
            {**PROTOBUF, "Content-Encoding": "gzip"},
            413,
            b"16 MiB",
        ),
        (
            zstandard.compress(bytes(MAX_BODY + 1)),
            {**PROTOBUF, "Content-Encoding": "zstd"},
            413,
            b"16 MiB",
        ),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_with_the_reason(
    server: Server, body: bytes, headers: dict[str, str], status: int, text: bytes
) -> None:
    given, _, answer = post(server, body, headers)
    assert given == status
    assert text in answer
    assert b"Traceback" not in answer


def test_a_body_over_the_limit_is_413(server: Server) -> None:
    connection = connect(server.otlp_url)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", "application/x-protobuf")
    connection.putheader("Content-Length", str(MAX_BODY + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_other_paths_and_methods_are_refused(server: Server) -> None:
    assert post(server, b"", PROTOBUF, "/v1/nothing")[0] == 404
    with pytest.raises(OSError, match="405"):
        urlopen(server.otlp_url)


def test_rejections_are_counted_on_metrics(server: Server) -> None:
    post(server, b"\xff", PROTOBUF)
    with urlopen(f"{server.ui_url}/metrics") as answer:
        text = answer.read().decode()
    assert (
        'tracefall_receiver_rejected_total{receiver="OTLP/HTTP",reason="body cannot be decoded"}'
        in text
    )


def a_door(pipeline: Pipeline, stats: DoorStats, auth_token: str | None = None) -> HttpDoor:
    return HttpDoor(OtlpHttp(OtlpDecoder()), Door(pipeline, stats, Workload()), auth_token)


def call(app: HttpDoor, body: bytes, **environ: str) -> tuple[str, dict[str, str]]:
    """Call the application as a WSGI server would."""
    told: list[tuple[str, dict[str, str]]] = []
    environment = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/v1/traces", "CONTENT_TYPE": "application/x-protobuf",
        "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **environ,
    }  # fmt: skip
    list(app(environment, lambda status, headers: told.append((status, dict(headers)))))  # type: ignore[arg-type, return-value]
    return told[0]


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    store = open_store("memory:")
    pipeline = Pipeline(store, None)
    app = a_door(pipeline, DoorStats("x"), "s3cret")
    body, _ = a_body(1)
    assert call(app, body)[0].startswith("401")
    assert call(app, body, HTTP_AUTHORIZATION="Bearer wrong")[1]["WWW-Authenticate"].startswith(
        "Bearer"
    )
    assert store.stats().span_rows == 0
    assert call(app, body, HTTP_AUTHORIZATION="Bearer s3cret")[0] == "200 OK"
    assert store.stats().span_rows == 1
    pipeline.close()


def test_overload_is_503_with_a_time_to_come_back() -> None:
    class _Full:
        def accept(self, batch: SpanBatch) -> None:
            raise Overloaded("more spans arrive than can be stored")

        def append(self, body: bytes) -> None:
            return None

    stats = DoorStats("x")
    status, headers = call(a_door(_Full(), stats), a_body(1)[0])  # type: ignore[arg-type]
    assert status.startswith("503")
    assert int(headers["Retry-After"]) > 0
    assert sum(stats.report().rejected.values()) == 1
