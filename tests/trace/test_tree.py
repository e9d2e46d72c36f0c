"""Any set of spans becomes a forest that holds each of them once, with its oddities named."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.trace.columns import TraceColumns, columns_of_spans
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import Oddity, TraceTree, build_tree, with_starts

TRACE = "0" * 31 + "1"


def span(
    span_id: int, parent_id: int = 0, start: int = 10, duration: int = 5, **more: object
) -> Span:
    return Span(TRACE, span_id, parent_id, str(more.pop("name", "op")), start, duration, **more)  # type: ignore[arg-type]


def tree_of(*spans: Span) -> TraceTree:
    digests = [hash(one) & 0xFFFFFFFF for one in spans]
    tree = build_tree(columns_of_spans(TRACE, spans, digests))
    tree.check()
    return tree


def oddities(tree: TraceTree) -> dict[str, int]:
    return {finding.oddity.value: finding.count for finding in tree.findings}


def names(tree: TraceTree, rows: Sequence[int]) -> list[str]:
    return [tree.columns.names[tree.columns.name[row]] for row in rows]


def test_it_puts_children_below_their_parent_by_start() -> None:
    tree = tree_of(
        span(3, 1, start=20, name="late"),
        span(2, 1, start=11, name="early"),
        span(1, duration=50, name="root"),
    )
    assert names(tree, range(3)) == ["root", "early", "late"]
    assert tree.parent.tolist() == [-1, 0, 0]
    assert tree.depth.tolist() == [0, 1, 1]
    assert tree.subtree_end.tolist() == [3, 2, 3]
    assert oddities(tree) == {}


def test_it_marks_a_span_whose_parent_is_missing() -> None:
    tree = tree_of(span(1), span(2, 99))
    assert oddities(tree) == {"orphan": 1}
    assert tree.columns.span_id[tree.rows_with(Oddity.ORPHAN)[0]] == 2


def test_it_says_when_there_is_no_root() -> None:
    assert oddities(tree_of(span(2, 99), span(3, 2))) == {"orphan": 1, "no-root": 1}


def test_it_says_when_there_are_several_roots() -> None:
    assert oddities(tree_of(span(1), span(2, start=12))) == {"several-roots": 2}


def test_a_span_that_is_its_own_parent_becomes_a_root() -> None:
    tree = tree_of(span(1, 1), span(2, 1))
    assert oddities(tree) == {"self-parent": 1, "no-root": 1}
    assert tree.parent.tolist() == [-1, 0]


def test_a_circle_is_cut_at_its_earliest_span() -> None:
    tree = tree_of(
        span(1, 3, start=10), span(2, 1, start=11), span(3, 2, start=12), span(4, 2, start=13)
    )
    assert oddities(tree)["cycle"] == 3
    assert tree.columns.span_id.tolist() == [1, 2, 3, 4]
    assert tree.parent.tolist() == [-1, 0, 1, 1]


def test_two_circles_are_cut_apart() -> None:
    tree = tree_of(span(1, 2), span(2, 1, start=11), span(3, 4, start=12), span(4, 3, start=13))
    assert oddities(tree)["cycle"] == 4
    assert len(tree.roots) == 2


def test_the_server_half_of_a_shared_id_hangs_below_the_client_half_and_takes_the_children() -> (
    None
):
    tree = tree_of(
        span(1, duration=90, name="root"),
        span(2, 1, start=11, duration=50, kind=SpanKind.CLIENT, name="client"),
        span(2, 1, start=10, duration=40, kind=SpanKind.SERVER, name="server"),
        span(3, 2, start=13, name="child"),
    )
    assert names(tree, range(4)) == ["root", "client", "server", "child"]
    assert tree.depth.tolist() == [0, 1, 2, 3]
    assert oddities(tree) == {"shared-id": 1, "starts-before-parent": 1}
    assert tree.shown_id[1] == 2
    assert tree.shown_id[2] != 2


def test_a_shared_root_has_one_root() -> None:
    tree = tree_of(
        span(2, 0, start=11, duration=50, kind=SpanKind.CLIENT, name="client"),
        span(2, 0, start=12, duration=40, kind=SpanKind.SERVER, name="server"),
    )
    assert tree.parent.tolist() == [-1, 0]
    assert oddities(tree) == {"shared-id": 1}


def test_a_re_used_id_keeps_both_spans_under_ids_of_their_own() -> None:
    tree = tree_of(span(1), span(2, 1, start=11), span(2, 1, start=12), span(3, 2, start=13))
    assert len(tree) == 4
    assert oddities(tree)["duplicate-id"] == 2
    assert len(set(tree.shown_id.tolist())) == 4


def test_derived_ids_do_not_depend_on_what_else_arrives() -> None:
    pair = (span(2, 1, start=11), span(2, 1, start=12))
    before, after = tree_of(span(1), *pair), tree_of(span(1), *pair, span(4, 1, start=11))
    assert set(before.shown_id.tolist()) < set(after.shown_id.tolist())


def test_an_exact_re_delivery_counts_once() -> None:
    tree = tree_of(span(1), span(2, 1), span(2, 1))
    assert len(tree) == 2
    assert oddities(tree) == {"redelivered": 1}


def test_it_names_children_outside_their_parents() -> None:
    tree = tree_of(
        span(1, start=10, duration=10),
        span(2, 1, start=9, duration=2),
        span(3, 1, start=15, duration=50),
    )
    assert oddities(tree) == {"starts-before-parent": 1, "ends-after-parent": 1}


def test_a_consumer_may_outlive_its_producer() -> None:
    tree = tree_of(
        span(1, kind=SpanKind.PRODUCER), span(2, 1, start=12, duration=99, kind=SpanKind.CONSUMER)
    )
    assert oddities(tree) == {}


def test_absent_times_are_named_and_do_not_stretch_the_trace() -> None:
    tree = tree_of(span(1, start=1000, duration=10), span(2, 1, start=0, duration=0))
    assert oddities(tree) == {"zero-duration": 1, "no-start-time": 1}
    assert (tree.start_ns, tree.duration_ns) == (1000, 10)


def test_a_duration_past_64_bits_is_cut() -> None:
    tree = tree_of(span(1, start=1 << 62, duration=(1 << 63) - 1))
    assert tree.end_ns == (1 << 63) - 1


def test_ancestors_run_from_the_root_down() -> None:
    tree = tree_of(span(1), span(2, 1, start=11), span(3, 2, start=12))
    assert tree.ancestors(2) == [0, 1]
    assert tree.row_of(3) == 2
    assert tree.row_of(99) is None


_KINDS = st.sampled_from(list(SpanKind))


@st.composite
def _graphs(draw: st.DrawFn) -> list[Span]:
    size = draw(st.integers(1, 30))
    ids = st.integers(1, max(1, draw(st.integers(1, 2 * size))))
    return [
        span(
            draw(ids),
            draw(st.just(0) | ids),
            start=draw(st.integers(0, 20)),
            duration=draw(st.integers(0, 20)),
            kind=draw(_KINDS),
            name=draw(st.sampled_from("abc")),
        )
        for _ in range(size)
    ]


@given(_graphs(), st.randoms(use_true_random=False))
@settings(max_examples=400)
def test_any_graph_is_placed_once_in_an_order_of_its_own(spans: list[Span], random: object) -> None:
    tree = tree_of(*spans)
    assert len(tree) == len(set(spans))
    sent = sorted((one.span_id, one.start_ns) for one in set(spans))
    assert (
        sorted(zip(tree.columns.span_id.tolist(), tree.columns.start_ns.tolist(), strict=True))
        == sent
    )
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = tree_of(*shuffled)
    assert again.shown_id.tolist() == tree.shown_id.tolist()
    assert again.parent.tolist() == tree.parent.tolist()
    assert oddities(again) == oddities(tree)


@given(_graphs())
def test_ancestors_are_the_way_from_the_root(spans: list[Span]) -> None:
    tree = tree_of(*spans)
    for row, parent in enumerate(tree.parent.tolist()):
        above = [] if parent < 0 else [*tree.ancestors(parent), parent]
        assert tree.ancestors(row) == above


def _columns(parents: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> TraceColumns:
    count = len(parents)
    numbers = np.arange(1, count + 1)
    return TraceColumns(
        TRACE,
        numbers.astype(np.uint64),
        parents,
        numbers.astype(np.uint32),
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint8),
        numbers.astype(np.int64),
        np.ones(count, np.int64),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        ("service",),
        ("name",),
    )


@pytest.mark.parametrize("shape", ["chain", "random", "wide", "circle"])
def test_large_traces_of_any_shape_are_built_without_recursion(shape: str) -> None:
    count = 100_000 if shape in ("chain", "circle") else 200_000
    parents = {
        "chain": lambda: np.arange(count),
        "circle": lambda: np.r_[count, np.arange(1, count)],
        "wide": lambda: np.minimum(np.arange(count), 1),
        "random": lambda: np.random.default_rng(7).integers(0, count, count),
    }[shape]()
    began = time.perf_counter()
    tree = build_tree(_columns(parents.astype(np.uint64)))
    assert time.perf_counter() - began < 20
    tree.check()
    assert len(tree) == count
    if shape == "chain":
        assert int(tree.depth.max()) == count - 1
    if shape == "circle":
        assert oddities(tree)["cycle"] == count


def test_times_before_2000_and_after_tomorrow_are_named() -> None:
    now, day = 1_700_000_000 * 10**9, 86_400 * 10**9
    starts = {1: now, 2: now + day, 3: now + day + 1, 4: 946_684_799 * 10**9, 5: 0}
    spans = [span(number, start=start) for number, start in starts.items()]
    columns = tree_of(*spans).columns
    tree = build_tree(columns, now)
    rows = tree.rows_with(Oddity.FAR_TIME)
    assert sorted(tree.columns.span_id[rows].tolist()) == [3, 4]
    assert not len(build_tree(columns).rows_with(Oddity.FAR_TIME))


@given(_graphs(), st.data())
def test_other_starts_change_the_order_of_siblings_and_nothing_else(
    spans: list[Span], data: st.DataObject
) -> None:
    tree = tree_of(*spans)
    starts = data.draw(st.lists(st.integers(1, 9), min_size=len(tree), max_size=len(tree)))
    moved, old_rows = with_starts(tree, np.array(starts, np.int64))
    moved.check()
    assert (moved.shown_id == tree.shown_id[old_rows]).all()
    assert (moved.columns.start_ns == np.array(starts)[old_rows]).all()
    assert (moved.columns.digest == tree.columns.digest[old_rows]).all()

    def parents(of: TraceTree) -> dict[int, int]:
        ids = of.shown_id.tolist()
        return {ids[row]: ids[above] if above >= 0 else 0 for row, above in enumerate(of.parent)}

    assert parents(moved) == parents(tree)
    for oddity in (Oddity.ORPHAN, Oddity.CYCLE, Oddity.DUPLICATE_ID, Oddity.SEVERAL_ROOTS):
        sent = set(tree.shown_id[tree.rows_with(oddity)].tolist())
        assert set(moved.shown_id[moved.rows_with(oddity)].tolist()) == sent
    for parent in range(-1, len(moved)):
        of_parent = moved.columns.start_ns[moved.parent == parent]
        assert (np.diff(of_parent) >= 0).all()


def test_times_told_as_odd_are_those_of_the_moved_tree() -> None:
    now = 1_700_000_000_000_000_000
    tree = tree_of(span(1, start=now), span(2, 1, start=now - 5))
    assert oddities(tree) == {"starts-before-parent": 1}
    moved, _ = with_starts(tree, np.array([now, now + 1]), now)
    assert oddities(moved) == {"ends-after-parent": 1}
    assert (moved.start_ns, moved.end_ns) == (now, now + 6)
    far, _ = with_starts(tree, np.array([now, 5]), now)
    assert far.rows_with(Oddity.FAR_TIME).tolist() == [1]
