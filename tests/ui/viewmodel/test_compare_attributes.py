"""Attributes side by side: what differs is shown, what is equal folded away."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.compare import compare
from viewer.trace.span import Span, SpanKind
from viewer.ui.viewmodel.compare_attributes import (
    MOST_FIELDS,
    CompareAttributes,
    compare_attributes,
)
from viewer.ui.viewmodel.compare_state import CompareState

ID_A, ID_B = f"{1:032x}", f"{2:032x}"


def shown(a: Span, b: Span | None) -> CompareAttributes:
    one = a_loaded_trace(a)
    other = a_loaded_trace(b or replace(a, name="something else"))
    found = compare(one.tree, one.self_ns, other.tree, other.self_ns)
    node = int(found.a.node_of[0])
    return compare_attributes(one, other, found, CompareState(ID_A, ID_B), node, (a, b))


def texts(found: CompareAttributes) -> dict[str, tuple[str, str]]:
    return {field.key: (field.a.text, field.b.text) for field in found.differing}


def test_values_that_differ_stand_side_by_side_and_equal_ones_apart() -> None:
    found = shown(
        a_span(1, attributes={"code": 200, "route": "/", "old": True}, resource={"version": "1"}),
        a_span(
            1,
            attributes={"code": 504, "route": "/", "new": 1.5},
            resource={"version": "2"},
            error="timed out",
            duration_ns=200 * MS,
        ),
    )
    assert texts(found) == {
        "status": ("unset", "error"),
        "code": ("200", "504"),
        "old": ("true", ""),
        "new": ("", "1.5"),
        "status message": ("", "timed out"),
        "version": ("1", "2"),
    }
    sources = [(field.source, field.key) for field in found.differing]
    assert sources == [
        ("span", "status"),
        ("span", "status message"),
        ("attribute", "code"),
        ("attribute", "new"),
        ("attribute", "old"),
        ("resource", "version"),
    ]
    assert [field.key for field in found.equal] == ["kind", "route", "service.name"]
    assert found.equal_count == "3 equal values"
    assert found.says == "Its longest spans differ in 6 values."


def test_a_value_that_is_absent_is_no_empty_text() -> None:
    found = shown(a_span(1, attributes={"x": ""}), a_span(1))
    (field,) = found.differing
    assert (field.a.absent, field.b.absent) == (False, True)


def test_a_number_is_not_the_text_of_the_same_digits() -> None:
    assert texts(shown(a_span(1, attributes={"x": 1}), a_span(1, attributes={"x": "1"}))) == {
        "x": ("1", "1")
    }


def test_spans_that_say_the_same_are_said_to() -> None:
    found = shown(a_span(1), a_span(1))
    assert found.differing == ()
    assert found.says == "Its longest spans say the same in A and in B."
    assert [span.url for span in found.spans] == [f"/trace/{TRACE_ID}?span=0000000000000001"] * 2


def test_a_node_that_only_one_has_shows_what_that_one_says() -> None:
    found = shown(a_span(1, attributes={"x": 1}, kind=SpanKind.SERVER), None)
    assert found.says == "Only A has it."
    assert found.spans[1].url == ""
    assert texts(found)["x"] == ("1", "")


def test_long_values_are_shown_from_where_they_differ() -> None:
    common = "frame\n" * 1000
    found = shown(
        a_span(1, attributes={"stack": common + "left" + "z" * 5000}),
        a_span(1, attributes={"stack": common + "right"}),
    )
    (field,) = found.differing
    assert "left" in field.a.text
    assert "right" in field.b.text
    assert field.a.text.startswith("…")
    assert len(field.a.text) <= 170
    assert len(field.a.title) <= 410


@given(st.text(max_size=300), st.text(max_size=30), st.text(max_size=30))
def test_whatever_differs_is_seen_to_differ(common: str, a: str, b: str) -> None:
    found = shown(
        a_span(1, attributes={"x": common + "<" + a}), a_span(1, attributes={"x": common + ">" + b})
    )
    (field,) = found.differing
    assert field.a.text != field.b.text


def test_the_list_is_bounded() -> None:
    attributes = {f"key {number}" + "k" * 500: number for number in range(MOST_FIELDS + 50)}
    found = shown(a_span(1, attributes=attributes), a_span(1))
    assert len(found.differing) == MOST_FIELDS
    assert found.left_out == "50 more are not shown."
    assert all(len(field.key) <= 200 for field in found.differing)
