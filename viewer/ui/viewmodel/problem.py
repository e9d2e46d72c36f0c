"""What an error page says: what was asked, what is wrong with it, and what to do instead."""

from dataclasses import dataclass

_TITLES = {
    400: "This cannot be read",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This page cannot do that",
    410: "This is gone",
    413: "This is too large",
    415: "This type of content is not accepted",
    500: "Something broke on the server",
    503: "The store cannot answer",
    504: "This took too long",
}

NOT_STORED: tuple[str, ...] = (
    "Spans that were just sent are shown within two seconds.",
    "Older ones may have been removed by retention; see the status page.",
)
"""What to know where a trace is not stored."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error. ``asked`` is what the visitor asked for, to be tried in the look-up box; ``known``
    are further lines that help."""

    code: int
    title: str
    text: str
    asked: str = ""
    known: tuple[str, ...] = ()


def problem(code: int, text: str, known: tuple[str, ...] = ()) -> Problem:
    """Describe an error by its HTTP status and one line of text."""
    return Problem(code, _TITLES.get(code, "This did not work"), text, known=known)


def not_found(path: str) -> Problem:
    """Describe an address that leads nowhere; its last part may be an ID worth looking up."""
    last = path.rstrip("/").rpartition("/")[2]
    return Problem(
        404, _TITLES[404], f"No page of this server has the address {path}", asked=last[:200]
    )
