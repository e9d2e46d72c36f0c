"""Six services with py_zipkin make one trace: client and server halves share a span ID, one call fails,
mail goes through a queue. ENCODING is py_zipkin's name of the wire format, SEND_TO the address. The
spans that py_zipkin hands to its encoder are printed."""

import json
import os
from urllib.parse import urlsplit

import py_zipkin.logging_helper
from py_zipkin import Encoding, Kind
from py_zipkin.storage import Tracer
from py_zipkin.transport import SimpleHTTPTransport
from py_zipkin.zipkin import ZipkinAttrs, zipkin_span

SEND_TO = urlsplit(os.environ["SEND_TO"])
RECORDED = []


class Recording(py_zipkin.logging_helper.ZipkinBatchSender):
    def add_span(self, internal_span):
        RECORDED.append(internal_span)
        super().add_span(internal_span)


py_zipkin.logging_helper.ZipkinBatchSender = Recording


def service(name, span_name, attrs=None):
    """A service's server half: the root, or one that joins the caller's span."""
    return zipkin_span(
        service_name=name,
        span_name=span_name,
        zipkin_attrs=attrs,
        sample_rate=None if attrs else 100.0,
        use_128bit_trace_id=True,
        transport_handler=SimpleHTTPTransport(SEND_TO.hostname, SEND_TO.port),
        kind=Kind.SERVER,
        host="192.0.2.7",
        port=8080,
        encoding=Encoding[os.environ["ENCODING"]],
        _tracer=Tracer(),
    )


def below(parent, name, span_name, kind):
    """A span within a service."""
    return zipkin_span(
        service_name=name,
        span_name=span_name,
        kind=kind,
        host="192.0.2.7",
        _tracer=parent.get_tracer(),
    )


def call(span):
    """What the caller tells the service that it calls."""
    own = span.zipkin_attrs
    return ZipkinAttrs(own.trace_id, own.span_id, own.parent_span_id, "0", True)


def story():
    with service("gateway", "POST /checkout") as gateway:
        gateway.update_binary_annotations({"http.route": "/checkout", "size": str(2**60)})
        with below(gateway, "gateway", "POST", Kind.CLIENT) as asks:
            with service("checkout", "checkout", call(asks)) as checkout:
                checkout.update_binary_annotations({"empty": "", "text": "Grüße, 世界 <b>&</b>"})
                with below(checkout, "checkout", "SELECT stock", Kind.CLIENT) as asks:
                    asks.add_sa_binary_annotation(5432, "postgres", "192.0.2.8")
                    with service("inventory", "SELECT stock", call(asks)) as inventory:
                        inventory.add_annotation("cache miss")
                with below(checkout, "checkout", "charge", Kind.CLIENT) as asks:
                    with service("payment", "charge", call(asks)) as payment:
                        payment.update_binary_annotations({"error": "card gateway timed out"})
                with below(checkout, "queue", "send mail", Kind.PRODUCER):
                    with below(checkout, "mailer", "receive", Kind.CONSUMER):
                        pass
                with below(checkout, "checkout", "render", Kind.LOCAL) as render:
                    # v1 tells the service with a tag or an annotation only.
                    render.update_binary_annotations({"template": "cart"})


def micros(seconds):
    """As py_zipkin's encoders have it; the one for protobuf multiplies in two steps."""
    if os.environ["ENCODING"] == "V2_PROTO3":
        return int(seconds * 1000 * 1000)
    return int(seconds * 1000000)


def described(span):
    near, far = span.local_endpoint, span.remote_endpoint
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentId": span.parent_id or "",
        "name": span.name,
        "kind": span.kind.value,
        "shared": span.shared,
        "startUs": micros(span.timestamp),
        "durationUs": micros(span.duration),
        "endUs": micros(span.timestamp + span.duration),
        "service": near.service_name,
        "local": [near.ipv4, near.port],
        "remote": far and [far.service_name, far.ipv4, far.port],
        "tags": span.tags,
        "annotations": [[micros(when), name] for name, when in span.annotations.items()],
    }


if __name__ == "__main__":
    story()
    print(json.dumps([described(span) for span in RECORDED]), flush=True)
