"""A disk that runs full, a real and small one: refuse, keep, read on, recover."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest

from bench.server import Server
from tests.builders import a_batch, a_trace
from tests.collector.senders import SPANS, a_body, connect
from tests.collector.test_crash import stored_spans
from viewer.store import open_store
from viewer.store.base import StoreError
from viewer.store.disk import DiskFull
from viewer.store.duckdb.connection import Connections
from viewer.store.duckdb.engine import DuckDbStore

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB; only who may mount one can run these tests."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is; return the file that has it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * (1 << 16))
        except OSError:
            return ballast


def answer(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=20) as got:
            return got.status, got.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def wait_for(what: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def send_until_refused(url: str, first: int) -> tuple[list[str], dict[str, str], str]:
    """Send until an answer is not 200; return what was acknowledged, its headers and its text."""
    connection = connect(url)
    acknowledged: list[str] = []
    for number in range(first, first + 20_000):
        body, trace_id = a_body(number)
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        got = connection.getresponse()
        said = got.read()
        if got.status != 200:
            assert got.status == 503
            connection.close()
            return acknowledged, dict(got.headers), said.decode("utf-8", "replace")
        acknowledged.append(trace_id)
    raise AssertionError("nothing is refused")


def test_a_full_disk_is_refused_with_503_and_recovers_by_itself(disk: Path) -> None:
    path = disk / "spans.duckdb"
    with Server(f"duckdb:{path}", receivers=("--otlp-http", "--otlp-grpc")) as server:
        acknowledged, headers, said = send_until_refused(server.otlp_url, 1)
        assert len(acknowledged) > 50
        assert headers["Retry-After"] == "2"
        assert "the disk is full" in said
        # What was acknowledged before still comes into the store.
        last = f"{server.ui_url}/api/traces/{acknowledged[-1]}"
        wait_for(lambda: answer(last)[0] == 200)
        # Others take the rest, what was kept back included.
        ballast = fill(disk)
        target = server.doors["OTLP/gRPC"].removeprefix("http://")
        with grpc.insecure_channel(target) as channel:
            call = channel.unary_unary(EXPORT)
            with pytest.raises(grpc.RpcError) as refused:
                call(a_body(900_000)[0], timeout=20)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]
        # It says so, and reads go on.
        status, health = answer(f"{server.ui_url}/healthz")
        assert (status, "the disk is full" in health) == (503, True)
        status, page = answer(f"{server.ui_url}/status")
        assert status == 200
        assert "is-error" in page
        assert "the disk is full" in page
        status, metrics = answer(f"{server.ui_url}/metrics")
        assert "tracefall_store_failing 1" in metrics
        assert "overloaded, sender asked to try again" in metrics
        status, found = answer(f"{server.ui_url}/api/traces/{acknowledged[0]}")
        assert status == 200
        assert len(json.loads(found)["data"][0]["spans"]) == SPANS
        # A crash now loses nothing, and it starts and is read on the full disk.
        server.kill()
        server.start()
        status, found = answer(f"{server.ui_url}/api/traces/{acknowledged[-1]}")
        assert status == 200
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=80m", str(disk)], check=True)
        wait_for(lambda: answer(f"{server.ui_url}/healthz")[0] == 200)
        connection = connect(server.otlp_url)
        body, trace_id = a_body(800_000)
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        assert connection.getresponse().status == 200
        connection.close()
    stored = stored_spans(path)
    assert set(stored.values()) == {1}
    assert {trace_id for trace_id, _ in stored} >= {*acknowledged, trace_id}


def test_a_checkpoint_that_runs_out_of_room_costs_nothing_but_a_reopening(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"duckdb:{disk / 'spans.duckdb'}")
    assert isinstance(store, DuckDbStore)
    for number in range(1, 30):
        store.write_spans([a_batch(a_trace(number, spans=1_000, service=f"s{number}"))], number)
    ballast = fill(disk)
    # Whoever takes the last room does so between the look at it and the checkpoint.
    monkeypatch.setattr(Connections, "_check_room", lambda connections: None)
    with pytest.raises(StoreError, match="No space left"):
        store._connections.checkpoint()
    assert store._connections._given_up
    assert (store.stats().traces, store.journal_mark()) == (29, 29)
    with pytest.raises(DiskFull):
        store.write_spans([a_batch(a_trace(30))], 30)
    ballast.unlink()
    store.write_spans([a_batch(a_trace(30))], 30)
    store._connections.checkpoint()
    assert (store.stats().traces, store.journal_mark()) == (30, 30)
    store.close()
