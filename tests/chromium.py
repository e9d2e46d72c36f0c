"""The browser of the e2e tests: find a Chromium, or install one. Standard library only.

`tests/check.py` uses it before anything is installed, `tests/conftest.py` inside the suite.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PLAYWRIGHT_FOLDERS = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
PLAYWRIGHT_BROWSERS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/*/*headless*shell",
)


class NoChromium(Exception):
    """No browser, and none could be installed; the message says what to do."""


def find_chromium() -> Path | None:
    """Return a Chromium that starts: $CHROMIUM, one on PATH, an application, Playwright's own."""
    told = os.environ.get("CHROMIUM")
    if told:
        if _starts(Path(told)):
            return Path(told)
        raise NoChromium(f"CHROMIUM={told} does not start; unset it or name another browser")
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield Path(found)
    yield from (Path(app) for app in MAC_APPS)
    told = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    for folder in (told,) if told else PLAYWRIGHT_FOLDERS:
        for pattern in PLAYWRIGHT_BROWSERS:
            yield from sorted(Path(folder).expanduser().glob(pattern), reverse=True)


def _starts(path: Path) -> bool:
    """Say whether it is a browser: Ubuntu's chromium-browser may be a note about snap only."""
    if not path.is_file():
        return False
    try:
        asked = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and "chrom" in asked.stdout.lower()


def install_chromium(playwright: Path, say: Callable[[str], None]) -> Path:
    """Install one with the platform's package manager or else Playwright (the program at this
    path), saying which; raise NoChromium with what was tried."""
    tried: list[str] = []
    for commands in (*_system_installs(), [[str(playwright), "install", "chromium"]]):
        shown = " && ".join(" ".join(command) for command in commands)
        say(f"no Chromium found; installing one: {shown}")
        if all(_succeeds(command) for command in commands):
            found = find_chromium()
            if found:
                return found
            tried.append(f"{shown} (done, but no browser that starts came of it)")
        else:
            tried.append(f"{shown} (failed)")
    raise NoChromium(
        "no Chromium for the browser's tests. Tried: "
        + "; ".join(tried)
        + ". Install Chromium or Chrome yourself, or set CHROMIUM to the path of one."
    )


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False).returncode == 0
    except OSError:
        return False


def _system_installs() -> Iterator[list[list[str]]]:
    if sys.platform == "darwin" and shutil.which("brew"):
        yield [["brew", "install", "--cask", "chromium"]]
    as_root = root_prefix()
    if as_root is None:
        return
    if shutil.which("apt-get"):
        # Fonts, because a bare machine has none and text without glyphs has no size.
        packages = ["chromium", "fonts-dejavu-core"]
        install = [*as_root, "apt-get", "install", "-y", "--no-install-recommends", *packages]
        yield [[*as_root, "apt-get", "update"], install]
    elif shutil.which("dnf"):
        yield [[*as_root, "dnf", "install", "-y", "chromium"]]
    elif shutil.which("apk"):
        yield [[*as_root, "apk", "add", "chromium"]]


def root_prefix() -> list[str] | None:
    """Return what to put before a command that needs root: nothing, sudo, or None if neither works."""
    if os.name == "posix" and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and _succeeds(["sudo", "-n", "true"]):
        return ["sudo", "-n"]
    return None
