"""Send spans to the running server while a test looks at it."""

import re
import time
from urllib.request import Request, urlopen

from bench.server import Server
from viewer.formats.otlp.encode import encode
from viewer.trace.span import Span


def send(server: Server, spans: list[Span]) -> None:
    """Send spans of one trace and wait until so many of it are stored."""
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{server.ui_url}/v1/traces", encode(spans), headers)) as answer:
        assert answer.status == 200
    url = f"{server.ui_url}/trace/{spans[0].trace_id}/late?since=0"
    deadline = time.monotonic() + 5
    while _stored(url) < len(spans):
        assert time.monotonic() < deadline, "sent spans are not stored"
        time.sleep(0.1)


def _stored(url: str) -> int:
    """Return how many spans of a trace are stored, as the notice of all of them says."""
    with urlopen(url) as answer:
        found = re.search(rb"data-late>([0-9,]+) new", answer.read())
    return int(found[1].replace(b",", b"")) if found else 0
