"""What the timeline is narrowed to: ``only=errors,matches,min:100ms,service:NAME`` in the address.

A comma or percent sign in a service's name is percent-encoded once more. Services stand for "any of
these"; all else must hold together.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote

from viewer.search.parse import QueryError, parse_duration

MOST_SERVICES = 20
_LONGEST = 4000
_SERVICE, _LEAST = "service:", "min:"


@dataclass(frozen=True, slots=True)
class Only:
    """``min_text`` is the least duration as it was typed, ``min_ns`` the same in nanoseconds. It is
    false if nothing is left out."""

    errors: bool = False
    matches: bool = False
    min_text: str = ""
    min_ns: int = 0
    services: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.errors or self.matches or self.min_ns > 0 or bool(self.services)

    @property
    def text(self) -> str:
        """Return it as the address has it."""
        parts = [
            "errors" if self.errors else "",
            "matches" if self.matches else "",
            f"{_LEAST}{self.min_text}" if self.min_ns else "",
            *(_SERVICE + quote(name, safe=" /:;@&=+$?") for name in self.services),
        ]
        return ",".join(part for part in parts if part)

    @property
    def words(self) -> str:
        """Return what is shown, in words."""
        parts = [
            "failed" if self.errors else "",
            "matching the find term" if self.matches else "",
            f"at least {self.min_text}" if self.min_ns else "",
            ", ".join(name or "(no service)" for name in self.services),
        ]
        return " · ".join(part for part in parts if part)


NOTHING = Only()
"""No filter."""


def read_only(text: str, notes: list[str]) -> Only:
    """Return what the address says; what cannot be read is told in ``notes``."""
    errors, matches, least = False, False, ("", 0)
    services: list[str] = []
    if len(text) > _LONGEST:
        notes.append(f"The filter is ignored: it is longer than {_LONGEST} characters.")
        return NOTHING
    for part in text.split(","):
        if part == "errors":
            errors = True
        elif part == "matches":
            matches = True
        elif part.startswith(_SERVICE):
            services.append(unquote(part.removeprefix(_SERVICE)))
        elif part.startswith(_LEAST):
            least = _least(part.removeprefix(_LEAST), notes) or least
        elif part:
            notes.append(
                f"“only={part[:40]}” is ignored: known are errors, matches, "
                f"{_LEAST}100ms and {_SERVICE}NAME."
            )
    names = tuple(sorted(set(services)))
    if len(names) > MOST_SERVICES:
        notes.append(f"Only the first {MOST_SERVICES} services of the filter are looked at.")
    return Only(errors, matches, *least, names[:MOST_SERVICES])


def _least(text: str, notes: list[str]) -> tuple[str, int] | None:
    if not text.strip():
        return None
    try:
        return text.strip(), parse_duration(text)
    except QueryError as error:
        notes.append(f"The least duration is ignored: {error}.")
        return None
