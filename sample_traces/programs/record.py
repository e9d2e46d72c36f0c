"""Record the sample traces anew: `python sample_traces/programs/record.py [STORY…]`.

Starts a small HTTP server, runs each program with a real OpenTelemetry SDK pointed at it, and keeps
the bodies exactly as they were sent: an OTLP protobuf file is the one body or, if there are several,
each behind its length (4 bytes, big endian, as the Collector's file exporter writes them); JSON
bodies stand one a line. Needs `pip install --group samples`, and Node with npm for the Node story.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import zstandard

PROGRAMS = Path(__file__).resolve().parent
SAMPLES = PROGRAMS.parent
PATHS = {"otlp-proto": "/v1/traces", "otlp-json": "/v1/traces", "zipkin-v2": "/api/v2/spans"}
ENDINGS = {"otlp-proto": ".pb", "otlp-json": ".jsonl", "zipkin-v2": ".json"}
NODE_PACKAGES = {
    "@opentelemetry/api": "1.9.1",
    "@opentelemetry/context-async-hooks": "2.12.0",
    "@opentelemetry/core": "2.12.0",
    "@opentelemetry/exporter-trace-otlp-http": "0.223.0",
    "@opentelemetry/resources": "2.12.0",
    "@opentelemetry/sdk-trace-base": "2.12.0",
    "@opentelemetry/sdk-trace-node": "2.12.0",
}


@dataclass(frozen=True, slots=True)
class Recording:
    """A program, the format it is told to send, and how its file is compressed."""

    program: str
    format: str
    packed: str = ""

    @property
    def file(self) -> Path:
        story = Path(self.program).stem.replace("_", "-")
        return SAMPLES / self.format / f"{story}{ENDINGS[self.format]}{self.packed}"


RECORDINGS = (
    Recording("slow_order.py", "otlp-json"),
    Recording("failing_checkout.py", "otlp-proto"),
    Recording("n_plus_one.py", "otlp-proto"),
    Recording("order_events.py", "otlp-proto"),
    Recording("deep_chain.py", "zipkin-v2"),
    Recording("invoice_run.py", "otlp-proto", ".zst"),
    Recording("healthy_checkouts.py", "otlp-json", ".gz"),
    Recording("cache_stampede.py", "zipkin-v2"),
    Recording("clock_skew.py", "otlp-json"),
    Recording("lost_gateway.py", "otlp-proto"),
    Recording("genai_agent.py", "otlp-json"),
    Recording("storefront_render.mjs", "otlp-json"),
)


class Catcher(ThreadingHTTPServer):
    """Keeps the bodies of all POST requests, in order of arrival."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CatchingHandler)
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()


class CatchingHandler(BaseHTTPRequestHandler):
    """Answers every POST as a collector would that keeps everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        assert isinstance(self.server, Catcher)
        with self.server.lock:
            self.server.bodies.append(body)
        zipkin = self.path.startswith("/api/v2")
        json_sent = "json" in self.headers.get("Content-Type", "")
        answer = b"{}" if json_sent and not zipkin else b""
        self.send_response(202 if zipkin else 200)
        self.send_header("Content-Type", self.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_said: object) -> None:
        """Say nothing: the recorder prints what matters."""


def run(recording: Recording, workshop: Path) -> list[bytes]:
    """Run a program and return the bodies it sent."""
    program = PROGRAMS / recording.program
    command = [sys.executable, str(program)]
    if program.suffix == ".mjs":
        command = ["node", str(_node_program(program, workshop))]
    with Catcher() as catcher:
        threading.Thread(target=catcher.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{catcher.server_port}{PATHS[recording.format]}"
        told = {"SAMPLE_FORMAT": recording.format, "SAMPLE_ENDPOINT": endpoint}
        told["PYTHONDONTWRITEBYTECODE"] = "1"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
        subprocess.run(command, check=True, env={**kept, **told}, cwd=workshop)
        catcher.shutdown()
    if not catcher.bodies:
        raise SystemExit(f"{recording.program} has sent nothing")
    return catcher.bodies


def _node_program(program: Path, workshop: Path) -> Path:
    """Install what a Node program imports beside a copy of it; return the copy."""
    folder = workshop / "node"
    if not folder.exists():
        folder.mkdir()
        package = {"private": True, "dependencies": NODE_PACKAGES}
        (folder / "package.json").write_text(json.dumps(package))
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit(f"{program.name} needs Node and npm")
        subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True
        )
    return Path(shutil.copy(program, folder))


def save(recording: Recording, bodies: list[bytes]) -> int:
    """Write the file and return its size."""
    if recording.format != "otlp-proto":
        content = b"".join(body.strip() + b"\n" for body in bodies)
        if any(b"\n" in body.strip() for body in bodies):
            raise SystemExit(f"{recording.program}: a JSON body of several lines")
    elif len(bodies) == 1:
        content = bodies[0]
    else:
        content = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    if recording.packed == ".gz":
        content = gzip.compress(content, 9, mtime=0)
    elif recording.packed == ".zst":
        content = zstandard.ZstdCompressor(level=19).compress(content)
    recording.file.parent.mkdir(exist_ok=True)
    recording.file.write_bytes(content)
    return len(content)


def main() -> None:
    parser = argparse.ArgumentParser(description="Record the sample traces anew.")
    parser.add_argument("story", nargs="*", help="programs without their ending; all if none")
    wanted = {name.replace("-", "_") for name in parser.parse_args().story}
    unknown = wanted - {Path(recording.program).stem for recording in RECORDINGS}
    if unknown:
        parser.error(f"no such story: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as workshop:
        for recording in RECORDINGS:
            if wanted and Path(recording.program).stem not in wanted:
                continue
            bodies = run(recording, Path(workshop))
            size = save(recording, bodies)
            name = recording.file.relative_to(SAMPLES)
            print(f"{name}: {len(bodies)} requests, {size:,} bytes")


if __name__ == "__main__":
    main()
