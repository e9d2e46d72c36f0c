import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.search.parse import (
    MAX_NS,
    QueryError,
    parse_duration,
    parse_lookback,
    parse_micros,
    parse_tags,
    parse_tags_json,
)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1.2s", 1_200_000_000),
        ("100ms", 100_000_000),
        ("500us", 500_000),
        ("500µs", 500_000),
        ("500μs", 500_000),
        ("7ns", 7),
        ("1h30m", 5_400_000_000_000),
        ("1m1s1ms", 61_001_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("0", 0),
        (" +2s ", 2_000_000_000),
        ("0.1us", 100),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "without a unit"),
        ("", "is no duration"),
        ("abc", "is no duration"),
        ("5d", "unknown unit 'd'"),
        ("1h 30m", "is no duration"),
        ("-5ms", "cannot be negative"),
        ("9" * 20 + "h", "longer than 292 years"),
        ("1s" * 100, "too long"),
        ("1e3s", "unknown unit 'e'"),
    ],
)
def test_other_durations_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h", 3600), ("2d", 172_800), ("1w", 604_800), ("1d12h", 129_600)],
)
def test_a_look_back_knows_days_and_weeks(text: str, seconds: int) -> None:
    assert parse_lookback(text) == seconds * 1_000_000_000


@pytest.mark.parametrize("text", ["0s", "custom", "5", "5ms", "", "1y"])
def test_other_look_backs_are_refused(text: str) -> None:
    with pytest.raises(QueryError, match="look-back"):
        parse_lookback(text)


def test_times_are_whole_microseconds() -> None:
    assert parse_micros("1700000000000001") == 1_700_000_000_000_001_000


@pytest.mark.parametrize("text", ["", "1.5", "-1", "now", "9" * 18, "9" * 50, "١٢"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(QueryError, match="is no time"):
        parse_micros(text)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        ("http.status_code=500", (("http.status_code", "500"),)),
        ("error", (("error", "true"),)),
        ("a=1  b=2", (("a", "1"), ("b", "2"))),
        ('name="two words" x=y', (("name", "two words"), ("x", "y"))),
        (r'say="a \"word\""', (("say", 'a "word"'),)),
        ("url=http://x/?a=b", (("url", "http://x/?a=b"),)),
        ('"my key"=v', (("my key", "v"),)),
        ("empty= next=1", (("empty", ""), ("next", "1"))),
        ("k=a k=b", (("k", "a"), ("k", "b"))),
        ('{"a": "b", "c": "d e"}', (("a", "b"), ("c", "d e"))),
    ],
)
def test_tags_are_logfmt_or_json(text: str, tags: tuple[tuple[str, str], ...]) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a="b', "quote is not closed"),
        ("=b", "without a key"),
        ('{"a": 1}', "no JSON string"),
        ('{"a"', "no JSON object"),
        ("{" * 5000, "no JSON object"),
        ("x" * 20_000, "longer than"),
    ],
)
def test_other_tags_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        parse_tags(text)


def test_a_json_list_is_no_tags() -> None:
    with pytest.raises(QueryError, match="no JSON object"):
        parse_tags_json('["a"]')


@given(st.text(max_size=60))
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (parse_duration, parse_lookback, parse_micros):
        with contextlib.suppress(QueryError):
            assert 0 <= parse(text) <= MAX_NS
    with contextlib.suppress(QueryError):
        assert all(key for key, _ in parse_tags(text))


@given(st.integers(0, MAX_NS // 1000))
def test_what_is_written_in_microseconds_is_read_back(micros: int) -> None:
    assert parse_duration(f"{micros}us") == parse_micros(str(micros)) == micros * 1_000
