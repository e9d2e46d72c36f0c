"""JSON that stands in attribute values, indented to be read; every token stays as it was sent.

Parsing and printing would not do: numbers would lose digits, repeated keys would vanish and an
escaped lone surrogate would become one, which no UTF-8 page can hold.
"""

import json
import re

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_LONGEST = 100_000
_MOST_INDENT = 20
_MOST_GROWTH = 8


def indent_json(text: str) -> str | None:
    """Return a JSON array or object with one item a line; None if the text is none, or is too long
    or too deep to gain from it."""
    if len(text) > _LONGEST or not text.lstrip().startswith(("[", "{")):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    indented = "".join(_indented(_TOKEN.findall(text)))
    return indented if len(indented) <= _MOST_GROWTH * len(text) else None


def _indented(tokens: list[str]) -> list[str]:
    parts: list[str] = []
    depth, before = 0, ""
    for part in tokens:
        closes = part in ("]", "}")
        depth -= closes
        # Brackets with nothing between them stay together.
        if before == "," or (before not in ("[", "{") if closes else before in ("[", "{")):
            parts.append("\n" + "  " * min(depth, _MOST_INDENT))
        parts.append(part)
        if part == ":":
            parts.append(" ")
        depth += part in ("[", "{")
        before = part
    return parts
