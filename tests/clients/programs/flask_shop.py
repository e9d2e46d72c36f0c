"""A Flask shop that knows nothing of tracing, instrumented by OpenTelemetry from outside: a request
asks a database, and another page, which fails. PROTOCOL and SEND_TO say how and where the SDK sends;
metrics go there, too."""

import json
import logging
import os
import sqlite3
import threading

os.environ |= {
    "OTEL_SERVICE_NAME": "shop",
    "OTEL_EXPORTER_OTLP_PROTOCOL": os.environ["PROTOCOL"],
    "OTEL_EXPORTER_OTLP_ENDPOINT": os.environ["SEND_TO"].removesuffix("/v1/traces"),
}
from opentelemetry.instrumentation.auto_instrumentation import initialize

initialize()  # what the command opentelemetry-instrument does

import requests  # noqa: E402
from flask import Flask  # noqa: E402
from opentelemetry import metrics, trace  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)
from otel_record import described  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

app = Flask("shop")


@app.get("/checkout/<int:number>")
def checkout(number):
    with sqlite3.connect(":memory:") as database:
        database.execute("SELECT ?", (number,)).fetchall()
    requests.get(f"{address}/stock", timeout=5)
    return {"ordered": number}


@app.get("/stock")
def stock():
    raise RuntimeError("out of stock")


if __name__ == "__main__":
    recorded = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(recorded))
    for name in ("shop", "werkzeug"):
        logging.getLogger(name).disabled = True
    server = make_server("127.0.0.1", 0, app, threaded=True)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    requests.get(f"{address}/checkout/7", timeout=5)
    server.shutdown()
    trace.get_tracer_provider().force_flush()
    metrics.get_meter_provider().force_flush()
    print(json.dumps([described(span) for span in recorded.get_finished_spans()]), flush=True)
