"""Run a real client as a program of its own, and ask the server what has come of it."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from bench.server import Server
from tests.clients import environments
from tests.clients.answers import Json

PROGRAMS = Path(__file__).parent / "programs"
IN_TIME_S = 10.0
# What would tell the clients to do otherwise than the programs say.
_FOREIGN = ("OTEL_", "DD_", "AWS_XRAY_", "JAEGER_", "PYTHONPATH", "NODE_PATH")


@dataclass(frozen=True, slots=True)
class Client:
    """A program, the environment it runs in, the door it sends to, what it is told besides, and the
    only complaint that it may utter."""

    environment: str
    program: str
    door: str
    told: Mapping[str, str] = field(default_factory=dict)
    complaint: str = ""


def run(client: Client, server: Server, **told: str) -> str:
    """Run a client until it has sent everything; return what it has printed."""
    environment = ready(client.environment)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    variables = {
        "SEND_TO": server.doors[client.door],
        **environment.variables,
        **client.told,
        **told,
    }
    done = subprocess.run(
        [*environment.command, str(PROGRAMS / client.program)],
        env={**kept, **variables, "PYTHONWARNINGS": "ignore::DeprecationWarning"},
        cwd=PROGRAMS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == client.complaint
    return done.stdout


def record(client: Client, server: Server, **told: str) -> list[Json]:
    """Run a client; return what it has recorded."""
    recorded: list[Json] = json.loads(run(client, server, **told))
    return recorded


def ready(name: str) -> environments.Environment:
    """Return an environment. Where no registry can be reached the test is skipped, but not in CI."""
    try:
        return environments.ready(name)
    except environments.Unreachable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no network to install a client from: {str(error).splitlines()[0]}")


def get_trace(server: Server, trace_id: str, spans: int) -> Json:
    """Return a trace from the query API as soon as it has so many spans."""
    give_up = time.monotonic() + IN_TIME_S
    trace: Json = {"spans": []}
    while len(trace["spans"]) != spans:
        assert time.monotonic() < give_up, (
            f"{len(trace['spans'])} of {spans} spans\n{server.output}"
        )
        time.sleep(0.02)
        try:
            with urlopen(f"{server.ui_url}/api/traces/{trace_id}", timeout=20) as answer:
                (trace,) = json.load(answer)["data"]
        except HTTPError as error:
            if error.code != 404:
                raise
    return trace
