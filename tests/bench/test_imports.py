"""The measurement of imports finds every span once, and says what that cost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.imports import make_files
from tests.conftest import REPOSITORY


def test_the_files_are_the_same_for_the_same_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.imports._BASE_SPANS", 1024)
    made = [make_files(tmp_path / name, 1e6, 3) for name in ("one", "two")]
    for one, two in zip(made[0].values(), made[1].values(), strict=True):
        assert (one.name, one.spans) == (two.name, two.spans)
        if "gzip" not in one.name:  # which holds the time
            assert [path.read_bytes() for path in one.paths] == [
                path.read_bytes() for path in two.paths
            ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="memory is told by wait4")
def test_it_imports_what_it_makes_and_says_what_that_cost(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = [sys.executable, "-m", "bench.imports", "--gigabytes", "0.02", "--json", str(out)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["case"]: row for row in json.loads(out.read_text())["rows"]}
    assert rows["protobuf, larger"]["spans"] > 3 * rows["protobuf"]["spans"]
    assert rows["JSON lines"]["cpu_s_per_million_spans"] > 0
    assert rows["the same once more"]["cpu_s"] < rows["protobuf, larger"]["cpu_s"]
    assert "5 kills came while" in done.stdout
