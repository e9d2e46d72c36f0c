"""The keys of the trace page, as its help lists them; trace-page.js and main.js obey them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One or two keys of a kind, and what they do."""

    keys: tuple[str, ...]
    does: str


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """Keys that belong together."""

    title: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """All keys, in groups."""

    groups: tuple[KeyGroup, ...]


KEY_HELP = KeyHelp(
    (
        KeyGroup(
            "Rows",
            (
                Key(("j", "↓"), "next row"),
                Key(("k", "↑"), "row before"),
                Key(("→", "←"), "expand, collapse"),
                Key(("Enter",), "open the row’s span"),
                Key(("z",), "show only the span and those below it"),
                Key(("Z",), "show the whole trace again"),
            ),
        ),
        KeyGroup(
            "Find",
            (
                Key(("f",), "find in this trace"),
                Key(("n", "p"), "next match, match before"),
                Key(("e",), "next failed span"),
            ),
        ),
        KeyGroup(
            "Timeline",
            (
                Key(("+", "-"), "zoom in, zoom out"),
                Key(("0",), "reset the zoom"),
                Key(("[", "]"), "collapse all, expand all"),
                Key(("r",), "fold or unfold repeats"),
                Key(("c",), "mark the critical path or not"),
            ),
        ),
        KeyGroup(
            "Anywhere",
            (
                Key(("/",), "paste a trace ID, header or link"),
                Key(("?",), "these keys"),
                Key(("Esc",), "close what is open, then clear the find term"),
            ),
        ),
    )
)
