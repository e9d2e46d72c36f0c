"""Six services, each with jaeger-client for Python, make one trace: typed tags, logs, a failure, and
a span that follows another. SEND_TO is the agent's address. With SAMPLING, the sampling server's
address, each tracer asks there first whether to sample. The tracers' own spans are printed."""

import json
import os
import time
from urllib.parse import urlsplit

from jaeger_client import Config
from jaeger_client.reporter import CompositeReporter, InMemoryReporter
from jaeger_client.thrift_gen.jaeger.ttypes import TagType
from opentracing import child_of, follows_from
from opentracing.ext import tags

AGENT, SAMPLING = urlsplit(os.environ["SEND_TO"]), os.environ.get("SAMPLING")
RECORDED = InMemoryReporter()
SENDING = []
VALUES = {
    TagType.STRING: "vStr",
    TagType.DOUBLE: "vDouble",
    TagType.BOOL: "vBool",
    TagType.LONG: "vLong",
}


def tracer(service):
    config = {
        "local_agent": {
            "reporting_host": AGENT.hostname,
            "reporting_port": AGENT.port,
            "sampling_port": urlsplit(SAMPLING).port if SAMPLING else 0,
        },
        # Without a sampler it is the sampling server that tells.
        "sampler": {} if SAMPLING else {"type": "const", "param": 1},
        "sampling_refresh_interval": 1,
        "generate_128bit_trace_id": True,
        "tags": {"version": "1.2.3", "shard": 7},
    }
    made = Config(config, service_name=service, validate=True).new_tracer()
    SENDING.append(made.reporter)
    made.reporter = CompositeReporter(made.reporter, RECORDED)
    return made


def wait_to_be_sampled(gateway):
    """Until the sampling server has answered, nothing is sampled."""
    give_up = time.monotonic() + 10
    while not gateway.sampler.is_sampled(2**64 - 1, "POST /checkout")[0]:
        if time.monotonic() > give_up:
            raise SystemExit("the sampling server has not told to sample")
        time.sleep(0.02)


def story():
    server = {tags.SPAN_KIND: "server", "http.route": "/checkout", "size": 2**60, "ratio": 0.25}
    gateway = tracer("gateway")
    wait_to_be_sampled(gateway)
    root = gateway.start_span("POST /checkout", tags=server)
    checkout = tracer("checkout").start_span("checkout", root)
    checkout.set_tag("ok", False).set_tag("empty", "").set_tag("text", "Grüße, 世界 <b>&</b>")
    inventory = tracer("inventory").start_span(
        "SELECT stock", checkout, tags={tags.SPAN_KIND: "client"}
    )
    inventory.log_kv({"event": "cache miss", "key": "stock:a", "age": 3, "hot": True})
    inventory.log_kv({"event": "bare"})
    inventory.finish()
    payment = tracer("payment").start_span("charge", checkout, tags={tags.SPAN_KIND: "client"})
    payment.set_tag(tags.ERROR, True)
    payment.log_kv({"event": "error", "message": "card gateway timed out"})
    payment.finish()
    queue = tracer("queue").start_span("send mail", checkout, tags={tags.SPAN_KIND: "producer"})
    queue.finish()
    mailer = tracer("mailer").start_span(
        "receive",
        references=[child_of(root.context), follows_from(queue.context)],
        tags={tags.SPAN_KIND: "consumer"},
    )
    mailer.finish()
    checkout.finish()
    root.finish()


def fields(thrift_tags):
    return [[tag.key, getattr(tag, VALUES[tag.vType])] for tag in thrift_tags]


def described(span):
    return {
        "traceId": f"{span.context.trace_id:x}",
        "spanId": f"{span.context.span_id:016x}",
        "parentId": f"{span.context.parent_id:016x}" if span.context.parent_id else "",
        "name": span.operation_name,
        "service": span.tracer.service_name,
        "process": list(span.tracer.tags.items()),
        "references": [
            [
                item.type,
                f"{item.referenced_context.trace_id:x}",
                f"{item.referenced_context.span_id:016x}",
            ]
            for item in span.references or []
        ],
        "startUs": int(span.start_time * 1_000_000),
        "durationUs": int((span.end_time - span.start_time) * 1_000_000),
        "tags": fields(span.tags),
        "logs": [[log.timestamp, fields(log.fields)] for log in span.logs],
    }


if __name__ == "__main__":
    story()
    flushed = [reporter.close() for reporter in SENDING]
    while not all(future.done() for future in flushed):
        time.sleep(0.01)
    print(json.dumps([described(span) for span in RECORDED.get_spans()]), flush=True)
