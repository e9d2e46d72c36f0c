"""Zipkin's clients, and OpenTelemetry's exporters to Zipkin, in all of its four encodings."""

import json
import math
from typing import Any

import pytest

from bench.server import Server
from tests.clients.answers import Json, answered, in_order, typed
from tests.clients.running import Client, get_trace, record
from tests.collector.relay import relay_to

DOOR = "Zipkin"
further = pytest.mark.clients


def py_zipkin(encoding: str, environment: str = "py-zipkin") -> Client:
    """Its transport chooses the path by the encoding."""
    return Client(environment, "zipkin_py.py", DOOR, {"ENCODING": encoding})


def zipkin_js(encoding: str) -> Client:
    return Client("node-zipkin", "zipkin_js.cjs", DOOR, {"ENCODING": encoding})


def otel(environment: str, program: str, exporter: str) -> Client:
    return Client(environment, program, DOOR, {"EXPORTER": exporter})


OWN = {
    "python-v2": py_zipkin("V2_JSON"),
    "python-proto": py_zipkin("V2_PROTO3"),
    "python-v1": py_zipkin("V1_JSON"),
    "python-v1-thrift": py_zipkin("V1_THRIFT", "py-zipkin-thrift"),
    "node-v2": zipkin_js("JSON_V2"),
    "node-v1": zipkin_js("JSON_V1"),
}
JSON, PROTOBUF, THRIFT = "application/json", "application/x-protobuf", "application/x-thrift"
MEDIA_TYPES = {"python-proto": PROTOBUF, "python-v1-thrift": THRIFT}
OTEL = {
    "python-v2": otel("otel-zipkin", "otel.py", "zipkin-json"),
    "python-proto": otel("otel-zipkin", "otel.py", "zipkin-proto"),
    "python-v1": otel("otel-zipkin", "otel.py", "zipkin-json-v1"),
    "node-v2": otel("node-otel", "otel.cjs", "zipkin-json"),
}


@pytest.mark.parametrize(
    "name",
    [
        "python-v2",
        "node-v2",
        "node-v1",
        pytest.param("python-proto", marks=further),
        pytest.param("python-v1", marks=further),
        pytest.param("python-v1-thrift", marks=further),
    ],
)
def test_what_zipkins_own_clients_send_is_answered(server: Server, name: str) -> None:
    recorded = sent(OWN[name], name, server)
    trace = answered(get_trace(server, recorded[0]["traceId"], len(recorded)))
    spans = in_order([of_client(span, "v1" in name) for span in recorded])
    assert trace == told_apart(spans, trace)


@pytest.mark.parametrize(
    "name",
    [
        "python-v2",
        "node-v2",
        pytest.param("python-proto", marks=further),
        pytest.param("python-v1", marks=further),
    ],
)
def test_what_opentelemetrys_exporters_send_is_answered(server: Server, name: str) -> None:
    recorded = sent(OTEL[name], name, server)
    trace = get_trace(server, recorded[0]["traceId"], len(recorded))
    assert answered(trace) == in_order([of_otel(span, name) for span in recorded])


def sent(client: Client, name: str, server: Server) -> list[Json]:
    """Run a client, and see that it sends in the encoding that is meant."""
    path = "/api/v1/spans" if "v1" in name else "/api/v2/spans"
    address = server.doors[DOOR].replace("/api/v2/spans", path)
    with relay_to(address) as relay:
        recorded = record(client, server, SEND_TO=relay.url)
    assert f"post {path} http/1.1\r\n" in relay.heads
    assert f"content-type: {MEDIA_TYPES.get(name, JSON)}\r\n" in relay.heads
    return recorded


def of_client(span: Json, is_v1: bool) -> Json:
    """A span in v2's model. In v1 the times of a shared one are those of its annotations, and an
    annotation that does not fit the times of the others stays a log."""
    tags = dict(span["tags"])
    tags |= address("host", *span["local"])
    if span["remote"]:
        service, *place = span["remote"]
        tags |= {"peer.service": service, **address("peer", *place)}
    if span["kind"]:
        tags["span.kind"] = span["kind"].lower()
    if "error" in span["tags"]:
        tags["otel.status_description"] = tags["error"]
        tags |= {"error": True, "otel.status_code": "ERROR"}
    start, duration, end = span["startUs"], span["durationUs"], span["endUs"]
    logs = [(when, typed({"event": text})) for when, text in span["annotations"]]
    if is_v1 and span["shared"]:
        duration = end - start
    elif is_v1 and span["kind"] in ("CLIENT", "SERVER") and end != start + duration:
        logs.append((end, typed({"event": "cr" if span["kind"] == "CLIENT" else "ss"})))
    parent = [("CHILD_OF", span["traceId"], span["parentId"])] if span["parentId"] else []
    if span["shared"]:
        parent = [("CHILD_OF", span["traceId"], span["spanId"])]
    return {
        "trace_id": span["traceId"],
        "id": span["spanId"],
        "name": span["name"],
        "service": span["service"],
        "process": set(),
        "references": parent,
        "start_us": start,
        "duration_us": duration,
        "tags": typed(tags),
        "logs": sorted(logs, key=lambda log: log[0]),
        "warnings": None,
    }


def address(side: str, ip: str | None, port: int | None) -> Json:
    return {f"net.{side}.ip": ip, f"net.{side}.port": port or None}


def told_apart(spans: list[Json], trace: list[Json]) -> list[Json]:
    """Give the server's half of a shared ID an ID of its own, as the server does; it is the client
    half's child, and what was sent as a child of the shared ID is its child."""
    clients = {span["id"] for span in spans if ("span.kind", "string", "'client'") in span["tags"]}
    halves = {
        span["id"]: found["id"]
        for span, found in zip(spans, trace, strict=True)
        if span["references"] and span["references"][0][2] == span["id"]
    }
    assert halves.keys() <= clients
    assert len(halves) == 3
    assert len(set(halves.values()) - clients) == 3
    for span in spans:
        is_half = span["references"] and span["references"][0][2] == span["id"]
        if is_half:
            span["id"] = halves[span["id"]]
        else:
            span["references"] = [
                (kind, trace_id, halves.get(parent_id, parent_id))
                for kind, trace_id, parent_id in span["references"]
            ]
    return spans


def of_otel(span: Json, name: str) -> Json:
    """An OpenTelemetry span as its exporters write it, and as that is read: values are texts, the
    resource's are tags (read back by their names), links are lost."""
    node = name.startswith("node")
    write = _node_text if node else _python_text
    texts = {key: write(value) for key, value in span["attributes"].items()}
    resource = {key: write(value) for key, value in span["resource"].items()}
    process = {key: text for key, text in resource.items() if key.startswith(("serv", "tele"))}
    texts |= {key: text for key, text in resource.items() if key not in process}
    code, message = span["status"]
    tags: Json = dict(texts)
    if not node:
        # Node's exporter does not tell the scope.
        tags["otel.scope.name"], tags["otel.scope.version"] = span["scope"]
    if span["kind"] != "INTERNAL" and "v1" not in name:
        # Nor does Python's tell the kind in v1.
        tags["span.kind"] = span["kind"].lower()
    if code != "UNSET":
        tags["otel.status_code"] = code
    if code == "ERROR":
        tags |= {"error": True, "otel.status_description": message}
    start, end = int(span["startNs"]), int(span["endNs"])
    return {
        "trace_id": span["traceId"],
        "id": span["spanId"],
        "name": span["name"],
        "service": process.pop("service.name"),
        "process": typed(process),
        "references": (
            [("CHILD_OF", span["traceId"], span["parentId"])] if span["parentId"] else []
        ),
        # Node's sends the start with its fraction.
        "start_us": int(double_micros(start)) if node else micros(start, node),
        "duration_us": micros(end - start, node),
        "tags": typed(tags),
        "logs": [
            (micros(int(when), node), typed({"event": event, **({} if node else fields)}))
            for event, when, fields in span["events"]
        ],
        "warnings": None,
    }


def micros(time_ns: int, node: bool) -> int:
    """Both round: Python whole nanoseconds, Node the double it has."""
    return math.floor(double_micros(time_ns) + 0.5) if node else (time_ns + 500) // 1000


def double_micros(time_ns: int) -> float:
    seconds, rest = divmod(time_ns, 10**9)
    return seconds * 1e6 + rest / 1e3


def _python_text(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps([_python_text(item) for item in value], separators=(",", ":"))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _node_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_node_text(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
