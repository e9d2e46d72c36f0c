"""Spans merged by path, compared with plain Python over the same spans; and what is drawn of them."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_span, a_tree, of_shape
from viewer.analysis.flame import WHOLE, Box, FlameGraph, boxes, flame_graph
from viewer.analysis.self_time import self_times
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree

SHAPES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 2), st.integers(0, 40), st.booleans()),
    min_size=1,
    max_size=40,
)
CENTURY = 100 * 365 * 86_400 * 10**9


def of(tree: TraceTree) -> FlameGraph:
    return flame_graph(tree, self_times(tree))


def merged(spans: list[Span]) -> FlameGraph:
    return of(a_tree(spans))


def drawn(
    flame: FlameGraph,
    top: int = WHOLE,
    most: int = 1000,
    levels: int = 100,
    least: float = 0.0,
) -> tuple[Box, ...]:
    return boxes(flame, top, most, levels, least)


@given(SHAPES)
def test_every_node_is_what_plain_python_says(
    shape: list[tuple[int, int, int, bool]],
) -> None:
    tree = a_tree(of_shape(shape))
    flame, own = of(tree), self_times(tree)
    columns = tree.columns
    paths: dict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
    path_of: list[tuple[tuple[int, int], ...]] = []
    for row in range(len(tree)):
        above = path_of[tree.parent[row]] if tree.parent[row] >= 0 else ()
        path_of.append((*above, (int(columns.service[row]), int(columns.name[row]))))
        paths[path_of[row]].append(row)
    assert len(flame) == len(paths)
    for path, rows in paths.items():
        (node,) = {int(flame.node_of[row]) for row in rows}
        assert len(flame.path(node)) == len(path) == flame.depth[node] + 1
        service, name = path[-1]
        assert flame.operations[flame.operation[node]] == (
            columns.services[service],
            columns.names[name],
        )
        assert flame.parent[node] < node
        if path[:-1]:
            assert flame.parent[node] == flame.node_of[paths[path[:-1]][0]]
        else:
            assert flame.parent[node] == WHOLE
        durations = columns.dur_ns[rows]
        below = [other for other in paths if other[: len(path)] == path]
        assert flame.count[node] == len(rows)
        assert flame.errors[node] == (columns.status[rows] == 2).sum()
        assert flame.total_ns[node] == durations.sum()
        assert flame.self_ns[node] == own[rows].sum()
        assert flame.longest[node] == rows[int(np.argmax(durations))]
        within = [row for other in below for row in paths[other]]
        assert flame.width[node] == (len(within) if flame.by_count else own[within].sum())
        assert list(range(*flame.within(node))) == sorted(
            {int(flame.node_of[row]) for row in within}
        )
        assert flame.own[node] == (len(rows) if flame.by_count else own[rows].sum())
    assert flame.width_of(WHOLE) == (len(tree) if flame.by_count else own.sum())


@given(SHAPES, st.integers(0, 60), st.integers(1, 40), st.integers(1, 5))
def test_what_is_drawn_covers_no_other_and_nothing_is_lost(
    shape: list[tuple[int, int, int, bool]], number: int, most: int, levels: int
) -> None:
    flame = merged(of_shape(shape))
    top = number - 1 if number <= len(flame) else WHOLE
    found = drawn(flame, top, most, levels)
    shown = {box.node: box for box in found if not box.hidden}
    assert len(shown) <= most
    begin, end = flame.within(top)
    if not flame.width_of(top):
        assert found == (Box(top, 0, 0.0, 1.0),)
        return
    assert len(shown) + sum(box.hidden for box in found) == end - begin
    for level in range(levels + 1):
        line = sorted((box.x, box.x + box.width) for box in found if box.level == level)
        assert all(0 <= begin <= end <= 1 + 1e-9 for begin, end in line)
        assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(line))
    for box in found:
        above = box.node if box.hidden else int(flame.parent[box.node])
        if above in shown and box.node != top:
            assert shown[above].level == box.level - 1
            assert shown[above].x <= box.x + 1e-9
            assert box.x + box.width <= shown[above].x + shown[above].width + 1e-9


def test_a_nodes_own_part_is_what_its_children_leave_and_the_widest_comes_first() -> None:
    flame = merged(
        [
            a_span(1, name="root", duration_ns=100 * MS),
            a_span(2, 1, name="short", duration_ns=10 * MS),
            a_span(3, 1, name="long", duration_ns=30 * MS, start_ns=START_NS + 10 * MS),
            a_span(4, 1, name="short", duration_ns=10 * MS, start_ns=START_NS + 40 * MS),
        ]
    )
    found = drawn(flame)
    names = [flame.operations[flame.operation[box.node]][1] for box in found]
    assert names == ["root", "long", "short"]
    assert [(box.level, box.x, box.width) for box in found] == [
        (0, 0.0, 1.0),
        (1, 0.0, 0.3),
        (1, 0.3, 0.2),
    ]


def test_calls_that_ran_at_once_stand_side_by_side() -> None:
    flame = merged(
        [
            a_span(1, name="root", duration_ns=100 * MS),
            a_span(2, 1, name="a", duration_ns=100 * MS),
            a_span(3, 1, name="b", duration_ns=100 * MS),
        ]
    )
    assert [(box.x, box.width) for box in drawn(flame)] == [(0, 1), (0, 0.5), (0.5, 0.5)]


def test_without_any_time_the_number_of_spans_is_the_width() -> None:
    flame = merged(
        [a_span(1, duration_ns=0), a_span(2, 1, name="x", duration_ns=0), a_span(3, duration_ns=0)]
    )
    assert flame.by_count
    assert [box.width for box in drawn(flame)] == [1.0, pytest.approx(1 / 3)]


def test_smaller_and_deeper_nodes_are_one_box_behind_their_siblings() -> None:
    spans = [a_span(1, name="root", duration_ns=0)]
    spans += [a_span(n, 1, name=f"n{n}", duration_ns=(20 - n) * MS) for n in range(2, 12)]
    spans += [a_span(20, 2, name="deep", duration_ns=18 * MS)]
    flame = merged(spans)
    found = drawn(flame, most=4, levels=2)
    assert [(box.level, box.hidden) for box in found] == [
        (0, 0),
        (1, 0),
        (1, 0),
        (1, 0),
        (1, 7),
        (2, 1),
    ]
    (rest,) = (box for box in found if box.hidden == 7)
    assert rest.x + rest.width == pytest.approx(1)


def test_sums_of_centuries_stay_within_64_bits() -> None:
    spans = [a_span(1, duration_ns=CENTURY)]
    spans += [a_span(n, n - 1, name=f"n{n}", duration_ns=CENTURY - n) for n in range(2, 60)]
    spans += [a_span(n, n % 50 + 1, name="x", duration_ns=CENTURY) for n in range(60, 300)]
    flame = merged(spans)
    assert (flame.self_ns >= 0).all()
    assert flame.width_of(WHOLE) <= 1 << 62
    assert all(0 <= box.x <= box.x + box.width <= 1 + 1e-9 for box in drawn(flame))


def test_a_chain_of_ten_thousand_levels_is_no_deeper_than_asked_for() -> None:
    spans = [a_span(n, n - 1, duration_ns=(10_001 - n) * 1000) for n in range(1, 10_001)]
    flame = merged(spans)
    assert len(flame) == 10_000
    found = drawn(flame, levels=40, least=0.001)
    assert max(box.level for box in found) == 40
    assert found[-1].hidden == 10_000 - 40
    assert len(flame.path(9_999)) == 10_000
