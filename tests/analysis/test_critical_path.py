"""The critical path: Uber's known answers, CRISP read aloud, and shapes that break others."""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import START_NS, a_span, a_tree
from tests.formats.reading import chunks
from viewer.analysis.critical_path import CriticalPath, critical_path
from viewer.trace.columns import TraceColumns, columns_of_spans
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import TraceTree, build_tree

_Segment = tuple[int, int]
_US = 1_000


def span(
    span_id: int,
    parent: int,
    begin: int,
    end: int,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Span:
    return a_span(
        span_id, parent, start_ns=START_NS + begin, duration_ns=end - begin, kind=kind
    )  # fmt: skip


def shown(*spans: Span) -> dict[int, list[_Segment]]:
    """Return the segments by span ID, from START_NS on."""
    tree = a_tree(spans)
    path = critical_path(tree)
    ids = tree.columns.span_id.tolist()
    return {
        ids[row]: [
            (low - START_NS, high - START_NS) for low, high in path.segments_of(row).tolist()
        ]
        for row in path.rows.tolist()
    }


def test_a_child_that_ends_when_the_next_begins_is_on_the_path() -> None:
    assert shown(span(1, 0, 0, 100), span(2, 1, 0, 50), span(3, 1, 50, 100)) == {
        1: [],
        2: [(0, 50)],
        3: [(50, 100)],
    }


def test_it_is_so_whatever_else_ends_or_begins_then() -> None:
    spans = [span(1, 0, 0, 100), span(2, 1, 0, 50), span(3, 1, 50, 100), span(4, 1, 20, 50)]
    assert set(shown(*spans)) == {1, 2, 3}
    assert set(shown(*spans[:3], span(4, 1, 50, 60))) == {1, 2, 3}


def test_of_children_at_the_same_time_the_one_that_ends_last_is_waited_for() -> None:
    spans = [span(1, 0, 0, 100), span(2, 1, 10, 60), span(3, 1, 20, 80), span(4, 3, 30, 40)]
    assert shown(*spans) == {1: [(0, 20), (80, 100)], 3: [(20, 30), (40, 80)], 4: [(30, 40)]}


def test_of_children_that_end_together_the_longest_is_waited_for() -> None:
    spans = [span(1, 0, 0, 100), span(2, 1, 30, 80), span(3, 1, 20, 80), span(4, 1, 0, 10)]
    assert shown(*spans) == {1: [(10, 20), (80, 100)], 3: [(20, 80)], 4: [(0, 10)]}
    # Both of these go on until their parent ends, as far as it is concerned.
    assert set(shown(span(1, 0, 0, 100), span(2, 1, 50, 200), span(3, 1, 40, 150))) == {1, 3}


def test_a_child_counts_as_far_as_it_lies_within_its_parent() -> None:
    spans = [span(1, 0, 0, 100), span(2, 1, -50, 20), span(3, 1, 90, 300), span(4, 3, 95, 250)]
    assert shown(*spans) == {1: [(20, 90)], 2: [(0, 20)], 3: [(90, 95)], 4: [(95, 100)]}
    assert set(shown(span(1, 0, 0, 100), span(2, 1, 100, 150), span(3, 1, -20, 0))) == {1}


def test_what_is_consumed_later_is_not_waited_for() -> None:
    producer, consumer = SpanKind.PRODUCER, SpanKind.CONSUMER
    spans = [span(1, 0, 0, 100, producer), span(2, 1, 50, 90, consumer), span(3, 2, 60, 80)]
    assert shown(*spans) == {1: [(0, 100)]}
    assert 2 in shown(span(1, 0, 0, 100), span(2, 1, 50, 90, consumer))


def test_a_small_overlap_is_put_down_to_clocks() -> None:
    root, first, last = span(1, 0, 0, 1000), span(2, 1, 100, 505), span(3, 1, 500, 900)
    assert shown(root, first, last)[2] == [(100, 500)]
    assert 2 not in shown(root, span(2, 1, 100, 510), last)
    # With a third child at that time they run side by side, be it that it only begins or ends.
    for third in (
        (502, 600),
        (500, 600),
        (300, 502),
        (300, 500),
        (300, 505),
        (505, 506),
        (503, 504),
    ):
        assert 2 not in shown(root, first, last, span(4, 1, *third)), third
    assert 4 in shown(root, first, last, span(4, 1, 300, 500))
    assert 2 in shown(root, first, last, span(4, 1, 300, 499))
    # One that begins together with the next, or after it, is no predecessor.
    assert set(shown(root, span(2, 1, 500, 505), last)) == {1, 3}


def test_below_an_overlap_the_path_changes_over_as_well() -> None:
    spans = [span(1, 0, 0, 1000), span(2, 1, 100, 505), span(3, 2, 200, 505), span(4, 1, 500, 900)]
    found = shown(*spans)
    assert (found[2], found[3]) == ([(100, 200)], [(200, 500)])


def test_the_path_leads_from_root_to_root_back_in_time() -> None:
    spans = [span(1, 0, 0, 100), span(2, 0, 20, 60), span(3, 0, 80, 200), span(4, 1, 70, 95)]
    assert shown(*spans) == {1: [(0, 70)], 4: [(70, 80)], 3: [(80, 200)]}
    assert shown(span(1, 0, 0, 10), span(2, 0, 50, 60)) == {1: [(0, 10)], 2: [(50, 60)]}


def test_orphans_stand_in_for_roots_where_there_is_none() -> None:
    assert shown(span(2, 99, 0, 10), span(3, 98, 10, 40)) == {2: [(0, 10)], 3: [(10, 40)]}
    assert shown(span(1, 0, 0, 50), span(2, 99, 40, 60)) == {1: [(0, 50)]}


def test_a_circle_of_parents_is_followed_from_where_it_is_cut() -> None:
    found = shown(span(1, 2, 0, 100), span(2, 1, 20, 50))
    assert found == {1: [(0, 20), (50, 100)], 2: [(20, 50)]}


def test_a_root_without_a_start_time_is_passed_over() -> None:
    root = a_span(1, start_ns=0, duration_ns=5)
    spans = [root, span(2, 1, 0, 10), span(3, 1, 10, 30)]
    assert shown(*spans) == {2: [(0, 10)], 3: [(10, 30)]}
    tree = a_tree([root])
    assert critical_path(tree).segments.tolist() == [[0, 5]]


def test_spans_without_a_duration_are_not_on_it() -> None:
    assert shown(span(1, 0, 0, 10), span(2, 1, 5, 5), span(3, 1, 2, 5)) == {
        1: [(0, 2), (5, 10)],
        3: [(2, 5)],
    }
    assert shown(span(1, 0, 0, 0)) == {}


def test_the_longest_spans_there_can_be_do_not_overflow() -> None:
    last = (1 << 63) - 1
    spans = [a_span(number, number // 2, start_ns=number, duration_ns=last) for number in range(9)]
    path = critical_path(a_tree(spans[1:]))
    assert path.total_ns.sum() == last - 1
    assert (path.total_ns >= 0).all()


def test_a_window_is_all_that_a_span_and_those_below_it_contribute() -> None:
    tree = a_tree([span(1, 0, 0, 100), span(2, 1, 20, 60), span(3, 2, 30, 40), span(4, 1, 0, 5)])
    path = critical_path(tree)
    (low, high) = path.window_of(2).tolist()[0]
    assert (low - START_NS, high - START_NS) == (20, 60)
    assert tree.columns.span_id[2] == 2
    assert not len(critical_path(a_tree([span(1, 0, 0, 9), span(2, 1, 9, 9)])).window_of(1))


# --- Uber's own cases ---


def crisp(folder: Path, number: int) -> tuple[TraceTree, dict[str, int]]:
    """Return a case of CRISP's and the exclusive times it expects by operation, in microseconds."""
    said: dict[str, Any] = json.loads((folder / f"crisp-{number}.json").read_text())
    for sent in said["data"][0]["spans"]:
        # They begin at 0, which is no time of day.
        sent["startTime"] += START_NS // _US
    data = json.dumps(said).encode()
    spans = [found for chunk in chunks(data) for found in chunk.batch.spans()]
    answer = said["testing"]
    expected = answer["opTimeExclusive"] if isinstance(answer, dict) else answer[0]
    return a_tree(spans), expected


def by_operation(tree: TraceTree, times: dict[int, int]) -> dict[str, int]:
    columns, result = tree.columns, defaultdict[str, int](int)
    for row, time_ns in times.items():
        service = columns.services[columns.service[row]]
        result[f"[{service}] {columns.names[columns.name[row]]}"] += time_ns // _US
    return dict(result)


def exclusive_times(tree: TraceTree, path: CriticalPath) -> dict[int, int]:
    """Return CRISP's measure: a span's duration (within its parents') less that of its children on
    the path, so that of two that overlap both have the overlap, and their parent less for it."""
    windows: dict[int, _Segment] = {}
    times: dict[int, int] = {}
    for row in path.rows.tolist():
        begin = int(tree.columns.start_ns[row])
        end = begin + int(tree.columns.dur_ns[row])
        above = int(tree.parent[row])
        low, high = windows.get(above, (begin, end))
        windows[row] = max(begin, low), min(end, high)
        times[row] = windows[row][1] - windows[row][0]
        if above in times:
            times[above] -= times[row]
    return times


@pytest.mark.parametrize("number", range(1, 13))
def test_the_answers_of_crisp_are_met(shared_traces: Path, number: int) -> None:
    tree, expected = crisp(shared_traces / "jaeger" / "critical-path", number)
    path = critical_path(tree)
    assert by_operation(tree, exclusive_times(tree, path)) == expected
    ours = by_operation(tree, {row: int(path.total_ns[row]) for row in path.rows.tolist()})
    if number == 10:
        # Its children overlap by 1 µs each; here a moment is only one span's.
        expected = {"[S1] O1": 402, "[S2] O2": 199, "[S3] O3": 99, "[S4] O4": 300}
    assert ours == expected


# --- any trace ---


@dataclass
class _Kid:
    row: int
    begin: int
    end: int


@dataclass
class _Plain:
    """CRISP read aloud: recursive, quadratic, span by span."""

    tree: TraceTree
    own: dict[int, list[_Segment]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = self.tree.columns
        self.begin = columns.start_ns.tolist()
        self.end = (columns.start_ns + columns.dur_ns).tolist()
        self.parent = self.tree.parent.tolist()
        before = None
        tops = self.tops()
        while tops:
            top = min(tops, key=lambda row: (-self.end[row], self.begin[row], row))
            end = self.end[top] if before is None else min(self.end[top], before)
            before = self.begin[top]
            self.follow(_Kid(top, before, end), end)
            tops = [row for row in tops if self.begin[row] < before]

    def timed(self, row: int) -> bool:
        return bool(self.begin[row]) or not self.tree.start_ns

    def tops(self) -> list[int]:
        tops: dict[int, int] = {}
        for row, above in enumerate(self.parent):
            if not self.timed(row):
                continue
            if above < 0:
                tops[row] = row
            elif not self.timed(above) and self.parent[above] < 0:
                tops[row] = above
        ids = self.tree.columns.parent_id
        return [row for row, root in tops.items() if not ids[root]] or list(tops)

    def children(self, span: _Kid) -> list[_Kid]:
        kind, kids = self.tree.columns.kind, []
        for row, above in enumerate(self.parent):
            if above != span.row or not self.timed(row):
                continue
            if (kind[above], kind[row]) == (SpanKind.PRODUCER, SpanKind.CONSUMER):
                continue
            kid = _Kid(row, max(self.begin[row], span.begin), min(self.end[row], span.end))
            if kid.begin < kid.end:
                kids.append(kid)
        return sorted(kids, key=lambda kid: (-kid.end, kid.begin, kid.row))

    def follow(self, span: _Kid, cut: int) -> None:
        kids = self.children(span)
        path: list[_Kid] = []
        for kid in kids:
            if not path or self.happens_before(span, kids, kid, path[-1]):
                path.append(kid)
        cursor, gaps = span.begin, []
        for kid in reversed(path):
            gaps.append((cursor, kid.begin))
            cursor = kid.end
        for kid, next_begin in zip(path, [cut, *(kid.begin for kid in path)], strict=False):
            self.follow(kid, min(next_begin, cut))
        gaps.append((cursor, span.end))
        cut_gaps = [(low, min(high, cut)) for low, high in gaps]
        if min(span.end, cut) > span.begin:
            self.own[span.row] = [(low, high) for low, high in cut_gaps if low < high]

    def happens_before(self, span: _Kid, kids: list[_Kid], kid: _Kid, later: _Kid) -> bool:
        if kid.end <= later.begin:
            return True
        if not (kid.end < later.end and kid.begin < later.begin):
            return False
        if (kid.end - later.begin) / (span.end - span.begin) >= 0.01:
            return False
        times = [time for other in kids for time in (other.begin, other.end)]
        return sum(later.begin <= time <= kid.end for time in times) == 2


# Few times, so that many coincide or nearly do.
_TIMES = st.builds(
    lambda step, jitter: max(step * 300 + jitter, 0),
    st.integers(0, 6),
    st.sampled_from([0, 0, 0, -1, 1, 2]),
)
_SPANS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 0, 9]),
        _TIMES,
        _TIMES,
        st.sampled_from([SpanKind.INTERNAL, SpanKind.CONSUMER, SpanKind.PRODUCER]),
        st.integers(0, 15).map(bool),
    ),
    min_size=1,
    max_size=12,
)
_Drawn = tuple[int, int, int, SpanKind, bool]


def drawn(spans: Sequence[_Drawn]) -> list[Span]:
    return [
        a_span(
            number,
            parent if parent <= number or parent > 7 else 1,
            start_ns=START_NS + min(begin, end) if timed else 0,
            duration_ns=abs(end - begin),
            kind=kind,
        )
        for number, (parent, begin, end, kind, timed) in enumerate(spans, 1)
    ]


@given(_SPANS)
@settings(max_examples=500)
def test_it_is_what_crisp_says_read_aloud(spans: list[_Drawn]) -> None:
    tree = a_tree(drawn(spans))
    path = critical_path(tree)
    found = {
        row: [tuple(segment) for segment in path.segments_of(row).tolist()]
        for row in path.rows.tolist()
    }
    assert found == _Plain(tree).own
    assert path.total_ns.sum() == sum(
        high - low for segments in found.values() for low, high in segments
    )


@given(_SPANS)
@settings(max_examples=300)
def test_segments_lie_within_their_spans_and_never_overlap(spans: list[_Drawn]) -> None:
    tree = a_tree(drawn(spans))
    path = critical_path(tree)
    begin, end = tree.columns.start_ns, tree.columns.start_ns + tree.columns.dur_ns
    order = np.argsort(path.segments[:, 0], kind="stable")
    assert (path.segments[order[1:], 0] >= path.segments[order[:-1], 1]).all()
    assert ((path.segments >= tree.start_ns) & (path.segments <= tree.end_ns)).all()
    for row in path.rows.tolist():
        own, (whole,) = path.segments_of(row), path.window_of(row).tolist()
        assert (own[:, 1] > own[:, 0]).all()
        assert ((own >= begin[row]) & (own <= end[row])).all()
        assert path.total_ns[row] == (own[:, 1] - own[:, 0]).sum()
        # The window is filled by the span and those below, whose rows follow its own.
        below = slice(row, int(tree.subtree_end[row]))
        assert path.total_ns[below].sum() == whole[1] - whole[0]
        # A span has only time in which no child on the path runs.
        for child in np.flatnonzero(tree.parent == row).tolist():
            for low, high in path.window_of(child).tolist():
                assert ((own[:, 1] <= low) | (own[:, 0] >= high)).all()
    off = np.setdiff1d(np.arange(len(tree)), path.rows)
    assert not path.total_ns[off].any()


@given(_SPANS)
def test_a_single_root_is_on_it_for_its_whole_duration(spans: list[_Drawn]) -> None:
    begun = drawn(spans)[1:]
    root = a_span(1, start_ns=START_NS + 100, duration_ns=2500)
    known = {child.span_id for child in begun}
    children = [
        child if child.parent_id in known and child.parent_id < child.span_id
        else replace(child, parent_id=1)
        for child in begun
    ]  # fmt: skip
    tree = a_tree([root, *children])
    path = critical_path(tree)
    # Its length is the root's duration, and what each span has of it adds up to that.
    lengths = path.segments[:, 1] - path.segments[:, 0]
    assert lengths.sum() == path.total_ns.sum() == 2500
    (whole,) = path.window_of(int(tree.roots[0])).tolist()
    assert whole == [START_NS + 100, START_NS + 2600]


@given(_SPANS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(spans: list[_Drawn], random: Any) -> None:
    numbers = list(range(len(spans)))
    random.shuffle(numbers)
    begun = drawn(spans)
    tree = a_tree(begun)
    mixed = build_tree(columns_in(begun, numbers))
    assert mixed.columns.span_id.tolist() == tree.columns.span_id.tolist()
    one, other = critical_path(tree), critical_path(mixed)
    assert one.rows.tolist() == other.rows.tolist()
    assert one.segments.tolist() == other.segments.tolist()


def columns_in(spans: Sequence[Span], order: list[int]) -> TraceColumns:
    """Return the columns of these spans in another order, each with its own digest."""
    return columns_of_spans(spans[0].trace_id, [spans[number] for number in order], order)


# --- large traces ---


def a_large_tree(parents: Any, begin: Any, duration: Any) -> TraceTree:
    count = len(parents)
    return build_tree(
        TraceColumns(
            trace_id="0" * 31 + "1",
            span_id=np.arange(1, count + 1, dtype=np.uint64),
            parent_id=np.asarray(parents, np.uint64),
            digest=np.arange(count, dtype=np.uint32),
            kind=np.zeros(count, np.uint8),
            status=np.zeros(count, np.uint8),
            start_ns=START_NS + np.asarray(begin, np.int64),
            dur_ns=np.asarray(duration, np.int64),
            service=np.zeros(count, np.int32),
            name=np.zeros(count, np.int32),
            services=("service",),
            names=("name",),
        )
    )


@pytest.mark.parametrize("shape", ["chain", "wide", "roots"])
def test_100_000_spans_of_any_shape_are_followed_without_recursion(shape: str) -> None:
    count = 100_000
    numbers = np.arange(count)
    tree = {
        "chain": lambda: a_large_tree(numbers, numbers, 2 * (count - numbers)),
        "wide": lambda: a_large_tree(
            np.minimum(numbers, 1),
            np.maximum(numbers - 1, 0) * 10,
            np.r_[10 * (count - 1), np.full(count - 1, 10)],
        ),
        "roots": lambda: a_large_tree(numbers * 0, numbers * 10, np.full(count, 10)),
    }[shape]()
    began = time.process_time()
    path = critical_path(tree)
    assert time.process_time() - began < 2
    assert len(path.rows) == count
    assert path.total_ns.sum() == tree.duration_ns
