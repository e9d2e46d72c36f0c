"""Records the samples that clients of Datadog, Zipkin and X-Ray send: `python -m tests.clients.samples`.

The programs of this folder run against a server that only keeps what it gets. What they sent is
written to sample_traces byte for byte; X-Ray's datagrams one after the other, protobuf's lists too,
since lists in a row are one list.
"""

import shutil
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.clients import running, test_datadog, test_xray, test_zipkin
from tests.clients.running import run
from tests.conftest import SAMPLES

QUIET_S = 1.0
RATES = b'{"rate_by_service":{"service:,env:":1}}'


@dataclass
class Recorder:
    """A server that keeps the bodies that are posted to it, and the datagrams."""

    bodies: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.read_body()
                takes_spans = self.path.endswith(("/spans", "/traces"))
                if takes_spans:
                    recorder.bodies.append(body)
                self.answer(202 if "/spans" in self.path else 200, RATES if takes_spans else b"{}")

            do_PUT = do_POST  # noqa: N815

            def do_GET(self) -> None:
                self.answer(404, b"")

            def read_body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(QUIET_S)

    def datagrams(self) -> list[bytes]:
        """Return those that have come, once no more do."""
        found: list[bytes] = []
        while True:
            try:
                found.append(self.udp.recv(1 << 16))
            except TimeoutError:
                return found

    def taken(self) -> bytes:
        """Return what was posted as one file."""
        whole, self.bodies = b"".join(self.bodies), []
        return whole


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        # Stack traces name the place where a program lies; let it be nobody's.
        running.PROGRAMS = Path(shutil.copytree(running.PROGRAMS, f"{folder}/app"))
        record()
    return 0


def record() -> None:
    """Run the clients and write what they send."""
    recorder = Recorder()
    doors = {
        "Datadog": f"{recorder.url}/v0.4/traces",
        "Zipkin": f"{recorder.url}/api/v2/spans",
        "AWS X-Ray UDP": f"udp://127.0.0.1:{recorder.udp.getsockname()[1]}",
    }
    server: Any = SimpleNamespace(doors=doors)
    run(test_datadog.CLIENTS["python4-v0.5"], server, DD_TRACE_AGENT_URL=recorder.url)
    written = {"datadog-msgpack/failing-charge.msgpack": recorder.taken()}
    run(test_zipkin.OWN["node-v1"], server, SEND_TO=f"{recorder.url}/api/v1/spans")
    written["zipkin-v1/failing-charge.json"] = recorder.taken()
    run(test_zipkin.OTEL["python-proto"], server)
    written["zipkin-proto/failing-charge.pb"] = recorder.taken()
    run(test_xray.CLIENTS["python"], server)
    written["xray/failing-charge.jsonl"] = b"\n".join(recorder.datagrams()) + b"\n"
    for name, content in written.items():
        path = SAMPLES / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    sys.exit(main())
