"""The places of boxes, lines and labels: nothing covers anything else, whatever the graph."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.analysis.layered import layered
from viewer.ui.viewmodel.graph_drawing import (
    ARROW,
    SMALL_CELL,
    Drawing,
    Place,
    Size,
    cells,
    draw,
)

GRAPHS = st.integers(1, 10).flatmap(
    lambda count: st.tuples(
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
                lambda edge: edge[0] != edge[1]
            ),
            unique=True,
            max_size=30,
        ),
        st.lists(
            st.builds(Size, st.integers(40, 300), st.integers(30, 60)),
            min_size=count,
            max_size=count,
        ),
    )
)
_POINT = re.compile(r"-?[\d.]+(?:e-?\d+)?")


def drawn(
    edges: list[tuple[int, int]], sizes: list[Size], labelled: bool = True
) -> tuple[Drawing, list[str]]:
    labels = [f"×{number * 999}" if labelled else "" for number in range(len(edges))]
    return draw(layered(len(sizes), edges), sizes, labels), labels


def overlap(a: Place, b: Place) -> bool:
    return (
        a.x < b.x + b.width
        and b.x < a.x + a.width
        and a.y < b.y + b.height
        and b.y < a.y + a.height
    )


def label_places(drawing: Drawing, labels: list[str]) -> list[Place]:
    places = []
    for line, label in zip(drawing.lines, labels, strict=True):
        width = cells(label) * SMALL_CELL
        x = line.label_x if line.leftward else line.label_x - width
        places.append(Place(x, line.label_y - 9, width, 10))
    return places


@settings(max_examples=60)
@given(GRAPHS)
def test_boxes_and_labels_cover_no_other(
    graph: tuple[list[tuple[int, int]], list[Size]],
) -> None:
    edges, sizes = graph
    drawing, labels = drawn(edges, sizes)
    boxes = [*drawing.places, *label_places(drawing, labels)]
    for number, box in enumerate(boxes):
        assert not any(overlap(box, other) for other in boxes[:number])
        assert box.x >= 0
        assert box.x + box.width <= drawing.width
    for place, size in zip(drawing.places, sizes, strict=True):
        assert place.width == size.width
        assert place.height >= size.height
        assert place.y >= 0
        assert place.y + place.height <= drawing.height


@settings(max_examples=60)
@given(GRAPHS, st.booleans())
def test_a_line_runs_from_the_side_of_one_box_to_the_arrow_at_the_other(
    graph: tuple[list[tuple[int, int]], list[Size]], labelled: bool
) -> None:
    edges, sizes = graph
    drawing, _ = drawn(edges, sizes, labelled)
    for (a, b), line in zip(edges, drawing.lines, strict=True):
        caller, callee = drawing.places[a], drawing.places[b]
        x, y = map(float, _POINT.findall(line.path)[:2])
        end = float(_POINT.findall(line.path)[-1])
        tip_x, tip_y = map(float, _POINT.findall(line.arrow)[:2])
        if line.leftward:
            assert x == pytest.approx(callee.x + callee.width + ARROW, abs=0.1)
            assert end == pytest.approx(caller.x, abs=0.1)
            assert tip_x == pytest.approx(callee.x + callee.width, abs=0.1)
        else:
            assert x == pytest.approx(caller.x + caller.width, abs=0.1)
            assert end == pytest.approx(callee.x - ARROW, abs=0.1)
            assert tip_x == pytest.approx(callee.x, abs=0.1)
            assert caller.y <= y <= caller.y + caller.height
        assert callee.y <= tip_y <= callee.y + callee.height


def test_columns_are_far_enough_apart_for_their_labels() -> None:
    sizes = [Size(100, 40)] * 2
    near, _ = drawn([(0, 1)], sizes, labelled=False)
    far = draw(layered(2, [(0, 1)]), sizes, ["×" + "9" * 30])
    assert far.places[1].x - near.places[1].x > 30 * SMALL_CELL


def test_a_straight_line_stays_straight() -> None:
    drawing, _ = drawn([(0, 1), (1, 2)], [Size(100, 40)] * 3)
    assert {place.y for place in drawing.places} == {drawing.places[0].y}


def test_wide_signs_take_two_cells() -> None:
    assert cells("ab") == 2
    assert cells("漢字") == 4


def test_nothing_takes_no_room() -> None:
    drawing = draw(layered(0, []), [], [])
    assert (drawing.places, drawing.lines) == ((), ())
