"""The table of a comparison: which nodes it shows, in which order, and what each row says."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.builders import MS, START_NS, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.compare import Comparison, compare
from viewer.trace.span import Span
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel import compare_table as module
from viewer.ui.viewmodel.compare_state import CompareState, NodeKey
from viewer.ui.viewmodel.compare_table import (
    MOST_ROWS,
    CompareTable,
    compare_table,
    format_signed,
    node_key,
    node_of_key,
)

ID_A, ID_B = f"{1:032x}", f"{2:032x}"
A = (
    a_span(1, trace_id=ID_A, name="GET /", duration_ns=100 * MS),
    a_span(2, 1, trace_id=ID_A, name="auth", service="auth", duration_ns=10 * MS),
    a_span(3, 2, trace_id=ID_A, name="session", service="db", duration_ns=5 * MS),
    a_span(4, 1, trace_id=ID_A, name="mail", duration_ns=20 * MS, start_ns=START_NS + MS),
)
B = (
    a_span(1, trace_id=ID_B, name="GET /", duration_ns=100 * MS),
    a_span(2, 1, trace_id=ID_B, name="auth", service="auth", duration_ns=10 * MS),
    a_span(3, 2, trace_id=ID_B, name="session", service="db", duration_ns=9 * MS, error=True),
    a_span(5, 2, trace_id=ID_B, name="retry", service="db", duration_ns=MS, start_ns=START_NS + 1),
)


def pair(
    a: Sequence[Span] = A, b: Sequence[Span] = B
) -> tuple[LoadedTrace, LoadedTrace, Comparison]:
    one, other = a_loaded_trace(*a), a_loaded_trace(*b)
    return one, other, compare(one.tree, one.self_ns, other.tree, other.self_ns)


def table(
    a: Sequence[Span] = A, b: Sequence[Span] = B, selected: int = 0, **state: str
) -> CompareTable:
    return compare_table(*pair(a, b), CompareState(ID_A, ID_B, **state), selected)  # type: ignore[arg-type]


def names(found: CompareTable) -> list[str]:
    return [row.name for row in found.rows]


def test_what_changed_stands_in_its_tree() -> None:
    found = table()
    assert names(found) == ["GET /", "auth", "session", "retry", "mail"]
    assert [row.context for row in found.rows] == [True, True, False, False, False]
    assert [row.level for row in found.rows] == [1, 2, 3, 3, 2]
    assert [row.indent for row in found.rows] == [0, 1, 2, 2, 1]
    assert [row.change for row in found.rows] == ["", "", "slower", "added", "removed"]
    assert (found.left_out, found.nothing) == ("", "")


@pytest.mark.parametrize(
    ("show", "shown"),
    [
        ("all", ["GET /", "auth", "session", "retry", "mail"]),
        ("added", ["GET /", "auth", "retry"]),
        ("removed", ["GET /", "mail"]),
        ("slower", ["GET /", "auth", "session"]),
        ("faster", []),
    ],
)
def test_each_filter_shows_its_nodes_and_the_way_to_them(show: str, shown: list[str]) -> None:
    assert names(table(show=show)) == shown


def test_the_filters_count_their_nodes() -> None:
    found = table(show="added")
    assert {choice.label: choice.count for choice in found.shows} == {
        "Changed": "3",
        "All": "5",
        "Added": "1",
        "Removed": "1",
        "Slower": "1",
        "Faster": "0",
    }
    assert [choice.label for choice in found.shows if choice.current] == ["Added"]
    assert found.shows[0].url == "/trace/0000000000000001...0000000000000002"


def test_by_difference_the_largest_come_first_without_their_tree() -> None:
    found = table(sort="difference")
    assert names(found) == ["mail", "session", "retry"]
    assert [row.under for row in found.rows] == ["GET /", "auth", "auth"]
    assert {row.indent for row in found.rows} == {0}
    assert all(row.deep for row in found.rows)


def test_a_row_says_what_both_have_and_the_difference_with_its_sign() -> None:
    rows = {row.name: row for row in table().rows}
    session, retry, mail = rows["session"], rows["retry"], rows["mail"]
    assert (session.spans, session.errors) == ("1", "0 → 1")
    assert (session.total_a_ns, session.total_b_ns) == (5 * MS, 9 * MS)
    assert (session.difference, session.share, session.self_difference) == (
        "+4.00 ms",
        "+80%",
        "+4.00 ms",
    )
    assert (retry.spans, retry.total_a_ns, retry.share) == ("0 → 1", None, "")
    assert (mail.spans, mail.total_b_ns, mail.difference) == ("1 → 0", None, "−20.0 ms")


def test_bars_lie_to_the_right_where_b_takes_longer_and_to_the_left_where_less() -> None:
    rows = {row.name: row for row in table().rows}
    assert (rows["mail"].bar_x, rows["mail"].bar_width) == (0.0, 100.0)
    assert (rows["session"].bar_x, rows["session"].bar_width) == (100.0, 20.0)
    assert rows["GET /"].bar_width == 0.0


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [(100, 150, "+50%"), (100, 50, "−50%"), (10_000, 10_010, "+<1%"), (10, 500, "×50"), (0, 5, "")],
)
def test_the_relative_difference_is_of_what_a_took(a: int, b: int, share: str) -> None:
    found = table([a_span(1, duration_ns=a * MS)], [a_span(1, duration_ns=b * MS)], show="all")
    assert found.rows[0].share == share


def test_no_change_at_all_is_said() -> None:
    found = table(A, A)
    assert found.rows == ()
    assert "No node differs" in found.nothing
    assert table(A, A, show="faster").nothing == "No node is faster."
    assert found.all_url.endswith("?show=all")


def test_a_key_leads_back_to_its_node() -> None:
    one, other, compared = pair()
    keys = [node_key(one, other, compared, node) for node in range(len(compared))]
    assert [key.side for key in keys] == ["a", "a", "a", "b", "a"]
    assert [node_of_key(one, other, compared, key) for key in keys] == list(range(len(compared)))
    assert node_of_key(one, other, compared, NodeKey("b", 99)) is None


def test_the_selected_node_is_marked_and_each_row_selects_its_own() -> None:
    found = table(selected=3)
    assert [row.selected for row in found.rows] == [False, False, False, True, False]
    assert found.rows[3].url.endswith("?node=b:0000000000000005")


def test_the_page_is_bounded_and_shows_what_differs_most() -> None:
    count = MOST_ROWS + 100
    a = [
        a_span(number, min(number - 1, 1), trace_id=ID_A, name=f"step {number}", duration_ns=MS)
        for number in range(1, count + 1)
    ]
    b = [
        a_span(
            number,
            min(number - 1, 1),
            trace_id=ID_B,
            name=f"step {number}",
            duration_ns=(2 + number) * MS,
        )
        for number in range(1, count + 1)
    ]
    found = table(a, b)
    assert len(found.rows) == MOST_ROWS
    assert found.rows[0].name == f"step {101}"
    assert found.left_out == "400 of 500 changed nodes are shown, those that differ most."
    assert names(table(a, b, sort="difference"))[0] == f"step {count}"


def test_deep_down_the_level_is_a_number_and_the_way_there_is_bounded() -> None:
    levels = 3 * MOST_ROWS
    chain = a_forest(range(levels))
    found = table(chain, [*chain, a_span(levels + 1, levels, name="new")])
    assert len(found.rows) <= MOST_ROWS
    last = found.rows[-1]
    assert (last.name, last.level, last.indent, last.deep) == ("new", levels + 1, 10, True)
    assert names(found)[:2] == ["step 1", "step 2"]


def test_context_fills_only_the_room_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 4)
    assert names(table()) == ["GET /", "session", "retry", "mail"]
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    assert names(table()) == ["session", "mail"]


def test_absent_names_are_said_and_very_long_ones_cut() -> None:
    found = table(
        [a_span(1, name="", service="")], [a_span(1, name="x" * 1000, service="y" * 1000)]
    )
    assert min(row.name for row in found.rows) == "(no name)"
    assert all(len(row.name) <= 200 and len(row.service) <= 200 for row in found.rows)


@pytest.mark.parametrize(
    ("difference", "text"), [(0, "±0"), (1_200_000_000, "+1.20 s"), (-412_000, "−412 µs")]
)
def test_differences_have_their_sign(difference: int, text: str) -> None:
    assert format_signed(difference) == text


def test_sums_beyond_64_bits_are_shown() -> None:
    huge = [a_span(number, name="x", duration_ns=(1 << 63) - 1) for number in (1, 2, 3)]
    row = table(huge, [a_span(1, name="x")]).rows[0]
    assert row.difference_ns < -np.iinfo(np.int64).max
    assert row.difference.startswith("−")
