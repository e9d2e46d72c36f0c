"""The DuckDB engine gives the memory engine's answers, on random spans and random questions."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.builders import START_NS, a_batch
from tests.store.contract import Clock, walk
from tests.store.duckdb.test_engine import a_store
from viewer.search.events import EventQuery
from viewer.search.query import Sort, TraceQuery
from viewer.store.base import EventPage, SpanStore, fold_case
from viewer.store.duckdb import matches, most, segments, summaries, within
from viewer.store.memory import MemoryStore
from viewer.trace.span import Event, Link, Resource, Scope, Span, SpanKind, Status, StatusCode

MOST = (1 << 63) - 1
TRACES = ["0" * 16 + "00000000000000a1", "0" * 31 + "b", "b" * 32, "bb" + "0" * 29 + "1"]
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "İstanbul",
    "ΣΑΣ",
    "straße",
    "a=b",
    "\\",
    'q"',
    "\x00",
    "\x1f",
    "n",
    "😀",
    "\ud800",
]
KEYS = ["a", "ab", "b", "a=b", "a\\", "error", "error.kind", "level", "span.kind", "", "É"]
texts = st.sampled_from(TEXTS)
services = st.sampled_from(["", "a", "A", "bé"])
starts = st.sampled_from([0, 1, START_NS, START_NS + 1, START_NS + 2, START_NS + 10**9, MOST])
durations = st.sampled_from([0, 1, 2, 1000, 1001, 10**9, MOST])
values = st.one_of(
    texts,
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**63, 1.0, 0.5, float("inf"), b"", b"\xff", None]),
    st.sampled_from([["a", 1], {"a": {"b": [None, b"x"]}}, []]),
)
attributes = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=3).map(tuple)
events = st.builds(Event, starts, texts, attributes)
links = st.builds(Link, st.sampled_from(TRACES), st.integers(0, 3), attributes)
spans = st.builds(
    Span,
    trace_id=st.sampled_from(TRACES),
    span_id=st.sampled_from([1, 2, 3, 4, 2**64 - 1]),
    parent_id=st.sampled_from([0, 0, 1, 2, 3, 2**64 - 1, 77]),
    name=texts,
    start_ns=starts,
    duration_ns=durations,
    kind=st.sampled_from(SpanKind),
    status=st.builds(Status, st.sampled_from(StatusCode), texts),
    resource=st.builds(Resource, services, attributes),
    scope=st.builds(Scope, st.sampled_from(["", "lib"]), st.just(""), attributes),
    attributes=attributes,
    events=st.lists(events, max_size=2).map(tuple),
    links=st.lists(links, max_size=1).map(tuple),
)
# The same span more than once, within a write and across writes: a re-delivery.
deliveries = st.lists(spans, min_size=1, max_size=10).flatmap(
    lambda some: st.lists(st.lists(st.sampled_from(some), max_size=8), max_size=3).map(
        lambda again: [some, *again]
    )
)
maybe_time = st.one_of(st.none(), starts)
tags = st.tuples(
    st.sampled_from([*KEYS, "otel.status_code"]),
    st.sampled_from([*TEXTS, "true", "FALSE", "server", "OK", "1", "1.0", '["a",1]', "/w=="]),
)
queries = st.builds(
    TraceQuery,
    service=st.one_of(st.none(), services),
    operation=st.one_of(st.none(), texts),
    tags=st.lists(tags, max_size=2).map(tuple),
    min_span_ns=st.one_of(st.none(), durations),
    max_span_ns=st.one_of(st.none(), durations),
    min_trace_ns=st.one_of(st.none(), durations),
    max_trace_ns=st.one_of(st.none(), durations),
    start_ns=maybe_time,
    end_ns=maybe_time,
    errors_only=st.booleans(),
    sort=st.sampled_from(Sort),
    limit=st.integers(1, 3),
    head=st.one_of(st.none(), st.integers(1, 3)),
)
loose_queries = st.builds(
    TraceQuery,
    service=st.one_of(st.none(), services),
    tags=st.lists(tags, max_size=1).map(tuple),
    start_ns=maybe_time,
    sort=st.sampled_from(Sort),
    limit=st.integers(1, 3),
)


def contents(store: SpanStore, trace_id: str) -> dict[tuple[int, int], str]:
    """Return each span of a trace by span ID and digest; digests are each engine's own."""
    return {
        (stored.span.span_id, stored.digest): repr(stored.span)
        for stored in store.get_spans(trace_id)
    }


def about_one_trace(store: SpanStore, trace_id: str, terms: Iterable[str]) -> list[Any]:
    """Return all a store says of a trace, without digests."""
    by_digest = contents(store, trace_id)
    stored = store.get_spans(trace_id)
    columns = store.get_columns(trace_id)
    rows = []
    if columns is not None:
        rows = sorted(
            (
                by_digest[int(columns.span_id[row]), int(columns.digest[row])],
                int(columns.parent_id[row]),
                columns.services[columns.service[row]],
                columns.names[columns.name[row]],
                int(columns.kind[row]),
                int(columns.status[row]),
                int(columns.start_ns[row]),
                int(columns.dur_ns[row]),
            )
            for row in range(len(columns))
        )
    return [
        [(span.span.start_ns, span.span.span_id) for span in stored],
        sorted(by_digest.values()),
        rows,
        *[
            sorted(by_digest[found] for found in store.match_spans(trace_id, [term]))
            for term in terms
        ],
        sorted(by_digest[found] for found in store.match_spans(trace_id, list(terms))),
        sorted(repr(span.span) for span in store.get_spans(trace_id, [2, 2**64 - 1])),
        store.attribute_keys_of_trace(trace_id, 5),
        *[
            _events(store.events_of_trace(trace_id, EventQuery(term, errors_only)), by_digest)
            for term in ("", *terms)
            for errors_only in (False, True)
        ],
    ]


def _events(page: EventPage, by_digest: dict[tuple[int, int], str]) -> tuple[int, list[str]]:
    """Return what a page says, without digests: of one time and span ID they decide the order."""
    found = [
        (one.event.time_ns, one.span_id, by_digest[one.span_id, one.digest], repr(one.event))
        for one in page.events
    ]
    return page.total, sorted(map(repr, found))


def about_all(store: SpanStore) -> list[Any]:
    """Return what a store lists."""
    stats = store.stats()
    return [
        store.services(),
        *[store.operations(service, kind) for service in ("", "a", "bé") for kind in (None, 2)],
        *[
            store.attribute_keys(service, begin, 5)
            for service in (None, "a")
            for begin in ("", "a")
        ],
        *[
            store.attribute_values(service, key, begin, 5)
            for service in (None, "a")
            for key in KEYS
            for begin in ("", "a")
        ],
        store.dependencies(0, MOST),
        store.dependencies(START_NS, START_NS + 5),
        *[
            store.traces_with_prefix(prefix, 3)
            for prefix in ("", "b", "B", "bb", "00000000000000a")
        ],
        *[store.traces_with_span(span_id, 2) for span_id in (1, 2, 2**64 - 1)],
        replace(stats, bytes=0),
    ]


# Shrinking takes minutes where each example makes a file; the failing one is small enough to read.
@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    deliveries,
    st.lists(st.one_of(queries, loose_queries), min_size=3, max_size=6),
    st.lists(texts, max_size=2),
    st.booleans(),
)
def test_both_engines_answer_alike(
    deliveries: list[list[Span]], queries: list[TraceQuery], terms: list[str], noting: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "SEGMENT_ROWS", 3)
        if not noting:
            # Exact as well where there is too much to hold, and where no few traces match.
            patched.setattr(matches, "MOST_ROWS", -1)
            patched.setattr(matches, "_FEW_ROWS", 2)
            patched.setattr(most, "_FIRST_CANDIDATES", 1)
            patched.setattr(most, "_CANDIDATES", 2)
            patched.setattr(summaries, "FEW_ROWS", 2)
            patched.setattr(within, "_FEW_ROWS", 2)
        memory = MemoryStore()
        engine = a_store(Path(folder) / "spans.duckdb", Clock())
        try:
            for delivery in deliveries:
                memory.write_spans([a_batch(delivery)])
                engine.write_spans([a_batch(delivery)])
                if noting:
                    # Whatever lies before this write is known by its segment only.
                    engine.tend()
            for query in (TraceQuery(limit=2), *queries):
                assert engine.find_traces(query) == memory.find_traces(query)
                assert engine.count_traces(query) == memory.count_traces(query)
                everything = [
                    t.trace_id
                    for t in memory.find_traces(replace(query, limit=99, head=None)).traces
                ]
                whole = replace(query, head=None)
                assert walk(engine, whole) == walk(memory, whole) == everything
                for columns in (1, 7):
                    expected = memory.distribution(query, columns)
                    assert engine.distribution(query, columns) == expected
            for trace_id in TRACES:
                assert about_one_trace(engine, trace_id, terms) == about_one_trace(
                    memory, trace_id, terms
                )
            assert about_all(engine) == about_all(memory)
        finally:
            engine.close()


def test_letter_case_is_folded_alike_for_every_letter(tmp_path: Path) -> None:
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    text = "".join(letters)
    engine = a_store(tmp_path / "spans.duckdb")
    try:
        with engine._connections.reading() as con:
            ((folded,),) = con.execute("SELECT lower($text)", {"text": text}).fetchall()
    finally:
        engine.close()
    differing = [a for a, b in zip(folded, fold_case(text), strict=True) if a != b]
    # Python's Unicode may be newer than DuckDB's: only letters added since may differ.
    assert len(differing) < 100
    assert not [letter for letter in differing if ord(letter) < 0x2C00]
