// The story of datadog.py with dd-trace. DD_TRACE_AGENT_URL says where to, PROTOCOL in which format.
"use strict";
const tracer = require("dd-trace").init({
  flushInterval: 0,
  startupLogs: false,
  protocolVersion: process.env.PROTOCOL,
  plugins: false,
});
const recorded = [];

function span(name, service, tags, childOf, links) {
  const made = tracer.startSpan(name, { childOf, links, tags: { "service.name": service, ...tags } });
  recorded.push(made);
  return made;
}

function story() {
  const kind = (name) => ({ "span.kind": name });
  const root = span("web.request", "gateway", {
    ...kind("server"),
    "resource.name": "POST /checkout",
    "span.type": "web",
    "http.route": "/checkout",
    size: 2 ** 52,
    ratio: 0.25,
    ok: false,
  });
  const checkout = span("checkout", "checkout", { text: "Grüße, 世界 <b>&</b>", empty: "" }, root);
  const inventory = span("SELECT stock", "inventory", kind("client"), checkout);
  inventory.addEvent("cache miss", { key: "stock:a", age: 3, hot: true });
  inventory.addEvent("bare");
  inventory.finish();
  const payment = span("charge", "payment", kind("client"), checkout);
  payment.setTag("error", new Error("card gateway timed out"));
  payment.finish();
  const queue = span("send mail", "queue", kind("producer"), checkout);
  queue.finish();
  const links = [{ context: queue.context(), attributes: { "messaging.batch": 1 } }];
  span("receive", "mailer", kind("consumer"), root, links).finish();
  checkout.finish();
  root.finish();
}

const nanoseconds = (milliseconds) => String(BigInt(Math.round(milliseconds * 1e6)));

// What dd-trace makes of the tags: texts are meta, numbers and booleans are metrics.
function sorted(tags) {
  const { error, "service.name": _service, "resource.name": _resource, "span.type": _type, ...rest } = tags;
  const entries = Object.entries(rest);
  const meta = entries.filter(([, value]) => typeof value === "string");
  const metrics = entries.filter(([, value]) => ["number", "boolean"].includes(typeof value));
  if (error) meta.push(["error.message", error.message], ["error.type", error.name], ["error.stack", error.stack]);
  return {
    meta: { ...Object.fromEntries(meta), language: "javascript" },
    metrics: {
      ...Object.fromEntries(metrics.map(([key, value]) => [key, Number(value)])),
      process_id: process.pid,
    },
  };
}

function described(made) {
  const context = made.context();
  const tags = context.getTags();
  return {
    tracer: require("dd-trace/package.json").version,
    runtime: process.version,
    language: "nodejs",
    traceId: context.toTraceId(true),
    spanId: context.toSpanId(true),
    parentId: context._parentId?.toString(16) ?? "",
    service: tags["service.name"],
    name: context._name,
    resource: tags["resource.name"] ?? context._name,
    type: tags["span.type"] ?? "",
    startNs: nanoseconds(made._startTime),
    durationNs: nanoseconds(made._duration),
    ...sorted(tags),
    // As JSON, which rounds a number to the digits that tell it from others.
    events: made._events.map((event) => [
      event.name, String(Math.round(event.startTime * 1e6)), event.attributes ?? {},
    ]),
    links: made._links.map((link) => [
      link.context.toTraceId(true), link.context.toSpanId(true), link.attributes ?? {},
    ]),
  };
}

story();
// dd-trace sends when the process has nothing more to do.
process.stdout.write(JSON.stringify(recorded.map(described)) + "\n");
