"""The pair of timelines: one scale for both, the longest spans of each."""

from tests.builders import MS, START_NS, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.compare import compare
from viewer.trace.span import Span
from viewer.ui.viewmodel.compare_state import CompareState
from viewer.ui.viewmodel.compare_timelines import (
    LANE,
    MOST_SPANS,
    CompareTimelines,
    compare_timelines,
)

ID_A, ID_B = f"{1:032x}", f"{2:032x}"


def pair(a: list[Span], b: list[Span], selected: int = 0, utc: bool = False) -> CompareTimelines:
    one, other = a_loaded_trace(*a), a_loaded_trace(*b)
    found = compare(one.tree, one.self_ns, other.tree, other.self_ns)
    return compare_timelines(
        one, other, (found.a, found.b), CompareState(ID_A, ID_B, utc=utc), selected
    )


def test_both_are_drawn_on_the_scale_of_the_longer() -> None:
    found = pair(
        [a_span(1, trace_id=ID_A, duration_ns=50 * MS)],
        [
            a_span(1, trace_id=ID_B, duration_ns=200 * MS),
            a_span(
                2,
                1,
                trace_id=ID_B,
                name="late",
                error=True,
                start_ns=START_NS + 150 * MS,
                duration_ns=50 * MS,
            ),
        ],
    )
    (short,), (root, late) = (side.bars for side in found.sides)
    assert (short.x, short.width, root.width) == (0.0, 25.0, 100.0)
    assert (late.x, late.width, late.y) == (75.0, 25.0, LANE + 13)
    assert (late.at_end, late.label_x, root.at_end) == (True, 100.0, False)
    assert (late.failed, root.failed) == (True, False)
    assert late.label == "late 50.0 ms"
    assert late.title == "shop: late, 50.0 ms, starts at 150 ms"
    assert late.url == "/trace/0000000000000002?span=0000000000000002"
    assert [tick.label for tick in found.ticks] == ["0", "50.0 ms", "100 ms", "150 ms", "200 ms"]
    assert [side.height for side in found.sides] == [LANE, 2 * LANE]


def test_of_many_spans_the_longest_are_drawn_in_tree_order() -> None:
    spans = [a_span(1, duration_ns=10**9)] + [
        a_span(
            number, 1, name=f"step {number}", duration_ns=number * MS, start_ns=START_NS + number
        )
        for number in range(2, 102)
    ]
    side = pair(spans, spans).sides[0]
    assert len(side.bars) == MOST_SPANS
    assert side.bars[1].label.startswith("step 63 ")
    assert side.says == "the 40 longest of 101 spans"


def test_spans_of_the_selected_node_are_marked_in_both() -> None:
    spans = [a_span(1), a_span(2, 1, name="query"), a_span(3, 1, name="query")]
    found = pair(spans, spans[:2], selected=1)
    assert [[bar.selected for bar in side.bars] for side in found.sides] == [
        [False, True, True],
        [False, True],
    ]


def test_spans_without_time_or_a_length_stay_in_the_picture() -> None:
    odd = [
        a_span(1, duration_ns=100),
        a_span(2, 1, start_ns=0, duration_ns=10**18),
        a_span(3, 1, duration_ns=0, start_ns=START_NS + 100),
        a_span(4, 1, name="n" * 1000, duration_ns=1),
    ]
    for bar in pair(odd, odd).sides[0].bars:
        assert 0 <= bar.x <= 100
        assert 0 < bar.width <= 100.01 - bar.x
        assert len(bar.label) < 60


def test_links_keep_the_zone() -> None:
    bar = pair([a_span(1)], [a_span(1)], utc=True).sides[0].bars[0]
    assert bar.url.endswith("?span=0000000000000001&tz=utc")
