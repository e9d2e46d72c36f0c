"""Rows in order: what has no value comes last, numbers count as numbers, equal ones stay put."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from viewer.analysis.span_order import UNKNOWN, in_order, name_ranks, ranks

texts = st.one_of(
    st.none(),
    st.integers(-(10**50), 10**50).map(str),
    st.floats(allow_nan=True).map(repr),
    st.text(max_size=5),
)


def test_numbers_come_by_value_before_all_other_texts() -> None:
    given = ["10", "9", "b", "1e1", "-1.5", "B", None, "", "nan", "1_000", "٣"]
    found = ranks(given)
    order = [given[place] for place in np.argsort(found, kind="stable")]
    assert order == [None, "-1.5", "9", "10", "1e1", "", "1_000", "B", "b", "nan", "٣"]
    assert found[6] == UNKNOWN


@given(st.lists(texts, max_size=30))
def test_equal_texts_and_only_they_share_a_rank(given_texts: list[str | None]) -> None:
    found = ranks(given_texts).tolist()
    assert len(set(found)) == len(set(given_texts))
    assert len(set(zip(found, given_texts, strict=True))) == len(set(given_texts))
    for rank, text in zip(found, given_texts, strict=True):
        assert (rank == UNKNOWN) == (text is None)


@given(st.lists(st.tuples(st.booleans(), st.integers(-1, 3)), max_size=40), st.booleans())
def test_rows_are_sorted_stably_with_the_unknown_last(
    held: list[tuple[bool, int]], descending: bool
) -> None:
    rows = np.array([row for row, (kept, _) in enumerate(held) if kept], np.int32)
    values = np.array([value for kept, value in held if kept], np.int64)
    sign = -1 if descending else 1
    expected = sorted(
        zip(rows.tolist(), values.tolist(), strict=True),
        key=lambda pair: (pair[1] < 0, sign * pair[1] if pair[1] >= 0 else 0, pair[0]),
    )
    assert in_order(rows, values, descending).tolist() == [row for row, _ in expected]


def test_rows_are_ranked_by_the_names_they_point_to() -> None:
    assert name_ranks(["b", "a", "c"], np.array([0, 1, 1, 2], np.int32)).tolist() == [1, 0, 0, 2]
    assert name_ranks([], np.array([], np.int32)).tolist() == []


def test_a_million_values_are_ranked_within_seconds() -> None:
    found = ranks(str(number * 7919 % 1_000_003) for number in range(1_000_000))
    assert found[0] == 0
    assert found.max() == 999_999
