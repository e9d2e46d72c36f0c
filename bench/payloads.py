"""One trace of a few spans in the wire form of each door, made by the formats' own libraries and as
cheap as they allow, so that a load test measures the server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import thriftpy2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from thriftpy2.protocol import TBinaryProtocol, TCompactProtocol
from thriftpy2.thrift import TMessageType
from thriftpy2.transport import TMemoryBuffer

from viewer.formats.jaeger import thrift

_IDL = Path(thrift.__file__).with_name("idl") / "agent.thrift"
_AGENT: Any = thriftpy2.load(str(_IDL), module_name="bench_agent_thrift")
SPANS = 5
Traces = range
"""The numbers of the traces in a body."""


def trace_id(client: int, number: int) -> str:
    """Return the 32 digits of a client's trace; begins as X-Ray wants, with a time of day."""
    # Of Datadog's lower half none may be zero.
    return f"6{client:07x}{number + 1:024x}"


def span_id(number: int, span: int) -> int:
    """Return a span's ID, unique within a trace."""
    return (number * 16 + span + 1) & 0x7FFFFFFFFFFFFFFF or 1


def otlp(client: int, numbers: Traces, now_ns: int) -> bytes:
    """OTLP protobuf, for HTTP and gRPC."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(
        KeyValue(key="service.name", value=AnyValue(string_value=f"client-{client}"))
    )
    spans = resource.scope_spans.add().spans
    for number in numbers:
        for span in range(SPANS):
            spans.add(
                trace_id=bytes.fromhex(trace_id(client, number)),
                span_id=span_id(number, span).to_bytes(8, "big"),
                parent_span_id=span_id(number, 0).to_bytes(8, "big") if span else b"",
                name=f"operation {span}",
                kind=2,
                start_time_unix_nano=now_ns,
                end_time_unix_nano=now_ns + 1_000_000,
                attributes=[
                    KeyValue(key="http.route", value=AnyValue(string_value="/orders/{id}")),
                    KeyValue(key="order.number", value=AnyValue(int_value=number)),
                ],
            )
    return request.SerializeToString()


def zipkin(client: int, numbers: Traces, now_ns: int) -> bytes:
    """Zipkin v2 JSON."""
    return json.dumps(
        [
            {
                "traceId": trace_id(client, number),
                "id": f"{span_id(number, span):016x}",
                **({"parentId": f"{span_id(number, 0):016x}"} if span else {}),
                "name": f"operation {span}",
                "kind": "SERVER",
                "timestamp": now_ns // 1000,
                "duration": 1000,
                "localEndpoint": {"serviceName": f"client-{client}"},
                "tags": {"http.route": "/orders/{id}", "order.number": str(number)},
            }
            for number in numbers
            for span in range(SPANS)
        ]
    ).encode()


def datadog(client: int, numbers: Traces, now_ns: int) -> bytes:
    """Datadog v0.4 MessagePack, with the upper half of the ID on the first span of a chunk."""
    chunks = []
    for number in numbers:
        high, low = trace_id(client, number)[:16], trace_id(client, number)[16:]
        chunks.append(
            [
                {
                    "service": f"client-{client}",
                    "name": "web.request",
                    "resource": f"operation {span}",
                    "trace_id": int(low, 16),
                    "span_id": span_id(number, span),
                    "parent_id": span_id(number, 0) if span else 0,
                    "start": now_ns,
                    "duration": 1_000_000,
                    "error": 0,
                    "meta": {"http.route": "/orders/{id}", **({} if span else {"_dd.p.tid": high})},
                    "metrics": {"order.number": number},
                    "type": "web",
                }
                for span in range(SPANS)
            ]
        )
    body: bytes = msgpack.packb(chunks)
    return body


def jaeger_http(client: int, numbers: Traces, now_ns: int) -> bytes:
    """A Jaeger batch in binary Thrift, as the collector takes it over HTTP."""
    buffer = TMemoryBuffer()
    TBinaryProtocol(buffer).write_struct(_jaeger_batch(client, numbers, now_ns))
    data: bytes = buffer.getvalue()
    return data


def jaeger_compact(client: int, numbers: Traces, now_ns: int) -> bytes:
    """A Jaeger batch as the message that the agent takes over UDP."""
    buffer = TMemoryBuffer()
    protocol = TCompactProtocol(buffer)
    arguments = _AGENT.Agent.emitBatch_args(batch=_jaeger_batch(client, numbers, now_ns))
    protocol.write_message_begin("emitBatch", TMessageType.ONEWAY, 1)
    protocol.write_struct(arguments)
    protocol.write_message_end()
    data: bytes = buffer.getvalue()
    return data


def _jaeger_batch(client: int, numbers: Traces, now_ns: int) -> Any:
    tag = _AGENT.jaeger.Tag(key="http.route", vType=0, vStr="/orders/{id}")
    spans = []
    for number in numbers:
        high, low = trace_id(client, number)[:16], trace_id(client, number)[16:]
        spans += [
            _AGENT.jaeger.Span(
                traceIdHigh=int(high, 16),
                traceIdLow=int(low, 16),
                spanId=span_id(number, span),
                parentSpanId=span_id(number, 0) if span else 0,
                operationName=f"operation {span}",
                flags=1,
                startTime=now_ns // 1000,
                duration=1000,
                tags=[tag],
            )
            for span in range(SPANS)
        ]
    return _AGENT.jaeger.Batch(
        process=_AGENT.jaeger.Process(serviceName=f"client-{client}"), spans=spans
    )


def xray(client: int, numbers: Traces, now_ns: int) -> bytes:
    """An X-Ray segment with subsegments, as the daemon takes it over UDP: one trace a datagram."""
    (number,) = numbers
    whole = trace_id(client, number)
    start = now_ns / 1e9
    document = {
        "name": f"client-{client}",
        "id": f"{span_id(number, 0):016x}",
        "trace_id": f"1-{whole[:8]}-{whole[8:]}",
        "start_time": start,
        "end_time": start + 0.001,
        "annotations": {"order_number": number},
        "subsegments": [
            {
                "name": f"operation {span}",
                "id": f"{span_id(number, span):016x}",
                "start_time": start,
                "end_time": start + 0.001,
            }
            for span in range(1, SPANS)
        ],
    }
    return b'{"format":"json","version":1}\n' + json.dumps(document).encode()


PAYLOADS: dict[str, Callable[[int, Traces, int], bytes]] = {
    "OTLP/HTTP": otlp,
    "OTLP/gRPC": otlp,
    "Jaeger HTTP": jaeger_http,
    "Jaeger compact": jaeger_compact,
    "Zipkin": zipkin,
    "Datadog": datadog,
    "AWS X-Ray UDP": xray,
}
