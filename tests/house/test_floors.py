"""Who may import whom: the contracts in pyproject.toml hold, and each of them is seen to catch."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.conftest import REPOSITORY

PLANTED = {
    "Floors": ("trace/planted.py", "import viewer.cli"),
    "Only open_store": ("ui/planted.py", "import viewer.store.duckdb.engine"),
    "Quiet rooms": ("search/planted.py", "import flask"),
    "Formats": ("formats/otlp/planted.py", "import viewer.formats.zipkin"),
    "Engines": ("store/duckdb/planted.py", "import viewer.store.memory"),
    "Pages": ("ui/pages/planted.py", "import viewer.ui.pages.planted_too"),
}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )


def test_no_room_imports_what_stands_above_or_beside_it() -> None:
    done = lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_contract_catches_a_planted_import(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "viewer", tmp_path / "viewer")
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / "viewer/ui/pages/planted_too.py").write_text("")
    for path, line in PLANTED.values():
        (tmp_path / "viewer" / path).write_text(line + "\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = re.findall(r"^(.+?) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE)
    contracts = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    assert len(verdicts) == len(contracts) == len(PLANTED)
    for begins in PLANTED:
        verdict = next(verdict for name, verdict in verdicts if name.startswith(begins))
        assert verdict == "BROKEN", begins
