"""Collapsed subtrees hide their rows, and nothing else does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_forest, a_tree
from viewer.analysis.visible import children_of, visible_rows

_PARENTS = st.lists(st.integers(0, 14), min_size=1, max_size=14)


def test_everything_is_visible_at_first() -> None:
    tree = a_tree(a_forest([0, 1, 1, 2]))
    assert visible_rows(tree, np.zeros(4, bool)).tolist() == [0, 1, 2, 3]


def test_a_collapsed_row_stays_and_hides_what_is_below() -> None:
    tree = a_tree(a_forest([0, 1, 2, 1]))
    assert visible_rows(tree, np.array([False, True, False, False])).tolist() == [0, 1, 3]


def test_collapsing_a_leaf_hides_nothing() -> None:
    tree = a_tree(a_forest([0, 1]))
    assert visible_rows(tree, np.array([False, True])).tolist() == [0, 1]


@given(_PARENTS, st.sets(st.integers(0, 13)))
def test_a_row_is_visible_unless_an_ancestor_is_collapsed(
    parents: list[int], folded: set[int]
) -> None:
    tree = a_tree(a_forest(parents))
    collapsed = np.array([row in folded for row in range(len(tree))])
    expected = [row for row in range(len(tree)) if not collapsed[tree.ancestors(row)].any()]
    assert visible_rows(tree, collapsed).tolist() == expected


@given(_PARENTS)
def test_children_are_the_rows_that_name_a_row_as_parent(parents: list[int]) -> None:
    tree = a_tree(a_forest(parents))
    children = children_of(tree)
    for row in range(len(tree)):
        assert children.of(row).tolist() == np.flatnonzero(tree.parent == row).tolist()
        assert children.count()[row] == (tree.parent == row).sum()
