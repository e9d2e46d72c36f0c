"""JSON is indented without a token changed."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from viewer.ui.viewmodel.json_text import indent_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)
_CONTAINERS = st.lists(_VALUES, max_size=4) | st.dictionaries(st.text(max_size=5), _VALUES)


def test_one_item_stands_on_a_line() -> None:
    assert indent_json('{"a":[1,{}],"b":"x, y","c":[]}') == (
        '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": "x, y",\n  "c": []\n}'
    )


def test_numbers_repeated_keys_and_escapes_stay_as_they_were_sent() -> None:
    text = r'{"n":1.00000000000000000001e5,"n":-0.0,"s":"\ud800\/","big":1e999}'
    found = indent_json(text)
    assert found is not None
    for token in ("1.00000000000000000001e5", "-0.0", r'"\ud800\/"', "1e999"):
        assert token in found
    assert found.count('"n"') == 2


@given(_CONTAINERS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_only_white_space_changes(value: object, indent: int | str | None, ascii_: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    found = indent_json(text)
    assert found is not None
    assert json.loads(found) == value
    strings = re.compile(r'"(?:[^"\\]|\\.)*"')
    assert strings.findall(found) == strings.findall(text)
    assert re.sub(r"\s", "", strings.sub("", found)) == re.sub(r"\s", "", strings.sub("", text))
    # What Python itself prints is what people know.
    assert found == json.dumps(value, indent=2, ensure_ascii=ascii_)


@given(st.text(max_size=20))
def test_what_is_no_json_is_left_alone(text: str) -> None:
    found = indent_json("{" + text)
    assert found is None or json.loads("{" + text) == json.loads(found)


def test_a_text_is_no_object() -> None:
    assert indent_json('"a, b"') is None
    assert indent_json("1") is None
    assert indent_json("") is None


def test_hostile_depth_costs_nothing() -> None:
    assert indent_json("[" * 50_000 + "]" * 50_000) is None
    assert indent_json("[" * 900 + "]" * 900) is None
    assert indent_json("[" + "1," * 100_000 + "1]") is None
