"""The form as a link fills it in, and the completion of its attributes field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.search.link import read_link
from viewer.search.parse import parse_tags
from viewer.trace.summary import Operation
from viewer.ui.viewmodel.search_form import (
    SearchForm,
    operation_field,
    search_form,
    split_last_tag,
    tag_suggestions,
)

NOW_NS = 1_700_000_000_000_000_000


def form(services: list[str], **asked: str) -> SearchForm:
    link = read_link({name: [text] for name, text in asked.items()}, NOW_NS)
    return search_form(link, services, [])


def test_a_service_that_is_gone_stays_chosen_and_is_said_to_be_gone() -> None:
    option = form(["bank"], service="shop").services[-1]
    assert (option.value, option.label, option.selected) == ("shop", "shop (not stored)", True)


def test_a_look_back_of_ones_own_is_offered_too() -> None:
    chosen = [option for option in form([], lookback="45m").lookbacks if option.selected]
    assert [(option.value, option.label) for option in chosen] == [("45m", "Last 45m")]


def test_a_custom_range_is_shown_to_the_millisecond_and_kept_to_the_microsecond() -> None:
    found = form([], start="1700000000000001")
    assert found.start == "2023-11-14T22:13:20.000"
    assert found.start_us == "1700000000000001"
    assert next(option.value for option in found.lookbacks if option.selected) == "custom"


def test_operations_of_several_kinds_are_offered_once() -> None:
    known = [Operation("shop", "GET /", 2), Operation("shop", "GET /", 3), Operation("shop", "", 1)]
    assert operation_field("shop", "", known).names == ("GET /",)


def test_of_very_many_operations_the_first_are_offered() -> None:
    known = [Operation("shop", f"op{number}", 2) for number in range(2_001)]
    field = operation_field("shop", "", known)
    assert (len(field.names), field.placeholder) == (2_000, "Any of more than 2,000")
    assert operation_field("shop", "", known[:2_000]).placeholder == "Any of 2,000"


def test_of_very_many_services_the_first_are_offered_and_the_rest_counted() -> None:
    names = [f"s{number:05}" for number in range(100_000)]
    options = form(names, service="s99999").services
    assert len(options) == 2_003
    assert options[0].label == "Any of 100,000"
    assert options[-1].label == "… and 98,000 more, by ?service=NAME"
    assert (options[-2].label, options[-2].selected) == ("s99999", True)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("", ("", "", None)),
        ("http", ("", "http", None)),
        ("http=", ("", "http", "")),
        ("a=b http.st", ("a=b ", "http.st", None)),
        ('a="x y" b=', ('a="x y" ', "b", "")),
        ('a="x y', ("", "a", "x y")),
        ("a=b ", ("a=b ", "", None)),
    ],
)
def test_the_last_word_is_what_is_completed(text: str, split: tuple[str, str, str | None]) -> None:
    assert split_last_tag(text) == split


@given(
    st.text('ab=" \\', min_size=1, max_size=5).filter(lambda key: bool(key.strip())),
    st.text(max_size=5),
)
def test_a_completed_value_is_read_as_it_was_meant(key: str, value: str) -> None:
    (text,) = tag_suggestions("x=y ", key, [value], are_values=True).texts
    assert parse_tags(text) == (("x", "y"), (key, value))


def test_a_completed_key_waits_for_its_value() -> None:
    found = tag_suggestions("", "h", ["http.method", "customer tier"], are_values=False)
    assert found.texts == ("http.method=", '"customer tier"=')
