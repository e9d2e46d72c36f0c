"""All matches of a search: exact while they are few, else estimates that come close and say so."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.builders import MS, START_NS, a_batch, a_span
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import TraceQuery
from viewer.store.base import SpanStore
from viewer.store.duckdb import matches

TRACES, ONE_IN = 4_000, 4
# One in ONE_IN of them is drawn: five standard deviations, so that chance fails no test.
FIVE_SIGMA = 5 * (TRACES * (ONE_IN - 1)) ** 0.5

IDS: dict[str, Callable[[int, Random], str]] = {
    "random": lambda _, chance: f"{chance.getrandbits(128):032x}",
    "counted": lambda number, _: f"{number:032x}",
    "beginning with a time": lambda number, chance: (
        f"{1_700_000_000 + number:08x}{chance.getrandbits(96):024x}"
    ),
    "ending with zeros": lambda number, _: f"{number << 32:032x}",
}


@pytest.fixture(params=IDS)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SpanStore]:
    """Traces of two spans, a third of them with an error, a quarter of a second service; five have
    an attribute that the others do not have."""
    monkeypatch.setattr(matches, "MOST_ROWS", 1_000)
    monkeypatch.setattr(matches, "_SAMPLED_ROWS", 2 * TRACES // ONE_IN)
    monkeypatch.setattr(matches, "_SAMPLED_ROWS_FOR_TAGS", 2 * TRACES // ONE_IN)
    chance = Random(1)
    spans = []
    for number in range(TRACES):
        trace_id, start_ns = IDS[request.param](number + 1, chance), START_NS + number * MS
        attributes = {"rare": "yes"} if number % (TRACES // 5) == 0 else {"common": "yes"}
        spans.append(
            a_span(2 * number + 1, trace_id=trace_id, start_ns=start_ns, attributes=attributes)
        )
        spans.append(
            a_span(
                2 * number + 2,
                2 * number + 1,
                trace_id=trace_id,
                start_ns=start_ns,
                service="db" if number % 4 == 0 else "shop",
                error=number % 3 == 0,
            )
        )
    made = a_store(tmp_path / "spans.duckdb")
    made.write_spans([a_batch(spans)])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "total"),
    [
        (TraceQuery(), TRACES),
        (TraceQuery(service="db"), TRACES // 4),
        (TraceQuery(errors_only=True), TRACES // 3),
        (TraceQuery(tags=(("common", "yes"),)), TRACES - 5),
        (TraceQuery(end_ns=START_NS + TRACES // 2 * MS), TRACES // 2),
        (TraceQuery(min_trace_ns=1), TRACES),
    ],
)
def test_an_estimate_comes_close_and_says_what_it_is(
    store: SpanStore, query: TraceQuery, total: int
) -> None:
    assert store.count_traces(query).one_in == 1
    counts, drawn = (
        store.count_traces(query, exact=False),
        store.distribution(query, 20, exact=False),
    )
    # Of half the rows a larger part can be looked at.
    assert counts.one_in == drawn.one_in == (ONE_IN if query.end_ns is None else ONE_IN // 2)
    assert counts.total == pytest.approx(total, abs=FIVE_SIGMA)
    assert sum(cell.traces for cell in drawn.cells) == counts.total
    in_range = TRACES if query.end_ns is None else TRACES // 2
    assert counts.stored_traces == pytest.approx(in_range, abs=FIVE_SIGMA)
    assert counts.searched_spans == in_range * 2
    if query == TraceQuery():
        failed = sum(cell.errors for cell in drawn.cells)
        assert failed == pytest.approx(TRACES / 3, abs=FIVE_SIGMA)
        # Each twentieth of the time has about a twentieth of the traces.
        assert len({cell.time_ns for cell in drawn.cells}) == 20


@pytest.mark.parametrize("tags", [(("rare", "yes"),), (("rare", "no"),)])
def test_few_matches_are_counted_exactly(
    store: SpanStore, tags: tuple[tuple[str, str], ...]
) -> None:
    query = TraceQuery(tags=tags)
    counts = store.count_traces(query, exact=False)
    assert counts == store.count_traces(query)
    assert (counts.total, counts.one_in) == (5 if tags[0][1] == "yes" else 0, 1)
    drawn = store.distribution(query, 10, exact=False)
    assert (sum(cell.traces for cell in drawn.cells), drawn.one_in) == (counts.total, 1)


def test_below_the_bound_all_is_exact(store: SpanStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, "MOST_ROWS", 2 * TRACES)
    query = TraceQuery(service="db")
    assert store.count_traces(query, exact=False) == store.count_traces(query)
    assert store.count_traces(query, exact=False).total == TRACES // 4


def test_what_is_counted_exactly_may_be_drawn_exactly(store: SpanStore) -> None:
    query = TraceQuery(service="shop")
    drawn = store.distribution(query, 10)
    assert drawn.one_in == 1
    assert sum(cell.traces for cell in drawn.cells) == store.count_traces(query).total == TRACES


def test_new_spans_are_counted_at_once(store: SpanStore) -> None:
    query = TraceQuery(tags=(("rare", "yes"),))
    assert store.count_traces(query, exact=False).total == 5
    store.write_spans([a_batch([a_span(9_999_999, trace_id="f" * 32, attributes={"rare": "yes"})])])
    assert store.count_traces(query, exact=False).total == 6
