"""Unmodified OpenTelemetry SDKs send to a real server: what they recorded is what it answers."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.request import Request, urlopen

import pytest

from bench.server import Server
from tests.collector.relay import relay_to
from tests.conftest import REPOSITORY
from viewer.store import open_store
from viewer.trace.attributes import Attributes
from viewer.trace.span import Span

Json: TypeAlias = "dict[str, Any]"
VISIBLE_S = 2.0
TOKEN = "a token"
PROGRAMS = Path(__file__).parent
SERVICES = {"gateway", "checkout", "inventory", "payment", "queue", "mailer"}
NODE_SDK = REPOSITORY / ".cache/node-sdk"
NODE_PACKAGES = {
    "@opentelemetry/api": "1.9.1",
    "@opentelemetry/exporter-trace-otlp-http": "0.223.0",
    "@opentelemetry/exporter-trace-otlp-proto": "0.223.0",
    "@opentelemetry/resources": "2.12.0",
    "@opentelemetry/sdk-trace-node": "2.12.0",
}
# What npm says when there is no way to the registry, as opposed to a registry that refuses.
NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"
)


@dataclass(frozen=True, slots=True)
class Sdk:
    """How spans are sent, and what the request's head must show of it."""

    exporter: str
    media_type: str
    compression: str = "none"
    chunked: bool = False

    @property
    def is_node(self) -> bool:
        return self.exporter.startswith("exporter-")


PROTOBUF, JSON = "application/x-protobuf", "application/json"
SDKS = {
    "python": Sdk("python", PROTOBUF),
    "python-gzip": Sdk("python", PROTOBUF, "gzip"),
    "node-protobuf": Sdk("exporter-trace-otlp-proto", PROTOBUF, chunked=True),
    "node-json": Sdk("exporter-trace-otlp-http", JSON, chunked=True),
    "node-json-gzip": Sdk("exporter-trace-otlp-http", JSON, "gzip", chunked=True),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sdks")
    with Server(f"duckdb:{folder}/sdks.duckdb", "--auth-token", TOKEN) as running:
        # The first page of a fresh process pays for its templates; that is not what is timed here.
        get(running, "/search?service=gateway&lookback=1h")
        yield running


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The Node SDK's folder, installed once; skips where there is no Node or no way to its packages."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no node and npm on this machine")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, version.strip().lstrip("v").split("."))) < (18, 19):
        pytest.skip(
            f"OpenTelemetry's Node SDK needs Node 18.19 or newer; this is {version.strip()}"
        )
    manifest = json.dumps({"private": True, "dependencies": NODE_PACKAGES})
    stamp = NODE_SDK / "package.json"
    if not (stamp.exists() and stamp.read_text() == manifest):
        _install_node_sdk(npm, manifest)
    return NODE_SDK / "node_modules"


def _install_node_sdk(npm: str, manifest: str) -> None:
    """Install into a folder beside, and move it over when it is complete."""
    NODE_SDK.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=NODE_SDK.parent) as made:
        folder = Path(made) / "node-sdk"
        folder.mkdir()
        (folder / "package.json").write_text(manifest)
        command = [
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=0",
            "--loglevel=error",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode and NO_NETWORK.search(done.stderr):
            pytest.skip("the Node SDK's packages cannot be reached from here")
        assert done.returncode == 0, done.stderr
        # npm writes the file anew in its own layout; the stamp is ours.
        (folder / "package.json").write_text(manifest)
        shutil.rmtree(NODE_SDK, ignore_errors=True)
        folder.rename(NODE_SDK)


def run(sdk: Sdk, endpoint: str, request: pytest.FixtureRequest) -> tuple[list[Json], float]:
    """Run the six services; return what their SDK recorded, and when its flush was over."""
    told = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": sdk.compression,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{TOKEN.replace(' ', '%20')}",
    }
    command = [sys.executable, str(PROGRAMS / "six_services.py")]
    if sdk.is_node:
        told |= {
            "NODE_PATH": str(request.getfixturevalue("node_modules")),
            "EXPORTER": sdk.exporter,
        }
        command = ["node", str(PROGRAMS / "six_services.cjs")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    with subprocess.Popen(
        command, env={**kept, **told}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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
    server: Server, name: str, request: pytest.FixtureRequest
) -> None:
    sdk = SDKS[name]
    with relay_to(server.otlp_url) as relay:
        recorded, flushed = run(sdk, relay.url, request)
    trace_id = recorded[0]["traceId"]
    wait_for_result(server, trace_id, flushed)
    (trace,) = json.loads(get(server, f"/api/traces/{trace_id}"))["data"]
    assert {
        span["operationName"]: from_jaeger(span, trace["processes"]) for span in trace["spans"]
    } == {span["name"]: to_jaeger(span) for span in recorded}
    assert set(json.loads(get(server, "/api/services"))["data"]) >= SERVICES
    assert relay.heads.count(f"content-type: {sdk.media_type}\r\n") == len(SERVICES)
    assert ("content-encoding: gzip\r\n" in relay.heads) == (sdk.compression == "gzip")
    assert ("transfer-encoding: chunked\r\n" in relay.heads) == sdk.chunked


def to_jaeger(span: Json) -> Json:
    """What Jaeger's API must say of a span, by the rules of its translator from OTLP."""
    scope_name, scope_version = span["scope"]
    code, message = span["status"]
    fields = {"otel.scope.name": scope_name, "otel.scope.version": scope_version}
    fields["span.kind"] = span["kind"].lower()
    if code != "UNSET":
        fields["otel.status_code"] = code
    if message:
        fields["otel.status_description"] = message
    if code == "ERROR":
        fields["error"] = True
    parent = [("CHILD_OF", span["traceId"], span["parentId"])] if span["parentId"] else []
    return {
        "id": span["spanId"],
        "service": span["resource"]["service.name"],
        "process": typed({**span["resource"], "service.name": None}),
        "references": [*parent, *(("FOLLOWS_FROM", *link[:2]) for link in span["links"])],
        "start_us": int(span["startNs"]) // 1000,
        "duration_us": (int(span["endNs"]) - int(span["startNs"])) // 1000,
        "tags": typed({**span["attributes"], **fields}),
        "logs": [
            (int(time_ns) // 1000, typed({**attributes, "event": name}))
            for name, time_ns, attributes in span["events"]
        ],
        "warnings": None,
    }


def from_jaeger(span: Json, processes: Json) -> Json:
    """The same of a span as it was answered."""
    process = processes[span["processID"]]
    return {
        "id": span["spanID"],
        "service": process["serviceName"],
        "process": tags(process["tags"]),
        "references": [
            (reference["refType"], reference["traceID"], reference["spanID"])
            for reference in span["references"]
        ],
        "start_us": span["startTime"],
        "duration_us": span["duration"],
        "tags": tags(span["tags"]),
        "logs": [(log["timestamp"], tags(log["fields"])) for log in span["logs"]],
        "warnings": span["warnings"],
    }


def tags(listed: list[Json]) -> set[tuple[str, str, str]]:
    found = {(tag["key"], tag["type"], repr(tag["value"])) for tag in listed}
    assert len(found) == len(listed)
    return found


def typed(attributes: Json) -> set[tuple[str, str, str]]:
    """Jaeger's key, type and value of each attribute that is not None."""
    kinds = {str: "string", bool: "bool", int: "int64", float: "float64", list: "string"}
    found = set()
    for key, value in attributes.items():
        shown = value
        if isinstance(value, list):
            shown = json.dumps(value, separators=(",", ":"))
        elif type(value) is int and abs(value) >= 1 << 53:
            # Beyond what JavaScript holds exactly it is written as text.
            shown = str(value)
        if value is not None:
            found.add((key, kinds[type(value)], repr(shown)))
    return found


@pytest.mark.parametrize("name", ["python", "node-protobuf", "node-json"])
def test_every_nanosecond_type_and_order_is_stored(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    url = f"duckdb:{tmp_path / 'exact.duckdb'}"
    with Server(url) as server:
        recorded, _ = run(SDKS[name], server.otlp_url, request)
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
