from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.formats.datadog.fields import (
    BadField,
    to_attributes,
    to_map,
    to_ns,
    to_text,
    to_uint64,
    to_value,
)
from viewer.trace.attributes import MAX_DEPTH
from viewer.trace.ids import InvalidId

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.binary(max_size=8)
    | st.just(msgpack.ExtType(5, b"x"))
    | st.just(msgpack.Timestamp(1, 2)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.binary(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (1 << 63, 1 << 63),
        ((1 << 64) - 1, (1 << 64) - 1),
        (-1, (1 << 64) - 1),
        (-(1 << 63), 1 << 63),
        ("18446744073709551615", (1 << 64) - 1),
        ("1234567890123456", 1234567890123456),
        ("00000000deadbeef", 0xDEADBEEF),
    ],
)
def test_an_id_is_a_number_signed_or_not_or_its_digits(value: object, number: int) -> None:
    assert to_uint64(value, "span ID") == number


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "the span ID is missing"),
        (True, "the span ID is no number"),
        (1.5, "the span ID is no number"),
        ([1], "the span ID is no number"),
        (1 << 64, "the span ID is no number of 64 bits"),
        (-(1 << 63) - 1, "the span ID is no number of 64 bits"),
        ("99999999999999999999", "20 hex digits"),
        ("xyz", "expected hex digits"),
        ("", "the span ID is empty"),
    ],
)
def test_what_is_no_id_is_refused_in_words(value: object, message: str) -> None:
    with pytest.raises(InvalidId) as refusal:
        to_uint64(value, "span ID")
    assert message in str(refusal.value)


def test_in_a_file_any_text_is_an_id() -> None:
    assert to_uint64("span-7", "span ID", lenient=True) == to_uint64("span-7", "x", lenient=True)


def test_text_may_come_as_bytes_or_number() -> None:
    assert [to_text(value) for value in ("a", b"b\xff", 3, 2.5, None, True, [])] == [
        *("a", "b�", "3", "2.5"),
        *("", "", ""),
    ]


def test_a_time_is_a_number_or_absent() -> None:
    assert [to_ns(value, "start") for value in (None, 5, "6", 7.0)] == [0, 5, 6, 7]
    for value in ("soon", [], True, float("nan"), float("inf")):
        with pytest.raises(BadField, match="start is no number of nanoseconds"):
            to_ns(value, "start")


def test_values_keep_their_types() -> None:
    value = {"a": [1, 2.0, True, None, b"x"], 1: "one", None: (1 << 64) - 1}
    assert to_value(value) == {"a": [1, 2.0, True, None, b"x"], "1": "one", "None": (1 << 64) - 1}
    assert to_value(msgpack.ExtType(5, b"raw")) == b"raw"


def test_nesting_ends_at_the_depth_of_the_model() -> None:
    value: object = "inmost"
    for _ in range(MAX_DEPTH + 50):
        value = [value]
    shown = repr(to_value(value))
    assert "…" in shown
    assert "inmost" not in shown


def test_what_is_no_map_has_no_attributes() -> None:
    assert to_attributes([1]) == to_attributes(None) == ()
    assert to_map("x") == {}
    assert to_attributes({"a": 1}) == (("a", 1),)


@given(anything)
def test_any_value_is_taken_or_refused_as_declared(value: object) -> None:
    assert isinstance(to_text(value), str)
    to_value(value)
    to_attributes(value)
    for read, refusal in ((to_uint64, InvalidId), (to_ns, BadField)):
        with suppress(refusal):
            assert isinstance(read(value, "x"), int)
