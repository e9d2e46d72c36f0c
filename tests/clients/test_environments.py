"""The environments of the clients: made once, anew when pins change, and honest about failures."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients import environments
from tests.clients.environments import NAMES, CannotInstall, Unreachable, ready
from tests.clients.running import ready as ready_for_a_test

NO_HOST = "Retrying after connection broken by 'NameResolutionError': no such host"
NO_VERSION = "ERROR: No matching distribution found for no-such==1.0"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and one environment that needs no network."""
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setitem(environments.PYTHON, "some", "a==1")
    return tmp_path


@pytest.fixture
def commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are not run, for the test's eyes only."""
    told: list[list[str]] = []
    monkeypatch.setattr(environments, "_run", lambda _, command, *rest: told.append(command))
    return told


def test_it_is_made_once(commands: list[list[str]], folder: Path) -> None:
    environment = ready("some")
    assert environment.command == (str(folder / "some/bin/python"),)
    assert commands[-1][-1] == "a==1"
    made = len(commands)
    assert ready("some") == environment
    assert len(commands) == made


def test_it_is_made_anew_when_its_pins_change(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready("some")
    monkeypatch.setitem(environments.PYTHON, "some", "a==2")
    ready("some")
    assert commands[-1][-1] == "a==2"


def test_two_at_once_make_it_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def slowly(name: str, *_: object) -> None:
        time.sleep(0.1)
        made.append(name)

    monkeypatch.setattr(environments, "_install_python", slowly)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ready, ["some", "some"])
    assert first == second
    assert made == ["some"]


def failing(text: str) -> str:
    return f"import sys; sys.exit({text!r})"


def test_it_says_what_failed(folder: Path) -> None:
    with pytest.raises(CannotInstall, match="No matching distribution") as caught:
        environments._run("some", [sys.executable, "-c", failing(NO_VERSION)])
    assert not isinstance(caught.value, Unreachable)
    with pytest.raises(Unreachable, match="NameResolutionError"):
        environments._run("some", [sys.executable, "-c", failing(NO_HOST)])


def test_what_was_not_finished_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    (folder / "some").mkdir()
    (folder / "some/half").touch()
    ready("some")
    assert not (folder / "some/half").exists()


def test_without_a_network_a_test_is_skipped_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str) -> None:
        raise Unreachable(NO_HOST)

    monkeypatch.setattr(environments, "ready", unreachable)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NameResolutionError"):
        ready_for_a_test("some")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Unreachable):
        ready_for_a_test("some")


def test_every_pin_is_exact() -> None:
    assert all("==" in pin for pins in environments.PYTHON.values() for pin in pins.split())
    assert all(
        version[0].isdigit() for pins in environments.NODE.values() for version in pins.values()
    )
    assert len(NAMES) == len(set(NAMES))
