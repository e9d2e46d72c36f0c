"""What the collector keeps, and what it hides: sampling and redaction, read from one TOML file.

The file's keys are described in docs/sampling-and-redaction.md, which has docs/policy.toml as its
example. Every fault is a `PolicyError` with file and line: a policy that is not understood
in full is not applied in part.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from viewer.collector.detectors import DETECTORS
from viewer.collector.policy_lines import Lines, Path
from viewer.search.parse import QueryError, parse_duration

DEFAULT_IDLE_NS = 5 * 10**9
DEFAULT_LONGEST_NS = 60 * 10**9
SHORTEST_HASH_KEY = 16
SERVICE_NAME = "service.name"
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class PolicyError(ValueError):
    """The policy cannot be used; the message is one line, ``NAME:LINE: why``."""


class Action(StrEnum):
    """What is done to a value that a rule finds."""

    DROP = "drop"
    MASK = "mask"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """What is kept of the traces of one service, or of all that have no rule of their own."""

    keep_percent: float
    keep_slower_than_ns: int | None = None
    keep_errors: bool = True


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """Which traces are kept, and when that is decided."""

    rule: SamplingRule
    services: Mapping[str, SamplingRule] = field(default_factory=dict)
    idle_ns: int = DEFAULT_IDLE_NS
    longest_ns: int = DEFAULT_LONGEST_NS


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """Which values are redacted, by their keys (glob patterns) or by detectors, and how."""

    action: Action
    keys: tuple[str, ...] = ()
    detect: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class RedactionPolicy:
    """Redaction rules in their order; ``hash_key`` makes hashes that only its owner can compute."""

    rules: tuple[RedactionRule, ...]
    hash_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """Both, each of which may be off. ``warnings`` are lines for whoever starts the server."""

    sampling: SamplingPolicy | None = None
    redaction: RedactionPolicy | None = None
    warnings: tuple[str, ...] = ()


def load_policy(text: str, name: str) -> Policy:
    """Read a policy from the text of the file of this name; raises PolicyError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = int(at[1]) if at and at[1] else max(1, len(text.splitlines()))
        what = _AT_LINE.sub("", str(error))
        raise PolicyError(f"{name}:{line}: {what[:1].lower()}{what[1:]}") from None
    except RecursionError:
        raise PolicyError(f"{name}:1: nested too deep") from None
    file = _Table(_Source(name, Lines(text)), (), values)
    file.knows("sampling", "redaction")
    sampling, redaction = file.table("sampling"), file.table("redaction")
    warnings: list[str] = []
    return Policy(
        _sampling(sampling) if sampling else None,
        _redaction(redaction, warnings) if redaction else None,
        tuple(warnings),
    )


def _sampling(table: "_Table") -> SamplingPolicy:
    table.knows("idle", "longest", "keep_errors", "keep_slower_than", "keep_percent", "services")
    if "keep_percent" not in table.values:
        raise table.error("keep_percent is missing: how many of the other traces are kept")
    rule = _sampling_rule(table, SamplingRule(100.0))
    services = table.table("services")
    of_service: dict[str, SamplingRule] = {}
    for service in services.values if services else ():
        assert services is not None
        one = services.table(service)
        assert one is not None
        one.knows("keep_errors", "keep_slower_than", "keep_percent")
        of_service[service] = _sampling_rule(one, rule)
    idle_ns, longest_ns = table.duration("idle"), table.duration("longest")
    if idle_ns == 0:
        raise table.error("idle must be longer than nothing", "idle")
    idle_ns = idle_ns or DEFAULT_IDLE_NS
    if longest_ns is None:
        longest_ns = max(DEFAULT_LONGEST_NS, idle_ns)
    if longest_ns < idle_ns:
        raise table.error("longest is shorter than idle", "longest")
    return SamplingPolicy(rule, of_service, idle_ns, longest_ns)


def _sampling_rule(table: "_Table", otherwise: SamplingRule) -> SamplingRule:
    slower = table.duration("keep_slower_than")
    return SamplingRule(
        table.percent("keep_percent", otherwise.keep_percent),
        otherwise.keep_slower_than_ns if slower is None else slower,
        table.flag("keep_errors", otherwise.keep_errors),
    )


def _redaction(table: "_Table", warnings: list[str]) -> RedactionPolicy:
    table.knows("hash_key", "rules")
    hash_key = table.text("hash_key")
    if "hash_key" in table.values and len(hash_key) < SHORTEST_HASH_KEY:
        raise table.error(
            f"hash_key is shorter than {SHORTEST_HASH_KEY} characters and could be guessed",
            "hash_key",
        )
    rules = table.tables("rules")
    if not rules:
        raise table.error("no rules: write [[redaction.rules]]")
    read = tuple(_redaction_rule(rule) for rule in rules)
    for at, rule in zip(rules, read, strict=True):
        if rule.action is Action.HASH and not hash_key:
            warnings.append(
                str(
                    at.error(
                        "hashes without a hash_key can be undone by trying: "
                        "all card numbers and most e-mail addresses can be guessed",
                        "action",
                    )
                )
            )
            break
    return RedactionPolicy(read, hash_key.encode())


def _redaction_rule(table: "_Table") -> RedactionRule:
    table.knows("keys", "detect", "action", "name")
    keys, detect = table.texts("keys"), table.texts("detect")
    if bool(keys) == bool(detect):
        raise table.error(
            "a rule has either keys or detect, not both"
            if keys
            else "a rule needs keys (patterns) or detect (names of detectors)"
        )
    for index, key in enumerate(keys):
        if not key:
            raise table.error("an empty pattern matches nothing", "keys", index)
        if key.lower() == SERVICE_NAME:
            raise table.error(
                f"{SERVICE_NAME} cannot be redacted by key: traces are found by it", "keys", index
            )
    for index, detector in enumerate(detect):
        if detector not in DETECTORS:
            raise table.error(
                f"unknown detector {detector!r}{_hint(detector, DETECTORS)}", "detect", index
            )
    action = table.text("action")
    if action not in list(Action):
        hint = _hint(action, list(Action)) if action else ""
        said = f"unknown action {action!r}{hint}" if action else "action is missing"
        raise table.error(f"{said}: drop, mask or hash", "action")
    return RedactionRule(Action(action), keys, detect, table.text("name"))


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [str(name) for name in known], 1)
    return f", did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    lines: Lines


class _Table:
    """A table of the file: hands out values of the wanted type, and refuses all others."""

    def __init__(self, source: _Source, path: Path, values: Mapping[str, object]) -> None:
        self._source, self._path, self.values = source, path, values

    def error(self, message: str, *path: str | int) -> PolicyError:
        """Return the error for a value of this table, or for the table itself."""
        line = self._source.lines.of((*self._path, *path))
        return PolicyError(f"{self._source.name}:{line}: {message}")

    def knows(self, *keys: str) -> None:
        """Refuse a table with other keys than these."""
        for key in self.values:
            if key not in keys:
                hint = _hint(key, keys) or f": expected {', '.join(keys)}"
                raise self.error(f"unknown key {key!r}{hint}", key)

    def table(self, key: str) -> "_Table | None":
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(key, "a table")
        return _Table(self._source, (*self._path, key), value)

    def tables(self, key: str) -> "list[_Table]":
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(key, f"tables: write [[{'.'.join(map(str, (*self._path, key)))}]]")
        return [
            _Table(self._source, (*self._path, key, index), item)
            for index, item in enumerate(value)
        ]

    def duration(self, key: str) -> int | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong(key, 'a duration such as "500ms" or "2s"')
        try:
            return parse_duration(value)
        except QueryError as error:
            raise self.error(f"{key}: {error}", key) from None

    def percent(self, key: str, otherwise: float) -> float:
        value = self.values.get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number from 0 to 100")
        if not 0 <= value <= 100:
            raise self.error(f"{key} must be from 0 to 100, not {value}", key)
        return float(value)

    def flag(self, key: str, otherwise: bool) -> bool:
        value = self.values.get(key, otherwise)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def text(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, 'a list of texts such as ["a", "b"]')
        return tuple(value)

    def _wrong(self, key: str, wanted: str) -> PolicyError:
        return self.error(f"{key} must be {wanted}", key)
