"""Six services with ddtrace make one trace: tags, metrics, a failure, and events and links where the
version has them. DD_TRACE_AGENT_URL and DD_TRACE_API_VERSION say where to and in which format. The
tracer's own spans are printed, as they stand when they are handed to the writer."""

import json
import platform

import ddtrace
from ddtrace import tracer

try:
    from ddtrace.trace import TraceFilter
except ImportError:
    from ddtrace.filters import TraceFilter

RECORDED = []


class Recording(TraceFilter):
    """A filter that lets everything pass."""

    def process_trace(self, trace):
        RECORDED.extend(trace)
        return trace


def story():
    """gateway → checkout → (inventory, payment which fails); checkout ⇢ queue ⇢ mailer."""
    with tracer.trace("web.request", "gateway", "POST /checkout", "web") as root:
        root.set_tag("span.kind", "server")
        root.set_tag("http.route", "/checkout")
        root.set_metric("size", 2**53)
        root.set_metric("ratio", 0.25)
        with tracer.trace("checkout", "checkout") as checkout:
            checkout.set_tag("text", "Grüße, 世界 <b>&</b>")
            checkout.set_tag("empty", "")
            with tracer.trace("postgres.query", "inventory", "SELECT stock", "sql") as inventory:
                inventory.set_tag("span.kind", "client")
                inventory._add_event("cache miss", {"key": "stock:a", "age": 3, "hot": True})
                inventory._add_event("bare")
            with tracer.trace("charge", "payment") as payment:
                payment.set_tag("span.kind", "client")
                try:
                    raise TimeoutError("card gateway timed out")
                except TimeoutError:
                    payment.set_traceback()
            with tracer.trace("send mail", "queue") as queue:
                queue.set_tag("span.kind", "producer")
        with tracer.trace("receive", "mailer") as mailer:
            mailer.set_tag("span.kind", "consumer")
            mailer.link_span(queue.context, {"messaging.batch": 1})


def described(span):
    return {
        "tracer": ddtrace.__version__,
        "runtime": platform.python_version(),
        "language": "python",
        "traceId": f"{span.trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "parentId": f"{span.parent_id:016x}" if span.parent_id else "",
        "service": span.service,
        "name": span.name,
        "resource": span.resource,
        "type": span.span_type or "",
        "startNs": span.start_ns,
        "durationNs": span.duration_ns,
        "meta": span.get_tags(),
        "metrics": span.get_metrics(),
        "events": [
            [event.name, event.time_unix_nano, dict(event.attributes)]
            for event in (span._get_events() if hasattr(span, "_get_events") else span._events)
        ],
        "links": [
            [f"{link.trace_id:032x}", f"{link.span_id:016x}", dict(link.attributes)]
            for link in (span._get_links() if hasattr(span, "_get_links") else span._links)
        ],
    }


if __name__ == "__main__":
    if ddtrace.__version__.startswith("2."):
        tracer.configure(settings={"FILTERS": [Recording()]})
    else:
        tracer.configure(trace_processors=[Recording()])
    story()
    tracer.flush()
    tracer.shutdown()
    print(json.dumps([described(span) for span in RECORDED]), flush=True)
