"""The measurement of ingest runs as CONTRIBUTING and README say, and finds every span it sent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="CPU seconds are read from /proc")
def test_it_stores_what_it_sends_and_says_what_that_cost(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    # By gRPC: other measurements send by HTTP.
    command = [
        sys.executable,
        "-m",
        "bench.ingest",
        "--grpc",
        "--spans",
        "20000",
        "--json",
        str(out),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(out.read_text())
    assert result["spans_stored"] == result["spans_sent"] == 20_000
    assert result["door"] == "OTLP/gRPC"
    assert result["cpu_s_per_million_spans"] > 0
    assert result["bytes_per_span_on_disk"] > 0
    assert result["visible_when_idle_s"] < 2.0
    assert "cpu s per million spans" in done.stdout
