"""Drawing order: the rows of a forest in preorder, each one's depth, and where its subtree ends.

Two ways to the same answer, neither of them recursive. Level by level a million spans take a few
steps over whole arrays; a forest that is deep for its size (a chain has a level per span) is walked
span by span instead.
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Places = NDArray[np.intp]
_ABSENT = -1
# A level costs about as much as walking so many spans.
_SPANS_PER_LEVEL = 40


def preorder(parent: Rows) -> tuple[Places, Rows, Rows]:
    """Return the rows in preorder and, in that order, depths and subtree ends. ``parent`` is a row
    or -1 and without cycles; siblings keep the order of their rows."""
    levels = _levels(parent, len(parent) // _SPANS_PER_LEVEL)
    return _walk(parent) if levels is None else _by_levels(len(parent), levels)


def _levels(parent: Rows, most: int) -> list[tuple[Places, Places, Places]] | None:
    """Return per level its rows, family by family, their parents, and the families' sizes; None if
    there are more than so many levels."""
    if not most:
        return None
    children = np.argsort(parent, kind="stable")
    # A row's children stand in a run; the entry before the first row's is that of the roots.
    counts = np.bincount(parent + 1, minlength=len(parent) + 1)
    begins = np.cumsum(counts) - counts
    rows, parents, sizes = children[: counts[0]], np.empty(0, np.intp), np.empty(0, np.intp)
    levels: list[tuple[Places, Places, Places]] = []
    while len(rows):
        if len(levels) == most:
            return None
        levels.append((rows, parents, sizes))
        sizes = counts[rows + 1]
        parents, sizes = rows[sizes > 0], sizes[sizes > 0]
        shift = np.repeat(begins[parents + 1] - (np.cumsum(sizes) - sizes), sizes)
        rows = children[shift + np.arange(len(shift))]
    return levels


def _by_levels(
    count: int, levels: list[tuple[Places, Places, Places]]
) -> tuple[Places, Rows, Rows]:
    # From the deepest level up: how large each subtree is.
    subtree = np.ones(count, np.int32)
    for rows, parents, sizes in reversed(levels[1:]):
        subtree[parents] += np.add.reduceat(subtree[rows], np.cumsum(sizes) - sizes)
    # And down again: a row stands right below its parent and the subtrees of its elder siblings.
    place, depth = np.zeros(count, np.int32), np.zeros(count, np.int32)
    for level, (rows, parents, sizes) in enumerate(levels):
        below = subtree[rows]
        before = np.cumsum(below) - below
        if level:
            place[rows] = before + np.repeat(
                place[parents] + 1 - before[np.cumsum(sizes) - sizes], sizes
            )
        else:
            place[rows] = before
        depth[rows] = level
    order = np.empty(count, np.intp)
    order[place] = np.arange(count)
    return order, depth[order], np.arange(count, dtype=np.int32) + subtree[order]


def _walk(parent: Rows) -> tuple[Places, Rows, Rows]:
    above: list[int] = parent.tolist()
    count = len(above)
    child = [_ABSENT] * (count + 1)  # the last entry stands above the roots
    sibling = [_ABSENT] * count
    for row in range(count - 1, -1, -1):
        sibling[row] = child[above[row]]
        child[above[row]] = row
    order: list[int] = []
    depths: list[int] = []
    ends = [0] * count
    places = [0] * count
    row, depth = child[_ABSENT], 0
    while row != _ABSENT:
        places[row] = len(order)
        order.append(row)
        depths.append(depth)
        if child[row] != _ABSENT:
            row = child[row]
            depth += 1
            continue
        ends[places[row]] = len(order)
        while row != _ABSENT and sibling[row] == _ABSENT:
            row = above[row]
            depth -= 1
            if row != _ABSENT:
                ends[places[row]] = len(order)
        if row != _ABSENT:
            row = sibling[row]
    return np.array(order, np.intp), np.array(depths, np.int32), np.array(ends, np.int32)
