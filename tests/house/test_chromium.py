"""How the e2e tests find their browser: what it takes, and what it does not fall for."""

from pathlib import Path

import pytest

from tests.chromium import NoChromium, find_chromium, install_chromium


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any browser: PATH leads to one empty folder only."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return path


def test_it_finds_nothing_on_a_bare_machine(bare: Path) -> None:
    assert find_chromium() is None


def test_it_takes_the_browser_it_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = program(bare.parent / "elsewhere", "my-browser", "echo Chromium 140.0")
    program(bare, "chromium", "echo Chromium 139.0")
    monkeypatch.setenv("CHROMIUM", str(told))
    assert find_chromium() == told


def test_it_complains_of_a_told_browser_that_does_not_start(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(NoChromium, match="/nowhere/chromium does not start"):
        find_chromium()


def test_it_passes_over_a_note_that_only_calls_itself_chromium(bare: Path) -> None:
    program(bare, "chromium-browser", "echo Command requires a snap >&2; exit 10")
    chrome = program(bare, "google-chrome", "echo Google Chrome 140.0.1")
    assert find_chromium() == chrome


def test_it_finds_the_newest_of_playwrights_own(bare: Path) -> None:
    for build in ("chromium-1100", "chromium-1200"):
        program(
            bare.parent / "playwright" / build / "chrome-linux", "chrome", "echo Chromium 140.0"
        )
    found = find_chromium()
    assert found is not None
    assert "chromium-1200" in str(found)


def test_it_says_what_it_installs_and_takes_what_comes_of_it(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No package manager is on PATH, so only Playwright is left.
    made = bare.parent / "playwright" / "chromium-1" / "chrome-linux" / "chrome"
    made.parent.mkdir(parents=True)
    browser = "#!/bin/sh\\necho Chromium 1.0\\n"
    script = f"PATH=/usr/bin:/bin; printf '{browser}' > {made} && chmod 755 {made}"
    playwright = program(bare.parent, "playwright-program", script)
    said: list[str] = []
    assert install_chromium(playwright, said.append) == made
    assert said == [f"no Chromium found; installing one: {playwright} install chromium"]


def test_it_says_what_it_tried_when_nothing_helps(bare: Path) -> None:
    playwright = program(bare.parent, "playwright-program", "exit 1")
    with pytest.raises(NoChromium, match=r"install chromium \(failed\)"):
        install_chromium(playwright, lambda _said: None)
