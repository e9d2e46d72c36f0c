"""Spans survive the columns, Arrow and back."""

import time
from dataclasses import replace

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_batch, a_span
from viewer.trace.batch import SpanBatch, bounded_ns, table_origins
from viewer.trace.span import (
    Dropped,
    Event,
    Link,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.one_of(
    _TEXT, st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=9), st.none()
)
_ATTRIBUTES = st.lists(st.tuples(_TEXT, _VALUES), max_size=4).map(tuple)
_NS = st.integers(0, (1 << 62) - 1)
_COUNTS = st.integers(0, 9)
_TRACE_IDS = st.integers(1, (1 << 128) - 1).map(lambda number: f"{number:032x}")
_SPAN_IDS = st.integers(1, (1 << 64) - 1)
SPANS = st.builds(
    Span,
    trace_id=_TRACE_IDS,
    span_id=_SPAN_IDS,
    parent_id=st.just(0) | _SPAN_IDS,
    name=_TEXT,
    start_ns=_NS,
    duration_ns=_NS,
    kind=st.sampled_from(list(SpanKind)),
    status=st.builds(Status, st.sampled_from(list(StatusCode)), _TEXT),
    resource=st.builds(Resource, _TEXT, _ATTRIBUTES, _TEXT),
    scope=st.builds(Scope, _TEXT, _TEXT, _ATTRIBUTES, _TEXT),
    attributes=_ATTRIBUTES,
    events=st.lists(st.builds(Event, _NS, _TEXT, _ATTRIBUTES, st.integers(0, 9)), max_size=2).map(
        tuple
    ),
    links=st.lists(
        st.builds(Link, _TRACE_IDS, _SPAN_IDS, _ATTRIBUTES, _TEXT, _COUNTS, _COUNTS), max_size=2
    ).map(tuple),
    trace_state=_TEXT,
    flags=st.integers(0, (1 << 32) - 1),
    dropped=st.builds(Dropped, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    as_sent=st.lists(st.tuples(_TEXT, _TEXT), max_size=2).map(tuple),
)


@given(st.lists(SPANS, max_size=5))
def test_spans_come_back_from_columns_and_from_arrow(spans: list[Span]) -> None:
    batch = a_batch(spans)
    assert list(batch.spans()) == spans
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.to_arrow().schema) as writer:
        writer.write_table(batch.to_arrow())
    table = pa.ipc.open_stream(sink.getvalue()).read_all()
    assert list(SpanBatch.from_arrow(table).spans()) == spans


@given(st.lists(SPANS, max_size=4), st.lists(SPANS, max_size=4))
def test_two_batches_join(first: list[Span], second: list[Span]) -> None:
    batch = a_batch(first)
    batch.extend(a_batch(second))
    assert list(batch.spans()) == first + second


def test_batches_of_different_weights_do_not_join() -> None:
    heavy, joined = a_batch([a_span(1)]), SpanBatch()
    heavy.weight = 10.0
    joined.extend(heavy)
    assert joined.weight == 10.0
    with pytest.raises(ValueError, match=r"weights 10\.0 and 1\.0"):
        joined.extend(a_batch([a_span(2)]))
    assert len(joined) == 1


def test_resources_are_kept_once_and_told_apart_by_type() -> None:
    one, same, other = ({"pod": value} for value in (1, 1, True))
    batch = a_batch([a_span(1, resource=one), a_span(2, resource=same), a_span(3, resource=other)])
    assert batch.resource == [0, 0, 1]
    resources, _ = table_origins(batch.to_arrow())
    assert resources == batch.resources


def test_an_arrow_table_is_made_anew_once_spans_were_added() -> None:
    batch = a_batch([a_span(1)])
    assert batch.to_arrow() is batch.to_arrow()
    batch.add(a_span(2))
    assert batch.to_arrow().num_rows == 2


def test_times_are_bounded_to_64_bits() -> None:
    assert [bounded_ns(value) for value in (-1, 0, 1 << 64)] == [0, 0, (1 << 63) - 1]
    batch = a_batch([a_span(1, start_ns=1 << 70, duration_ns=1 << 70)])
    assert (batch.start_ns, batch.dur_ns) == ([(1 << 63) - 1], [0])


def test_an_event_attribute_is_a_literal_of_its_column() -> None:
    # Engines look events up by this text; nothing but an attribute may form it.
    event = Event(1, 'n","k=v', (("k", 'v"x'), ("a", ',"k=v"')))
    text = a_batch([a_span(1, events=[event])]).events[0] or ""
    assert '["k=v"' not in text
    assert ',"k=v"' not in text
    plain = a_batch([a_span(1, events=[Event(1, "k=v", (("k", "v"),))])]).events[0] or ""
    assert '["k=v"' in plain


def test_a_shared_resource_is_packed_once_however_large_it_is() -> None:
    shared = Resource("shop", tuple((f"key {number}", "v") for number in range(20_000)))
    batch = SpanBatch()
    began = time.process_time()
    for number in range(1, 1_001):
        batch.add(replace(a_span(number), resource=shared))
        batch.add(replace(a_span(number), resource=Resource(f"service {number}")))
    assert time.process_time() - began < 3
    assert len(batch.resources) == 1_001
    assert [span.service for span in batch.spans()][:3] == ["shop", "service 1", "shop"]


def test_a_service_that_is_no_name_is_cut_in_its_column_only() -> None:
    batch = SpanBatch()
    batch.add(replace(a_span(1), resource=Resource("x" * 5_000)))
    assert batch.service == ["x" * 1_000]
    assert batch.resources[0].service == "x" * 5_000
