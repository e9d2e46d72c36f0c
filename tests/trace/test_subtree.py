"""A part of a trace is a trace: whole below its root, nothing beside it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_forest, a_span, a_tree
from viewer.trace.subtree import subtree
from viewer.trace.tree import Oddity

_PARENTS = st.lists(st.integers(0, 20), min_size=1, max_size=20)


@given(_PARENTS, st.integers(0, 19))
def test_a_part_is_a_tree_of_just_the_rows_below(parents: list[int], row: int) -> None:
    tree = a_tree(a_forest(parents))
    row %= len(tree)
    part = subtree(tree, row)
    part.check()
    end = int(tree.subtree_end[row])
    assert part.shown_id.tolist() == tree.shown_id[row:end].tolist()
    assert part.columns.span_id.tolist() == tree.columns.span_id[row:end].tolist()
    assert len(part.roots) == 1
    for own in range(1, len(part)):
        assert part.parent[own] + row == tree.parent[own + row]
        assert part.depth[own] + tree.depth[row] == tree.depth[own + row]
    for oddity in Oddity:
        rows = tree.rows_with(oddity)
        inside = rows[(rows >= row) & (rows < end)]
        assert part.rows_with(oddity).tolist() == (inside - row).tolist()


def test_its_time_is_that_of_its_spans() -> None:
    tree = a_tree(
        [
            a_span(1, duration_ns=100 * MS),
            a_span(2, 1, start_ns=START_NS + 20 * MS, duration_ns=30 * MS),
            a_span(3, 2, start_ns=START_NS + 10 * MS, duration_ns=5 * MS),
        ]
    )
    part = subtree(tree, 1)
    assert (part.start_ns, part.end_ns) == (START_NS + 10 * MS, START_NS + 50 * MS)


def test_the_whole_is_left_as_it_is() -> None:
    tree = a_tree(a_forest([0, 1, 2, 1]))
    before = tree.parent.copy(), tree.depth.copy(), tree.subtree_end.copy()
    subtree(tree, 1)
    subtree(tree, 0)
    for kept, now in zip(before, (tree.parent, tree.depth, tree.subtree_end), strict=True):
        assert np.array_equal(kept, now)
