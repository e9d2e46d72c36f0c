"""What a policy's redaction rules make of single values: attributes, nested ones too, and texts.

Redacting what has been redacted changes nothing, so that a journal can be redacted again.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from typing import Final, TypeAlias

from viewer.collector.detectors import DETECTORS, Detector, plain_digits
from viewer.collector.policy import SERVICE_NAME, Action, RedactionPolicy, RedactionRule
from viewer.trace.attributes import MAX_DEPTH, Attributes, Value, marked_bytes, show_value

MASK = "[redacted]"
# A hash is one word, so that no detector sees part of it. ``hmac`` is made with the policy's key.
_REDACTED = re.compile(r"\[redacted\]?(?:[0-9]{4})?|(?:sha256|hmac)-[0-9a-f]{16}")
_HASH_DIGITS = 16
_CARD_DIGITS_SHOWN = 4
_MOST_PASSES = 4


class Gone(Enum):
    """What is left of a value that a rule drops."""

    GONE = 0


GONE: Final = Gone.GONE
Left: TypeAlias = "Value | Gone"


@dataclass(frozen=True, slots=True)
class _Rule:
    number: int
    action: Action
    patterns: tuple[re.Pattern[str], ...]
    detectors: tuple[tuple[str, Detector], ...]


class ValueRules:
    """A policy's rules, ready to be applied. Every method adds the numbers of the rules that
    changed something, once for each value, to ``hits``.

    ``prefilter`` is an RE2 pattern found in every text form of an attribute (`encode_attribute`,
    also within JSON) that `attribute` would change, and in every text that `text` would; byte values
    excepted, which hide their content. ``looks_into_texts`` says whether there are detectors.
    """

    def __init__(self, policy: RedactionPolicy) -> None:
        self._hash_key = policy.hash_key
        rules = [_compiled(number, rule) for number, rule in enumerate(policy.rules)]
        # What a rule drops by key is dropped, whatever an earlier rule would make of it.
        rules.sort(key=lambda rule: not (rule.patterns and rule.action is Action.DROP))
        self._rules = tuple(rules)
        names = {name for rule in self._rules for name, _ in rule.detectors}
        detected = [f"(?:{DETECTORS[name].prefilter})" for name in sorted(names)]
        by_key = [_key_prefilter(key) for rule in policy.rules for key in rule.keys]
        self.prefilter = "|".join([*detected, *by_key])
        self.looks_into_texts = bool(detected)

    def attributes(self, attributes: Attributes, hits: list[int]) -> Attributes:
        """Return the attributes that are left, as they are left."""
        redacted = [(key, self.attribute(key, value, hits)) for key, value in attributes]
        return tuple((key, value) for key, value in redacted if not isinstance(value, Gone))

    def attribute(self, key: str, value: Value, hits: list[int]) -> Left:
        """Return an attribute's value as it is left, or GONE."""
        if key == SERVICE_NAME and isinstance(value, str):
            # It stands beside the attributes too, and traces are found by it.
            return self.text(value, hits)
        return self._value(key, key, value, 0, hits)

    def text(self, text: str, hits: list[int]) -> str:
        """Return a text that is no attribute (a status message, a name); what a rule would drop is
        masked in it."""
        left = self._leaf(text, hits, Action.MASK)
        assert isinstance(left, str)
        return left

    def _value(self, path: str, key: str, value: Value, depth: int, hits: list[int]) -> Left:
        """Redact a value, and what is nested in it. ``path`` is all keys down to it, joined by
        dots; ``key`` the last of them."""
        for rule in self._rules:
            by_key = any(pattern.fullmatch(path) for pattern in rule.patterns)
            if by_key or _is_whole_secret(rule, key, value):
                left = self._whole(rule.action, value)
                if left is not value:
                    hits.append(rule.number)
                return left
        if isinstance(value, Mapping | list | tuple):
            if depth >= MAX_DEPTH:
                return "…"  # as `attributes.plain` cuts it
            return self._nested(path, key, value, depth, hits)
        return self._leaf(value, hits)

    def _nested(
        self,
        path: str,
        key: str,
        value: Mapping[str, Value] | Sequence[Value],
        depth: int,
        hits: list[int],
    ) -> Left:
        before = len(hits)
        left: Value
        if not isinstance(value, Mapping):
            items = [self._value(path, key, item, depth + 1, hits) for item in value]
            left = [item for item in items if not isinstance(item, Gone)]
        elif (data := marked_bytes(value)) is not None:
            return self._leaf(data, hits)
        else:
            pairs = [
                (name, self._value(f"{path}.{name}", name, item, depth + 1, hits))
                for name, item in value.items()
            ]
            left = {name: item for name, item in pairs if not isinstance(item, Gone)}
        return left if len(hits) > before else value

    def _leaf(self, value: Value, hits: list[int], drop: Action = Action.DROP) -> Left:
        """Apply all detectors to a value that is not nested; ``drop`` is what is done for drop."""
        found: set[int] = set()
        left: Left = value
        # What is replaced may have hidden the beginning of another secret.
        for _ in range(_MOST_PASSES):
            before = left
            for rule in self._rules:
                if rule.detectors and not isinstance(left, Gone):
                    action = drop if rule.action is Action.DROP else rule.action
                    after = self._within(rule, action, left)
                    if after is not left:
                        found.add(rule.number)
                    left = after
            if left is before:
                break
        hits += sorted(found)
        return left

    def _within(self, rule: _Rule, action: Action, value: Value) -> Left:
        """Redact what a rule's detectors find in a value that is not nested; return the very same
        value where that is nothing."""
        text = _searched_text(value)
        if text is None:
            return value
        left = self._parts(rule, action, text)
        if isinstance(left, Gone):
            return left
        if left == text:
            return value
        if isinstance(value, bytes | bytearray):
            return left.encode("utf-8", "surrogateescape")
        return left

    def _whole(self, action: Action, value: Value) -> Left:
        if action is Action.DROP:
            return GONE
        text = show_value(value)
        if not text or _REDACTED.fullmatch(text):
            return value
        return MASK if action is Action.MASK else self._hash(text)

    def _parts(self, rule: _Rule, action: Action, text: str) -> str | Gone:
        places = [
            (begin, end, name)
            for name, detector in rule.detectors
            for begin, end in detector.find(text)
            if not _REDACTED.fullmatch(text, begin, end)
        ]
        if not places:
            return text
        if action is Action.DROP:
            return GONE
        pieces, done = list[str](), 0
        for begin, end, name in _joined(places):
            pieces += [text[done:begin], self._part(action, name, text[begin:end])]
            done = end
        return "".join([*pieces, text[done:]])

    def _part(self, action: Action, name: str, secret: str) -> str:
        if action is Action.MASK:
            shown = plain_digits(secret)[-_CARD_DIGITS_SHOWN:] if name == "card" else ""
            return MASK + shown
        # Equal numbers and addresses have equal hashes, however they are written.
        if name == "card":
            secret = plain_digits(secret)
        return self._hash(secret.lower() if name == "email" else secret)

    def _hash(self, text: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        if self._hash_key:
            digest = hmac.new(self._hash_key, data, hashlib.sha256).hexdigest()
            return f"hmac-{digest[:_HASH_DIGITS]}"
        return f"sha256-{hashlib.sha256(data).hexdigest()[:_HASH_DIGITS]}"


def _compiled(number: int, rule: RedactionRule) -> _Rule:
    return _Rule(
        number,
        rule.action,
        # Of fnmatch's signs * and ? only: keys have brackets of their own.
        tuple(re.compile(translate(key.replace("[", "[[]")), re.IGNORECASE) for key in rule.keys),
        tuple((name, DETECTORS[name]) for name in rule.detect),
    )


def _key_prefilter(pattern: str) -> str:
    """Return an RE2 pattern found in every text form of an attribute whose path fits the pattern:
    the whole pattern before a sign of equality, or its last fixed word as a key within JSON,
    whatever stands between the levels of nested values before it."""
    words = [word for word in re.split(r"[.*?]+", pattern) if word]
    if not words:
        return ""
    last = _as_re2(words[-1])
    if not pattern.endswith(words[-1]):
        return f"(?is:{last})"
    return f'(?is:{_as_re2(pattern.lstrip("*"))}=|{last}["\\\\])'


def _as_re2(pattern: str) -> str:
    """Return a pattern in RE2's syntax. What is escaped in JSON, or before the sign of equality, may
    look in any way."""
    signs = {"*": ".*", "?": ".", "=": ".*", "\\": ".*", '"': ".*"}
    return "".join(signs.get(char) or (".*" if char < " " else re.escape(char)) for char in pattern)


def _is_whole_secret(rule: _Rule, key: str, value: Value) -> bool:
    if not rule.detectors or value is None or isinstance(value, bool):
        return False
    if isinstance(value, Mapping | list | tuple):
        text = ""
    elif isinstance(value, bytes | bytearray):
        text = value.decode("utf-8", "surrogateescape")
    else:
        text = show_value(value)
    if _REDACTED.fullmatch(text):
        return False
    return any(detector.whole(key, text) for _, detector in rule.detectors)


def _searched_text(value: Value) -> str | None:
    """Return what detectors look at; None for what can hold no secret."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "surrogateescape")
    # Card numbers may come as numbers, also as doubles, as long as those are exact.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 10**12 <= value < (10**19 if isinstance(value, int) else 10**16):
        return None
    return str(int(value)) if value == int(value) else None


def _joined(places: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return the places in order, those that overlap as one, which is then of no detector."""
    joined: list[tuple[int, int, str]] = []
    for begin, end, name in sorted(places):
        if joined and begin < joined[-1][1]:
            first, last, _ = joined[-1]
            same = (begin, end) == (first, last)
            joined[-1] = (first, max(end, last), joined[-1][2] if same else "")
        else:
            joined.append((begin, end, name))
    return joined
