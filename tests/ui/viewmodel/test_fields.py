"""Attributes in the detail panel: typed, folded, findable, and never more than a page can hold."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from viewer.search.parse import parse_tags
from viewer.trace.attributes import Value
from viewer.ui.viewmodel.fields import Field, Room, facts_of, fields_of, fitting, size_in_page


def field(value: Value, key: str = "key") -> Field:
    (only,) = fields_of(((key, value),), searchable=True, most=5)
    return only


@pytest.mark.parametrize("url", ["http://a.example/b?c=d", "https://example.org", "HTTPS://x/"])
def test_web_addresses_are_links(url: str) -> None:
    assert field(url).href == url


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)//http://x",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/",
        "http:",
        "https://",
        "https://[",
        "https://a b/",
        "see https://example.org",
        "https://example.org/" + "x" * 2000,
        "",
    ],
)
def test_anything_else_is_no_link(text: str) -> None:
    assert field(text).href == ""


def test_a_number_is_no_link_and_says_its_type() -> None:
    assert field(5).href == ""
    labels = [field(value).type_label for value in ("s", True, 5, 0.5, b"x", [1], {"a": 1}, None)]
    assert labels == ["", "bool", "int", "double", "bytes, base64", "array", "map", "empty"]


def test_values_read_as_they_were_sent() -> None:
    values: list[Value] = ["a", True, 5, 0.5, b"\x01", [1, "b"], {"a": None}, None, 2**70]
    assert [field(value).value for value in values] == [
        "a",
        "true",
        "5",
        "0.5",
        "AQ==",
        '[1,"b"]',
        '{"a":null}',
        "",
        str(2**70),
    ]


def test_long_values_fold() -> None:
    assert field("x" * 300).preview == ""
    long = field("x" * 1_000_000)
    assert long.preview == "x" * 120
    assert long.value.startswith("x" * 600_000)


def test_json_of_more_than_a_line_is_indented() -> None:
    text = '{"order":{"id":17,"lines":[{"sku":"a-1"},{"sku":"b-2"}]},"paid":false}'
    value: Value = {"order": {"id": 17, "lines": [{"sku": "a-1"}, {"sku": "b-2"}]}, "paid": False}
    for shown in (field(text), field(value)):
        assert shown.pretty
        assert shown.value.startswith('{\n  "order": {\n    "id": 17,')
    assert not field('{"a":1}').pretty
    assert not field("[" + "not json, " * 10 + "]").pretty


def test_json_with_an_escaped_surrogate_stays_text_that_a_page_can_hold() -> None:
    shown = field('{"a":"\\ud800","b":"' + "x" * 60 + '"}')
    assert shown.pretty
    assert r"\ud800" in shown.value
    shown.value.encode()


def test_deep_json_does_not_grow() -> None:
    hostile = "[" * 900 + "]" * 900
    assert field(hostile).value == hostile
    nested: Value = 1
    for _ in range(100):
        nested = [nested]
    assert len(field(nested).value) < 5000


def test_a_value_leads_to_the_traces_that_have_it() -> None:
    for key, value, text in (
        ("http.route", "/cart", "/cart"),
        ("n", 5, "5"),
        ("ok", True, "true"),
        ('a "b" =', "x y&z=#\\", "x y&z=#\\"),
    ):
        url = urlsplit(field(value, key).search_url)
        assert url.path == "/search"
        assert parse_tags(parse_qs(url.query)["tags"][0]) == ((key, text),)


@given(st.text(), st.integers(0, 50))
def test_what_fits_is_a_beginning_and_takes_no_more_than_the_room(text: str, room: int) -> None:
    shown = fitting(text, room)
    assert text.startswith(shown)
    assert len(str(escape(shown)).encode("utf-8", "replace")) <= size_in_page(shown) <= room
    if size_in_page(text) <= room:
        assert shown == text


def test_a_value_for_which_there_is_no_room_is_cut_and_says_so() -> None:
    long = field("<" * 1_000_000)
    assert set(long.value) == {"<"}
    assert 100_000 < len(long.value) < 150_000
    assert long.size == "1,000,000 characters"
    assert long.note == f"The first {len(long.value):,} characters; the JSON file has all."
    assert field("x" * 500_000).note == ""


def test_many_long_values_share_the_room_and_keep_their_beginnings() -> None:
    fields = fields_of([(f"{n:02}", "x" * 400_000) for n in range(20)], False, 50)
    assert len(fields) == 20
    assert len(fields[0].value) == 400_000
    assert all(len(one.value) >= 120 and one.preview == "x" * 120 for one in fields)
    assert sum(len(one.value) for one in fields) < 800_000


def test_fields_end_where_the_room_does() -> None:
    room = Room()
    fields = fields_of([(f"{n:04}", "x" * 250) for n in range(2000)], True, 2000, room)
    assert 200 < len(fields) < 600
    assert facts_of([("name", "x")], room) == ()
    assert not room.take("event")


def test_a_value_too_long_to_search_for_has_no_such_link() -> None:
    assert field("x" * 301).search_url == ""
    assert field("x", "k" * 301).search_url == ""


def test_a_long_key_is_cut() -> None:
    assert field("x", "k" * 1000).key == "k" * 199 + "…"


def test_facts_keep_their_order_and_leave_out_what_is_empty() -> None:
    facts = facts_of([("version", "2"), ("schema URL", ""), ("name", "x")], Room())
    assert [(one.key, one.value, one.search_url) for one in facts] == [
        ("version", "2", ""),
        ("name", "x", ""),
    ]


def test_characters_that_are_not_seen_are_named() -> None:
    assert field("a\x00b").note == "Holds characters that are not seen: U+0000."
    assert field("\u202egnp.exe").note == "Holds characters that are not seen: U+202E."
    assert field("\x01\x02\x03\x04").note.endswith("U+0001, U+0002, U+0003 ….")
    assert field("a\tb\r\nc 漢 é").note == ""
