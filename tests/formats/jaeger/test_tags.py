import pytest
from hypothesis import given

from tests.formats.strategies import objects_of
from viewer.formats.jaeger.tags import read_tags


def value_of(**tag: object) -> object:
    ((key, value),) = read_tags([{"key": "k", **tag}])
    assert key == "k"
    return value


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ({"type": "string", "value": "a"}, "a"),
        ({"type": "bool", "value": True}, True),
        ({"type": "bool", "value": "true"}, True),
        ({"type": "int64", "value": "9223372036854775222"}, 9223372036854775222),
        ({"type": "float64", "value": 72.5}, 72.5),
        ({"type": "float64", "value": 72}, 72.0),
        ({"type": "binary", "value": "AAAwOQ=="}, b"\x00\x0009"),
        ({"type": "binary", "value": "not base64!"}, "not base64!"),
        ({"type": "string", "value": 5}, "5"),
        ({"value": 5}, 5),
    ],
)
def test_types_of_the_api_form(tag: dict[str, object], value: object) -> None:
    assert repr(value_of(**tag)) == repr(value)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ({"vStr": "a"}, "a"),
        ({"vType": "INT64", "vInt64": "5"}, 5),
        ({"vType": 2, "vInt64": 5, "vStr": ""}, 5),
        ({"vType": "BOOL", "vBool": True}, True),
        ({"vType": "BOOL"}, False),
        ({"vType": "FLOAT64", "vFloat64": 1.5}, 1.5),
        ({"vType": "BINARY", "vBinary": "AAE="}, b"\x00\x01"),
        ({"vType": "STRING", "vStr": "x", "vDouble": 0}, "x"),
        ({}, ""),
    ],
)
def test_types_of_the_protobuf_form(tag: dict[str, object], value: object) -> None:
    assert repr(value_of(**tag)) == repr(value)


def test_the_elasticsearch_form_has_at_signs_for_dots() -> None:
    assert list(read_tags([], {"span@kind": "server", "n": 1})) == [
        ("span.kind", "server"),
        ("n", 1),
    ]


@given(objects_of("key", "type", "value", "vType", "vStr", "vInt64", "vBool"))
def test_no_tags_break_it(tags: object) -> None:
    list(read_tags(tags, tags))
    list(read_tags([tags, {"key": "k", "value": tags, "type": "int64"}]))


def test_a_type_that_is_nested_without_end_is_none() -> None:
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    assert list(read_tags([{"key": "k", "type": deep, "value": 1}])) == [("k", 1)]
