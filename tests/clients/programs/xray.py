"""Six services, each with a recorder of aws-xray-sdk for Python, make one trace: nested subsegments,
annotations and metadata, an HTTP call that fails, SQL. SEND_TO is the daemon's address; with STREAMED
the subsegments are sent before their segment; with SAMPLING the first recorder asks the daemon which
to sample. The documents that the recorders hand to their emitters are printed."""

import json
import os
import time
import traceback
from urllib.parse import urlsplit

from aws_xray_sdk.core import AWSXRayRecorder
from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter

DAEMON = urlsplit(os.environ["SEND_TO"]).netloc
SENT = []


class Recording(UDPEmitter):
    def send_entity(self, entity):
        SENT.append(json.loads(entity.serialize()))
        super().send_entity(entity)


def recorder():
    made = AWSXRayRecorder()
    made.configure(emitter=Recording(), daemon_address=DAEMON, sampling=False)
    if os.environ.get("STREAMED"):
        made.configure(streaming_threshold=0)
    return made


def wait_for_rules(gateway):
    """The daemon is asked on the first decision; until it has answered, the SDK's own rules hold."""
    gateway.configure(sampling=True, daemon_address=DAEMON)
    give_up = time.monotonic() + 10
    while not isinstance(gateway.sampler.should_trace(), str):
        if time.monotonic() > give_up:
            raise SystemExit("the daemon has given no sampling rule that fits")
        time.sleep(0.02)


def story():
    gateway = recorder()
    if os.environ.get("SAMPLING"):
        wait_for_rules(gateway)
    root = gateway.begin_segment("gateway")
    root.put_http_meta("method", "POST")
    root.put_http_meta("url", "http://shop.example/checkout")
    root.put_http_meta("client_ip", "192.0.2.9")
    root.put_http_meta("status", 200)
    root.set_user("Zoë")
    for key, value in {"size": 2**53, "ratio": 0.25, "ok": False, "user_id": "u-1"}.items():
        root.put_annotation(key, value)
    root.put_metadata("text", "Grüße, 世界 <b>&</b>")
    root.put_metadata("basket", {"items": [1, 2.5, None, True], "empty": {}}, "shop")
    with gateway.in_subsegment("checkout", namespace="remote") as asks:
        checkout = called("checkout", asks)
        with checkout.in_subsegment("stock@postgres", namespace="remote") as asks:
            asks.set_sql({"sanitized_query": "SELECT stock", "database_type": "postgresql"})
            called("inventory", asks).end_segment()
        with checkout.in_subsegment("charge"):
            with checkout.in_subsegment("payment", namespace="remote") as asks:
                asks.put_http_meta("status", 503)
                fail(called("payment", asks))
        with checkout.in_subsegment("queue", namespace="aws") as asks:
            queue = called("queue", asks)
            with queue.in_subsegment("mailer", namespace="remote") as asks:
                called("mailer", asks).end_segment()
            queue.end_segment()
        checkout.end_segment()
    gateway.end_segment()


def called(service, caller):
    """The service that this subsegment calls, with its segment begun."""
    made = recorder()
    made.begin_segment(service, traceid=caller.trace_id, parent_id=caller.id)
    return made


def fail(payment):
    try:
        raise TimeoutError("card gateway timed out")
    except TimeoutError as error:
        payment.current_segment().add_exception(error, traceback.extract_stack())
    payment.end_segment()


if __name__ == "__main__":
    story()
    print(json.dumps(SENT), flush=True)
