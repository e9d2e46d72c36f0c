"""On which line of a TOML file each of its keys stands: `tomllib` says so for syntax errors only."""

import re
import tomllib
from bisect import bisect_right
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
# Multi-line texts first: they begin as the others do. Up to two quotes may precede the closing three.
_TEXT = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class Lines:
    """Line numbers of what stands in a text that `tomllib` has read without complaint.

    A path is a tuple of keys and, within arrays, of indices.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        self._at = 0
        self._scan()

    def of(self, path: Path) -> int:
        """Return the line of this path, or of the nearest table or array around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _scan(self) -> None:
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._statement(table)

    def _header(self) -> Path:
        line, is_array = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        *outer, last = self._key()
        path: Path = ()
        for part in outer:
            path = self._latest((*path, part))
        path = (*path, last)
        if is_array:
            self._lines.setdefault(path, line)
            self._tables[path] = self._tables.get(path, -1) + 1
        path = self._latest(path)
        self._lines[path] = line
        self._at += 2 if is_array else 1
        return path

    def _latest(self, path: Path) -> Path:
        """Return the path of an array of tables' last table; of other paths themselves."""
        return (*path, self._tables[path]) if path in self._tables else path

    def _statement(self, table: Path) -> None:
        line, path = self._line(), table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _key(self) -> list[str]:
        """Read a dotted key and what blank follows it."""
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            raw = self._take(_KEY_PART)
            parts.append(next(iter(tomllib.loads(f"{raw} = 0"))))
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        # No deeper than tomllib's own recursion went before.
        self._skip(_SPACE)
        opening = self._text[self._at]
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_TEXT if opening in "\"'" else _SCALAR)

    def _items(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._next("]"):
            self._lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._next("}"):
            self._statement(path)

    def _next(self, closing: str) -> bool:
        """Go to the next item of an array or inline table; False, and behind it, at its end."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] == closing:
            self._at += 1
            return False
        return True

    def _line(self) -> int:
        return bisect_right(self._ends, self._at - 1) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None, f"TOML that was read cannot be scanned at {self._at}"
        self._at = found.end()
        return found[0]
