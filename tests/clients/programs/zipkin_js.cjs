// The story of zipkin_py.py with zipkin-js. ENCODING is its name of the wire format (JSON_V1, JSON_V2),
// SEND_TO the address. The spans that it hands to its logger are printed.
"use strict";
const { Annotation, BatchRecorder, ExplicitContext, InetAddress, TraceId, Tracer, jsonEncoder } = require("zipkin");
const { HttpLogger } = require("zipkin-transport-http");

const http = new HttpLogger({
  endpoint: process.env.SEND_TO,
  jsonEncoder: jsonEncoder[process.env.ENCODING],
  httpInterval: 50,
});
const recorded = [];
const logger = { logSpan: (span) => (recorded.push(span), http.logSpan(span)) };
const recorder = new BatchRecorder({ logger });
const host = new InetAddress("192.0.2.7");

function service(localServiceName) {
  return new Tracer({ ctxImpl: new ExplicitContext(), recorder, localServiceName, traceId128Bit: true });
}

// Run `inside` within a span that begins and ends with these annotations.
function within(tracer, id, name, [begin, end], inside) {
  tracer.scoped(() => {
    tracer.setId(id);
    tracer.recordServiceName(tracer.localEndpoint.serviceName);
    tracer.recordRpc(name);
    tracer.recordAnnotation(new Annotation.LocalAddr({ host, port: 8080 }));
    tracer.recordAnnotation(begin);
    inside(id);
    tracer.recordAnnotation(end);
  });
}

const SERVER = [new Annotation.ServerRecv(), new Annotation.ServerSend()];
const CLIENT = [new Annotation.ClientSend(), new Annotation.ClientRecv()];
const PRODUCER = [new Annotation.ProducerStart(), new Annotation.ProducerStop()];
const CONSUMER = [new Annotation.ConsumerStart(), new Annotation.ConsumerStop()];
// The called service reads the caller's ID from its request: an object of its own, marked as shared.
function join(tracer, { traceId, spanId, _parentId: parentId, sampled }) {
  return tracer.join(new TraceId({ traceId, spanId, parentId, sampled }));
}
const child = (tracer, parent) => tracer.scoped(() => (tracer.setId(parent), tracer.createChildId()));

function story() {
  const [gateway, checkout, inventory, payment, queue, mailer] =
    ["gateway", "checkout", "inventory", "payment", "queue", "mailer"].map(service);
  within(gateway, gateway.createRootId(), "POST /checkout", SERVER, (root) => {
    gateway.recordBinary("http.route", "/checkout");
    gateway.recordBinary("size", 2 ** 52);
    within(gateway, child(gateway, root), "POST", CLIENT, (asked) => {
      within(checkout, join(checkout, asked), "checkout", SERVER, (own) => {
        checkout.recordBinary("ok", false);
        checkout.recordBinary("text", "Grüße, 世界 <b>&</b>");
        within(checkout, child(checkout, own), "SELECT stock", CLIENT, (asks) => {
          const address = { serviceName: "postgres", host: new InetAddress("192.0.2.8"), port: 5432 };
          checkout.recordAnnotation(new Annotation.ServerAddr(address));
          within(inventory, join(inventory, asks), "SELECT stock", SERVER, () =>
            inventory.recordMessage("cache miss"));
        });
        within(checkout, child(checkout, own), "charge", CLIENT, (asks) =>
          within(payment, join(payment, asks), "charge", SERVER, () =>
            payment.recordBinary("error", "card gateway timed out")));
        within(queue, child(queue, own), "send mail", PRODUCER, (sent) =>
          within(mailer, child(mailer, sent), "receive", CONSUMER, () => {}));
      });
    });
  });
}

function described(span) {
  const { localEndpoint: near, remoteEndpoint: far } = span;
  return {
    traceId: span.traceId,
    spanId: span.id,
    parentId: span.parentId ?? "",
    name: span.name,
    kind: span.kind ?? null,
    shared: span.shared,
    startUs: span.timestamp,
    durationUs: span.duration,
    endUs: span.timestamp + span.duration,
    service: near.serviceName,
    local: [near.ipv4, near.port],
    remote: far ? [far.serviceName, far.ipv4, far.port] : null,
    tags: span.tags,
    annotations: span.annotations.map(({ timestamp, value }) => [timestamp, value]),
  };
}

// Nothing else keeps the process: it ends when all is sent, or gives up.
const waiting = setTimeout(() => process.exit(1), 10_000);
http.on("error", (error) => console.error(error));
http.once("success", () => {
  process.stdout.write(JSON.stringify(recorded.map(described)) + "\n");
  clearTimeout(waiting);
});
story();
