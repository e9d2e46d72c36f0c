"""The order of findings, what healthy traces have none of, and time on large traces."""

import time
from itertools import pairwise

import numpy as np
from hypothesis import given

from tests.analysis.test_patterns import forests
from tests.builders import MS, START_NS, a_span, a_tree
from tests.conftest import SAMPLES
from tests.formats.reading import chunks
from viewer.analysis.findings import Bottleneck, ErrorSpread, HeaviestService
from viewer.analysis.overview import MOST_OF_A_KIND, Overview, overview
from viewer.analysis.patterns import InARow, Repetition
from viewer.analysis.quality import structure_issues
from viewer.analysis.self_time import self_times
from viewer.analysis.visible import children_of
from viewer.trace.columns import TraceColumns
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import TraceTree, build_tree


def of(tree: TraceTree) -> Overview:
    return overview(tree, children_of(tree), self_times(tree))


def sample(name: str) -> list[TraceTree]:
    """Return the traces of a sample file."""
    traces: dict[str, list[Span]] = {}
    for decoded in chunks((SAMPLES / name).read_bytes()):
        for span in decoded.batch.spans():
            traces.setdefault(span.trace_id, []).append(span)
    return [a_tree(spans) for spans in traces.values()]


def test_the_slow_order_is_payment_s_charge_within_order_service() -> None:
    (tree,) = sample("otlp-json/slow-order.jsonl")
    slowest, service, *others = of(tree).findings
    services, names = tree.columns.services, tree.columns.names
    assert isinstance(slowest, Bottleneck)
    assert services[tree.columns.service[slowest.row]] == "payment-service"
    assert names[tree.columns.name[slowest.row]] == "charge"
    assert (slowest.self_ns, round(slowest.share, 2)) == (1000 * MS, 0.43)
    assert slowest.caller is not None
    assert services[tree.columns.service[slowest.caller]] == "order-service"
    assert round(slowest.caller_share, 3) == 0.556
    assert isinstance(service, HeaviestService)
    assert services[tree.columns.service[service.row]] == "order-service"
    assert round(service.share, 2) == 0.77
    assert [type(one) for one in others] == [InARow, InARow]


def test_a_healthy_checkout_has_nothing_but_where_its_time_went() -> None:
    trees = sample("otlp-json/healthy-checkouts.jsonl.gz")
    assert len(trees) == 80
    for tree in trees:
        kinds = {type(one) for one in of(tree).findings}
        failed = bool((tree.columns.status == 2).any())
        assert kinds - {Bottleneck, HeaviestService} == ({ErrorSpread} if failed else set())
        assert structure_issues(tree) == []


def test_sixty_queries_come_before_the_slowest_single_span() -> None:
    (tree,) = sample("otlp-proto/n-plus-one.pb")
    first = of(tree).findings[0]
    assert isinstance(first, Repetition)
    assert first.count == 60


def test_the_error_comes_first_and_stakes_fall() -> None:
    for tree in sample("otlp-proto/failing-checkout.pb"):
        found = of(tree)
        stakes = found.stakes
        assert len(stakes) == len(found.findings)
        assert all(one >= other for one, other in pairwise(stakes))
        if (tree.columns.status == 2).any():
            assert isinstance(found.findings[0], ErrorSpread)


def test_a_kind_of_which_there_are_many_is_cut_and_counted() -> None:
    spans = [a_span(1, duration_ns=10**12)]
    for number in range(MOST_OF_A_KIND + 5):
        spans += [
            a_span(
                100 + number * 10 + n,
                1,
                name=f"q{number}",
                kind=SpanKind.CLIENT,
                start_ns=START_NS + (number * 10 + n) * 1000 * MS,
                duration_ns=MS,
            )
            for n in range(5)
        ]
    found = of(a_tree(spans))
    assert sum(isinstance(one, Repetition) for one in found.findings) == MOST_OF_A_KIND
    assert found.left_out == 5


@given(forests())
def test_any_forest_is_told_of(tree: TraceTree) -> None:
    found = of(tree)
    # A retry within a coarse clock's tick loses nothing that can be measured.
    assert all(stake >= 0 for stake in found.stakes)
    structure_issues(tree)


def test_a_chain_of_many_levels_takes_no_longer_than_a_wide_trace() -> None:
    chain = build_tree(_columns(list(range(100_000))))
    before = time.process_time()
    of(chain)
    structure_issues(chain)
    assert time.process_time() - before < 3


def _columns(parents: list[int]) -> TraceColumns:
    """Return spans with IDs from 1, each within the one before, that name these parents."""
    count = len(parents)
    rows = np.arange(count)
    return TraceColumns(
        trace_id="1" * 32,
        span_id=(rows + 1).astype(np.uint64),
        parent_id=np.array(parents, np.uint64),
        digest=rows.astype(np.uint32),
        kind=np.full(count, SpanKind.CLIENT, np.uint8),
        status=(rows % 7 == 0).astype(np.uint8) * 2,
        start_ns=START_NS + rows * 10,
        dur_ns=(count - rows) * 1000,
        service=(rows % 30).astype(np.int32),
        name=(rows % 200).astype(np.int32),
        services=tuple(f"s{n}" for n in range(30)),
        names=tuple(f"n{n}" for n in range(200)),
    )
