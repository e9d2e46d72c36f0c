"""A span of one trace, by the client that CLIENT names. It goes on from TRACE_ID and PARENT_ID, in the
form in which its system passes them on, and prints the trace's ID and that of its own span."""

import os
from urllib.parse import urlsplit

TRACE_ID, PARENT_ID = os.environ["TRACE_ID"], os.environ["PARENT_ID"]
SEND_TO = os.environ["SEND_TO"]


def otel():
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.propagate import extract
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"} if TRACE_ID else {}
    provider = TracerProvider(resource=Resource({"service.name": "gateway"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=SEND_TO)))
    span = provider.get_tracer("one").start_span("POST /checkout", extract(headers))
    span.end()
    own = span.get_span_context()
    return f"{own.trace_id:032x}", f"{own.span_id:016x}"


def py_zipkin():
    from py_zipkin.request_helpers import extract_zipkin_attrs_from_headers
    from py_zipkin.transport import SimpleHTTPTransport
    from py_zipkin.util import generate_random_64bit_string
    from py_zipkin.zipkin import zipkin_span

    own = generate_random_64bit_string()
    headers = {
        "X-B3-TraceId": TRACE_ID,
        "X-B3-ParentSpanId": PARENT_ID,
        "X-B3-SpanId": own,
        "X-B3-Sampled": "1",
    }
    collector = urlsplit(SEND_TO)
    with zipkin_span(
        service_name="checkout",
        span_name="checkout",
        zipkin_attrs=extract_zipkin_attrs_from_headers(headers),
        transport_handler=SimpleHTTPTransport(collector.hostname, collector.port),
        report_root_timestamp=True,
    ):
        return TRACE_ID, own


def xray():
    from aws_xray_sdk.core import xray_recorder
    from aws_xray_sdk.core.models.trace_header import TraceHeader

    header = f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={PARENT_ID};Sampled=1"
    caller = TraceHeader.from_header_str(header)
    xray_recorder.configure(daemon_address=urlsplit(SEND_TO).netloc, sampling=False)
    with xray_recorder.in_segment("payment", traceid=caller.root, parent_id=caller.parent) as own:
        return TRACE_ID, own.id


def ddtrace():
    from ddtrace import tracer
    from ddtrace.propagation.http import HTTPPropagator

    headers = {
        "x-datadog-trace-id": str(int(TRACE_ID[16:], 16)),
        "x-datadog-parent-id": str(int(PARENT_ID, 16)),
        "x-datadog-sampling-priority": "1",
        "x-datadog-tags": f"_dd.p.tid={TRACE_ID[:16]}",
    }
    tracer.context_provider.activate(HTTPPropagator.extract(headers))
    with tracer.trace("receive", "mailer") as own:
        pass
    tracer.shutdown()
    return TRACE_ID, f"{own.span_id:016x}"


if __name__ == "__main__":
    clients = {"otel": otel, "py-zipkin": py_zipkin, "xray": xray, "ddtrace4": ddtrace}
    print(*clients[os.environ["CLIENT"]](), flush=True)
