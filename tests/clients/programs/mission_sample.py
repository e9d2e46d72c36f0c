"""The Python sample of Jaeger's OpenTelemetry exporter, as users have it; only host and port are told."""

import os

from opentelemetry import trace
from opentelemetry.exporter.jaeger.thrift import JaegerExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

trace.set_tracer_provider(
    TracerProvider(resource=Resource.create({SERVICE_NAME: "mission-python"}))
)
jaeger_exporter = JaegerExporter(
    agent_host_name=os.environ["HOST"],
    agent_port=int(os.environ["PORT"]),
)
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(jaeger_exporter))
tracer = trace.get_tracer(__name__)

with tracer.start_as_current_span("parent"):
    with tracer.start_as_current_span("child") as child:
        child.set_attribute("answer", 42)
        print(f"{child.get_span_context().trace_id:032x}", flush=True)
