/**
 * A page rendered on the server, in Node, that awaits one answer after the other where it could have
 * asked for all at once: real HTTP, real clocks, one SDK per service.
 */
import http from "node:http";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes, defaultResource } from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const url = process.env.SAMPLE_ENDPOINT ?? "http://localhost:4318/v1/traces";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const providers = [];

/** Start a service's SDK and return its tracer. */
function tracerOf(name, version) {
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        "service.name": name,
        "service.version": version,
        "service.namespace": "shop",
        "deployment.environment.name": "production",
        "host.name": `${name}-0.eu-central.internal`,
        "process.runtime.name": "nodejs",
        "process.command_args": ["node", "--enable-source-maps", `/srv/${name}/main.mjs`],
      }),
    ),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  providers.push(provider);
  return provider.getTracer(`${name}.instrumentation`, version);
}

/** Serve HTTP on a free port: a server span around each request. */
async function serve(name, version, milliseconds, answer) {
  const tracer = tracerOf(name, version);
  const server = http.createServer((request, response) => {
    const parent = propagation.extract(context.active(), request.headers);
    const path = request.url.split("?")[0];
    const attributes = {
      "http.request.method": request.method,
      "http.route": path,
      "url.path": path,
      "url.scheme": "http",
      "network.protocol.version": request.httpVersion,
    };
    const options = { kind: SpanKind.SERVER, attributes };
    tracer.startActiveSpan(`${request.method} ${path}`, options, parent, async (span) => {
      await sleep(milliseconds);
      const { status, body } = answer(span);
      span.setAttributes({ "http.response.status_code": status, "http.response.body.size": body.length });
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      response.writeHead(status, { "content-type": "application/json" }).end(body);
      span.end();
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

/** Ask a service: a client span, its context in the request's headers. */
function ask(tracer, name, server, path) {
  const port = server.address().port;
  const attributes = {
    "http.request.method": "GET",
    "server.address": name,
    "server.port": 8080,
    "url.full": `http://${name}:8080${path}`,
  };
  return tracer.startActiveSpan("GET", { kind: SpanKind.CLIENT, attributes }, async (span) => {
    const headers = {};
    propagation.inject(context.active(), headers);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const body = await response.text();
    span.setAttribute("http.response.status_code", response.status);
    if (response.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR, message: body });
    span.end();
    return response.status;
  });
}

const services = {
  "catalog-service": await serve("catalog-service", "4.0.0", 84, (span) => {
    span.addEvent("cache hit", { "cache.key": "product:grinder-m47", "cache.age_s": 41.5 });
    return { status: 200, body: JSON.stringify({ sku: "grinder-m47", price: 249 }) };
  }),
  "review-service": await serve("review-service", "1.9.2", 132, (span) => {
    const error = new TypeError("Cannot read properties of undefined (reading 'stars')");
    error.stack = `${error}\n    at average (/srv/review-service/average.mjs:12:31)`;
    span.recordException(error);
    return { status: 500, body: "average of no reviews" };
  }),
  "stock-service": await serve("stock-service", "2.4.0", 67, () => ({ status: 200, body: "[3]" })),
  "ads-service": await serve("ads-service", "0.7.0", 118, () => ({ status: 200, body: "[]" })),
};

const renderer = tracerOf("storefront-renderer", "2026.46.1");
const page = {
  kind: SpanKind.SERVER,
  attributes: { "http.request.method": "GET", "http.route": "/p/:sku", "url.path": "/p/grinder-m47" },
};
await renderer.startActiveSpan("GET /p/:sku", page, async (root) => {
  for (const [name, server] of Object.entries(services)) {
    await ask(renderer, name, server, `/${name.split("-")[0]}/grinder-m47`);
  }
  await renderer.startActiveSpan("renderToString", async (span) => {
    await sleep(23);
    span.setAttributes({ "react.components": 184, "render.streaming": false });
    span.end();
  });
  root.setAttribute("http.response.status_code", 200);
  root.end();
});
for (const provider of providers) {
  await provider.forceFlush();
  await provider.shutdown();
}
for (const server of Object.values(services)) server.close();
trace.disable();
