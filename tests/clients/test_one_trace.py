"""One trace, whose ID four systems write in four ways, is one tree."""

import json
import os
import socket
import time
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgpack

from bench.server import Server
from tests.clients.answers import answered
from tests.clients.running import Client, get_trace, run

CLIENTS = {
    "gateway": Client("otel", "one_trace.py", "OTLP/HTTP"),
    "checkout": Client("py-zipkin", "one_trace.py", "Zipkin"),
    "payment": Client("xray", "one_trace.py", "AWS X-Ray UDP"),
    "mailer": Client("ddtrace4", "one_trace.py", "Datadog"),
}
GATEWAY, CHECKOUT, PAYMENT, MAILER = "1a" * 8, "2b" * 8, "9c" * 8, "4d" * 8


def test_it_is_one_tree_in_w3c_b3_x_ray_and_datadog_form(server: Server) -> None:
    start_ns = time.time_ns()
    # X-Ray's IDs begin with the time, so this is a form that all four can have.
    trace_id = f"{start_ns // 10**9:08x}{os.urandom(12).hex()}"
    send_datadog(server, trace_id, start_ns + 3_000_000)
    send_xray(server, trace_id, start_ns + 2_000_000)
    send_zipkin(server, trace_id, start_ns + 1_000_000)
    send_otlp(server, trace_id, start_ns)
    spans = answered(get_trace(server, trace_id, 4))
    assert [(span["service"], span["id"], span["references"]) for span in spans] == [
        ("gateway", GATEWAY, []),
        ("checkout", CHECKOUT, [("CHILD_OF", trace_id, GATEWAY)]),
        ("payment", PAYMENT, [("CHILD_OF", trace_id, CHECKOUT)]),
        ("mailer", MAILER, [("CHILD_OF", trace_id, PAYMENT)]),
    ]
    assert {span["trace_id"] for span in spans} == {trace_id}
    assert not any(span["warnings"] for span in spans)


def test_clients_of_four_systems_go_on_with_each_others_trace(server: Server) -> None:
    trace_id = parent_id = ""
    told = []
    for service, client in CLIENTS.items():
        own = {"CLIENT": client.environment, "TRACE_ID": trace_id, "PARENT_ID": parent_id}
        own["DD_TRACE_AGENT_URL"] = server.doors["Datadog"].partition("/v0")[0]
        parent = [("CHILD_OF", trace_id, parent_id)] if parent_id else []
        trace_id, parent_id = run(client, server, **own).split()
        told.append((service, parent_id, parent))
    spans = answered(get_trace(server, trace_id, 4))
    assert [(span["service"], span["id"], span["references"]) for span in spans] == told
    assert {span["trace_id"] for span in spans} == {trace_id}


def send_otlp(server: Server, trace_id: str, start_ns: int) -> None:
    """As W3C's traceparent has it: 32 digits."""
    span = {
        "traceId": trace_id,
        "spanId": GATEWAY,
        "name": "POST /checkout",
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 9_000_000),
    }
    service = {"key": "service.name", "value": {"stringValue": "gateway"}}
    resource = {"attributes": [service]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    post(server.doors["OTLP/HTTP"], "application/json", json.dumps(body).encode())


def send_zipkin(server: Server, trace_id: str, start_ns: int) -> None:
    """As B3 has it: 32 digits."""
    span = {
        "traceId": trace_id,
        "id": CHECKOUT,
        "parentId": GATEWAY,
        "name": "checkout",
        "timestamp": start_ns // 1000,
        "duration": 7000,
        "localEndpoint": {"serviceName": "checkout"},
    }
    post(server.doors["Zipkin"], "application/json", json.dumps([span]).encode())


def send_xray(server: Server, trace_id: str, start_ns: int) -> None:
    """As X-Amzn-Trace-Id has it: 1, eight digits, and twenty-four, with dashes between them."""
    segment = {
        "name": "payment",
        "trace_id": f"1-{trace_id[:8]}-{trace_id[8:]}",
        "id": PAYMENT,
        "parent_id": CHECKOUT,
        "start_time": start_ns / 1e9,
        "end_time": start_ns / 1e9 + 0.005,
    }
    datagram = b'{"format": "json", "version": 1}\n' + json.dumps(segment).encode()
    address = urlsplit(server.doors["AWS X-Ray UDP"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(datagram, (str(address.hostname), int(address.port or 0)))


def send_datadog(server: Server, trace_id: str, start_ns: int) -> None:
    """As x-datadog-trace-id and the tag _dd.p.tid have it: half a number, half hexadecimal."""
    span = {
        "service": "mailer",
        "name": "receive",
        "resource": "receive",
        "trace_id": int(trace_id[16:], 16),
        "span_id": int(MAILER, 16),
        "parent_id": int(PAYMENT, 16),
        "start": start_ns,
        "duration": 1_000_000,
        "meta": {"_dd.p.tid": trace_id[:16]},
    }
    post(server.doors["Datadog"], "application/msgpack", msgpack.packb([[span]]))


def post(url: str, media_type: str, body: bytes) -> None:
    with urlopen(Request(url, body, {"Content-Type": media_type}), timeout=20) as answer:
        assert answer.status in (200, 202)
