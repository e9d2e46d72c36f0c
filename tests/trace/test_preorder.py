"""Rows come in drawing order, whichever of the two ways a forest's shape calls for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.trace import preorder as module
from viewer.trace.preorder import preorder
from viewer.trace.tree import Rows


def forest(parents: list[int]) -> Rows:
    return np.array(parents, np.int32)


@st.composite
def forests(draw: st.DrawFn) -> Rows:
    """Any forest: each row below an earlier one or none, and then the rows shuffled."""
    count = draw(st.integers(0, 60))
    above = [draw(st.integers(-1, row - 1)) for row in range(count)]
    place = draw(st.permutations(range(count)))
    shuffled = [-1] * count
    for row, parent in enumerate(above):
        shuffled[place[row]] = -1 if parent < 0 else place[parent]
    return forest(shuffled)


def plainly(parent: Rows) -> tuple[list[int], list[int], list[int]]:
    """The same by the definition, slowly."""
    order: list[int] = []
    depth: list[int] = []
    end = [0] * len(parent)

    def visit(row: int, level: int) -> None:
        place = len(order)
        order.append(row)
        depth.append(level)
        for child in np.flatnonzero(parent == row).tolist():
            visit(child, level + 1)
        end[place] = len(order)

    for root in np.flatnonzero(parent == -1).tolist():
        visit(root, 0)
    return order, depth, end


@given(forests())
def test_both_ways_agree_with_the_definition(parent: Rows) -> None:
    levels = module._levels(parent, len(parent) + 1)
    assert levels is not None
    for found in (module._by_levels(len(parent), levels), module._walk(parent), preorder(parent)):
        order, depth, end = (numbers.tolist() for numbers in found)
        assert (order, depth, end) == plainly(parent)


def test_a_broad_forest_is_taken_by_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_walk", None)
    order, depth, end = preorder(forest([-1] + [0] * 9_999))
    assert order.tolist() == list(range(10_000))
    assert depth.tolist() == [0] + [1] * 9_999
    assert end.tolist() == [10_000, *range(2, 10_001)]


def test_a_deep_one_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_by_levels", None)
    order, depth, end = preorder(forest(list(range(-1, 99_999))))
    assert order.tolist() == depth.tolist() == list(range(100_000))
    assert set(end.tolist()) == {100_000}
