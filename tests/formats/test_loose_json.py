import contextlib
import gc
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.strategies import json_values
from viewer.formats.base import DecodeError
from viewer.formats.loose_json import (
    bounded_int,
    load,
    paused_gc,
    read_parent_id,
    read_span_id,
    read_trace_id,
    to_count,
    to_int,
    to_text,
    to_value,
)
from viewer.trace.attributes import encode_value
from viewer.trace.ids import InvalidId

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_what_orjson_refuses_is_read_all_the_same() -> None:
    assert repr(load(b'{"a": NaN}')) == "{'a': nan}"
    assert load(b'"\\ud800"') == "\ud800"
    assert load(b'"\xff"') == "\ufffd"


def test_large_integers_stay_exact() -> None:
    assert load(b"[9007199254740993, 18446744073709551615]") == [
        9007199254740993,
        18446744073709551615,
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"a":', "byte 5: no JSON: it breaks off"),
        (b"{} {}", "something follows the value"),
        (b"{'a': 1}", "byte 1: no JSON: expecting property name"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason(text: bytes, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        load(text)


def test_the_collector_rests_until_the_last_pause_ends() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with paused_gc():
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    assert gc.isenabled()
    with paused_gc():
        thread.start()
        inside.wait(5)
        assert not gc.isenabled()
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_an_error_ends_the_pause_too() -> None:
    with pytest.raises(ZeroDivisionError), paused_gc():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_a_bool_is_no_number() -> None:
    assert to_int(True) is None
    assert to_text(True) == ""
    assert to_count(True) == 0


@pytest.mark.parametrize(
    ("value", "number"),
    [("12", 12), (12.0, 12), ("-3", -3), ("1e5", None), ("9" * 30, None), (float("nan"), None)],
)
def test_numbers_come_as_json_numbers_or_digits(value: object, number: int | None) -> None:
    assert to_int(value) == number


def test_counts_out_of_range_are_none() -> None:
    assert [to_count(value) for value in (-1, 1 << 32, "7")] == [0, 0, 7]


def test_integers_beyond_64_bits_become_text() -> None:
    assert bounded_int(1 << 64) == str(1 << 64)
    assert bounded_int((1 << 64) - 1) == (1 << 64) - 1
    assert "more than 100 digits" in str(bounded_int(10**5000))


@given(json_values)
def test_any_json_becomes_a_value_that_can_be_stored(value: object) -> None:
    encode_value(to_value(value))[0].encode()


def test_values_nested_beyond_the_limit_are_cut() -> None:
    value: object = "bottom"
    for _ in range(900):
        value = [value]
    assert "…" in encode_value(to_value(value))[0]


@pytest.mark.parametrize(
    "text", [TRACE, TRACE.upper(), "CvdlGRbNQ92ESOshHIAxnA==", "CvdlGRbNQ92ESOshHIAxnA"]
)
@pytest.mark.parametrize("lenient", [True, False])
def test_trace_ids_come_as_hex_or_base64(text: str, lenient: bool) -> None:
    assert read_trace_id(text, lenient) == (TRACE, False)


def test_short_hex_is_padded() -> None:
    assert read_trace_id(TRACE[1:], lenient=False) == ("0" + TRACE[1:], False)
    assert read_span_id("b7ad6b716920333", lenient=False) == (0xB7AD6B716920333, False)


@pytest.mark.parametrize("text", ["", "0" * 32, "AAAAAAAAAAAAAAAAAAAAAA==", None, 12, ["a"]])
@pytest.mark.parametrize("lenient", [True, False])
def test_absent_zero_and_other_trace_ids_are_refused(text: object, lenient: bool) -> None:
    with pytest.raises(InvalidId):
        read_trace_id(text, lenient)


def test_an_id_that_is_neither_is_made_up_only_in_files() -> None:
    with pytest.raises(InvalidId, match="expected hex digits"):
        read_span_id("span-one", lenient=False)
    assert read_span_id("span-one", lenient=True) == read_span_id("span-one", lenient=True)
    assert read_span_id("span-one", lenient=True)[1]


@pytest.mark.parametrize("text", [None, "", "0000000000000000", "AAAAAAAAAAA="])
def test_an_absent_or_zero_parent_is_a_root(text: object) -> None:
    assert read_parent_id(text, lenient=False) == (0, False)
    assert read_parent_id(text, lenient=True) == (0, False)


@given(st.text())
def test_no_text_breaks_the_reading_of_ids(text: str) -> None:
    for lenient in (True, False):
        for read in (read_trace_id, read_span_id, read_parent_id):
            with contextlib.suppress(InvalidId):
                read(text, lenient)
