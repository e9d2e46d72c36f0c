"""Where the boxes and lines of a layered graph lie, in pixels. Texts are in the monospaced font, so
that their widths are known here and no name is cut or covered.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from viewer.analysis.layered import Layered

CELL = 7.3
SMALL_CELL = 6.7
ARROW = 8
_MARGIN = 8
_PORTS_APART = 15
_NODES_APART, _WAYPOINTS_APART = 18, 3
_WAYPOINT = 7
_CURVE = 44
_LABEL_PAD = 14
_SWEEPS = 6
_WIDE = frozenset("WF")


@dataclass(frozen=True, slots=True)
class Size:
    """What a node needs: pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node lies: pixels from the left and top."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as a path, its arrow head as another, and where its label ends (or begins, where the
    edge leads to the left)."""

    path: str
    arrow: str
    label_x: float
    label_y: float
    leftward: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """The places of the nodes, the lines of the edges, and the size of all."""

    places: tuple[Place, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


def cells(text: str) -> int:
    """Return how many monospaced cells a text takes; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in _WIDE else 1 for sign in text)


def draw(graph: Layered, sizes: Sequence[Size], labels: Sequence[str]) -> Drawing:
    """Return where everything lies. ``labels`` are the edges' texts."""
    ports = _Ports(graph, len(sizes))
    heights = [
        max(size.height, _PORTS_APART * (ports.most(node) + 1)) for node, size in enumerate(sizes)
    ]
    vertices = max((max(layer) for layer in graph.layers), default=-1) + 1
    heights += [_WAYPOINT] * (vertices - len(sizes))
    middles = _middles(graph, heights)
    columns = _columns(graph, sizes, labels)
    places = [Place(0, 0, 0, 0)] * len(sizes)
    column_of: dict[int, tuple[float, float]] = {}
    for layer, (x, width) in zip(graph.layers, columns, strict=True):
        for vertex in layer:
            column_of[vertex] = x, width
            if vertex < len(sizes):
                top = middles[vertex] - heights[vertex] / 2
                places[vertex] = Place(x, round(top, 1), sizes[vertex].width, heights[vertex])
    ends = ports.heights(middles)
    lines = [
        _line(chain, turned, label, places, column_of, middles, ends[number])
        for number, (chain, turned, label) in enumerate(
            zip(graph.chains, graph.turned, labels, strict=True)
        )
    ]
    right = max((x + width for x, width in columns), default=0)
    bottom = max(
        (middles[vertex] + heights[vertex] / 2 for layer in graph.layers for vertex in layer),
        default=0,
    )
    return Drawing(tuple(places), tuple(lines), round(right + _MARGIN), round(bottom + _MARGIN))


class _Ports:
    """Where edges meet the sides of nodes: one above the other, in the order of where they go."""

    def __init__(self, graph: Layered, nodes: int) -> None:
        self._chains = graph.chains
        self._right: list[list[int]] = [[] for _ in range(nodes)]
        self._left: list[list[int]] = [[] for _ in range(nodes)]
        for number, chain in enumerate(graph.chains):
            self._right[chain[0]].append(number)
            self._left[chain[-1]].append(number)

    def most(self, node: int) -> int:
        """Return how many edges meet the side of a node that more of them meet."""
        return max(len(self._right[node]), len(self._left[node]))

    def heights(self, middles: Sequence[float]) -> list[tuple[float, float]]:
        """Return where each edge begins and ends, as heights."""
        begins, ends = [0.0] * len(self._chains), [0.0] * len(self._chains)
        for sides, heights, next_to in ((self._right, begins, 1), (self._left, ends, -2)):
            for node, numbers in enumerate(sides):
                numbers.sort(key=lambda number: middles[self._chains[number][next_to]])
                for index, number in enumerate(numbers):
                    heights[number] = (
                        middles[node] + (index - (len(numbers) - 1) / 2) * _PORTS_APART
                    )
        return list(zip(begins, ends, strict=True))


def _middles(graph: Layered, heights: Sequence[float]) -> list[float]:
    """Return the height of each vertex's middle: near its neighbours', without any overlap."""
    near_left: list[list[int]] = [[] for _ in heights]
    near_right: list[list[int]] = [[] for _ in heights]
    for chain in graph.chains:
        for a, b in pairwise(chain):
            near_right[a].append(b)
            near_left[b].append(a)
    middles = [0.0] * len(heights)
    for layer in graph.layers:
        _settle(layer, heights, middles, [0.0] * len(layer))
    for sweep in range(_SWEEPS):
        near = near_left if sweep % 2 == 0 else near_right
        for layer in graph.layers if sweep % 2 == 0 else graph.layers[::-1]:
            wanted = [
                sum(middles[other] for other in near[vertex]) / len(near[vertex])
                if near[vertex]
                else middles[vertex]
                for vertex in layer
            ]
            _settle(layer, heights, middles, wanted)
    top = min((middles[v] - heights[v] / 2 for layer in graph.layers for v in layer), default=0)
    return [middle - top + _MARGIN for middle in middles]


def _settle(
    layer: Sequence[int], heights: Sequence[float], middles: list[float], wanted: Sequence[float]
) -> None:
    """Put a layer's vertices as near to where they are wanted as their order and heights allow: least
    squares, by pooling those that would overlap (isotonic regression)."""
    offsets: list[float] = []
    bottom, above = 0.0, float(_WAYPOINT)
    for vertex in layer:
        lines = above == heights[vertex] == _WAYPOINT
        bottom += _WAYPOINTS_APART if lines else _NODES_APART
        offsets.append(bottom + heights[vertex] / 2)
        bottom, above = bottom + heights[vertex], heights[vertex]
    # Each pool stands where the mean of its members wants it: sum and number.
    pools: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=True):
        total, members = place - offset, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / members:
            sum_before, more = pools.pop()
            total, members = total + sum_before, members + more
        pools.append((total, members))
    index = 0
    for total, members in pools:
        for _ in range(members):
            middles[layer[index]] = total / members + offsets[index]
            index += 1


def _columns(
    graph: Layered, sizes: Sequence[Size], labels: Sequence[str]
) -> list[tuple[float, float]]:
    """Return where each layer begins and how wide it is; between them is room for the labels."""
    layer_of = {vertex: number for number, layer in enumerate(graph.layers) for vertex in layer}
    before, behind = [0.0] * (len(graph.layers) + 1), [0.0] * (len(graph.layers) + 1)
    for chain, turned, label in zip(graph.chains, graph.turned, labels, strict=True):
        side, number = (behind, layer_of[chain[0]]) if turned else (before, layer_of[chain[-1]])
        side[number] = max(side[number], _label_width(label))
    columns: list[tuple[float, float]] = []
    x = float(_MARGIN)
    for number, layer in enumerate(graph.layers):
        if number:
            x += behind[number - 1] + _CURVE + before[number]
        width = max((sizes[vertex].width for vertex in layer if vertex < len(sizes)), default=0.0)
        columns.append((round(x, 1), width))
        x += width
    return columns


def _label_width(label: str) -> float:
    return cells(label) * SMALL_CELL + _LABEL_PAD if label else 0.0


def _line(
    chain: Sequence[int],
    turned: bool,
    label: str,
    places: Sequence[Place],
    column_of: dict[int, tuple[float, float]],
    middles: Sequence[float],
    ends: tuple[float, float],
) -> Line:
    """Return an edge's line from left to right; its arrow stands at the end it leads to."""
    room = _label_width(label)
    first, last = places[chain[0]], places[chain[-1]]
    begin, end = round(ends[0], 1), round(ends[1], 1)
    left, right = first.x + first.width, last.x
    column_end = sum(column_of[chain[0]])
    line_from, line_to = (left + ARROW, right) if turned else (left, right - ARROW)
    # Straight as far as the column of a narrower node goes, and along the label.
    x, y = column_end + (room if turned else 0), begin
    parts = [f"M{line_from:g} {begin:g}H{x:g}"]
    for waypoint in chain[1:-1]:
        at, width = column_of[waypoint]
        height = round(middles[waypoint], 1)
        parts.append(f"{_curve(x, y, at, height)}H{at + width:g}")
        x, y = at + width, height
    target = right - (0 if turned else room)
    parts.append(f"{_curve(x, y, target, end)}H{line_to:g}")
    tip, back, height = (left, left + ARROW, begin) if turned else (right, right - ARROW, end)
    return Line(
        path="".join(parts),
        arrow=f"M{tip:g} {height:g}L{back:g} {height - 4:g}V{height + 4:g}z",
        label_x=round(tip + (ARROW + 2 if turned else -ARROW - 2), 1),
        label_y=round(height - 5, 1),
        leftward=turned,
    )


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    half = round((x + to_x) / 2, 1)
    return f"C{half:g} {y:g} {half:g} {to_y:g} {to_x:g} {to_y:g}"
