"""What rules make of single values."""

import hashlib
import hmac

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.collector.policy import Action, RedactionPolicy, RedactionRule
from viewer.collector.redact_values import GONE, ValueRules
from viewer.trace.attributes import Value, encode_attribute

CARD, EMAIL, SECRET = "4111 1111 1111 1111", "jane@example.com", "Bearer abc123def"
ALL = ("token", "card", "email", "authorization")


def rules(
    action: str, *, keys: tuple[str, ...] = (), detect: tuple[str, ...] = (), key: bytes = b""
) -> ValueRules:
    return ValueRules(RedactionPolicy((RedactionRule(Action(action), keys, detect),), key))


@pytest.mark.parametrize(
    ("pattern", "key", "hit"),
    [
        ("*.password", "db.password", True),
        ("*.password", "db.PassWord", True),
        ("*.password", "password", False),
        ("user.*", "user.name.first", True),
        ("user.?d", "user.id", True),
        ("a[0]", "a[0]", True),
        ("a[0]", "a0", False),
        ("a=b\\", "a=b\\", True),
        ("*", "anything", True),
    ],
)
def test_a_key_pattern_hits_whole_keys(pattern: str, key: str, hit: bool) -> None:
    hits: list[int] = []
    left = rules("mask", keys=(pattern,)).attribute(key, "value", hits)
    assert (left, hits) == (("[redacted]", [0]) if hit else ("value", []))


def test_what_an_action_leaves_of_a_whole_value() -> None:
    assert rules("drop", keys=("k",)).attribute("k", "v", []) is GONE
    for value in ("v", 17, True, 1.5, b"raw", ["a", 1], {"a": "b"}):
        assert rules("mask", keys=("k",)).attribute("k", value, []) == "[redacted]"
    sha = hashlib.sha256(b"17").hexdigest()[:16]
    assert rules("hash", keys=("k",)).attribute("k", 17, []) == f"sha256-{sha}"
    keyed = hmac.new(b"salt", b"v", hashlib.sha256).hexdigest()[:16]
    assert rules("hash", keys=("k",), key=b"salt").attribute("k", "v", []) == f"hmac-{keyed}"


@pytest.mark.parametrize("value", ["", None])
def test_nothing_is_not_made_to_look_like_something(value: Value) -> None:
    hits: list[int] = []
    assert rules("mask", keys=("k",)).attribute("k", value, hits) == value
    assert hits == []


def test_only_the_part_that_was_detected_is_masked() -> None:
    masked = rules("mask", detect=ALL).attribute("k", f"{EMAIL} paid by {CARD}, {SECRET}", [])
    assert masked == "[redacted] paid by [redacted]1111, Bearer [redacted]"
    header = rules("mask", detect=ALL).attribute("k", f"Authorization: {SECRET}\nHost: x", [])
    assert header == "Authorization: [redacted]\nHost: x"


def test_equal_secrets_have_equal_hashes_however_they_are_written() -> None:
    hashed = rules("hash", detect=ALL)
    plain = hashed.attribute("k", "4111111111111111", [])
    assert (
        plain == hashed.attribute("other", CARD, []) == hashed.attribute("k", 4111111111111111, [])
    )
    assert hashed.attribute("k", EMAIL, []) == hashed.attribute("k", EMAIL.upper(), [])
    assert hashed.attribute("k", EMAIL, []) != hashed.attribute("k", "john@example.com", [])


def test_a_detector_drops_the_attribute_but_only_masks_other_texts() -> None:
    dropping = rules("drop", detect=("email",))
    assert dropping.attribute("k", f"mail {EMAIL}", []) is GONE
    assert dropping.text(f"no such user {EMAIL}", []) == "no such user [redacted]"


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"a": [{"b": EMAIL, "c": 1}]}, {"a": [{"b": "[redacted]", "c": 1}]}),
        ([1, 4111111111111111, 4111111111111111.0], [1, "[redacted]1111", "[redacted]1111"]),
        ({"authorization": ["x", "y"], "n": None}, {"authorization": "[redacted]", "n": None}),
        ({"x": {"@bytes": "amFuZUBleGFtcGxlLmNvbQ=="}}, {"x": b"[redacted]"}),
        ({"login": {"password": 1234}}, {"login": {"password": "[redacted]"}}),
        (b"\xff mail jane@example.com", b"\xff mail [redacted]"),
    ],
)
def test_nested_values_numbers_and_bytes_are_looked_into(value: Value, left: Value) -> None:
    hits: list[int] = []
    assert rules("mask", detect=ALL).attribute("k", value, hits) == left
    assert set(hits) == {0}


def test_key_patterns_reach_into_nested_values() -> None:
    value: Value = {"id": 1, "login": [{"pin": "1234", "name": "x"}]}
    left = rules("drop", keys=("user.login.pin",)).attribute("user", value, [])
    assert left == {"id": 1, "login": [{"name": "x"}]}


def test_a_dropped_secret_takes_only_its_own_entry_along() -> None:
    value: Value = {"mails": [EMAIL, "none"], "to": EMAIL, "n": 1}
    left = rules("drop", detect=("email",)).attribute("k", value, [])
    assert left == {"mails": ["none"], "n": 1}


def test_what_a_rule_drops_by_key_is_dropped_whatever_an_earlier_rule_makes_of_it() -> None:
    both = ValueRules(
        RedactionPolicy(
            (
                RedactionRule(Action.MASK, detect=("authorization",)),
                RedactionRule(Action.DROP, keys=("*.cookie",)),
            )
        )
    )
    hits: list[int] = []
    assert both.attribute("request.cookie", "a=b", hits) is GONE
    assert hits == [1]


def test_the_name_of_the_service_is_never_taken_by_key() -> None:
    assert rules("drop", keys=("*.name",)).attribute("service.name", "shop", []) == "shop"
    mail = rules("drop", detect=("email",)).attribute("service.name", EMAIL, [])
    assert mail == rules("drop", detect=("email",)).text(EMAIL, []) == "[redacted]"


_KEYS = st.sampled_from(["k", "password", "api_key", "cookie", "a=b", "user.id", 'x\n"y'])
_TEXTS = st.lists(
    st.sampled_from(
        [
            *(CARD, EMAIL, SECRET, "AKIAIOSFODNN7EXAMPLE", "token=abc", "Cookie: ", "://u:p@h"),
            *("4111111111111111", "x", "0123456789abcdef", "é", "\n", " ", '"', "\\", "\x01"),
            *(".", "-", "[", "]"),
        ]
    ),
    max_size=5,
).map("".join)
_LEAVES = st.one_of(
    _TEXTS, _TEXTS.map(str.encode), st.sampled_from([4111111111111111, 4111111111111111.0, True])
)
VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYS, inner, max_size=2)
)
POLICIES = st.lists(
    st.builds(
        RedactionRule,
        st.sampled_from(Action),
        st.just(()),
        st.lists(st.sampled_from(ALL), min_size=1, unique=True).map(tuple),
    )
    | st.builds(
        RedactionRule,
        st.sampled_from(Action),
        st.lists(
            st.sampled_from(["*", "user.*", "*pass*", "USER.ID", "a=b", "*.k", "k.?*", 'x\n"y']),
            min_size=1,
        ).map(tuple),
    ),
    min_size=1,
    max_size=3,
).map(lambda made: RedactionPolicy(tuple(made)))


@given(POLICIES, _KEYS, VALUES)
def test_redacting_again_changes_nothing(policy: RedactionPolicy, key: str, value: Value) -> None:
    applied = ValueRules(policy)
    once = applied.attribute(key, value, [])
    if once is not GONE:
        hits: list[int] = []
        assert applied.attribute(key, once, hits) == once
        assert hits == []


@given(POLICIES, _KEYS, VALUES)
def test_the_prefilter_finds_all_that_the_rules_change(
    policy: RedactionPolicy, key: str, value: Value
) -> None:
    applied = ValueRules(policy)
    hits: list[int] = []
    applied.attribute(key, value, hits)
    text, letter = encode_attribute(key, value)
    hidden = letter == "y" or "@bytes" in text
    if hits and not hidden:
        nested, _ = encode_attribute("outer", {"inner": [text]})
        for form in (text, f"before{text}after", nested):
            assert pc.match_substring_regex(pa.array([form]), applied.prefilter)[0].as_py(), form
