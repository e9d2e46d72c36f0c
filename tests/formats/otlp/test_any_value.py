from hypothesis import given

from tests.formats.strategies import objects_of
from viewer.formats.otlp.any_value import read_attributes, read_packed_attributes
from viewer.trace.attributes import MAX_DEPTH, decode_attributes

NAMES = (
    "key",
    "value",
    "values",
    "stringValue",
    "intValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
)


def test_packed_and_plain_attributes_are_the_same() -> None:
    pairs = [
        {"key": "a", "value": {"stringValue": "b"}},
        {"key": "c=d", "value": {"arrayValue": {"values": [{"boolValue": True}]}}},
        {"key": "e", "value": {"doubleValue": "Infinity"}},
        {"key": "f"},
        {"no": "key"},
    ]
    texts, letters = read_packed_attributes(pairs)
    assert decode_attributes(texts, letters) == read_attributes(pairs)
    assert letters == "sjdn"


def test_a_plain_object_stands_for_a_list_of_pairs() -> None:
    assert read_attributes({"a": 1, "b": [True]}) == (("a", 1), ("b", [True]))
    assert read_packed_attributes({"a": 1}) == (["a=1"], "i")


def test_nesting_is_cut_at_the_limit() -> None:
    deep: object = {"stringValue": "bottom"}
    for _ in range(MAX_DEPTH + 50):
        deep = {"kvlistValue": {"values": [{"key": "k", "value": deep}]}}
    (text,), _ = read_packed_attributes([{"key": "deep", "value": deep}])
    assert "bottom" not in text
    assert text.count('"k"') == MAX_DEPTH


def test_what_is_no_number_stays_readable() -> None:
    pairs = [
        {"key": "a", "value": {"intValue": "many"}},
        {"key": "b", "value": {"doubleValue": "much"}},
        {"key": "c", "value": {"bytesValue": "!"}},
        {"key": "d", "value": {"intValue": 10**30}},
    ]
    assert [value for _, value in read_attributes(pairs)] == ["many", "much", "!", str(10**30)]


@given(objects_of(*NAMES))
def test_no_object_of_its_field_names_breaks_it(value: object) -> None:
    for pairs in (value, [value], [{"key": "k", "value": value}]):
        texts, letters = read_packed_attributes(pairs)
        assert len(texts) == len(letters)
        "".join(texts).encode()
