"""How numbers, times and names are printed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.ui import filters

S = 1_000_000_000


@pytest.mark.parametrize(
    ("duration_ns", "printed"),
    [
        (0, "0 ns"),
        (15, "15 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (412_000, "412 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (87_300_000, "87.3 ms"),
        (9_995_000, "10.0 ms"),
        (1_240_000_000, "1.24 s"),
        (59_940_000_000, "59.9 s"),
        (59_990_000_000, "1 m 00 s"),
        (125 * S, "2 m 05 s"),
        (3 * 3600 * S + 7 * 60 * S, "3 h 07 m"),
        (52 * 3600 * S, "2 d 04 h"),
        (-1_240_000_000, "-1.24 s"),
    ],
)
def test_a_duration_has_three_digits_and_a_fitting_unit(duration_ns: int, printed: str) -> None:
    assert filters.format_duration(duration_ns) == printed


@given(st.integers(min_value=1, max_value=59 * S))
def test_a_duration_is_never_printed_with_more_or_fewer_digits(duration_ns: int) -> None:
    number, unit = filters.format_duration(duration_ns).split(" ")
    digits = re.sub(r"\.", "", number)
    assert len(digits) <= 3
    assert unit == "ns" or len(digits) >= 2
    size = {"ns": 1, "µs": 1_000, "ms": 1_000_000, "s": S}[unit]
    assert float(number) * size == pytest.approx(duration_ns, rel=0.006)


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_every_duration_a_span_may_have_is_printed(duration_ns: int) -> None:
    assert filters.format_duration(duration_ns)


def test_times_are_printed_in_utc_with_nanoseconds_kept_for_titles() -> None:
    time_ns = 1_700_000_000_123_456_789
    assert filters.format_iso(time_ns) == "2023-11-14T22:13:20.123456789Z"
    assert filters.format_clock(time_ns) == "22:13:20.123"
    assert filters.format_day(time_ns) == "Tue 14 Nov 2023"
    assert filters.format_time(time_ns) == "2023-11-14 22:13:20.123"
    assert filters.format_time_exact(time_ns) == "2023-11-14 22:13:20.123456789 UTC"


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_no_time_is_too_odd_to_print(time_ns: int) -> None:
    assert len(filters.format_iso(time_ns)) == 30
    assert filters.format_day(time_ns)


@pytest.mark.parametrize(
    ("seconds_ago", "printed"),
    [
        (1, "just now"),
        (59, "59 s ago"),
        (200, "3 min ago"),
        (2 * 3600, "2 h ago"),
        (86_400, "1 day ago"),
        (40 * 86_400, "1 month ago"),
        (800 * 86_400, "2 years ago"),
        (-300, "in 5 min"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit(seconds_ago: int, printed: str) -> None:
    now_ns = 1_700_000_000 * S
    assert filters.format_ago(now_ns - seconds_ago * S, now_ns) == printed


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (9_876, "9,876"),
        (12_345, "12.3 k"),
        (8_412_000, "8.41 M"),
        (999_700, "1.00 M"),
        (3 * 10**9, "3.00 G"),
    ],
)
def test_large_counts_are_shortened(number: int, printed: str) -> None:
    assert filters.format_many(number) == printed


@pytest.mark.parametrize(
    ("number", "printed"),
    [(0, "0"), (7, "7"), (64, "64"), (645, "640"), (1_944_066, "1,900,000"), (999, "1,000")],
)
def test_an_estimate_has_two_digits(number: int, printed: str) -> None:
    assert filters.format_about(number) == printed


@pytest.mark.parametrize(
    ("size", "printed"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.50 KiB"), (16 << 20, "16.0 MiB")]
)
def test_sizes_are_printed_in_binary_units(size: int, printed: str) -> None:
    assert filters.format_bytes(size) == printed


def test_a_service_has_the_same_hue_for_ever() -> None:
    assert filters.service_hue("payment-service") == 4
    assert filters.service_class("payment-service") == "svc-04"


@given(st.text())
def test_any_service_name_has_a_hue(service: str) -> None:
    assert 0 <= filters.service_hue(service) < filters.SERVICE_HUES


def test_counts_agree_with_their_nouns() -> None:
    assert filters.format_plural(1, "span") == "1 span"
    assert filters.format_plural(1_284, "trace") == "1,284 traces"
    assert filters.format_plural(0, "match", "matches") == "0 matches"
