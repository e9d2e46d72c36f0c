// The Node sample of Jaeger's OpenTelemetry exporter, as users have it; only host and port are told.
const { trace } = require("@opentelemetry/api");
const { JaegerExporter } = require("@opentelemetry/exporter-jaeger");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { NodeTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");

const exporter = new JaegerExporter({
  endpoint: `http://${process.env.HOST}:${process.env.PORT}/api/traces`,
});
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "mission-node" }),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
provider.register();
const tracer = trace.getTracer("mission");

tracer.startActiveSpan("parent", (parent) => {
  tracer.startActiveSpan("child", (child) => {
    child.setAttribute("answer", 42);
    child.end();
    console.log(child.spanContext().traceId);
  });
  parent.end();
});
