"""OpenTelemetry's SDKs send by OTLP: HTTP with protobuf and with JSON, and gRPC."""

from decimal import Decimal

import pytest

from bench.server import Server
from tests.clients.answers import Json, answered, in_order, typed
from tests.clients.running import Client, get_trace, record

HTTP, GRPC = "OTLP/HTTP", "OTLP/gRPC"
CLIENTS = {
    "python-http": Client("otel", "otel.py", HTTP, {"EXPORTER": "otlp-http"}),
    "python-grpc": Client("otel", "otel.py", GRPC, {"EXPORTER": "otlp-grpc"}),
    "python-json": Client("otel", "otel.py", HTTP, {"EXPORTER": "otlp-json"}),
    "node-http": Client("node-otel", "otel.cjs", HTTP, {"EXPORTER": "otlp-http"}),
    "node-grpc": Client("node-otel", "otel.cjs", GRPC, {"EXPORTER": "otlp-grpc"}),
    "node-json": Client("node-otel", "otel.cjs", HTTP, {"EXPORTER": "otlp-json"}),
    "node-json-2022": Client("node-otel-2022", "otel.cjs", HTTP, {"EXPORTER": "otlp-json"}),
    "python-flask": Client("otel-flask", "flask_shop.py", HTTP, {"PROTOCOL": "http/protobuf"}),
    "python-flask-grpc": Client("otel-flask", "flask_shop.py", GRPC, {"PROTOCOL": "grpc"}),
}
FURTHER = ("node-json-2022", "python-flask", "python-flask-grpc")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.clients) if name in FURTHER else name
        for name in CLIENTS
    ],
)
def test_a_trace_is_answered_as_it_was_recorded(server: Server, name: str) -> None:
    recorded = record(CLIENTS[name], server)
    if name == "node-json-2022":
        recorded = [in_doubles(span) for span in recorded]
    trace = get_trace(server, recorded[0]["traceId"], len(recorded))
    assert answered(trace) == in_order([expected(span) for span in recorded])


def in_doubles(span: Json) -> Json:
    """It wrote times as JSON numbers, with the digits that tell a double from others."""

    def written(time_ns: str) -> int:
        return int(Decimal(repr(float(time_ns))))

    events = [[name, written(when), fields] for name, when, fields in span["events"]]
    times = {key: written(span[key]) for key in ("startNs", "endNs")}
    return {**span, **times, "events": events}


def expected(span: Json) -> Json:
    """What Jaeger's API says of a span, by the rules of its translator from OTLP."""
    scope_name, scope_version = span["scope"]
    code, message = span["status"]
    fields = {"otel.scope.name": scope_name, "otel.scope.version": scope_version}
    fields["span.kind"] = span["kind"].lower()
    if code != "UNSET":
        fields["otel.status_code"] = code
    if message:
        fields["otel.status_description"] = message
    if code == "ERROR":
        fields["error"] = True
    parent = [("CHILD_OF", span["traceId"], span["parentId"])] if span["parentId"] else []
    return {
        "trace_id": span["traceId"],
        "id": span["spanId"],
        "name": span["name"],
        "service": span["resource"]["service.name"],
        "process": typed({**span["resource"], "service.name": None}),
        "references": [*parent, *(("FOLLOWS_FROM", *link[:2]) for link in span["links"])],
        "start_us": int(span["startNs"]) // 1000,
        "duration_us": (int(span["endNs"]) - int(span["startNs"])) // 1000,
        "tags": typed({**span["attributes"], **fields}),
        "logs": [
            (int(time_ns) // 1000, typed({**attributes, "event": name}))
            for name, time_ns, attributes in span["events"]
        ],
        "warnings": None,
    }
