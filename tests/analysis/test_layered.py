"""Layers of any graph: edges lead right, waypoints fill the layers between, nothing is lost."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from viewer.analysis.layered import Layered, layered

GRAPHS = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
                lambda edge: edge[0] != edge[1]
            ),
            unique=True,
            max_size=40,
        ),
    )
)


def layer_of(found: Layered) -> dict[int, int]:
    return {vertex: number for number, layer in enumerate(found.layers) for vertex in layer}


def crossings(found: Layered) -> int:
    place = {
        vertex: (number, index)
        for number, layer in enumerate(found.layers)
        for index, vertex in enumerate(layer)
    }
    pieces = [(place[a], place[b]) for chain in found.chains for a, b in pairwise(chain)]
    return sum(
        (a[1] - c[1]) * (b[1] - d[1]) < 0
        for number, (a, b) in enumerate(pieces)
        for c, d in pieces[:number]
        if a[0] == c[0]
    )


@given(GRAPHS)
def test_every_edge_leads_right_through_each_layer_between(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    count, edges = graph
    found = layered(count, edges)
    layer = layer_of(found)
    vertices = [vertex for line in found.layers for vertex in line]
    assert sorted(vertices) == list(range(len(vertices)))
    assert all(any(vertex < count for vertex in line) for line in found.layers)
    for (a, b), chain, turned in zip(edges, found.chains, found.turned, strict=True):
        assert (chain[0], chain[-1]) == ((b, a) if turned else (a, b))
        assert all(vertex >= count for vertex in chain[1:-1])
        assert [layer[vertex] for vertex in chain] == list(
            range(layer[chain[0]], layer[chain[-1]] + 1)
        )
    assert found.crossings == crossings(found)


@given(GRAPHS)
def test_only_what_closes_a_circle_is_turned(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    downward = [(min(edge), max(edge)) for edge in edges]
    assert not any(layered(count, sorted(set(downward))).turned)


def test_two_that_call_each_other_are_one_right_of_the_other() -> None:
    found = layered(2, [(0, 1), (1, 0)])
    assert found.layers == ((0,), (1,))
    assert found.turned == (False, True)


def test_a_node_stands_right_of_all_that_lead_to_it() -> None:
    found = layered(4, [(0, 1), (1, 2), (0, 2), (3, 2)])
    assert layer_of(found)[2] == 2
    assert layer_of(found)[3] == 0


def test_neighbours_are_put_side_by_side_so_that_no_lines_cross() -> None:
    found = layered(6, [(0, 5), (1, 4), (2, 3)])
    assert found.crossings == 0
    assert layered(4, [(0, 3), (1, 2), (0, 2)]).crossings == 0


def test_a_long_chain_needs_no_recursion() -> None:
    count = 5_000
    found = layered(count, [(n, n + 1) for n in range(count - 1)])
    assert len(found.layers) == count


def test_nothing_has_no_layers() -> None:
    assert layered(0, []) == Layered((), (), ())
