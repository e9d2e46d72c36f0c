"""Six services, each with OpenTelemetry's Python SDK, make one trace: typed attributes, events, a
failure and links. EXPORTER says which exporter sends it, SEND_TO where to. Once everything is
flushed, what the SDK has recorded is printed as a line of JSON."""

import json
import os
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from otel_record import described

SEND_TO = os.environ["SEND_TO"]
HOST, PORT = urlsplit(SEND_TO).hostname, urlsplit(SEND_TO).port
RECORDED = InMemorySpanExporter()
PROVIDERS: list[TracerProvider] = []
ELSEWHERE = SpanContext(0xABCDEF << 100 | 7, 0x1234, True, TraceFlags(1))


def exporter(name: str) -> SpanExporter:
    match name:
        case "otlp-http":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter(endpoint=SEND_TO)
        case "otlp-grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter(endpoint=SEND_TO, insecure=True)
        case "otlp-json":
            from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter(endpoint=SEND_TO)
        case "jaeger-compact":
            from opentelemetry.exporter.jaeger.thrift import JaegerExporter

            return JaegerExporter(agent_host_name=HOST, agent_port=PORT)
        case "jaeger-http":
            from opentelemetry.exporter.jaeger.thrift import JaegerExporter

            return JaegerExporter(collector_endpoint=SEND_TO)
        case "jaeger-grpc":
            from opentelemetry.exporter.jaeger.proto.grpc import JaegerExporter

            return JaegerExporter(collector_endpoint=f"{HOST}:{PORT}", insecure=True)
        case "zipkin-json":
            from opentelemetry.exporter.zipkin.json import ZipkinExporter

            return ZipkinExporter(endpoint=SEND_TO)
        case "zipkin-json-v1":
            from opentelemetry.exporter.zipkin.json import Protocol, ZipkinExporter

            # Without a length its v1 encoder fails.
            return ZipkinExporter(Protocol.V1, SEND_TO, max_tag_value_length=1 << 20)
        case "zipkin-proto":
            from opentelemetry.exporter.zipkin.proto.http import ZipkinExporter

            return ZipkinExporter(endpoint=SEND_TO)
    raise SystemExit(f"no exporter {name}")


def tracer(service: str) -> trace.Tracer:
    resource = Resource.create({"service.name": service, "service.version": "1.2.3", "shard": 7})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter(os.environ["EXPORTER"])))
    provider.add_span_processor(SimpleSpanProcessor(RECORDED))
    PROVIDERS.append(provider)
    return provider.get_tracer(f"{service}.lib", "0.9")


def below(span: Span) -> trace.Context:
    return trace.set_span_in_context(span)


def story() -> None:
    """gateway → checkout → (inventory, payment which fails); checkout ⇢ queue ⇢ mailer."""
    root = tracer("gateway").start_span("POST /checkout", kind=SpanKind.SERVER)
    root.set_attributes({"http.route": "/checkout", "http.request.size": 2**60, "ratio": 0.25})
    checkout = tracer("checkout").start_span("checkout", below(root), SpanKind.INTERNAL)
    checkout.set_attributes({"ok": False, "empty": "", "text": "Grüße, 世界 <b>&</b>"})
    inventory = tracer("inventory").start_span("SELECT stock", below(checkout), SpanKind.CLIENT)
    inventory.set_attributes(
        {"skus": ["a", "b"], "counts": [1, 2], "prices": [1.5, 2.0], "flags": [True, False]}
    )
    inventory.add_event("cache miss", {"key": "stock:a", "age": 3, "hot": True})
    inventory.add_event("bare")
    inventory.end()
    payment = tracer("payment").start_span("charge", below(checkout), SpanKind.CLIENT)
    try:
        raise TimeoutError("card gateway timed out")
    except TimeoutError as error:
        payment.record_exception(error)
        payment.set_status(Status(StatusCode.ERROR, str(error)))
    payment.end()
    queued = tracer("queue").start_span("send mail", below(checkout), SpanKind.PRODUCER)
    queued.set_status(Status(StatusCode.OK))
    queued.end()
    links = [Link(queued.get_span_context(), {"messaging.batch": 1}), Link(ELSEWHERE)]
    mailer = tracer("mailer").start_span("receive", below(root), SpanKind.CONSUMER, links=links)
    mailer.end()
    checkout.end()
    root.end()


if __name__ == "__main__":
    story()
    for provider in PROVIDERS:
        provider.force_flush()
    print(json.dumps([described(span) for span in RECORDED.get_finished_spans()]), flush=True)
    for provider in PROVIDERS:
        provider.shutdown()
