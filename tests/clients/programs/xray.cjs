// The story of xray.py with aws-xray-sdk-core for Node. With STREAMED the subsegments are sent first.
"use strict";
const xray = require("aws-xray-sdk-core");

const emitter = require("aws-xray-sdk-core/dist/lib/segment_emitter");
const sent = [];
const send = emitter.send;
emitter.send = function (segment) {
  sent.push(JSON.parse(segment.format()));
  send.call(this, segment);
};
emitter.disableReusableSocket(); // the socket that is kept does not keep the process
xray.setDaemonAddress(new URL(process.env.SEND_TO).host);
if (process.env.STREAMED) xray.setStreamingThreshold(0);

const called = (service, caller) => new xray.Segment(service, caller.segment.trace_id, caller.id);

function remote(parent, name, namespace = "remote") {
  const made = parent.addNewSubsegment(name);
  made.namespace = namespace;
  return made;
}

function story() {
  const gateway = new xray.Segment("gateway");
  gateway.http = {
    request: { method: "POST", url: "http://shop.example/checkout", client_ip: "192.0.2.9" },
    response: { status: 200 },
  };
  gateway.setUser("Zoë");
  const annotations = { size: 2 ** 53 - 1, ratio: 0.25, ok: false, user_id: "u-1" };
  for (const [key, value] of Object.entries(annotations)) gateway.addAnnotation(key, value);
  gateway.addMetadata("text", "Grüße, 世界 <b>&</b>");
  gateway.addMetadata("basket", { items: [1, 2.5, null, true], empty: {} }, "shop");
  const asksCheckout = remote(gateway, "checkout");
  const checkout = called("checkout", asksCheckout);
  const asksStock = remote(checkout, "stock@postgres");
  asksStock.addSqlData({ sanitized_query: "SELECT stock", database_type: "postgresql" });
  called("inventory", asksStock).close();
  asksStock.close();
  const charge = checkout.addNewSubsegment("charge");
  const asksPayment = remote(charge, "payment");
  asksPayment.http = { response: { status: 503 } };
  asksPayment.addFaultFlag();
  called("payment", asksPayment).close(new Error("card gateway timed out"));
  asksPayment.close();
  charge.close();
  const sends = remote(checkout, "queue", "aws");
  const queue = called("queue", sends);
  const delivers = remote(queue, "mailer");
  called("mailer", delivers).close();
  delivers.close();
  queue.close();
  sends.close();
  checkout.close();
  asksCheckout.close();
  gateway.close();
}

story();
process.stdout.write(JSON.stringify(sent) + "\n");
