"""Unmodified OpenTelemetry SDKs send to a real server: what they recorded is what it answers."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from bench.server import Server
from tests.clients.answers import Json, answered, in_order
from tests.clients.running import PROGRAMS, ready
from tests.clients.test_otlp import expected
from tests.collector.relay import relay_to
from viewer.store import open_store
from viewer.trace.attributes import Attributes
from viewer.trace.span import Span

VISIBLE_S = 2.0
TOKEN = "a token"
SERVICES = {"gateway", "checkout", "inventory", "payment", "queue", "mailer"}


@dataclass(frozen=True, slots=True)
class Sdk:
    """How spans are sent, and what the request's head must show of it."""

    program: str
    exporter: str
    media_type: str
    compression: str = "none"

    @property
    def is_node(self) -> bool:
        return self.program.endswith(".cjs")


PROTOBUF, JSON = "application/x-protobuf", "application/json"
SDKS = {
    "python": Sdk("otel.py", "otlp-http", PROTOBUF),
    "python-gzip": Sdk("otel.py", "otlp-http", PROTOBUF, "gzip"),
    "node-protobuf": Sdk("otel.cjs", "otlp-http", PROTOBUF),
    "node-json": Sdk("otel.cjs", "otlp-json", JSON),
    "node-json-gzip": Sdk("otel.cjs", "otlp-json", JSON, "gzip"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sdks")
    with Server(f"duckdb:{folder}/sdks.duckdb", "--auth-token", TOKEN) as running:
        # The first page of a fresh process pays for its templates; that is not what is timed here.
        get(running, "/search?service=gateway&lookback=1h")
        yield running


def run(sdk: Sdk, endpoint: str) -> tuple[list[Json], float]:
    """Run the six services; return what their SDK recorded, and when its flush was over."""
    told = {
        "EXPORTER": sdk.exporter,
        "SEND_TO": endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": sdk.compression,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{TOKEN.replace(' ', '%20')}",
    }
    # Python's is the newest that there is, Node's the one that is pinned.
    command: tuple[str, ...] = (sys.executable,)
    if sdk.is_node:
        environment = ready("node-otel")
        told |= environment.variables
        command = environment.command
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    with subprocess.Popen(
        [*command, str(PROGRAMS / sdk.program)],
        env={**kept, **told},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line, flushed = process.stdout.readline(), time.monotonic()
        complaints = process.stderr.read()
    assert process.returncode == 0, complaints
    assert not complaints
    return json.loads(line), flushed


def get(server: Server, path: str) -> bytes:
    asked = Request(server.ui_url + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urlopen(asked, timeout=20) as answer:
        return bytes(answer.read())


def wait_for_result(server: Server, trace_id: str, flushed: float) -> None:
    mark = f'data-result-row="{trace_id}"'.encode()
    while mark not in get(server, "/search?service=gateway&lookback=1h"):
        assert time.monotonic() < flushed + VISIBLE_S, "not on the search page in time"
        time.sleep(0.05)


@pytest.mark.parametrize("name", SDKS)
def test_a_trace_is_searched_within_two_seconds_and_answered_as_it_was_recorded(
    server: Server, name: str
) -> None:
    sdk = SDKS[name]
    with relay_to(server.otlp_url) as relay:
        recorded, flushed = run(sdk, relay.url)
    trace_id = recorded[0]["traceId"]
    wait_for_result(server, trace_id, flushed)
    (trace,) = json.loads(get(server, f"/api/traces/{trace_id}"))["data"]
    assert answered(trace) == in_order([expected(span) for span in recorded])
    assert set(json.loads(get(server, "/api/services"))["data"]) >= SERVICES
    assert relay.heads.count(f"content-type: {sdk.media_type}\r\n") == len(SERVICES)
    assert ("content-encoding: gzip\r\n" in relay.heads) == (sdk.compression == "gzip")
    assert ("transfer-encoding: chunked\r\n" in relay.heads) == sdk.is_node


@pytest.mark.parametrize("name", ["python", "node-protobuf", "node-json"])
def test_every_nanosecond_type_and_order_is_stored(tmp_path: Path, name: str) -> None:
    url = f"duckdb:{tmp_path / 'exact.duckdb'}"
    with Server(url) as server:
        recorded, _ = run(SDKS[name], server.otlp_url)
    store = open_store(url, read_only=True)
    stored = [found.span for found in store.get_spans(recorded[0]["traceId"])]
    store.close()
    told = {span["name"]: flat(span) for span in recorded}
    assert {span.name: flat(as_recorded(span)) for span in stored} == told


def flat(span: Json) -> str:
    """A description as text: 1, 1.0 and True are equal in Python, but not here."""
    return json.dumps({**span, "startNs": int(span["startNs"]), "endNs": int(span["endNs"]),
        "events": [[name, int(time_ns), fields] for name, time_ns, fields in span["events"]],
    })  # fmt: skip


def as_recorded(span: Span) -> Json:
    """A stored span as the six services describe theirs."""
    return {
        "traceId": span.trace_id,
        "spanId": f"{span.span_id:016x}",
        "parentId": f"{span.parent_id:016x}" if span.parent_id else "",
        "name": span.name,
        "kind": span.kind.name,
        "startNs": span.start_ns,
        "endNs": span.end_ns,
        "resource": plain(span.resource.attributes),
        "scope": [span.scope.name, span.scope.version],
        "attributes": plain(span.attributes),
        "events": [[event.name, event.time_ns, plain(event.attributes)] for event in span.events],
        "links": [
            [link.trace_id, f"{link.span_id:016x}", plain(link.attributes)] for link in span.links
        ],
        "status": [span.status.code.name, span.status.message],
    }


def plain(attributes: Attributes) -> Json:
    assert len(dict(attributes)) == len(attributes)
    return dict(attributes)
