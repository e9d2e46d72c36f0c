"""The bearer token of receivers."""

import pytest

from viewer.collector.access import is_authorized


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer  s3cret "])
def test_the_right_token_is_let_in(header: str) -> None:
    assert is_authorized(header, "s3cret")


@pytest.mark.parametrize(
    "header", ["", "s3cret", "Basic s3cret", "Bearer", "Bearer wrong", "Bearer \ud800"]
)
def test_anything_else_is_not(header: str) -> None:
    assert not is_authorized(header, "s3cret")


def test_without_a_token_everybody_is() -> None:
    assert is_authorized("", None)
