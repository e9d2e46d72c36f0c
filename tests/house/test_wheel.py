"""The wheel, built out of the sdist, works where there is no checkout beside it."""

import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from itertools import takewhile
from pathlib import Path

import pytest

from bench.server import Server
from tests.conftest import CLOSED, REPOSITORY, SAMPLES
from viewer import __version__

JAEGER_IDL = "formats/jaeger/idl/agent.thrift"
NO_SAMPLES = ("programs", "__pycache__")


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def samples() -> list[Path]:
    folders = (folder for folder in SAMPLES.iterdir() if folder.name not in NO_SAMPLES)
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    assert found
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel as it is published: `build` makes it of the sdist, not of the checkout."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, REPOSITORY, cwd=out)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with nothing but the wheel; its dependencies are this environment's."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        wheel,
        cwd=folder,
    )
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    # A plain path line: editable installs over there are not followed, so viewer is the wheel's.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_it_holds_what_the_pages_need_and_nothing_compiled(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in ("templates/base.html", "static/app.css", "store/duckdb/schema.sql", JAEGER_IDL):
        assert f"viewer/{needed}" in names
    for sample in samples():
        assert f"viewer/{sample.relative_to(REPOSITORY)}" in names
    assert not [name for name in names if name.endswith(".pyc")]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_it_says_its_version(environment: Path) -> None:
    said = run(environment / "env/bin/tracefall", "--version", cwd=environment)
    assert __version__ in said


def test_it_serves_a_page_and_its_stylesheet(environment: Path) -> None:
    python = str(environment / "env/bin/python")
    found = run(python, "-c", "import viewer; print(viewer.__file__)", cwd=environment)
    assert str(environment) in found
    store = f"duckdb:{environment}/wheel.duckdb"
    with Server(store, python=python, cwd=environment) as server:
        with urllib.request.urlopen(f"{server.ui_url}/search", timeout=30) as answer:
            page = answer.read().decode()
        (href,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
        with urllib.request.urlopen(server.ui_url + href, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/css")
            assert answer.read() == (REPOSITORY / "static/app.css").read_bytes()
    assert server.output.endswith("ready"), "it had something to say when it was ended"


def test_its_demo_reads_every_sample_and_nothing_else(environment: Path) -> None:
    command = [environment / "env/bin/tracefall", "demo", "--port", "0", "--otlp-http", "0"]
    told = {**os.environ, **CLOSED}
    with subprocess.Popen(
        command,
        cwd=environment,
        env=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        said = list(takewhile(lambda line: not line.startswith("Look at"), demo.stdout))
        demo.terminate()
        assert demo.wait(timeout=30) == 0
    read = {Path(line.partition(": ")[0]).name for line in said if "sample_traces" in line}
    assert read == {path.name for path in samples()}
    assert all(" spans in " in line for line in said if "sample_traces" in line), said
