"""Jaeger's own clients, and OpenTelemetry's exporters to Jaeger, send Thrift by UDP and HTTP, and
protobuf by gRPC; clients that ask whether to sample are told so."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.server import Server
from tests.clients.answers import Json, answered, in_order, typed
from tests.clients.running import Client, get_trace, record, run

COMPACT, BINARY, HTTP, GRPC = "Jaeger compact", "Jaeger binary", "Jaeger HTTP", "Jaeger gRPC"
SAMPLING = "Jaeger sampling"
further = pytest.mark.clients


def otel(program: str, door: str, exporter: str) -> Client:
    environment = "otel-jaeger" if program.endswith(".py") else "node-otel-jaeger"
    return Client(environment, program, door, {"EXPORTER": exporter})


OTEL = {
    "python-compact": otel("otel.py", COMPACT, "jaeger-compact"),
    "python-http": otel("otel.py", HTTP, "jaeger-http"),
    "python-grpc": otel("otel.py", GRPC, "jaeger-grpc"),
    "node-http": otel("otel.cjs", HTTP, "jaeger-http"),
    "node-binary": otel("otel.cjs", BINARY, "jaeger-binary"),
}
PYTHON, NODE = "opentracing_jaeger.py", "opentracing_jaeger.cjs"
OWN = {
    "python-compact": Client("jaeger-client", PYTHON, COMPACT),
    "node-binary": Client("node-jaeger-client", NODE, BINARY),
    "node-http": Client("node-jaeger-client", NODE, HTTP),
}


@pytest.mark.parametrize(
    "name",
    [
        "python-compact",
        "python-grpc",
        pytest.param("python-http", marks=further),
        pytest.param("node-http", marks=further),
        pytest.param("node-binary", marks=further),
    ],
)
def test_what_opentelemetrys_exporters_send_is_answered(server: Server, name: str) -> None:
    recorded = record(OTEL[name], server)
    trace = get_trace(server, recorded[0]["traceId"], len(recorded))
    assert answered(trace) == in_order([of_otel(span, name) for span in recorded])


@pytest.mark.parametrize(
    "name", ["python-compact", "node-binary", pytest.param("node-http", marks=further)]
)
def test_what_jaegers_own_clients_send_is_answered(server: Server, name: str) -> None:
    recorded = record(OWN[name], server)
    trace = get_trace(server, recorded[0]["traceId"], len(recorded))
    assert answered(trace) == in_order([of_client(span, name) for span in recorded])


@pytest.mark.parametrize("name", ["python-compact", pytest.param("node-binary", marks=further)])
def test_a_client_that_asks_is_told_to_sample(server: Server, name: str) -> None:
    recorded = record(OWN[name], server, SAMPLING=server.doors[SAMPLING])
    trace = get_trace(server, recorded[0]["traceId"], len(recorded))
    assert answered(trace) == in_order([of_client(span, name) for span in recorded])
    (root,) = [span for span in recorded if not span["parentId"]]
    assert dict(root["tags"])["sampler.type"] == "probabilistic"


@pytest.mark.parametrize(("language", "door"), [("py", COMPACT), ("cjs", HTTP)])
def test_the_samples_of_the_documentation_work_as_given(
    server: Server, language: str, door: str
) -> None:
    client = otel(f"mission_sample.{language}", door, "")
    address = urlsplit(server.doors[door])
    printed = run(client, server, HOST=str(address.hostname), PORT=str(address.port))
    child, parent = sorted(
        answered(get_trace(server, printed.strip(), 2)), key=lambda span: str(span["name"])
    )
    assert (parent["name"], parent["references"]) == ("parent", [])
    assert (child["name"], child["references"]) == (
        "child",
        [("CHILD_OF", printed.strip(), parent["id"])],
    )
    assert ("answer", "int64" if language == "py" else "float64") in {
        (key, kind) for key, kind, _ in child["tags"]
    }


def of_otel(span: Json, name: str) -> Json:
    """An OpenTelemetry span as its exporter writes it, and as that is read: the exporters put the
    resource on the span (gRPC: on the process too), where the server leaves all but the SDK."""
    node = name.startswith("node")
    scope_name, scope_version = span["scope"]
    code, message = span["status"]
    resource = dict(span["resource"])
    sdk = {key: value for key, value in resource.items() if key.startswith("telemetry.sdk.")}
    tags = {**span["attributes"]}
    tags |= {key: value for key, value in resource.items() if key not in sdk}
    process = {**resource, "service.name": None} if name == "python-grpc" else sdk
    library = {"otel.library.name": scope_name, "otel.library.version": scope_version}
    tags |= {key.replace("library", "scope"): value for key, value in library.items()}
    if not node:
        # It writes both names; one is the scope's, the other is kept.
        tags |= library
    if not (node and span["kind"] == "INTERNAL"):
        tags["span.kind"] = span["kind"].lower()
    if code != "UNSET":
        tags["otel.status_code"] = code
    if message:
        tags["otel.status_description"] = message
    if code == "ERROR":
        tags["error"] = True
    parent = [("CHILD_OF", span["traceId"], span["parentId"])] if span["parentId"] else []
    start, end = int(span["startNs"]), int(span["endNs"])
    start_us, duration_us = micros(start, name), micros(end - start, name)
    if name == "python-grpc":
        duration_us = (as_timestamp(end) - as_timestamp(start)) // 1000
    return {
        "trace_id": span["traceId"],
        "id": span["spanId"],
        "name": span["name"],
        "service": span["resource"]["service.name"],
        "process": typed(written(process, node)),
        "references": [*parent, *(("FOLLOWS_FROM", *link[:2]) for link in span["links"])],
        "start_us": start_us,
        "duration_us": duration_us,
        "tags": typed(written(tags, node)),
        "logs": [
            (event_micros(int(time_ns), name), typed(written({**fields, "event": event}, node)))
            for event, time_ns, fields in span["events"]
        ],
        "warnings": None,
    }


def written(attributes: Json, node: bool) -> Json:
    """Attributes as the exporters write them: lists as text, and in Node each number as a double."""
    return {key: _written(value, node) for key, value in attributes.items()}


def _written(value: Any, node: bool) -> Any:
    if isinstance(value, list):
        return ",".join(map(_text, value)) if node else str(tuple(value))
    if node and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def micros(time_ns: int, name: str) -> int:
    """Python's Thrift exporter rounds; its gRPC exporter and Node's go through doubles, and cut."""
    if name == "python-grpc":
        return as_timestamp(time_ns) // 1000
    if name.startswith("node"):
        seconds, rest = divmod(time_ns, 10**9)
        return int(seconds * 1e6 + rest / 1e3)
    return (time_ns + 500) // 1000


def event_micros(time_ns: int, name: str) -> int:
    if name.startswith("node"):
        seconds, rest = divmod(time_ns, 10**9)
        return int((seconds * 1e3 + rest / 1e6) * 1000)
    return micros(time_ns, name)


def as_timestamp(time_ns: int) -> int:
    seconds = time_ns / 1e9
    return int(seconds) * 10**9 + int((seconds - int(seconds)) * 1e9)


def of_client(span: Json, name: str) -> Json:
    """A span of Jaeger's clients, which show IDs without the zeros ahead of them. Node's count in
    milliseconds, and its numbers are doubles."""
    node = name.startswith("node")
    trace_id = span["traceId"].zfill(32)
    references = [
        (_REFERENCES[kind], of.zfill(32), to.zfill(16)) for kind, of, to in span["references"]
    ]
    if span["parentId"] and not references:
        references = [("CHILD_OF", trace_id, span["parentId"].zfill(16))]
    tags = dict(span["tags"])
    if tags.get("error"):
        tags["otel.status_code"] = "ERROR"
    return {
        "trace_id": trace_id,
        "id": span["spanId"].zfill(16),
        "name": span["name"],
        "service": span["service"],
        "process": typed(written(dict(span["process"]), node)),
        "references": references,
        "start_us": int(span["startMs"] * 1000) if node else span["startUs"],
        "duration_us": int(span["durationMs"] * 1000) if node else span["durationUs"],
        "tags": typed(written(tags, node)),
        "logs": [
            (int(when * 1000) if node else when, typed(written(dict(fields), node)))
            for when, fields in span["logs"]
        ],
        "warnings": None,
    }


_REFERENCES = {"child_of": "CHILD_OF", "follows_from": "FOLLOWS_FROM"}
