"""The address of a comparison: read, written, and read again."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.ui.viewmodel.compare_state import (
    SHOWS,
    CompareState,
    NodeKey,
    read_compare_state,
)

A, B = f"{1:032x}", "ab" * 16


def read(**arguments: str) -> CompareState:
    return read_compare_state(A, B, arguments)


def test_the_bare_address_shows_what_changed_in_tree_order() -> None:
    state = read()
    assert (state.show, state.sort, state.node, state.notes) == ("changed", "tree", None, ())
    assert state.url == f"/trace/{A[16:]}...{B}"


@given(
    st.sampled_from(SHOWS),
    st.sampled_from(("tree", "difference")),
    st.none() | st.builds(NodeKey, st.sampled_from("ab"), st.integers(1, 2**64 - 1)),
    st.booleans(),
)
def test_every_state_survives_its_address(
    show: str, sort: str, node: NodeKey | None, utc: bool
) -> None:
    state = CompareState(A, B, show, sort, node, utc)
    assert read(**dict(parse_qsl(urlsplit(state.url).query))) == state


@given(st.dictionaries(st.sampled_from(("show", "sort", "node", "tz")), st.text(max_size=60)))
def test_any_address_can_be_read(arguments: dict[str, str]) -> None:
    state = read(**arguments)
    again = read(**dict(parse_qsl(urlsplit(state.url).query)))
    assert again.notes == ()
    assert again.url == state.url


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("show", "green", "none of changed"),
        ("sort", "name", "neither tree nor difference"),
        ("node", "c:12", "neither a: nor b:"),
        ("node", "a:xyz", "root is shown"),
        ("node", "0", "root is shown"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, value: str, said: str) -> None:
    state = read(**{name: value})
    assert state.url == read().url
    assert said in state.notes[0]


def test_a_bare_span_id_is_a_node_of_a() -> None:
    assert read(node="7d1").node == NodeKey("a", 0x7D1)


@pytest.mark.parametrize(
    ("show", "turned"), [("added", "removed"), ("faster", "slower"), ("changed", "changed")]
)
def test_changing_places_keeps_what_is_looked_at(show: str, turned: str) -> None:
    state = read(show=show, node="b:7", sort="difference", tz="utc")
    swapped = state.swapped()
    assert swapped.url == (
        f"/trace/{B}...{A[16:]}"
        + ("" if turned == "changed" else f"?show={turned}")
        + ("?" if turned == "changed" else "&")
        + "sort=difference&node=a:0000000000000007&tz=utc"
    )
    assert swapped.swapped() == state


def test_a_node_that_is_gone_is_told() -> None:
    state = read(node="b:7").without_node()
    assert state.node is None
    assert "b:0000000000000007" in state.notes[0]
