"""What people type into a search: durations, tags, look-back and times, as Jaeger's UI and API read
them (Go's time.ParseDuration, logfmt). Every error is a QueryError with one line for
the user. Results are whole nanoseconds."""

import json
import re
from fractions import Fraction

MAX_NS = (1 << 63) - 1
MAX_TEXT = 10_000
MAX_DURATION_TEXT = 100

_GO_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5 micro sign
    "μs": 1_000,  # U+03BC Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
}
_LOOKBACK_UNITS = {
    "s": _GO_UNITS["s"],
    "m": _GO_UNITS["m"],
    "h": _GO_UNITS["h"],
    "d": 24 * _GO_UNITS["h"],
    "w": 7 * 24 * _GO_UNITS["h"],
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.\s]+)")
_DIGITS = re.compile(r"[0-9]+")


class QueryError(ValueError):
    """Part of a search cannot be understood; the message is one line for the user."""


def parse_duration(text: str) -> int:
    """Read a duration in Go's syntax (``1.2s``, ``100ms``, ``500us``, ``1h30m``, ``0``) as
    nanoseconds. As in Go a number needs a unit; unlike Go a negative one is refused, for no span
    has it. Raises QueryError."""
    text = text.strip()
    if text in ("0", "+0"):
        return 0
    if text.startswith("-"):
        raise QueryError(f"{_shown(text)}: a duration cannot be negative")
    return _sum_parts(text.removeprefix("+"), text, _GO_UNITS, "duration", "1.2s, 100ms or 500us")


def parse_lookback(text: str) -> int:
    """Read a look-back (``15m``, ``1h``, ``2d``, ``1w``) as nanoseconds. Raises QueryError."""
    text = text.strip()
    lookback = _sum_parts(text, text, _LOOKBACK_UNITS, "look-back", "15m, 1h, 2d or 1w")
    if lookback == 0:
        raise QueryError("a look-back must be longer than nothing")
    return lookback


def parse_micros(text: str) -> int:
    """Read microseconds since 1970 (or of a duration), a whole number, as nanoseconds.
    Raises QueryError."""
    text = text.strip()
    if not _DIGITS.fullmatch(text):
        raise QueryError(f"{_shown(text)} is no time: expected microseconds since 1970")
    if len(text) > 19 or int(text) * 1_000 > MAX_NS:
        raise QueryError(f"{_shown(text)} is no time: beyond the year 2262")
    return int(text) * 1_000


def parse_tags(text: str) -> tuple[tuple[str, str], ...]:
    """Read the tags box: logfmt (``key=value key="two words" bare``; a bare key means ``true``)
    or a JSON object of strings. Raises QueryError."""
    if len(text) > MAX_TEXT:
        raise QueryError(f"the tags are longer than {MAX_TEXT:,} characters")
    text = text.strip()
    if text.startswith("{"):
        return parse_tags_json(text)
    return tuple(_logfmt_pairs(text))


def parse_tags_json(text: str) -> tuple[tuple[str, str], ...]:
    """Read a JSON object of strings; of a repeated key the last one holds. Raises QueryError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error).split(":")[0].lower()
        raise QueryError(f"the tags are no JSON object of strings: {reason}") from None
    if not isinstance(value, dict):
        raise QueryError("the tags are no JSON object of strings")
    for key, item in value.items():
        if not isinstance(item, str):
            raise QueryError(f"the tag {_shown(key)} has a value that is no JSON string")
    return tuple(value.items())


def _sum_parts(text: str, whole: str, units: dict[str, int], what: str, examples: str) -> int:
    if len(text) > MAX_DURATION_TEXT:
        raise QueryError(f"{_shown(whole)} is no {what}: too long")
    total = Fraction(0)
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            break
        unit = units.get(part[2])
        if unit is None:
            raise QueryError(
                f"{_shown(whole)} is no {what}: unknown unit {_shown(part[2])}, use one like {examples}"
            )
        total += Fraction(part[1] if part[1][0] != "." else f"0{part[1]}") * unit
        position = part.end()
    if not text or position < len(text):
        missing = " without a unit" if re.fullmatch(r"[0-9]+\.?[0-9]*", text) else ""
        raise QueryError(f"{_shown(whole)} is no {what}{missing}: write it like {examples}")
    nanoseconds = int(total)
    if nanoseconds > MAX_NS:
        raise QueryError(f"{_shown(whole)} is no {what}: longer than 292 years")
    return nanoseconds


def _logfmt_pairs(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        key, position = _token(text, position, stop_at_equals=True)
        if position < len(text) and text[position] == "=":
            value, position = _token(text, position + 1, stop_at_equals=False)
        else:
            value = "true"
        if not key:
            raise QueryError(f"a tag without a key: ={_cut(value)}")
        pairs.append((key, value))
    return pairs


def _token(text: str, position: int, *, stop_at_equals: bool) -> tuple[str, int]:
    """Read up to a space outside quotes; ``\\`` takes the next character as it is."""
    parts: list[str] = []
    quoted_from = -1
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            position += 1
            parts.append(text[position])
        elif char == '"':
            quoted_from = position if quoted_from < 0 else -1
        elif quoted_from < 0 and (char.isspace() or (stop_at_equals and char == "=")):
            break
        else:
            parts.append(char)
        position += 1
    if quoted_from >= 0:
        raise QueryError(f"a quote is not closed in the tags: {_cut(text[quoted_from:])}")
    return "".join(parts), position


def _shown(text: str) -> str:
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"
