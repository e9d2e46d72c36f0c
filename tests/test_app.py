"""The rooms put together: doors, gate, access, trouble, retention."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.fuzz import GOOD
from bench.payloads import PAYLOADS, trace_id
from tests.builders import a_batch, a_trace
from tests.collector.senders import SPANS, a_body
from tests.conftest import needs_ipv6
from viewer import app as app_module
from viewer.app import Application, BadFile, Ingest
from viewer.collector.listen import PortTaken, bind
from viewer.config import Config
from viewer.formats.otlp.encode import encode
from viewer.store import open_store
from viewer.store.base import StoreError
from viewer.store.cancel import Cancelled, TooSlow, interruptible

Running = Callable[..., Application]
PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRACE = f"{1:032x}"


@pytest.fixture
def running() -> Iterator[Running]:
    """Start a server with these settings; it is stopped after the test."""
    started: list[Application] = []

    def run(store: str = "memory:", *, ready: bool = True, **settings: object) -> Application:
        config = Config(store, **{"port": 0, "ports": {"--otlp-http": 0}, **settings})  # type: ignore[arg-type]
        application = Application(config)
        started.append(application)
        application.start()
        if ready:
            application.ready()
        return application

    yield run
    for application in started:
        application.stop()


def ask(
    url: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Ask a URL with its own path; return status, headers and body."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection.request(
        method, path, body, {name.replace("_", "-"): headers[name] for name in headers}
    )
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def post_spans(url: str, number: int = 1, **headers: str) -> int:
    return ask(url, "POST", a_body(number)[0], **PROTOBUF, **headers)[0]


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def test_until_it_is_ready_pages_are_503_while_receivers_take_spans(running: Running) -> None:
    server = running(ready=False)
    for path in ("/healthz", "/search", "/api/services"):
        status, headers, body = ask(server.ui_url + path)
        assert (status, json.loads(body)) == (503, {"status": "starting"})
        assert int(headers["Retry-After"]) > 0
    assert post_spans(dict(server.doors)["OTLP/HTTP"]) == 200
    server.ready()
    status, _, body = ask(f"{server.ui_url}/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert len(server.store.get_spans(TRACE)) == SPANS


def test_doors_are_named_with_their_addresses_the_pages_first(running: Running) -> None:
    server = running()
    (first, pages), (second, traces), *others = server.doors
    assert (first, second) == ("UI", "OTLP/HTTP")
    # Those without a port of their own are served at the pages'.
    assert all(address.startswith(f"{pages}/") for _, address in others)
    assert pages == server.ui_url
    assert urlsplit(traces).path == "/v1/traces"
    assert urlsplit(traces).port != urlsplit(pages).port
    assert not server.warnings
    assert server.is_loopback


def test_a_receivers_path_is_on_the_pages_port_as_well(running: Running) -> None:
    server = running()
    assert post_spans(f"{server.ui_url}/v1/traces") == 200
    assert ask(f"{server.ui_url}/v1/metrics", "POST", b"{}", **PROTOBUF)[0] == 200
    assert len(server.store.get_spans(TRACE)) == SPANS


def test_a_receiver_that_is_off_still_takes_spans_on_the_pages_port(running: Running) -> None:
    server = running(ports={})
    assert server.doors[1] == ("OTLP/HTTP", f"{server.ui_url}/v1/traces")
    assert post_spans(server.doors[1][1]) == 200


def test_a_receivers_port_that_is_taken_is_a_warning_and_the_rest_opens(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = running(ports={"--otlp-http": port})
    (warning,) = server.warnings
    assert f"port {port} is taken" in warning
    assert "--otlp-http" in warning
    assert "OTLP/HTTP" not in dict(server.doors)
    assert f"closed: port {port} is taken" in ask(f"{server.ui_url}/status")[2].decode()
    assert post_spans(f"{server.ui_url}/v1/traces") == 200


def test_a_pages_port_that_is_taken_fails_before_the_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortTaken):
        Application(Config(f"duckdb:{path}", port=other.getsockname()[1]))
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_opened_gives_the_port_back(tmp_path: Path) -> None:
    (found,) = bind("0.0.0.0", 0)
    port = found.getsockname()[1]
    found.close()
    (tmp_path / "no.duckdb").write_text("this is no database")
    with pytest.raises(StoreError, match=r"no\.duckdb is no DuckDB file"):
        Application(Config(f"duckdb:{tmp_path / 'no.duckdb'}", port=port))
    for taken in bind("127.0.0.1", port):
        taken.close()


@pytest.mark.parametrize(
    "path", ["/search", f"/trace/{TRACE}", "/upload", "/status", "/lookup?q=1"]
)
def test_a_token_guards_every_page(running: Running, path: str) -> None:
    server = running(auth_token="s3cret")
    status, headers, _ = ask(server.ui_url + path, Accept="text/html")
    assert status == 303
    assert headers["Location"].startswith("/login?next=")
    allowed = ask(server.ui_url + path, Accept="text/html", Authorization="Bearer s3cret")
    assert allowed[0] in (200, 308, 404)


def test_a_token_guards_apis_uploads_and_every_receiver_and_leaves_health_open(
    running: Running,
) -> None:
    server = running(auth_token="s3cret")
    receivers = [dict(server.doors)["OTLP/HTTP"], f"{server.ui_url}/v1/traces"]
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
        for path in ("/api/services", "/metrics"):
            assert ask(server.ui_url + path, **wrong)[0] == 401
        raw = {"Content_Type": "application/octet-stream", "Accept": "application/json"}
        assert ask(f"{server.ui_url}/upload", "POST", b"{}", **raw, **wrong)[0] == 401
        assert [post_spans(url, **wrong) for url in receivers] == [401, 401]
    assert ask(f"{server.ui_url}/healthz")[0] == 200
    assert server.store.stats().span_rows == 0
    right = {"Authorization": "Bearer s3cret"}
    assert [post_spans(url, number, **right) for number, url in enumerate(receivers, 1)] == [
        200,
        200,
    ]
    assert ask(f"{server.ui_url}/api/services", **right)[0] == 200
    assert server.store.stats().traces == 2


def test_read_only_shows_a_file_and_opens_no_receiver(running: Running, tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'a.duckdb'}"
    written = open_store(url)
    written.write_spans([a_batch(a_trace(1))])
    written.close()
    before = (tmp_path / "a.duckdb").read_bytes()
    server = running(url, read_only=True, ports={})
    assert [name for name, _ in server.doors] == ["UI"]
    (trace,) = json.loads(ask(f"{server.ui_url}/api/traces/{TRACE}")[2])["data"]
    assert len(trace["spans"]) == 3
    assert ask(f"{server.ui_url}/healthz")[0] == 200
    assert post_spans(f"{server.ui_url}/v1/traces", 2) in (404, 405)
    raw = {"Content_Type": "application/octet-stream"}
    assert ask(f"{server.ui_url}/upload", "POST", b"{}", **raw)[0] == 403
    server.stop()
    assert (tmp_path / "a.duckdb").read_bytes() == before


def test_health_is_503_with_the_reason_while_the_store_cannot_be_written(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = running(f"duckdb:{tmp_path / 'a.duckdb'}")

    def full(*_: object) -> None:
        raise StoreError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(server.store, "write_spans", full)
        assert post_spans(dict(server.doors)["OTLP/HTTP"]) == 200
        wait_for(lambda: ask(f"{server.ui_url}/healthz")[0] == 503)
        body = json.loads(ask(f"{server.ui_url}/healthz")[2])
        assert body == {"status": "failing", "reason": "no space left on device"}
        assert b"tracefall_store_failing 1" in ask(f"{server.ui_url}/metrics")[2]
    # What was acknowledged meanwhile is written as soon as that is possible again.
    wait_for(lambda: ask(f"{server.ui_url}/healthz")[0] == 200)
    assert len(server.store.get_spans(TRACE)) == SPANS


def test_retention_is_applied_while_it_runs(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "RETENTION_EVERY_S", 0.05)
    server = running(retention_s=1)
    assert post_spans(dict(server.doors)["OTLP/HTTP"]) == 200
    assert server.store.stats().span_rows == SPANS
    wait_for(lambda: server.store.stats().span_rows == 0)


def test_what_was_sent_is_there_after_a_restart(running: Running, tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'a.duckdb'}"
    server = running(url)
    assert post_spans(dict(server.doors)["OTLP/HTTP"]) == 200
    server.stop()
    ingest = Ingest(url)
    assert len(ingest.store.get_spans(TRACE)) == SPANS
    ingest.close()


@needs_ipv6
def test_an_ipv6_host_is_written_in_brackets(running: Running) -> None:
    server = running(host="::1")
    assert server.ui_url.startswith("http://[::1]:")
    assert ask(f"{server.ui_url}/healthz")[0] == 200


def test_jaegers_clients_are_told_the_strategies_of_the_file(
    running: Running, tmp_path: Path
) -> None:
    path = tmp_path / "strategies.json"
    path.write_text('{"default_strategy": {"type": "probabilistic", "param": 0.5}}')
    server = running(jaeger_strategies=str(path))
    answer = json.loads(ask(f"{server.ui_url}/sampling?service=shop")[2])
    assert answer == {
        "strategyType": "PROBABILISTIC",
        "probabilisticSampling": {"samplingRate": 0.5},
    }


def test_a_strategies_file_that_is_wrong_is_named_before_anything_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "strategies.json"
    path.write_text('{"default_strategy": {"type": "probabilstic"}}')
    store = tmp_path / "a.duckdb"
    with pytest.raises(BadFile, match=r"strategies\.json: default_strategy\.type"):
        Application(Config(f"duckdb:{store}", port=0, ports={}, jaeger_strategies=str(path)))
    assert not store.exists()


POLICY = """
[sampling]
idle = "200ms"
keep_percent = 0
[[redaction.rules]]
keys = ["*.route"]
action = "drop"
name = "routes"
"""


def test_a_policy_is_carried_out_and_its_counts_are_shown(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    server = running(f"duckdb:{tmp_path / 'a.duckdb'}", policy=str(path))
    otlp = dict(server.doors)["OTLP/HTTP"]
    failed = a_trace(7, error=True)
    failed[0] = replace(failed[0], attributes=(("http.route", "/secret"), ("kept", "yes")))
    assert ask(otlp, "POST", encode(failed), Content_Type="application/json")[0] == 200
    assert ask(otlp, "POST", encode(a_trace(8)), Content_Type="application/json")[0] == 200

    def metrics() -> str:
        return ask(f"{server.ui_url}/metrics")[2].decode()

    wait_for(lambda: "tracefall_sampling_dropped_total 1\n" in metrics())
    wait_for(lambda: len(server.store.get_spans(f"{7:032x}")) == 3)
    assert server.store.get_spans(f"{8:032x}") == []
    root = server.store.get_spans(f"{7:032x}", [7001])[0].span
    assert root.attributes == (("kept", "yes"),)
    assert 'tracefall_redacted_values_total{rule="routes"} 1\n' in metrics()
    assert "tracefall_sampling_kept_for_error_total 1\n" in metrics()
    page = ask(f"{server.ui_url}/status")[2].decode()
    assert "Traces dropped" in page
    assert "routes" in page


def test_without_a_policy_nothing_is_said_of_it(running: Running) -> None:
    server = running()
    assert b"tracefall_sampling" not in ask(f"{server.ui_url}/metrics")[2]
    assert b"<h2>Sampling" not in ask(f"{server.ui_url}/status")[2]


def test_a_policy_that_is_wrong_is_named_with_its_line_before_anything_is_opened(
    tmp_path: Path,
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[sampling]\nkeep_percent = 101\n")
    store = tmp_path / "a.duckdb"
    with pytest.raises(BadFile, match=r"policy\.toml:2: keep_percent must be from 0 to 100"):
        Application(Config(f"duckdb:{store}", port=0, ports={}, policy=str(path)))
    path.write_bytes(b"\xff")
    with pytest.raises(BadFile, match=r"policy\.toml"):
        Application(Config(f"duckdb:{store}", port=0, ports={}, policy=str(path)))
    assert not store.exists()


@pytest.mark.parametrize("door", ["OTLP/HTTP", "Jaeger HTTP", "Zipkin", "Datadog"])
def test_every_format_that_comes_by_http_is_taken_on_the_pages_port(
    running: Running, door: str
) -> None:
    server, target = running(ports={}), GOOD[door]
    body = PAYLOADS[door](3, range(1), time.time_ns())
    status, _, answer = ask(
        server.ui_url + target.path, target.method, body, Content_Type=target.media_type
    )
    assert status in (200, 202), answer
    wait_for(lambda: len(server.store.get_spans(trace_id(3, 0))) == 5)


class Slow:
    """Lets a server's store answer when asked for its services only once that is interrupted."""

    def __init__(self, application: Application) -> None:
        self.begun, self.reasons = threading.Semaphore(0), list[StoreError | None]()
        application.store.services = self.services  # type: ignore[method-assign]

    def services(self) -> list[str]:
        interrupted = threading.Event()
        with interruptible(interrupted.set) as running:
            self.begun.release()
            assert running is not None
            assert interrupted.wait(10)
            self.reasons.append(running.reason)
            raise running.reason or AssertionError("interrupted for no reason")


def test_what_a_client_asked_for_ends_when_he_goes(running: Running) -> None:
    application = running()
    slow = Slow(application)
    address = urlsplit(application.ui_url)
    with socket.create_connection((address.hostname, address.port), 20) as client:
        client.sendall(b"GET /api/services HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.begun.acquire(timeout=10)
    wait_for(lambda: bool(slow.reasons), 2)
    assert isinstance(slow.reasons[0], Cancelled)


def test_what_takes_longer_than_the_setting_is_given_up(running: Running) -> None:
    application = running(query_timeout_s=1)
    slow = Slow(application)
    assert ask(f"{application.ui_url}/api/services")[0] == 504
    assert isinstance(slow.reasons[0], TooSlow)
