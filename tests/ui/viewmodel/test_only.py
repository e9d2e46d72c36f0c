"""The timeline's filter: what its text means, and that it comes back from an address unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.ui.viewmodel.only import MOST_SERVICES, NOTHING, Only, read_only
from viewer.ui.viewmodel.trace_state import read_state


def read(text: str) -> tuple[Only, list[str]]:
    notes: list[str] = []
    return read_only(text, notes), notes


def test_nothing_is_no_filter() -> None:
    assert read("") == (NOTHING, [])
    assert not NOTHING
    assert not read("min:0")[0]


def test_all_parts_are_read() -> None:
    found, notes = read("errors,matches,min:1.5ms,service:web,service:db")
    assert found == Only(True, True, "1.5ms", 1_500_000, ("db", "web"))
    assert not notes
    assert found.words == "failed · matching the find term · at least 1.5ms · db, web"


@pytest.mark.parametrize(
    ("text", "told"),
    [("slow", "“only=slow” is ignored"), ("min:fast", "least duration"), ("min:-1s", "negative")],
)
def test_what_cannot_be_read_is_told_and_the_rest_holds(text: str, told: str) -> None:
    found, notes = read(f"errors,{text}")
    assert found == Only(errors=True)
    (note,) = notes
    assert told in note


def test_a_filter_is_not_longer_than_a_form_can_make_it() -> None:
    found, notes = read("service:" + "x" * 5000)
    assert found == NOTHING
    assert "longer than" in notes[0]
    found, notes = read(",".join(f"service:{number}" for number in range(MOST_SERVICES + 5)))
    assert len(found.services) == MOST_SERVICES
    assert "first" in notes[0]


@given(
    st.builds(
        Only,
        st.booleans(),
        st.booleans(),
        st.just("2ms"),
        st.just(2_000_000),
        st.lists(st.text(max_size=20), max_size=4, unique=True).map(
            lambda names: tuple(sorted(names))
        ),
    )
)
def test_a_filter_comes_back_from_its_text(only: Only) -> None:
    if any("\ud800" <= letter <= "\udfff" for name in only.services for letter in name):
        return
    assert read(only.text) == (only, [])
    state = read_state("/trace/1", {"only": only.text}, 100)
    assert state.only == only
