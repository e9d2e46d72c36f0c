"""All checks in one command: `python3 tests/check.py [pytest arguments]`.

Needs Python ≥ 3.11 and nothing else. Makes an environment of its own in .venv-test, finds a Chromium
or installs one, and runs the test suite: types, style, floors and the browser's tests are part of
it. The second time it takes what is there. Standard library only: nothing is installed yet.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what finds an older Python out
    sys.exit(f"Tracefall needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

import hashlib
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

from chromium import NoChromium, find_chromium, install_chromium, root_prefix

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-test"
STAMP = ENVIRONMENT / "installed"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"
# More would disturb tests that look at the clock.
_MOST_WORKERS = 2


def main() -> int:
    os.chdir(ROOT)
    make_environment()
    install()
    try:
        browser = find_chromium() or install_chromium(BIN / "playwright", say)
    except NoChromium as error:
        sys.exit(f"check: {error}")
    say(f"browser: {browser}")
    arguments = sys.argv[1:] or whole_suite()
    say(" ".join(["pytest", *arguments]))
    environment = {**os.environ, "CHROMIUM": str(browser)}
    return subprocess.run(
        [PYTHON, "-m", "pytest", *arguments], env=environment, check=False
    ).returncode


def whole_suite() -> list[str]:
    """Return pytest's arguments for all there is: two files at a time, where there are cores for it."""
    workers = min(os.cpu_count() or 1, _MOST_WORKERS)
    # In their order: else the files of few tests come last, and these take longest.
    order = ["--dist", "loadfile", "--no-loadscope-reorder"]
    return ["-n", str(workers), *order] if workers > 1 else []


def say(text: str) -> None:
    print(f"check: {text}", flush=True)


def make_environment() -> None:
    """Make .venv-test unless there is one that works."""
    if PYTHON.exists() and _runs([PYTHON, "-m", "pip", "--version"]):
        return
    if ENVIRONMENT.exists():
        say(f"{ENVIRONMENT.name} does not work any more; making it anew")
        shutil.rmtree(ENVIRONMENT)
    say(f"making {ENVIRONMENT.name} with Python {sys.version.split()[0]}")
    if not _runs([sys.executable, "-c", "import ensurepip, venv"]):
        _install_venv_module()
    _run([sys.executable, "-m", "venv", str(ENVIRONMENT)], "the environment cannot be made")


def _install_venv_module() -> None:
    """Debian and Ubuntu ship Python without venv: install their package, or say what to install."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    as_root = root_prefix()
    if not shutil.which("apt-get") or as_root is None:
        sys.exit(
            "check: this Python comes without venv and ensurepip. Install them "
            f"(Debian, Ubuntu: apt-get install {package}) and try again."
        )
    say(f"this Python comes without venv; installing {package}")
    _run([*as_root, "apt-get", "update"], "apt-get update failed")
    _run([*as_root, "apt-get", "install", "-y", package], f"{package} cannot be installed")


def install() -> None:
    """Install Tracefall (editable) and what its tests need, unless that has been done."""
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    say("installing pip, Tracefall and what its tests need (a few minutes the first time)")
    # Dependency groups are read by pip from 25.1 on.
    _run([*pip, "--upgrade", "pip>=25.1"], "pip cannot be brought up to date")
    _run([*pip, "--editable", ".", "--group", "test"], "the installation failed")
    STAMP.write_text(wanted)


def _fingerprint() -> str:
    """What must be the same for the environment to still fit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = (
        sys.version,
        str(ROOT),
        project["build-system"],
        project["project"],
        project["dependency-groups"]["test"],
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _runs(command: list[object]) -> bool:
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _run(command: list[str], complaint: str) -> None:
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(f"check: {complaint}: `{' '.join(command)}` ended with {code} (see above)")


if __name__ == "__main__":
    sys.exit(main())
