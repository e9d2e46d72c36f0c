"""Nodes of a directed graph in layers from left to right, as Sugiyama, Tagawa and Toda (1981) do.

Edges that close a circle are turned around; a node stands one layer right of the rightmost one that
leads to it; an edge over several layers passes a waypoint in each layer between; and a few sweeps
put the vertices of each layer near those they are connected with. All of it is loops: a graph may
be one long chain.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 8
_NO_MORE = -1
Edges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Layered:
    """``layers`` hold vertices from top to bottom: nodes, and waypoints, whose numbers follow those
    of the nodes. ``chains`` are the vertices of each edge from left to right; ``turned`` marks the
    edges that lead from right to left."""

    layers: tuple[tuple[int, ...], ...]
    chains: tuple[tuple[int, ...], ...]
    turned: tuple[bool, ...]

    @property
    def crossings(self) -> int:
        """Count the crossings of edges between neighbouring layers."""
        return _crossings(self.layers, self.chains)


def layered(count: int, edges: Edges) -> Layered:
    """Return the layers of nodes 0 … count-1. No edge leads from a node to itself."""
    turned = _turned(count, edges)
    forward = [(b, a) if turn else (a, b) for (a, b), turn in zip(edges, turned, strict=True)]
    layer = _layer_of(count, forward)
    layers: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for node in range(count):
        layers[layer[node]].append(node)
    chains: list[tuple[int, ...]] = []
    vertices = count
    for left, right in forward:
        between = range(layer[left] + 1, layer[right])
        waypoints = range(vertices, vertices + len(between))
        vertices += len(between)
        for number, waypoint in zip(between, waypoints, strict=True):
            layers[number].append(waypoint)
        chains.append((left, *waypoints, right))
    return Layered(_ordered(layers, chains, vertices), tuple(chains), tuple(turned))


def _turned(count: int, edges: Edges) -> list[bool]:
    """Mark the edges that lead back to a node on the way to them, searching in depth from the nodes
    nothing leads to, then from the first ones of what is left."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for number, (a, b) in enumerate(edges):
        leaving[a].append(number)
        entered[b] = True
    turned = [False] * len(edges)
    begun, on_way = [False] * count, [False] * count
    for start in sorted(range(count), key=lambda node: entered[node]):
        if begun[start]:
            continue
        begun[start] = on_way[start] = True
        way = [(start, iter(leaving[start]))]
        while way:
            node, rest = way[-1]
            number = next(rest, _NO_MORE)
            if number == _NO_MORE:
                on_way[node] = False
                way.pop()
                continue
            called = edges[number][1]
            turned[number] = on_way[called]
            if not begun[called]:
                begun[called] = on_way[called] = True
                way.append((called, iter(leaving[called])))
    return turned


def _layer_of(count: int, forward: Edges) -> list[int]:
    leaving: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in forward:
        leaving[a].append(b)
        waiting[b] += 1
    layer = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    while ready:
        node = ready.pop()
        for called in leaving[node]:
            layer[called] = max(layer[called], layer[node] + 1)
            waiting[called] -= 1
            if not waiting[called]:
                ready.append(called)
    return layer


def _ordered(
    layers: list[list[int]], chains: Sequence[Sequence[int]], vertices: int
) -> tuple[tuple[int, ...], ...]:
    """Return the layers in the best order of a few sweeps to the right and to the left."""
    left: list[list[int]] = [[] for _ in range(vertices)]
    right: list[list[int]] = [[] for _ in range(vertices)]
    for chain in chains:
        for a, b in pairwise(chain):
            right[a].append(b)
            left[b].append(a)
    best = tuple(tuple(layer) for layer in layers)
    fewest = _crossings(best, chains)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        near = left if sweep % 2 == 0 else right
        fixed_first = layers if sweep % 2 == 0 else layers[::-1]
        place = {vertex: index for layer in layers for index, vertex in enumerate(layer)}
        for layer in fixed_first[1:]:
            layer.sort(key=lambda vertex: _middle(vertex, near, place))
            place.update((vertex, index) for index, vertex in enumerate(layer))
        crossings = _crossings(layers, chains)
        if crossings < fewest:
            best, fewest = tuple(tuple(layer) for layer in layers), crossings
    return best


def _middle(vertex: int, near: list[list[int]], place: dict[int, int]) -> float:
    """Return the mean place of a vertex's neighbours, its own if it has none."""
    if not near[vertex]:
        return place[vertex]
    return sum(place[other] for other in near[vertex]) / len(near[vertex])


def _crossings(layers: Sequence[Sequence[int]], chains: Sequence[Sequence[int]]) -> int:
    place = {
        vertex: (number, index)
        for number, layer in enumerate(layers)
        for index, vertex in enumerate(layer)
    }
    pieces = [(*place[a], place[b][1]) for chain in chains for a, b in pairwise(chain)]
    pieces.sort()
    crossings, begun = 0, -1
    ends: list[int] = []
    for number, _, end in pieces:
        if number != begun:
            begun, ends = number, []
        # Pieces from the same place stand in order of their ends: these do not cross.
        crossings += len(ends) - bisect_right(ends, end)
        insort(ends, end)
    return crossings
