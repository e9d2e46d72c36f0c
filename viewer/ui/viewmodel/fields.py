"""Attributes as the detail panel prints them: typed, folded where they are long, and within the room that
a page has, however many there are and however large."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from viewer.trace.attributes import Attributes, Value, show_value
from viewer.ui.filters import format_count, shorten
from viewer.ui.viewmodel.json_text import indent_json

_FOLD_FROM = 300
_PREVIEW = 120
_LONGEST_KEY = 200
_LONGEST_URL = 2000
_ONE_LINE = 60
# What a field takes beside its texts, in bytes.
_MARKUP = 900
# Controls (but not tab and line ends), and what has no width or turns the direction of others; not
# the joiners, which scripts and emoji need.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_MOST_UNSEEN = 3
_FIELDS_ROOM = 600_000
_LONG_ROOM = 700_000


@dataclass(frozen=True, slots=True)
class Field:
    """A key and value. ``preview`` is the beginning of a long value, which opens on demand, and empty
    for others; ``size`` says how long that is; ``note`` says what of a value is left out or cannot be
    seen; ``href`` is set for http(s) values only; ``search_url`` finds the traces with this value;
    ``type_label`` says the type where it is no text."""

    key: str
    value: str
    type_label: str
    pretty: bool
    preview: str
    size: str
    note: str
    href: str
    search_url: str


class Room:
    """How many bytes a page's fields may still take: ``left`` for what is in sight, and more for what
    is folded."""

    def __init__(self, left: int = _FIELDS_ROOM, folded: int = _LONG_ROOM) -> None:
        self.left, self._folded = left, folded

    def take(self, *texts: str) -> bool:
        """Take the room for an item with these texts in sight, and say whether there was."""
        if self.left > 0:
            self.left -= _MARKUP + sum(map(size_in_page, texts))
            return True
        return False

    def folded(self, text: str) -> str:
        """Return as much of a folded text as there is room for, at least its preview."""
        shown = fitting(text, max(self._folded, 0))
        if len(shown) < _PREVIEW:
            shown = text[:_PREVIEW]
        self._folded -= size_in_page(shown)
        return shown


def size_in_page(text: str) -> int:
    """Return how many bytes a text takes in a page; never less than that."""
    marks = sum(map(text.count, "<>&\"'"))
    return len(text.encode("utf-8", "replace")) + 4 * marks


def fitting(text: str, room: int) -> str:
    """Return the beginning of a text that takes at most so many bytes in a page: all that fits, or
    nearly."""
    while (size := size_in_page(text)) > room:
        text = text[: len(text) * room // size * 99 // 100]
    return text


def fields_of(
    attributes: Attributes, searchable: bool, most: int, room: Room | None = None
) -> tuple[Field, ...]:
    """Return the first ``most`` attributes, sorted by key, as far as there is room."""
    room = room or Room()
    ordered = sorted(attributes, key=lambda attribute: attribute[0])
    return _fields(ordered[:most], searchable, room)


def facts_of(facts: Iterable[tuple[str, str]], room: Room) -> tuple[Field, ...]:
    """Return what has no other place as fields, in their order; what is empty is left out."""
    return _fields(((key, value) for key, value in facts if value), False, room)


def _fields(pairs: Iterable[tuple[str, Value]], searchable: bool, room: Room) -> tuple[Field, ...]:
    fields: list[Field] = []
    for key, value in pairs:
        if room.left <= 0:
            break
        fields.append(_field(key, value, searchable, room))
    return tuple(fields)


def _field(key: str, value: Value, searchable: bool, room: Room) -> Field:
    plain_text = show_value(value)
    text, pretty = _pretty(value, plain_text)
    findable = searchable and len(key) + len(plain_text) <= _FOLD_FROM
    search = urlencode({"tags": json.dumps({key: plain_text}, ensure_ascii=False)})
    search_url = f"/search?{search}" if findable else ""
    name, preview, size, note = shorten(key, _LONGEST_KEY), "", "", ""
    if len(text) > _FOLD_FROM:
        preview, size, whole = text[:_PREVIEW], f"{format_count(len(text))} characters", text
        text = room.folded(text)
        if len(text) < len(whole):
            note = f"The first {format_count(len(text))} characters; the JSON file has all. "
    note += _unseen(text)
    room.take(name, name, name, preview or text, search_url)
    return Field(
        key=name,
        value=text,
        type_label=_type_label(value),
        pretty=pretty,
        preview=preview,
        size=size,
        note=note.rstrip(),
        href=_safe_url(value),
        search_url=search_url,
    )


def _unseen(text: str) -> str:
    """Say which characters of a text cannot be seen, or make it look like another one."""
    found = sorted(set(_UNSEEN.findall(text)))
    if not found:
        return ""
    named = ", ".join(f"U+{ord(char):04X}" for char in found[:_MOST_UNSEEN])
    return f"Holds characters that are not seen: {named}{' …' if found[_MOST_UNSEEN:] else ''}."


def _pretty(value: Value, text: str) -> tuple[str, bool]:
    """Return a value's text, indented where it is JSON of more than a short line; and whether it is."""
    indented = None
    if len(text) > _ONE_LINE and isinstance(value, str | list | tuple | dict):
        indented = indent_json(text)
    return (text, False) if indented is None else (indented, True)


def _type_label(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "double"
    if isinstance(value, bytes):
        return "bytes, base64"
    if isinstance(value, list | tuple):
        return "array"
    if isinstance(value, dict):
        return "map"
    return "" if isinstance(value, str) else "empty"


def _safe_url(value: Value) -> str:
    """Return a value that is a whole http(s) URL, for a link; anything else gives none."""
    if (
        not isinstance(value, str)
        or len(value) > _LONGEST_URL
        or any(char.isspace() for char in value)
    ):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in ("http", "https") and parts.netloc else ""
