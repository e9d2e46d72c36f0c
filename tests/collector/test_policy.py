"""A policy is understood in full, or refused with the line at fault."""

import pytest

from tests.conftest import REPOSITORY
from viewer.collector.policy import (
    Action,
    Policy,
    PolicyError,
    RedactionRule,
    SamplingRule,
    load_policy,
)

S = 10**9


def test_the_example_of_the_documentation_is_read() -> None:
    policy = load_policy((REPOSITORY / "docs/policy.toml").read_text(), "policy.toml")
    sampling, redaction = policy.sampling, policy.redaction
    assert sampling is not None
    assert redaction is not None
    assert (sampling.idle_ns, sampling.longest_ns) == (5 * S, 60 * S)
    assert sampling.rule == SamplingRule(10.0, S, True)
    assert sampling.services == {
        "checkout": SamplingRule(100.0, S // 5, True),
        "load-balancer": SamplingRule(1.0, S, False),
    }
    assert redaction.rules[0] == RedactionRule(
        Action.DROP, ("*.password", "*.pin"), name="passwords"
    )
    assert redaction.rules[2].detect == ("token", "card", "email", "authorization")
    assert policy.warnings == ()


def test_an_empty_file_turns_nothing_on() -> None:
    assert load_policy("# nothing\n", "p") == Policy()


def test_what_is_left_out_has_a_default() -> None:
    policy = load_policy("[sampling]\nkeep_percent = 0.5", "p")
    assert policy.sampling is not None
    assert policy.sampling.rule == SamplingRule(0.5, None, True)
    assert (policy.sampling.idle_ns, policy.sampling.longest_ns) == (5 * S, 60 * S)
    longer = load_policy('[sampling]\nkeep_percent = 1\nidle = "2m"', "p")
    assert longer.sampling is not None
    assert longer.sampling.longest_ns == 120 * S


RULE = '[[redaction.rules]]\naction = "mask"\n'
PERCENT = "[sampling]\nkeep_percent = 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sampling\n", "1: expected ']' at the end of a table declaration"),
        ("a = 1\n\nb = = 2", "3: invalid value"),
        ("\na = [1,\n", "2: invalid value"),
        ("a = " + "[" * 5000, "1: "),
        ("[sampling]\n\n# x\nkeep_percents = 3", "4: unknown key 'keep_percents', did you mean"),
        ("[sampler]", "1: unknown key 'sampler', did you mean 'sampling'?"),
        ("[x]", "1: unknown key 'x': expected sampling, redaction"),
        ("sampling = 3", "1: sampling must be a table"),
        ("\n[sampling]\n", "2: keep_percent is missing"),
        ("[sampling]\nkeep_percent = 101", "2: keep_percent must be from 0 to 100, not 101"),
        ("[sampling]\nkeep_percent = nan", "2: keep_percent must be from 0 to 100, not nan"),
        ("[sampling]\nkeep_percent = true", "2: keep_percent must be a number from 0 to 100"),
        (PERCENT + "idle = 5", "3: idle must be a duration such as"),
        (PERCENT + 'idle = "5 parsecs"', "3: idle: '5 parsecs' is no duration"),
        (PERCENT + 'idle = "0"', "3: idle must be longer than nothing"),
        (PERCENT + 'longest = "1s"', "3: longest is shorter than idle"),
        (PERCENT + 'keep_errors = "yes"', "3: keep_errors must be true or false"),
        (PERCENT + "services = 1", "3: services must be a table"),
        (PERCENT + "[sampling.services]\na = 1", "4: a must be a table"),
        (PERCENT + "[sampling.services.a]\nidle='1s'", "4: unknown key 'idle'"),
        (
            PERCENT + "[sampling.services.'a.b']\n\nkeep_percent = -1",
            "5: keep_percent must be from",
        ),
        ("[redaction]\n", "1: no rules: write [[redaction.rules]]"),
        ("[redaction]\nrules = 1", "2: rules must be tables: write [[redaction.rules]]"),
        ("[redaction]\nhash_key = 1", "2: hash_key must be a text"),
        ("[redaction]\nhash_key = 'short'", "2: hash_key is shorter than 16 characters"),
        (RULE, "1: a rule needs keys (patterns) or detect (names of detectors)"),
        (RULE + "keys = ['a']\ndetect = ['card']", "1: a rule has either keys or detect, not both"),
        (RULE + "keys = 'a'", "3: keys must be a list of texts"),
        (RULE + "keys = ['a', 1]", "3: keys must be a list of texts"),
        (RULE + "keys = ['a',\n'']", "4: an empty pattern matches nothing"),
        (RULE + "keys = ['Service.Name']", "3: service.name cannot be redacted by key"),
        (RULE + "detect = ['card',\n\n 'emails']", "5: unknown detector 'emails', did you mean"),
        (RULE + "key = ['a']", "3: unknown key 'key', did you mean 'keys'?"),
        ("[[redaction.rules]]\nkeys = ['a']", "1: action is missing: drop, mask or hash"),
        (
            "[[redaction.rules]]\nkeys = ['a']\naction = 'masc'",
            "3: unknown action 'masc', did you mean 'mask'?: drop, mask or hash",
        ),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(text, "my policy.toml")
    said = str(caught.value)
    assert said.startswith(f"my policy.toml:{message}")
    assert "\n" not in said


def test_hashing_without_a_key_is_warned_about() -> None:
    rule = "[[redaction.rules]]\nkeys = ['a']\naction = 'hash'\n"
    (warning,) = load_policy(rule, "p.toml").warnings
    assert warning.startswith("p.toml:3: hashes without a hash_key can be undone by trying")
    assert load_policy("[redaction]\nhash_key='0123456789abcdef'\n" + rule, "p").warnings == ()


def test_the_hash_key_is_not_printed() -> None:
    rule = "[[redaction.rules]]\nkeys = ['a']\naction = 'hash'\n"
    policy = load_policy("[redaction]\nhash_key='0123456789abcdef'\n" + rule, "p")
    assert "0123456789abcdef" not in repr(policy)
