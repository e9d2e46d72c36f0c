"""Types, by mypy --strict as pyproject.toml sets it."""

import subprocess
import sys

from tests.conftest import REPOSITORY


def test_types_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
