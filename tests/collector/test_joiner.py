"""Spans that complete one another, in every order and split over writes in every way."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import START_NS, TRACE_ID, a_batch, a_span
from viewer.collector.joiner import Joiner
from viewer.collector.pipeline import Pipeline
from viewer.store import open_store
from viewer.store.base import SpanStore
from viewer.trace.batch import SpanBatch
from viewer.trace.span import OpenEnd, Resource, Span

HALF = "0" * 16 + TRACE_ID[16:]
NOW = START_NS


@pytest.fixture(params=["memory:", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SpanStore]:
    url = request.param if request.param == "memory:" else f"duckdb:{tmp_path / 'a.duckdb'}"
    opened = open_store(url)
    yield opened
    opened.close()


def begun(span: Span) -> Span:
    """The span as it was sent before it ended."""
    return replace(span, duration_ns=0, open_ends=span.open_ends | OpenEnd.IN_PROGRESS)


def nameless(span: Span) -> Span:
    """The span without its service."""
    open_ends = span.open_ends | OpenEnd.SERVICE_OF_PARENT
    return replace(span, resource=Resource(), open_ends=open_ends)


def half(span: Span) -> Span:
    open_ends = span.open_ends | OpenEnd.HALF_TRACE_ID
    return replace(span, trace_id=HALF, open_ends=open_ends)


def joining(*spans: Span) -> SpanBatch:
    batch = a_batch(spans)
    batch.joins = True
    return batch


def stored(store: SpanStore, trace_id: str = TRACE_ID) -> list[Span]:
    return [found.span for found in store.get_spans(trace_id)]


def write(store: SpanStore, *writes: Sequence[SpanBatch]) -> Joiner:
    joiner = Joiner(store, NOW)
    for batches in writes:
        joiner.write_spans(batches, None)
    return joiner


def test_a_final_form_takes_the_place_of_those_in_progress(store: SpanStore) -> None:
    whole, other = a_span(1), a_span(2, 1)
    write(store, [joining(begun(whole), other)], [joining(begun(replace(whole, name="more")))])
    assert [(span.span_id, span.name) for span in stored(store)] == [(1, "more"), (2, other.name)]
    assert stored(store)[0].open_ends == OpenEnd.IN_PROGRESS
    write(store, [joining(whole)])
    assert stored(store) == [whole, other]


def test_forms_in_one_write_are_settled_before_it(store: SpanStore) -> None:
    whole = a_span(1)
    write(store, [joining(begun(whole)), joining(whole)])
    assert stored(store) == [whole]
    assert store.stats().span_rows == 1


def test_a_form_in_progress_that_comes_too_late_is_dropped(store: SpanStore) -> None:
    whole = a_span(1)
    write(store, [joining(whole)], [joining(begun(whole))])
    assert stored(store) == [whole]


def test_a_final_form_is_known_in_a_batch_that_asks_for_nothing(store: SpanStore) -> None:
    whole = a_span(1)
    write(store, [joining(begun(whole))], [a_batch([whole])])
    assert stored(store) == [whole]


def test_another_span_of_the_same_id_stays(store: SpanStore) -> None:
    whole, twin = a_span(1), a_span(1, name="twin")
    write(store, [a_batch([twin])], [joining(begun(whole))], [joining(whole)])
    assert sorted(span.name for span in stored(store)) == sorted([whole.name, "twin"])


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_services_come_down_from_the_segment_whatever_comes_first(
    store: SpanStore, order: tuple[int, ...]
) -> None:
    segment, below = a_span(1, service="web"), nameless(a_span(2, 1, name="b"))
    deeper, deepest = nameless(a_span(3, 2, name="c")), nameless(a_span(4, 3, name="d"))
    spans = [segment, below, deeper, deepest]
    write(store, *([joining(spans[number])] for number in order))
    assert {span.span_id: span.service for span in stored(store)} == dict.fromkeys(
        (1, 2, 3, 4), "web"
    )
    assert not any(span.open_ends for span in stored(store))
    assert store.stats().span_rows == 4


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0)])
def test_half_ids_are_joined_to_the_whole_that_comes_later(
    store: SpanStore, order: tuple[int, ...]
) -> None:
    # The one that knows it is another format's, which asks for nothing.
    batches = [joining(half(a_span(1))), a_batch([a_span(2, 1)]), joining(half(a_span(3, 1)))]
    write(store, *([batches[number]] for number in order))
    assert {span.span_id for span in stored(store)} == {1, 2, 3}
    assert stored(store, HALF) == []


def test_what_waits_is_known_again_after_a_restart(store: SpanStore) -> None:
    segment, below = a_span(1, service="web"), nameless(a_span(2, 1))
    write(store, [joining(begun(segment), below), joining(half(a_span(3, 1)))])
    write(store, [joining(segment), a_batch([a_span(4, 1)])])
    spans = stored(store)
    assert [span.span_id for span in spans] == [1, 2, 3, 4]
    assert spans[0] == segment
    assert spans[1].service == "web"


def test_weights_stay_with_what_is_joined(store: SpanStore) -> None:
    first = joining(begun(a_span(1)))
    first.weight = 5.0
    second = joining(a_span(1), a_span(2, 1))
    second.weight = 5.0
    write(store, [first], [second])
    columns = store.get_columns(TRACE_ID)
    assert columns is not None
    assert columns.weight == 5.0


def test_a_failed_write_is_settled_anew(store: SpanStore, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = a_span(1)
    joiner = write(store, [joining(begun(whole))])

    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_spans", fail)
        with pytest.raises(OSError, match="no space"):
            joiner.write_spans([joining(whole)], None)
    joiner.write_spans([joining(whole)], None)
    assert stored(store) == [whole]


def test_joining_survives_the_journal(tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'a.duckdb'}"
    store = open_store(url)
    pipeline = Pipeline(store, tmp_path / "journal")
    pipeline.accept(joining(begun(a_span(1)), nameless(a_span(2, 1))))
    pipeline.accept(joining(a_span(1, service="web")))
    pipeline.close()
    assert [(span.span_id, span.service) for span in stored(store)] == [(1, "web"), (2, "web")]
    store.close()


@given(st.data())
def test_however_it_is_split_and_ordered_the_outcome_is_the_same(data: st.DataObject) -> None:
    """A segment in two forms, subsegments four deep, all sent in any order over any writes."""
    spans = [a_span(1, service="web", name="1")]
    for span_id in range(2, 6):
        parent = data.draw(st.integers(1, span_id - 1))
        spans.append(nameless(a_span(span_id, parent, name=str(span_id))))
    sent = data.draw(st.permutations([begun(spans[0]), *spans]))
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=4).map(sorted))
    bounds = [0, *cuts, len(sent)]
    store = open_store("memory:")
    joiner = Joiner(store, NOW)
    for low, high in pairwise(bounds):
        joiner.write_spans([joining(span) for span in sent[low:high]], None)
    found = stored(store)
    assert sorted(span.name for span in found) == ["1", "2", "3", "4", "5"]
    assert {span.service for span in found} == {"web"}
    assert not any(span.open_ends for span in found)
