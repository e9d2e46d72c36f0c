"""The ES modules of ``static/js`` as one file, so that a page asks for one script and not for eleven.

Nothing is compiled: modules come after those they import, without their import and export words,
in one module's scope. So no two may use one name at their top level, and they import each other by
whole lines; `tests/ui/test_scripts.py` holds them to that.
"""

import re
from pathlib import Path

JOINED = "js/joined.js"
_MAIN = "main.js"
_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=let |const |class |function |async )", re.MULTILINE)


def joined_modules(folder: Path) -> str:
    """Return the text of the folder's main.js with all that it imports."""
    texts: dict[str, str] = {}
    order: list[str] = []
    # A module is written when all that it imports is: it is met once before and once after these.
    waiting = [(_MAIN, False)]
    while waiting:
        name, has_all = waiting.pop()
        if has_all:
            order.append(name)
        elif name not in texts:
            texts[name] = (folder / name).read_text("utf-8")
            waiting.append((name, True))
            waiting += [(found, False) for found in reversed(_IMPORT.findall(texts[name]))]
    return "\n".join(
        f"// {name}\n{_EXPORT.sub('', _IMPORT.sub('', texts[name]))}" for name in order
    )
