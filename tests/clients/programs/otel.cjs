// The story of otel.py with OpenTelemetry's Node SDK. EXPORTER says which exporter sends it, SEND_TO
// where to. SDKs of 2022 are spoken to in their way.
"use strict";
const { trace, ROOT_CONTEXT, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { Resource, resourceFromAttributes } = require("@opentelemetry/resources");
const {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} = require("@opentelemetry/sdk-trace-node");

const url = process.env.SEND_TO;
const EXPORTERS = {
  "otlp-json": () => otlp("http"),
  "otlp-http": () => otlp("proto"),
  "otlp-grpc": () => otlp("grpc"),
  "jaeger-http": () => jaeger({ endpoint: url }),
  "jaeger-binary": () => jaeger({ host: new URL(url).hostname, port: Number(new URL(url).port) }),
  "zipkin-json": () => new (require("@opentelemetry/exporter-zipkin").ZipkinExporter)({ url }),
};
const otlp = (kind) =>
  new (require(`@opentelemetry/exporter-trace-otlp-${kind}`).OTLPTraceExporter)({ url });
const jaeger = (options) =>
  new (require("@opentelemetry/exporter-jaeger").JaegerExporter)(options);

const recorded = new InMemorySpanExporter();
const providers = [];
const elsewhere = { traceId: "abcdef".padEnd(32, "7"), spanId: "1234".padStart(16, "0"), traceFlags: 1 };

function tracer(service) {
  const attributes = { "service.name": service, "service.version": "1.2.3", shard: 7 };
  const resource = resourceFromAttributes?.(attributes) ?? new Resource(attributes);
  const spanProcessors = [
    new BatchSpanProcessor(EXPORTERS[process.env.EXPORTER]()),
    new SimpleSpanProcessor(recorded),
  ];
  const provider = new NodeTracerProvider({ resource, spanProcessors });
  if (provider.addSpanProcessor) spanProcessors.forEach((each) => provider.addSpanProcessor(each));
  providers.push(provider);
  return provider.getTracer(`${service}.lib`, "0.9");
}

const below = (span) => trace.setSpan(ROOT_CONTEXT, span);

function story() {
  const root = tracer("gateway").startSpan("POST /checkout", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  root.setAttributes({ "http.route": "/checkout", "http.request.size": 2 ** 52, ratio: 0.25 });
  const checkout = tracer("checkout").startSpan("checkout", {}, below(root));
  checkout.setAttributes({ ok: false, empty: "", text: "Grüße, 世界 <b>&</b>" });
  const client = { kind: SpanKind.CLIENT };
  const inventory = tracer("inventory").startSpan("SELECT stock", client, below(checkout));
  inventory.setAttributes({ skus: ["a", "b"], counts: [1, 2], prices: [1.5, 2.25], flags: [true, false] });
  inventory.addEvent("cache miss", { key: "stock:a", age: 3, hot: true });
  inventory.addEvent("bare");
  inventory.end();
  const payment = tracer("payment").startSpan("charge", client, below(checkout));
  const error = new Error("card gateway timed out");
  payment.recordException(error);
  payment.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  payment.end();
  const queued = tracer("queue").startSpan("send mail", { kind: SpanKind.PRODUCER }, below(checkout));
  queued.setStatus({ code: SpanStatusCode.OK });
  queued.end();
  const links = [
    { context: queued.spanContext(), attributes: { "messaging.batch": 1 } },
    { context: elsewhere },
  ];
  tracer("mailer").startSpan("receive", { kind: SpanKind.CONSUMER, links }, below(root)).end();
  checkout.end();
  root.end();
}

// Nanoseconds are past what a JavaScript number holds exactly: they are printed as text.
const nanoseconds = ([seconds, rest]) => String(BigInt(seconds) * 1000000000n + BigInt(rest));

function described(span) {
  const { traceId, spanId } = span.spanContext();
  const scope = span.instrumentationScope ?? span.instrumentationLibrary;
  const link = (item) => [item.context.traceId, item.context.spanId, item.attributes ?? {}];
  return {
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId ?? span.parentSpanId ?? "",
    name: span.name,
    kind: SpanKind[span.kind],
    startNs: nanoseconds(span.startTime),
    endNs: nanoseconds(span.endTime),
    resource: span.resource.attributes,
    scope: [scope.name, scope.version],
    attributes: span.attributes,
    events: span.events.map((event) => [event.name, nanoseconds(event.time), event.attributes ?? {}]),
    links: span.links.map(link),
    status: [SpanStatusCode[span.status.code], span.status.message ?? ""],
  };
}

async function main() {
  story();
  await Promise.all(providers.map((provider) => provider.forceFlush()));
  process.stdout.write(JSON.stringify(recorded.getFinishedSpans().map(described)) + "\n");
  await Promise.all(providers.map((provider) => provider.shutdown()));
}

main();
