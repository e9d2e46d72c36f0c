"""Vendored files are what VENDORED.md says they are."""

import hashlib
import re

from tests.conftest import REPOSITORY

VENDOR = REPOSITORY / "static" / "vendor"
_ROW = re.compile(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|")


def test_every_vendored_file_has_its_sum() -> None:
    listed = dict(_ROW.findall((VENDOR / "VENDORED.md").read_text()))
    files = {path.name: path for path in VENDOR.iterdir() if path.name != "VENDORED.md"}
    assert set(listed) == set(files)
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_nothing_is_loaded_from_another_host() -> None:
    own = [*(REPOSITORY / "templates").rglob("*.html"), *(REPOSITORY / "static").glob("js/*.js")]
    own += [REPOSITORY / "static" / "app.css"]
    for path in own:
        text = path.read_text()
        assert not re.search(r"(?:src|href|action)=[\"'](?:https?:)?//", text), path
        assert not re.search(r"(?:import|fetch)\s*\(?\s*[\"'](?:https?:)?//", text), path
        assert not re.search(r"url\(|@import", text), path
