"""Attribute values keep their type in the columns' text form."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.trace.attributes import (
    MAX_DEPTH,
    Value,
    clean_text,
    decode_attribute,
    decode_attributes,
    decode_value,
    encode_attribute,
    marked_bytes,
    plain,
    show_value,
    split_attribute,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_SCALARS = st.one_of(
    st.none(),
    _TEXT,
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.binary(),
)
_NESTED = st.recursive(
    st.one_of(
        st.none(),
        _TEXT,
        st.booleans(),
        st.integers(-(1 << 53), 1 << 53),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=10,
)


@given(_TEXT, _SCALARS)
def test_scalars_come_back_with_their_type(key: str, value: Value) -> None:
    back_key, back = decode_attribute(*encode_attribute(key, value))
    assert (back_key, back, type(back)) == (key, value, type(value))


@given(_TEXT, st.lists(_NESTED) | st.dictionaries(_TEXT, _NESTED))
def test_arrays_and_maps_come_back(key: str, value: Value) -> None:
    assert decode_attribute(*encode_attribute(key, value)) == (key, value)


@given(_TEXT, _TEXT)
def test_equal_texts_mean_equal_keys_and_values(key: str, value: str) -> None:
    assert split_attribute(encode_attribute(key, value)[0]) == (key, value)


def test_a_key_may_hold_equal_signs_and_backslashes() -> None:
    text, _ = encode_attribute("a=b\\", "c=d")
    assert split_attribute(text) == ("a=b\\", "c=d")
    assert text != encode_attribute("a", "b\\=c=d")[0]


def test_not_a_number_and_infinity_survive() -> None:
    assert decode_attribute(*encode_attribute("k", math.inf)) == ("k", math.inf)
    assert math.isnan(decode_attribute(*encode_attribute("k", math.nan))[1])  # type: ignore[arg-type]


def test_bytes_and_infinity_inside_a_list_are_marked() -> None:
    assert plain([b"\x00", math.inf]) == [{"@bytes": "AA=="}, {"@double": "inf"}]


def test_lone_surrogates_become_replacement_characters() -> None:
    assert clean_text("a\ud800b") == "a\ufffdb"
    assert clean_text("😀") == "😀"
    encode_attribute("k\udc00", ["\ud800"])[0].encode()


def test_depth_is_capped() -> None:
    value: Value = "bottom"
    for _ in range(5 * MAX_DEPTH):
        value = [value]
    assert "bottom" not in show_value(value)
    assert show_value(value).count("[") == MAX_DEPTH + 1


def test_a_letter_that_does_not_fit_gives_the_text() -> None:
    assert decode_value("x", "i") == "x"
    assert decode_value("{", "j") == "{"


def test_letters_and_texts_must_be_as_many() -> None:
    with pytest.raises(ValueError):
        decode_attributes(["a=1"], "ii")


def test_integers_beyond_64_bits_are_written_exactly() -> None:
    assert json.loads(show_value([1 << 70])) == [1 << 70]


@given(st.binary())
def test_bytes_within_nested_values_are_known_by_their_mark(data: bytes) -> None:
    nested = decode_attribute(*encode_attribute("k", [data]))[1]
    assert isinstance(nested, list)
    assert marked_bytes(nested[0]) == data


@pytest.mark.parametrize("other", [{}, {"@bytes": 1}, {"@bytes": "a"}, {"@bytes": "YQ==", "b": 1}])
def test_a_map_that_only_resembles_bytes_is_a_map(other: dict[str, Value]) -> None:
    assert marked_bytes(other) is None


def test_json_too_deep_to_be_read_comes_back_as_text() -> None:
    text = "[" * 100_000
    assert decode_value(text, "j") == text
