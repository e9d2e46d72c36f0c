import time
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.formats.base import DecodeError
from viewer.formats.datadog.unpack import MAX_ITEMS, Pairs, Reader, unpack_within


def array_of(length: int) -> bytes:
    return b"\xdd" + length.to_bytes(4, "big")


def test_text_that_is_no_utf8_is_replaced() -> None:
    assert Reader(b"\x92\xa2a\xff\xa1b").value("a list") == ["a�", "b"]


def test_numbers_of_64_bits_are_exact() -> None:
    number = (1 << 64) - 1
    assert Reader(msgpack.packb(number)).value("a number") == number


def test_a_list_as_a_key_costs_its_pair_only() -> None:
    assert Reader(b"\x82\x91\x01\xa1x\xa1a\x01").value("a map") == {"a": 1}


def test_pairs_keep_order_and_keys_that_come_twice() -> None:
    value = Reader(b"\x83\x02\x01\x01\x01\x02\x05", pairs=True).value("a map")
    assert value == Pairs([(2, 1), (1, 1), (2, 5)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: expected a thing, which breaks off"),
        (b"\x93\x01\x02", "byte 3: expected a thing, which breaks off"),
        (b"\xa5ab", "byte 1: expected a thing, which breaks off"),
        (b"\xc1", "byte 0: expected a thing, which is no MessagePack"),
        (b"\x91" * 5_000, "byte 1024: expected a thing, which is nested too deeply"),
        (array_of(MAX_ITEMS + 1), "byte 4: expected a thing, which is no MessagePack (65537"),
        (b"\xd5\xff\x00\x00", "byte 3: expected a thing, which is no MessagePack (invalid time"),
    ],
)
def test_a_broken_value_is_refused_with_what_and_where(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        Reader(data).value("a thing")
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_header_of_another_type_names_where_it_stands() -> None:
    reader = Reader(msgpack.packb([1]) + msgpack.packb("x"))
    assert reader.array("a list") == 1
    with pytest.raises(DecodeError, match="byte 1: expected a map"):
        reader.map("a map")


def test_a_value_of_another_type_can_be_passed_over() -> None:
    reader = Reader(msgpack.packb({"a": [1]}) + msgpack.packb([7]) + b"\xc0")
    assert reader.try_array("a list") is None
    assert reader.try_array("a list") == 1
    assert reader.value("a number") == 7
    assert reader.try_map("a map") is None
    assert reader.rest == 0


def test_headers_that_lie_cost_neither_memory_nor_time() -> None:
    began = time.process_time()
    with pytest.raises(DecodeError, match="byte 5: expected a list, which claims 4294967295 items"):
        Reader(array_of(0xFFFFFFFF) + bytes(10)).array("a list")
    with pytest.raises(DecodeError):
        Reader(array_of(MAX_ITEMS) * 1_000).value("a value")
    for _ in range(1_000):
        with pytest.raises(ValueError):
            unpack_within(array_of(MAX_ITEMS) * 200)
    assert time.process_time() - began < 5


def test_a_long_list_of_less_than_its_items_are_is_refused_at_once() -> None:
    many = array_of(2_000) + b"\xc0" * 2_000
    assert Reader(many).array("a list") == 2_000
    with pytest.raises(DecodeError, match="claims 2000 items, more than there is room for"):
        Reader(many).array("a list", item_size=8)
    assert Reader(array_of(900) + b"\xc0" * 900).array("a list", item_size=8) == 900


def test_many_short_lists_of_less_are_refused_too() -> None:
    reader = Reader((array_of(100) + b"\xc0" * 100) * 100)

    def walk() -> None:
        for _ in range(100):
            for _ in range(reader.array("a list", item_size=8)):
                reader.value("nothing")

    with pytest.raises(DecodeError, match="more than there is room for"):
        walk()


def test_a_value_within_a_value_is_read_whole_or_not_at_all() -> None:
    assert unpack_within(msgpack.packb({"a": [1, b"x"]})) == {"a": [1, b"x"]}
    for data in (b"", b"\x92\x01", b"\x01\x02", b"\x91" * 5_000, b"\xc1"):
        with pytest.raises(ValueError):
            unpack_within(data)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_give_a_value_or_a_decode_error(data: bytes, pairs: bool) -> None:
    reader = Reader(data, pairs=pairs)
    with suppress(DecodeError):
        while reader.rest:
            reader.value("a value")
    assert 0 <= reader.rest <= len(data)


@given(st.binary(max_size=200))
def test_any_bytes_within_give_a_value_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        assert not isinstance(unpack_within(data), Pairs)


def test_floods_of_empty_lists_and_maps_are_refused() -> None:
    for empty in (b"\x80", b"\x90"):
        inner = b"\xdc\xff\xff" + empty * 65_535
        with pytest.raises(DecodeError, match="more lists and maps than there is room for"):
            Reader(b"\x92" + inner * 2).value("a value")
    assert Reader(b"\xdc\x20\x00" + b"\x80" * 8192).value("a value") == [{}] * 8192


def test_a_list_as_a_key_costs_its_own_pair_within_a_value_too() -> None:
    data = b"\x83\xa1a\x01\x90\x02\xa1b\x03"
    assert unpack_within(data) == {"a": 1, "b": 3}
    assert Reader(data).value("a value") == {"a": 1, "b": 3}
