"""Clock skew: what Jaeger and Zipkin correct, what they should not, and times of any kind."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_forest, a_span, a_tree
from tests.formats.reading import chunks
from viewer.analysis.clock_skew import ClockSkew, clock_skew
from viewer.trace.columns import columns_of_spans
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import Oddity, TraceTree, build_tree, with_starts

SECOND = 1_000 * MS


def span(
    span_id: int,
    parent: int,
    begin: int,
    end: int,
    service: str = "a",
    host: str = "",
    kind: SpanKind = SpanKind.CLIENT,
) -> Span:
    """Return a span from ``begin`` to ``end``, in milliseconds from START_NS on."""
    return a_span(
        span_id,
        parent,
        service=service,
        kind=kind,
        start_ns=START_NS + begin * MS,
        duration_ns=(end - begin) * MS,
        resource={"host.name": host} if host else None,
    )


def shifts(*spans: Span) -> dict[int, int]:
    """Return by how many milliseconds spans move; those that do not are left out."""
    tree = a_tree(spans)
    by = clock_skew(tree).shift_ns.tolist()
    ids = tree.columns.span_id.tolist()
    return {number: ns // MS for number, ns in zip(ids, by, strict=True) if ns}


def told(*spans: Span) -> ClockSkew:
    return clock_skew(a_tree(spans))


def adjusted(tree: TraceTree) -> TraceTree:
    moved, _ = with_starts(tree, tree.columns.start_ns + clock_skew(tree).shift_ns)
    moved.check()
    return moved


def test_a_call_that_began_before_its_caller_is_moved_to_its_middle() -> None:
    assert shifts(span(1, 0, 0, 100), span(2, 1, -500, -440, "b")) == {2: 520}


def test_a_call_that_ended_after_its_caller_though_it_is_shorter_likewise() -> None:
    assert shifts(span(1, 0, 0, 100), span(2, 1, 60, 120, "b")) == {2: -40}


def test_a_longer_call_is_moved_to_the_beginning_of_its_caller_and_no_further() -> None:
    assert shifts(span(1, 0, 0, 100), span(2, 1, -30, 200, "b")) == {2: 30}
    assert not shifts(span(1, 0, 0, 100), span(2, 1, 10, 200, "b"))


def test_a_caller_that_is_no_half_of_the_call_moves_it_only_as_far_as_needed() -> None:
    root = span(1, 0, 0, 100, kind=SpanKind.SERVER)
    assert shifts(root, span(2, 1, -3, 7, "b")) == {2: 3}
    assert shifts(root, span(2, 1, 95, 105, "b")) == {2: -5}
    assert shifts(root, span(2, 1, -3, 7, "b"), span(3, 1, -8, 2, "b")) == {2: 8, 3: 8}
    # Of two calls to one clock a client's half knows better.
    client = span(4, 1, 10, 20, kind=SpanKind.CLIENT)
    assert shifts(root, client, span(2, 1, -3, 7, "b"), span(3, 4, 2, 10, "b")) == {2: 9, 3: 9}


def test_nothing_moves_where_calls_fit() -> None:
    assert not shifts(span(1, 0, 0, 100), span(2, 1, 0, 100, "b"), span(3, 2, 10, 20, "c"))


def test_what_hangs_below_moves_along() -> None:
    spans = [span(1, 0, 0, 100), span(2, 1, -500, -440, "b"), span(3, 2, -490, -480, "b")]
    assert shifts(*spans, span(4, 3, -489, -481, "c")) == {2: 520, 3: 520, 4: 520}


def test_a_call_from_what_moves_is_moved_back_where_its_own_clock_is_right() -> None:
    spans = [span(1, 0, 0, 100), span(2, 1, -500, -440, "b"), span(3, 2, 30, 60, "c")]
    moved = shifts(*spans)
    assert moved[2] == 520
    # Its caller is from 20 to 80 then, in the middle of which 15 ms are before it and after it.
    assert moved[3] == 5


def test_spans_of_one_service_are_of_one_clock_where_no_host_is_known() -> None:
    assert not shifts(span(1, 0, 0, 100, "a"), span(2, 1, -50, 10, "a"))


def test_one_service_on_two_hosts_has_two_clocks() -> None:
    assert shifts(span(1, 0, 0, 100, "a", "x"), span(2, 1, -50, 10, "a", "y")) == {2: 70}


def test_two_services_on_one_host_have_one_clock() -> None:
    assert not shifts(span(1, 0, 0, 100, "a", "x"), span(2, 1, -50, 10, "b", "x"))


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (SpanKind.PRODUCER, SpanKind.CONSUMER),
        (SpanKind.INTERNAL, SpanKind.CONSUMER),
        (SpanKind.PRODUCER, SpanKind.SERVER),
    ],
)
def test_what_nobody_waits_for_is_not_corrected(parent: SpanKind, child: SpanKind) -> None:
    first = span(1, 0, 0, 100, kind=parent)
    assert not shifts(first, span(2, 1, 500, 520, "b", kind=child), span(3, 2, 505, 510, "b"))


def test_what_nobody_waits_for_does_not_move_with_its_producer() -> None:
    producer = span(2, 1, -500, -440, "b", kind=SpanKind.PRODUCER)
    consumer = span(3, 2, 300, 320, "c", kind=SpanKind.CONSUMER)
    assert shifts(span(1, 0, 0, 100), producer, consumer, span(4, 3, 310, 315, "c")) == {2: 520}


def test_but_what_a_consumer_calls_is_corrected() -> None:
    spans = [
        span(1, 0, 0, 100, kind=SpanKind.PRODUCER),
        span(2, 1, 300, 400, "b", kind=SpanKind.CONSUMER),
        span(3, 2, 100, 120, "c"),
    ]
    assert shifts(*spans) == {3: 200}


def test_all_calls_to_one_clock_are_moved_alike() -> None:
    # Alone the first would be moved by 100 ms, which is not enough for the second.
    calls = [span(2, 1, -70, -30, "b"), span(3, 1, -110, -30, "b")]
    assert shifts(span(1, 0, 0, 100), *calls) == {2: 120, 3: 120}
    found = told(span(1, 0, 0, 100), *calls)
    assert (found.calls.tolist(), found.spans.tolist()) == ([2], [2])
    assert (found.early_ns.tolist(), found.late_ns.tolist()) == ([110 * MS], [0])


def test_a_call_that_fits_moves_with_the_others_of_its_clock() -> None:
    moved = shifts(span(1, 0, 0, 100), span(2, 1, -10, 20, "b"), span(3, 1, 40, 50, "b"))
    assert moved[2] == moved[3] == 30


def test_calls_that_no_one_move_suits_are_corrected_each_by_itself() -> None:
    spans = [
        span(1, 0, 0, 100),
        span(2, 1, -50, 50, "b"),
        span(3, 1, 50, 150, "b"),
        span(4, 1, 1, 2, "b"),
    ]
    assert shifts(*spans) == {2: 50, 3: -50}
    assert told(*spans).calls.tolist() == [1, 1]


def test_a_span_without_a_start_neither_moves_nor_moves_others() -> None:
    untimed = replace(span(2, 1, 0, 10, "b"), start_ns=0)
    assert not shifts(span(1, 0, 0, 100), untimed, span(3, 2, 10, 20, "c"))
    below = replace(span(3, 2, 0, 10, "b"), start_ns=0)
    assert shifts(span(1, 0, 0, 100), span(2, 1, -500, -440, "b"), below) == {2: 520}


def test_an_orphan_stays_where_it_is() -> None:
    assert not shifts(span(1, 0, 0, 100), span(2, 9, -500, -440, "b"))


def test_the_largest_corrections_are_told_first() -> None:
    found = told(
        span(1, 0, 0, 100),
        span(2, 1, -10, 30, "b"),
        span(3, 1, -90, -80, "c"),
        span(4, 3, -89, -81),
    )
    assert found.shift_ns[found.first].tolist() == [135 * MS, 40 * MS]
    assert found.spans.tolist() == [2, 1]
    assert (found.moved, found.largest_ns) == (3, 135 * MS)


@pytest.fixture
def shared_tree(shared_traces: Path) -> Callable[[str], TraceTree]:
    def read(name: str) -> TraceTree:
        data = (shared_traces / name).read_bytes()
        found = [span for chunk in chunks(data) for span in chunk.batch.spans()]
        return build_tree(columns_of_spans(found[0].trace_id, found, range(len(found))))

    return read


def test_zipkins_skewed_trace_fits_afterwards(shared_tree: Callable[[str], TraceTree]) -> None:
    tree = shared_tree("zipkin-v2/skew.json")
    found = clock_skew(tree)
    # The server's half is to lie in the middle of the client's.
    latency = (94_539 - 93_577) * 1_000 // 2
    assert len(found) == 1
    assert found.shift_ns[found.first[0]] == (4_074_202 - 4_008_761) * 1_000 + latency
    assert found.moved == 2
    assert len(tree.rows_with(Oddity.STARTS_EARLY))
    assert not len(adjusted(tree).rows_with(Oddity.STARTS_EARLY))


_SERVICES = ("a", "b", "c")
_HOSTS = ("", "", "x", "y")
_KINDS = tuple(SpanKind)


@st.composite
def forests(draw: st.DrawFn, times: st.SearchStrategy[int]) -> list[Span]:
    count = draw(st.integers(1, 30))
    return [
        replace(
            span(
                number,
                draw(st.integers(0, count)),
                0,
                1,
                draw(st.sampled_from(_SERVICES)),
                draw(st.sampled_from(_HOSTS)),
                draw(st.sampled_from(_KINDS)),
            ),
            start_ns=draw(times),
            duration_ns=draw(times) % draw(st.sampled_from([20, 1 << 62])),
        )
        for number in range(1, count + 1)
    ]


_NEAR = st.integers(START_NS, START_NS + 60)
_ANY = st.one_of(st.integers(0, (1 << 63) - 1), st.sampled_from([0, 1, (1 << 63) - 1]), _NEAR)


def by_id(tree: TraceTree, values: Sequence[int]) -> dict[int, int]:
    return dict(zip(tree.shown_id.tolist(), values, strict=True))


@given(forests(_NEAR))
def test_adjusting_twice_is_adjusting_once(spans: list[Span]) -> None:
    assert not len(clock_skew(adjusted(a_tree(spans))))


@given(forests(_ANY))
def test_whatever_the_times_only_starts_change_and_remain_times(spans: list[Span]) -> None:
    tree = a_tree(spans)
    moved = adjusted(tree)
    lengths = by_id(tree, tree.columns.dur_ns.tolist())
    assert by_id(moved, moved.columns.dur_ns.tolist()) == lengths
    starts = moved.columns.start_ns
    assert (starts >= 0).all()
    assert (starts + moved.columns.dur_ns >= starts).all()
    untimed = {
        key for key, value in by_id(tree, tree.columns.start_ns.tolist()).items() if not value
    }
    assert {key for key, value in by_id(moved, starts.tolist()).items() if not value} == untimed


@given(forests(_NEAR))
def test_afterwards_every_call_to_another_clock_fits_where_it_can(spans: list[Span]) -> None:
    tree = adjusted(a_tree(spans))
    columns = tree.columns
    ends = columns.start_ns + columns.dur_ns
    for row, parent in enumerate(tree.parent.tolist()):
        kinds = columns.kind[row], columns.kind[parent]
        if parent < 0 or kinds[0] == SpanKind.CONSUMER or kinds[1] == SpanKind.PRODUCER:
            continue
        hosts = ["", ""]
        if columns.host is not None:
            hosts = [columns.hosts[columns.host[at]] for at in (row, parent)]
        same = (
            hosts[0] == hosts[1] if all(hosts) else columns.service[row] == columns.service[parent]
        )
        if not same:
            assert columns.start_ns[row] >= columns.start_ns[parent]
            if columns.dur_ns[row] <= columns.dur_ns[parent]:
                assert ends[row] <= ends[parent]


@given(forests(_NEAR))
def test_what_is_told_of_corrections_adds_up(spans: list[Span]) -> None:
    tree = a_tree(spans)
    found = clock_skew(tree)
    assert bool(len(found)) == bool(found.moved) or not found.moved
    assert (found.calls > 0).all()
    assert (found.spans >= found.calls).all()
    assert found.spans.sum() <= len(tree)
    assert ((found.early_ns > 0) | (found.late_ns > 0)).all()


def test_a_chain_of_100_000_levels_takes_no_time() -> None:
    count = 100_000
    spans = [
        replace(span, resource=replace(span.resource, service=f"s{number % 3}"))
        for number, span in enumerate(a_forest(range(count)))
    ]
    spans = [replace(span, start_ns=span.start_ns - span.span_id % 5 * 7 * MS) for span in spans]
    tree = build_tree(columns_of_spans(spans[0].trace_id, spans, range(count)))
    begin = time.perf_counter()
    found = clock_skew(tree)
    assert time.perf_counter() - begin < 2
    assert found.moved > count // 2
    assert not len(clock_skew(adjusted(tree)))
    assert int(np.abs(found.shift_ns).max()) == found.largest_ns
