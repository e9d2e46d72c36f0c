"""IDs in all the ways people and tools write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.trace.ids import (
    InvalidId,
    base64_bytes,
    format_span_id,
    format_trace_id,
    parse_span_id,
    parse_trace_id,
    span_id_from_bytes,
    span_id_of_any_text,
    time_of_datadog_id,
    time_of_xray_id,
    trace_id_from_bytes,
    trace_id_of_any_text,
)


def test_it_pads_a_trace_id_of_31_digits() -> None:
    assert parse_trace_id("0af7651916cd43dd8448eb211c80319") == "00af7651916cd43dd8448eb211c80319"


def test_it_pads_a_span_id_of_15_digits() -> None:
    assert format_span_id(parse_span_id("123456789abcdef")) == "0123456789abcdef"


@pytest.mark.parametrize("text", ["", "0", "0" * 32, "xyz", "1" * 33, "12 34", "0x12", "١٢"])
def test_it_refuses_what_is_no_trace_id_and_says_why(text: str) -> None:
    with pytest.raises(InvalidId, match="trace ID"):
        parse_trace_id(text)


@pytest.mark.parametrize("text", ["", "0" * 16, "g", "1" * 17])
def test_it_refuses_what_is_no_span_id(text: str) -> None:
    with pytest.raises(InvalidId, match="span ID"):
        parse_span_id(text)


@given(st.integers(1, (1 << 128) - 1))
def test_every_trace_id_survives_printing_and_reading(number: int) -> None:
    trace_id = f"{number:032x}"
    printed = format_trace_id(trace_id)
    assert len(printed) == (16 if number < 1 << 64 else 32)
    assert parse_trace_id(printed) == parse_trace_id(printed.upper()) == trace_id
    assert trace_id_from_bytes(bytes.fromhex(trace_id)) == trace_id


@given(st.integers(1, (1 << 64) - 1))
def test_every_span_id_survives_printing_and_reading(number: int) -> None:
    assert parse_span_id(format_span_id(number)) == number
    assert span_id_from_bytes(number.to_bytes(8, "big")) == number


def test_it_takes_eight_bytes_as_a_64_bit_trace_id() -> None:
    assert trace_id_from_bytes(bytes(7) + b"\x01") == "0" * 31 + "1"


@pytest.mark.parametrize("raw", [b"", b"123", bytes(16), bytes(8)])
def test_it_refuses_bytes_that_are_no_trace_id(raw: bytes) -> None:
    with pytest.raises(InvalidId):
        trace_id_from_bytes(raw)


def test_it_reads_base64_ids_out_of_files() -> None:
    assert trace_id_of_any_text("AAAAAAAAAAAAAAAAAAAAAQ==") == ("0" * 31 + "1", False)
    assert span_id_of_any_text("AAAAAAAAAAI=") == (2, False)


def test_it_makes_a_stable_id_of_text_that_is_none() -> None:
    first, made_up = trace_id_of_any_text("normalized-trace-id")
    assert made_up
    assert (first, True) == trace_id_of_any_text("normalized-trace-id")
    assert first != trace_id_of_any_text("another-trace-id")[0]


@given(st.text())
def test_any_text_gives_an_id_or_a_reason(text: str) -> None:
    try:
        trace_id, _ = trace_id_of_any_text(text)
    except InvalidId:
        return
    assert parse_trace_id(trace_id) == trace_id


def test_url_safe_base64_is_read_as_well() -> None:
    assert base64_bytes("-_-_") == base64_bytes("+/+/") == b"\xfb\xff\xbf"
    assert base64_bytes("not base64!") is None


def test_ids_of_datadog_and_xray_say_when_they_were_made() -> None:
    assert time_of_datadog_id("6553f100" + "0" * 8 + "b" * 16) == 1_700_000_000 * 10**9
    assert time_of_datadog_id("6553f100" + "b" * 24) == 0
    assert time_of_xray_id("6553f100" + "b" * 24) == 1_700_000_000 * 10**9
    # The seconds of 1970 and of 2106 are no times that a tool has made an ID at.
    assert time_of_datadog_id("0" * 16 + "b" * 16) == time_of_xray_id("f" * 32) == 0
