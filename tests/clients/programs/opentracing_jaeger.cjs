// The story of opentracing_jaeger.py with jaeger-client for Node. SEND_TO is the agent's address (UDP) or
// the collector's (HTTP). With SAMPLING, the sampling server's address, the first tracer asks there.
"use strict";
const { initTracer } = require("jaeger-client");
const opentracing = require("opentracing");

const { protocol, hostname, port } = new URL(process.env.SEND_TO);
const reporter =
  protocol === "udp:"
    ? { agentHost: hostname, agentPort: Number(port) }
    : { collectorEndpoint: process.env.SEND_TO };
const sampling = process.env.SAMPLING && new URL(process.env.SAMPLING);
const recorded = [];
const tracers = [];

function tracer(serviceName) {
  const sampler = sampling
    ? { type: "remote", param: 0, host: sampling.hostname, port: Number(sampling.port), refreshIntervalMs: 100 }
    : { type: "const", param: 1 };
  const options = { tags: { version: "1.2.3", shard: 7 }, traceId128bit: true };
  const made = initTracer({ serviceName, sampler, reporter }, options);
  const report = made._reporter.report.bind(made._reporter);
  made._reporter.report = (span) => (recorded.push(span), report(span));
  tracers.push(made);
  return made;
}

// Until the sampling server has answered, nothing is sampled.
async function start(gateway, name, options) {
  for (let tries = 0; tries < 200; tries++) {
    const span = gateway.startSpan(name, options);
    if (span.context().isSampled()) return span;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the sampling server has not told to sample");
}

async function story() {
  const kind = (name) => ({ "span.kind": name });
  const server = { ...kind("server"), "http.route": "/checkout", size: 2 ** 53 - 1, ratio: 0.25 };
  const root = await start(tracer("gateway"), "POST /checkout", { tags: server });
  const checkout = tracer("checkout").startSpan("checkout", { childOf: root });
  checkout.addTags({ ok: false, empty: "", text: "Grüße, 世界 <b>&</b>" });
  const below = { childOf: checkout, tags: kind("client") };
  const inventory = tracer("inventory").startSpan("SELECT stock", below);
  inventory.log({ event: "cache miss", key: "stock:a", age: 3, hot: true });
  inventory.log({ event: "bare" });
  inventory.finish();
  const payment = tracer("payment").startSpan("charge", below);
  payment.setTag("error", true);
  payment.log({ event: "error", message: "card gateway timed out" });
  payment.finish();
  const queue = tracer("queue").startSpan("send mail", { childOf: checkout, tags: kind("producer") });
  queue.finish();
  const references = [opentracing.childOf(root.context()), opentracing.followsFrom(queue.context())];
  tracer("mailer").startSpan("receive", { references, tags: kind("consumer") }).finish();
  checkout.finish();
  root.finish();
}

const fields = (tags) => tags.map(({ key, value }) => [key, value]);

function described(span) {
  const context = span.context();
  const reference = (item) => {
    const { traceIdStr, spanIdStr } = item.referencedContext();
    return [item.type(), traceIdStr, spanIdStr];
  };
  return {
    traceId: context.traceIdStr,
    spanId: context.spanIdStr,
    parentId: context.parentIdStr ?? "",
    name: span.operationName,
    service: span.serviceName,
    process: Object.entries(span.tracer()._tags),
    references: span._references.map(reference),
    startMs: span._startTime,
    durationMs: span._duration,
    tags: fields(span._tags),
    logs: span._logs.map(({ timestamp, fields: of }) => [timestamp, fields(of)]),
  };
}

async function main() {
  await story();
  await Promise.all(tracers.map((each) => new Promise((resolve) => each.close(resolve))));
  process.stdout.write(JSON.stringify(recorded.map(described)) + "\n");
}

main();
