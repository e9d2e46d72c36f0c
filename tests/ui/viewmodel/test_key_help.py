"""The help on keys lists those that the scripts obey, and no others."""

import re

from viewer.paths import STATIC
from viewer.ui.viewmodel.key_help import KEY_HELP

_ARROWS = {"ArrowDown": "↓", "ArrowUp": "↑", "ArrowLeft": "←", "ArrowRight": "→", "Escape": "Esc"}


def test_every_key_of_the_scripts_is_told_once_and_no_other_is() -> None:
    found: set[str] = set()
    for name in ("trace-page.js", "main.js"):
        text = (STATIC / "js" / name).read_text()
        found |= set(re.findall(r'(?<!dataset\.)\bkey === "([^"]+)"', text))
        for listed in re.findall(r"\[((?:\"[^\"]+\"(?:, )?)+)\]\.includes\(key\)", text):
            found |= set(re.findall(r'"([^"]+)"', listed))
    told = [name for group in KEY_HELP.groups for key in group.keys for name in key.keys]
    assert sorted(told) == sorted(_ARROWS.get(key, key) for key in found)
