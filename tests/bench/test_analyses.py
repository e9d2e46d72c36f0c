"""The traces made for measuring analyses have the shapes that their names promise."""

import pytest

from bench.analyses import SHAPES, make_columns, measure
from viewer.trace.tree import Oddity, TraceTree, build_tree


def tree_of(shape: str) -> TraceTree:
    tree = build_tree(make_columns(shape, 500))
    tree.check()
    return tree


def test_shapes_are_as_they_are_called() -> None:
    assert int(tree_of("chain").depth.max()) == 499
    assert int(tree_of("wide").depth.max()) == 1
    assert 2 < int(tree_of("tree").depth.max()) < 50
    assert len(tree_of("tree").roots) == 1


def test_halves_of_calls_share_their_ids_and_other_bearers_do_not() -> None:
    shared, alike = tree_of("shared"), tree_of("alike")
    assert len(shared.rows_with(Oddity.SHARED_ID)) == 250
    assert len(shared.rows_with(Oddity.DUPLICATE_ID)) == 0
    assert len(alike.rows_with(Oddity.DUPLICATE_ID)) > 200


@pytest.mark.parametrize("shape", SHAPES)
def test_every_analysis_is_timed(shape: str) -> None:
    took = measure(shape, 300)
    assert took["case"] == f"{shape} 300"
    assert {"build_tree", "self_times", "critical_path", "overview", "quality", "flame"} < set(took)
