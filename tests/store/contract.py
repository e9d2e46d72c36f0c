"""The contract of every store, executable: an engine's test subclasses StoreContract and builds it.

What an engine cannot do it excuses by its capabilities; everything else it must do exactly so.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_batch, a_span, a_trace
from viewer.search.events import EventQuery
from viewer.search.query import Sort, TraceQuery
from viewer.store.base import (
    FILE_HEAD_BYTES,
    EventPage,
    FileImport,
    LateSpans,
    Linking,
    LinkingSpan,
    OpenSpan,
    PageExtent,
    SpanStore,
    TraceCounts,
    cursor_of,
)
from viewer.trace.batch import SpanBatch
from viewer.trace.span import (
    Dropped,
    Event,
    Link,
    OpenEnd,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)
from viewer.trace.summary import (
    DependencyLink,
    MatchedSpan,
    Operation,
    RemovedTrace,
    ServiceCount,
)
from viewer.trace.tree import build_tree

OTHER_TRACE = "00000000000000001234567890abcdef"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


def ids(store: SpanStore, query: TraceQuery) -> list[int]:
    """Return the numbers of the traces (made by a_trace) on a page."""
    return [int(trace.trace_id, 16) for trace in store.find_traces(query).traces]


def walk(store: SpanStore, query: TraceQuery) -> list[str]:
    """Return the trace IDs of all pages, one after the other."""
    found: list[str] = []
    while True:
        page = store.find_traces(query)
        found.extend(trace.trace_id for trace in page.traces)
        if page.next is None:
            return found
        assert page.traces, "an empty page leads to another"
        query = replace(query, after=page.next)


class StoreContract:
    """What every engine is held to."""

    def make_store(self, folder: Path, clock: Clock) -> SpanStore:
        """Return a new, empty store; engines override this."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, tmp_path: Path, clock: Clock) -> Iterator[SpanStore]:
        store = self.make_store(tmp_path, clock)
        yield store
        store.close()

    # Imports

    def test_it_notes_with_the_spans_how_far_a_file_is_imported(self, store: SpanStore) -> None:
        first = a_note("one", spans=3)
        store.write_spans([a_batch(a_trace())], imports=[first, a_note("other", path="/b")])
        assert store.import_noted("one") == first
        assert store.import_noted("none") is None
        generation = store.generation
        done = replace(first, place="9", bytes=9000, is_done=True, noted_ns=8)
        store.write_spans([], imports=[done])
        assert store.import_noted("one") == done
        assert store.generation == generation
        assert [noted.key for noted in store.imports_of("/a", "", 0)] == ["one"]

    def test_it_finds_what_a_file_may_begin_with(self, store: SpanStore) -> None:
        notes = [
            a_note("same head", path="/b", head_digest="h", bytes=FILE_HEAD_BYTES, noted_ns=3),
            a_note("longer", path="/c", head_digest="h", bytes=9001, noted_ns=2),
            a_note("other head", path="/d", head_digest="i", bytes=FILE_HEAD_BYTES),
            a_note("short", path="/e", head_digest="i", bytes=FILE_HEAD_BYTES - 1, noted_ns=4),
            a_note("same path", path="/a", head_digest="j", bytes=9001, noted_ns=5),
        ]
        store.write_spans([], imports=notes)
        found = [noted.key for noted in store.imports_of("/a", "h", 9000)]
        assert found == ["same path", "short", "same head"]
        assert store.imports_of("/x", "h", FILE_HEAD_BYTES - 2) == []

    # Absence

    def test_it_answers_everything_when_it_is_empty(self, store: SpanStore) -> None:
        page = store.find_traces(TraceQuery())
        assert (page.traces, page.next) == ((), None)
        assert store.count_traces(TraceQuery()) == TraceCounts(0, 0, 0)
        assert store.span_rows() == 0
        assert not store.tend()
        assert store.distribution(TraceQuery(), 10).cells == ()
        assert store.get_columns(TRACE_ID) is None
        assert store.count_spans(TRACE_ID) == 0
        assert store.get_spans(TRACE_ID) == []
        assert store.match_spans(TRACE_ID, ["x"]) == []
        assert store.attribute_of_spans(TRACE_ID, "x") == {}
        assert store.attribute_keys_of_trace(TRACE_ID, 10) == []
        assert store.events_of_trace(TRACE_ID, EventQuery()) == EventPage((), 0)
        assert store.traces_with_prefix("0af", 10) == []
        assert store.traces_with_span(1, 10) == []
        assert store.services() == []
        assert store.operations("shop") == []
        assert store.attribute_keys(None, "", 10) == []
        assert store.attribute_values(None, "k", "", 10) == []
        assert store.dependencies(0, 1 << 62) == []
        assert store.journal_mark() == 0
        stats = store.stats()
        assert (stats.span_rows, stats.traces, stats.oldest_ns, stats.newest_ns) == (0, 0, 0, 0)

    def test_it_knows_nothing_of_unknown_names(self, store: SpanStore) -> None:
        store.write_spans([a_batch(a_trace())])
        assert ids(store, TraceQuery(service="nobody")) == []
        assert store.operations("nobody") == []
        assert store.get_spans(f"{1:032x}", [4711]) == []
        assert store.get_spans(f"{1:032x}", [0, -1, 1 << 70]) == []
        assert store.traces_with_span(1 << 70, 5) == []

    # Writing

    def test_it_keeps_every_part_of_a_span(self, store: SpanStore) -> None:
        span = replace(
            a_span(
                7,
                3,
                kind=SpanKind.CLIENT,
                error="no answer",
                attributes={
                    "text": "a=b\\c",
                    "key=with\\signs": "x",
                    "number": 2**63 - 1,
                    "double": 0.1,
                    "yes": True,
                    "bytes": b"\x00\xff",
                    "list": ["a", 1, {"b": None}],
                    "nothing": None,
                },
                resource={"host.name": "h1", "pid": 1},
                scope=Scope("lib", "1.0", (("s", "v"),), "https://schema"),
                events=[Event(START_NS + 1, "boom", (("e", 1),), 2)],
                links=[Link(OTHER_TRACE, 9, (("l", "v"),), "w=1", 1, 3), Link(OTHER_TRACE, 0)],
            ),
            trace_state="vendor=1",
            flags=0x101,
            dropped=Dropped(1, 2, 3),
            as_sent=(("traceId", "ABC"),),
        )
        store.write_spans([a_batch([span])])
        (stored,) = store.get_spans(span.trace_id)
        assert stored.span == span

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\x00",
            "a\x00b",
            "\uffff\ufffe",
            "\u202eevil\u202c",
            "’;DROP TABLE spans--",
            '"],["',
            "😀" * 9,
        ],
    )
    def test_it_keeps_hostile_text_everywhere(self, store: SpanStore, text: str) -> None:
        span = a_span(
            1,
            name=text,
            service=text,
            error=text or "x",
            attributes={"k" + text: text},
            resource={"r" + text: text},
            scope=Scope(text, text, ((text, text),)),
            events=[Event(START_NS, text, (("e" + text, text),))],
        )
        store.write_spans([a_batch([span])])
        (stored,) = store.get_spans(TRACE_ID)
        assert stored.span == span
        assert [operation.name for operation in store.operations(text)] == [text]
        query = TraceQuery(service=text, operation=text, tags=(("k" + text, text),))
        for key in ("k", "r", "e", ""):
            tagged = replace(query, tags=((key + text, text),))
            assert store.count_traces(tagged).total == 1
        assert store.match_spans(TRACE_ID, [text]) == [(1, stored.digest)]

    def test_it_keeps_values_of_a_megabyte(self, store: SpanStore) -> None:
        large = "ä" * 500_000
        store.write_spans([a_batch([a_span(1, attributes={"large": large})])])
        (stored,) = store.get_spans(TRACE_ID)
        assert dict(stored.span.attributes)["large"] == large
        assert store.count_traces(TraceQuery(tags=(("large", large),))).total == 1
        assert store.attribute_values(None, "large", "", 10) == []

    def test_it_replaces_lone_surrogates_in_questions(self, store: SpanStore) -> None:
        store.write_spans([a_batch([a_span(1, name="\ud800x", attributes={"k": "\udfff"})])])
        assert store.count_traces(TraceQuery(operation="\ufffdx")).total == 1
        assert store.count_traces(TraceQuery(operation="\udc00")).total == 0
        assert store.match_spans("\ud800", ["\ud800"]) == []

    def test_one_lone_surrogate_does_not_keep_the_rest_from_being_stored(
        self, store: SpanStore
    ) -> None:
        broken = a_batch([a_span(1, attributes={"k": "v"}, error="x")])
        broken.name[0], broken.attr_values[0] = "\ud800", "k=\udfff"
        store.write_spans([broken, a_batch([a_span(2)])])
        first, second = store.get_spans(TRACE_ID)
        assert (first.span.name, first.span.attributes) == ("\ufffd", (("k", "\ufffd"),))
        assert second.span == a_span(2)

    def test_it_clamps_times_whose_end_no_number_holds(self, store: SpanStore) -> None:
        most = (1 << 63) - 1
        store.write_spans([a_batch([a_span(1, start_ns=most - 5, duration_ns=most)])])
        (found,) = store.find_traces(TraceQuery()).traces
        assert (found.start_ns, found.duration_ns) == (most - 5, 5)
        assert store.distribution(TraceQuery(), 3).cells[0].traces == 1

    def test_it_writes_batches_that_share_nothing_and_empty_ones(self, store: SpanStore) -> None:
        store.write_spans([])
        store.write_spans([SpanBatch()])
        store.write_spans([a_batch(a_trace(1)), SpanBatch(), a_batch(a_trace(2, service="pay"))])
        assert [trace.root_service for trace in store.find_traces(TraceQuery()).traces] == [
            "shop",
            "pay",
        ]

    def test_it_keeps_resources_apart_that_python_thinks_equal(self, store: SpanStore) -> None:
        spans = [a_span(n, resource={"v": value}) for n, value in enumerate((1, 1.0, True), 1)]
        store.write_spans([a_batch(spans[:2]), a_batch(spans[2:])])
        store.write_spans([a_batch(spans)])
        values = [
            dict(stored.span.resource.attributes)["v"] for stored in store.get_spans(TRACE_ID)
        ]
        assert [repr(value) for value in values] == ["1", "1.0", "True"]

    def test_it_remembers_the_last_mark(self, store: SpanStore) -> None:
        store.write_spans([a_batch(a_trace(1))], mark=41)
        store.write_spans([a_batch(a_trace(2))])
        assert store.journal_mark() == 41
        store.write_spans([], mark=42)
        assert store.journal_mark() == 42

    def test_it_stores_nothing_of_a_write_that_fails(self, store: SpanStore) -> None:
        broken = a_batch(a_trace(2, service="new"))
        broken.start_ns[1] = "no number"  # type: ignore[call-overload]
        with pytest.raises(Exception):  # noqa: B017
            store.write_spans([a_batch(a_trace(1)), broken], mark=5)
        assert store.stats().span_rows == 0
        assert store.journal_mark() == 0
        store.write_spans([a_batch(a_trace(3, service="new"))])
        assert store.services() == ["new"]
        assert store.get_spans(f"{3:032x}")[0].span.resource.service == "new"

    def test_its_generation_grows_with_every_change(self, store: SpanStore) -> None:
        seen = [store.generation]
        for number in (1, 2):
            store.write_spans([a_batch(a_trace(number))])
            seen.append(store.generation)
        store.find_traces(TraceQuery())
        assert store.generation == seen[-1]
        assert seen == sorted(set(seen))

    # Re-deliveries

    def test_it_counts_a_span_delivered_twice_once(self, store: SpanStore) -> None:
        trace = a_trace(1, spans=4, error=True)
        store.write_spans([a_batch([*trace, trace[3]])])
        store.write_spans([a_batch(trace)])
        page = store.find_traces(TraceQuery(sort=Sort.MOST_SPANS))
        assert (page.traces[0].spans, page.traces[0].errors) == (4, 1)
        assert page.traces[0].services == (ServiceCount("shop", 4, 1),)
        assert len(store.get_spans(f"{1:032x}")) == 4
        assert store.dependencies(0, 1 << 62) == [DependencyLink("shop", "shop", 3, 1)]
        assert len(store.match_spans(f"{1:032x}", ["step"])) == 3
        assert store.stats().span_rows == 9
        columns = store.get_columns(f"{1:032x}")
        assert columns is not None
        assert len(columns) == store.count_spans(f"{1:032x}") == 9
        tree = build_tree(columns)
        tree.check()
        assert len(tree) == 4

    def test_it_tells_spans_of_one_id_apart_by_any_part_of_them(self, store: SpanStore) -> None:
        span = a_span(1, attributes={"k": 1})
        variants = [
            span,
            replace(span, name="other"),
            replace(span, parent_id=2),
            replace(span, kind=SpanKind.SERVER),
            replace(span, status=Status(StatusCode.OK)),
            replace(span, status=Status(StatusCode.UNSET, "said")),
            replace(span, start_ns=START_NS + 1),
            replace(span, duration_ns=1),
            replace(span, attributes=(("k", "1"),)),
            replace(span, attributes=(("k", 1), ("l", 1))),
            replace(span, events=(Event(1, "e"),)),
            replace(span, links=(Link(OTHER_TRACE, 1),)),
            replace(span, trace_state="a=b"),
            replace(span, flags=1),
            replace(span, as_sent=(("a", "b"),)),
            a_span(1, attributes={"k": 1}, service="other"),
            a_span(1, attributes={"k": 1}, resource={"host.name": "h"}),
            a_span(1, attributes={"k": 1}, scope=Scope("lib")),
        ]
        store.write_spans([a_batch(variants)])
        store.write_spans([a_batch(reversed(variants))])
        stored = store.get_spans(TRACE_ID)
        assert len({span.digest for span in stored}) == len(variants)
        assert len(stored) == len(variants)

    # Searching

    def test_it_finds_traces_by_service_and_operation_of_one_span(self, store: SpanStore) -> None:
        store.write_spans(
            [
                a_batch(a_trace(1, service="shop", name="buy")),
                a_batch(a_trace(2, service="shop", name="look")),
                a_batch(a_trace(3, service="pay", name="buy")),
            ]
        )
        assert sorted(ids(store, TraceQuery(service="shop"))) == [1, 2]
        assert ids(store, TraceQuery(service="shop", operation="buy")) == [1]
        assert sorted(ids(store, TraceQuery(operation="buy"))) == [1, 3]
        assert ids(store, TraceQuery(service="Shop")) == []

    def test_all_span_conditions_must_hold_on_one_span(self, store: SpanStore) -> None:
        spans = [
            a_span(1, name="slow", duration_ns=50 * MS),
            a_span(2, 1, name="failing", duration_ns=MS, error=True, attributes={"k": "v"}),
        ]
        store.write_spans([a_batch(spans)])
        assert store.count_traces(TraceQuery(operation="failing", errors_only=True)).total == 1
        assert store.count_traces(TraceQuery(operation="slow", errors_only=True)).total == 0
        assert store.count_traces(TraceQuery(tags=(("k", "v"),), min_span_ns=2 * MS)).total == 0
        assert store.count_traces(TraceQuery(tags=(("k", "v"), ("k", "w")))).total == 0

    def test_span_durations_are_inclusive(self, store: SpanStore) -> None:
        store.write_spans([a_batch([a_span(1, duration_ns=100)])])
        for low, high, total in ((100, 100, 1), (101, None, 0), (None, 99, 0), (None, None, 1)):
            query = TraceQuery(min_span_ns=low, max_span_ns=high)
            assert store.count_traces(query).total == total

    def test_trace_durations_look_at_the_whole_trace(self, store: SpanStore) -> None:
        spans = [
            a_span(1, start_ns=START_NS, duration_ns=10),
            a_span(2, 1, start_ns=START_NS + 90, duration_ns=10, service="late"),
        ]
        store.write_spans([a_batch(spans)])
        for low, high, total in ((100, 100, 1), (101, None, 0), (None, 99, 0)):
            query = TraceQuery(service="late", min_trace_ns=low, max_trace_ns=high)
            assert store.count_traces(query).total == total

    def test_a_time_range_includes_its_start_and_excludes_its_end(self, store: SpanStore) -> None:
        store.write_spans([a_batch([a_span(1, start_ns=START_NS)])])
        for start, end, total in ((0, 1, 1), (0, 0, 0), (1, 5, 0), (-5, 0, 0), (-5, 1, 1)):
            page = store.count_traces(TraceQuery(start_ns=START_NS + start, end_ns=START_NS + end))
            assert (page.total, page.stored_traces, page.searched_spans) == (total,) * 3

    def test_it_counts_what_there_is_in_the_time_range(self, store: SpanStore) -> None:
        for number in (1, 2, 3):
            start = START_NS + number * 1000 * MS
            store.write_spans([a_batch(a_trace(number, start_ns=start, spans=number))])
        page = store.count_traces(TraceQuery(service="none", start_ns=START_NS + 2000 * MS))
        assert (page.total, page.stored_traces, page.searched_spans) == (0, 2, 5)
        assert store.span_rows() == 6
        page = store.count_traces(TraceQuery(limit=1))
        assert (page.total, page.stored_traces, page.searched_spans) == (3, 3, 6)

    @pytest.mark.parametrize(
        ("key", "value", "total"),
        [
            ("text", "v", 1),
            ("text", "V", 0),
            ("tex", "v", 0),
            ("number", "42", 1),
            ("number", "42.0", 0),
            ("double", "0.5", 1),
            ("flag", "true", 1),
            ("bytes", "AP8=", 1),
            ("list", '["a",1]', 1),
            ("none", "", 1),
            ("a=b", "c=d", 1),
            ("a", "b=c=d", 0),
            ("back\\slash", "\\", 1),
            ("host.name", "h1", 1),
            ("service.name", "shop", 1),
            ("scope.key", "7", 1),
            ("event.key", "boom", 1),
            ("event.quote", 'say "hi"', 1),
            ("event.second", "2", 1),
            ("n", "exception", 0),
            ("exception", "", 0),
            ("https://schema?a", "b", 0),
        ],
    )
    def test_it_finds_attributes_wherever_they_stand(
        self, store: SpanStore, key: str, value: str, total: int
    ) -> None:
        span = a_span(
            1,
            attributes={
                "text": "v",
                "number": 42,
                "double": 0.5,
                "flag": True,
                "bytes": b"\x00\xff",
                "list": ["a", 1],
                "none": None,
                "a=b": "c=d",
                "back\\slash": "\\",
            },
            resource={"host.name": "h1"},
            scope=Scope("lib", "1", (("scope.key", 7),)),
            events=[
                Event(1, "exception", (("event.key", "boom"), ("event.quote", 'say "hi"'))),
                Event(2, "n=exception", (("event.second", 2),)),
            ],
        )
        span = replace(span, resource=replace(span.resource, schema_url="https://schema?a=b"))
        store.write_spans([a_batch([span, a_span(2, 1, trace_id=OTHER_TRACE, service="x")])])
        assert store.count_traces(TraceQuery(tags=((key, value),))).total == total

    @pytest.mark.parametrize(
        ("key", "value", "found"),
        [
            ("error", "true", [1]),
            ("error", "TRUE", [1]),
            ("error", "false", [1, 2, 3]),
            ("error", "timeout", [3]),
            ("span.kind", "server", [2]),
            ("span.kind", "Server", [2]),
            ("span.kind", "nothing", []),
            ("otel.status_code", "ERROR", [1]),
            ("otel.status_code", "ok", [2]),
            ("otel.status_code", "unset", [1, 3]),
            ("otel.status_code", "fine", []),
        ],
    )
    def test_three_tags_mean_fields(
        self, store: SpanStore, key: str, value: str, found: list[int]
    ) -> None:
        store.write_spans(
            [
                a_batch([a_span(1, trace_id=f"{1:032x}", error=True)]),
                a_batch([a_span(2, 1, trace_id=f"{1:032x}")]),
                a_batch(
                    [
                        replace(
                            a_span(3, trace_id=f"{2:032x}", kind=SpanKind.SERVER),
                            status=Status(StatusCode.OK),
                        )
                    ]
                ),
                a_batch([a_span(4, trace_id=f"{3:032x}", attributes={"error": "timeout"})]),
            ]
        )
        assert sorted(ids(store, TraceQuery(tags=((key, value),)))) == found

    def test_a_trace_shows_its_root_and_the_span_that_matched(self, store: SpanStore) -> None:
        spans = [
            a_span(3, 2, name="query", service="db", start_ns=START_NS + 20, duration_ns=5),
            a_span(2, 1, name="call", service="db", start_ns=START_NS + 10, duration_ns=30),
            a_span(1, name="GET", service="web", start_ns=START_NS, duration_ns=100, error=True),
            a_span(9, name="late root", service="a", start_ns=START_NS + 50, duration_ns=60),
        ]
        store.write_spans([a_batch(spans)])
        (found,) = store.find_traces(TraceQuery(service="db")).traces
        assert (found.root_service, found.root_name, found.has_root) == ("web", "GET", True)
        assert (found.start_ns, found.duration_ns) == (START_NS, 110)
        assert (found.spans, found.errors) == (4, 1)
        assert found.services == (
            ServiceCount("a", 1, 0),
            ServiceCount("db", 2, 0),
            ServiceCount("web", 1, 1),
        )
        assert found.matched == MatchedSpan(2, "db", "call", START_NS + 10, 30, False)
        (found,) = store.find_traces(TraceQuery()).traces
        assert found.matched == MatchedSpan(1, "web", "GET", START_NS, 100, True)

    def test_a_trace_without_root_shows_its_earliest_span(self, store: SpanStore) -> None:
        spans = [
            a_span(2, 99, name="later", start_ns=START_NS + 10),
            a_span(3, 99, name="earlier", start_ns=START_NS),
        ]
        store.write_spans([a_batch(spans)])
        (found,) = store.find_traces(TraceQuery()).traces
        assert (found.root_name, found.has_root) == ("earlier", False)

    def test_spans_without_a_start_do_not_stretch_a_trace(self, store: SpanStore) -> None:
        spans = [
            a_span(1, start_ns=START_NS, duration_ns=10),
            a_span(2, 1, start_ns=0, duration_ns=7),
            a_span(3, trace_id=OTHER_TRACE, start_ns=0, duration_ns=7),
        ]
        store.write_spans([a_batch(spans)])
        first, second = store.find_traces(TraceQuery()).traces
        assert (first.start_ns, first.duration_ns, first.spans) == (START_NS, 10, 2)
        assert (second.start_ns, second.duration_ns, second.spans) == (0, 7, 1)
        for found in (first, second):
            columns = store.get_columns(found.trace_id)
            assert columns is not None
            tree = build_tree(columns)
            assert (tree.start_ns, tree.duration_ns) == (found.start_ns, found.duration_ns)

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            (Sort.NEWEST, [4, 1, 3, 2]),
            (Sort.OLDEST, [2, 1, 3, 4]),
            (Sort.LONGEST, [2, 4, 1, 3]),
            (Sort.SHORTEST, [1, 3, 4, 2]),
            (Sort.MOST_SPANS, [3, 4, 1, 2]),
            (Sort.MOST_ERRORS, [4, 1, 3, 2]),
        ],
    )
    def test_it_sorts_over_all_matches_and_breaks_ties(
        self, store: SpanStore, sort: Sort, order: list[int]
    ) -> None:
        store.write_spans(
            [
                a_batch(a_trace(3, spans=5, start_ns=START_NS + 20, duration_ns=10)),
                a_batch(a_trace(2, spans=1, start_ns=START_NS, duration_ns=900)),
                a_batch(a_trace(1, spans=2, start_ns=START_NS + 20, duration_ns=10)),
                a_batch(a_trace(4, spans=3, start_ns=START_NS + 99, duration_ns=20, error=True)),
            ]
        )
        assert ids(store, TraceQuery(sort=sort)) == order
        assert [
            int(trace_id, 16) for trace_id in walk(store, TraceQuery(sort=sort, limit=1))
        ] == order

    @pytest.mark.parametrize("sort", list(Sort))
    def test_pages_lead_through_all_matches_without_gap_or_repeat(
        self, store: SpanStore, sort: Sort
    ) -> None:
        batches = [
            a_batch(
                a_trace(
                    number,
                    spans=1 + number % 3,
                    start_ns=START_NS + number % 4 * 100,
                    duration_ns=1 + number % 2,
                    error=number % 5 == 0,
                )
            )
            for number in range(1, 24)
        ]
        store.write_spans(batches)
        everything = walk(store, TraceQuery(sort=sort, limit=1000))
        assert len(set(everything)) == len(everything) == 23
        for limit in (1, 5, 23):
            assert walk(store, TraceQuery(sort=sort, limit=limit)) == everything
        page = store.find_traces(TraceQuery(sort=sort, limit=5))
        assert page.next is not None
        later = store.find_traces(TraceQuery(sort=sort, limit=5, after=page.next))
        assert not set(later.traces) & set(page.traces)
        assert store.count_traces(TraceQuery(sort=sort, limit=5, after=page.next)).total == 23

    @pytest.mark.parametrize("sort", Sort)
    def test_results_go_on_behind_any_trace_as_behind_the_last(
        self, store: SpanStore, sort: Sort
    ) -> None:
        for number in range(1, 13):
            spans = a_trace(
                number,
                spans=1 + number % 3,
                start_ns=START_NS + number % 4 * 100,
                duration_ns=1 + number % 2,
                error=number % 5 == 0,
            )
            # Delivered twice: the numbers of spans and errors count them once.
            store.write_spans([a_batch(spans), a_batch(spans)])
        everything = store.find_traces(TraceQuery(sort=sort, limit=50)).traces
        for place, trace in enumerate(everything[:-1], start=1):
            begin = cursor_of(sort, trace)
            assert begin == store.find_traces(TraceQuery(sort=sort, limit=place)).next
            behind = store.find_traces(TraceQuery(sort=sort, limit=50, after=begin))
            assert behind.traces == everything[place:]

    def test_the_head_of_a_page_comes_with_the_extent_of_all_of_it(self, store: SpanStore) -> None:
        for number in range(1, 7):
            trace = a_trace(
                number, spans=1, start_ns=START_NS + number, duration_ns=100 * (number % 4)
            )
            store.write_spans([a_batch(trace)])
        query = TraceQuery(sort=Sort.OLDEST, limit=4, head=2)
        page, whole = store.find_traces(query), store.find_traces(replace(query, head=None))
        assert page.traces == whole.traces[:2]
        assert page.next == whole.next
        assert page.extent == whole.extent == PageExtent(4, 300, START_NS + 1, START_NS + 4)
        rest = store.find_traces(replace(query, after=page.next))
        assert rest.extent == PageExtent(2, 200, START_NS + 5, START_NS + 6)

    def test_a_page_without_traces_has_no_extent(self, store: SpanStore) -> None:
        assert store.find_traces(TraceQuery(service="none")).extent == PageExtent(0, 0, 0, 0)

    @pytest.mark.parametrize(("head", "count"), [(0, 1), (1, 1), (2, 2), (10**9, 2)])
    def test_a_head_is_held_within_the_limit(self, store: SpanStore, head: int, count: int) -> None:
        store.write_spans([a_batch(a_trace(number)) for number in (1, 2, 3)])
        assert len(ids(store, TraceQuery(limit=2, head=head))) == count

    def test_a_limit_is_held_within_bounds(self, store: SpanStore) -> None:
        store.write_spans([a_batch(a_trace(number)) for number in (1, 2)])
        assert len(ids(store, TraceQuery(limit=0))) == 1
        assert len(ids(store, TraceQuery(limit=10**9))) == 2

    def test_it_spreads_matches_over_time_and_duration(self, store: SpanStore) -> None:
        store.write_spans(
            [
                a_batch(a_trace(1, spans=1, start_ns=START_NS, duration_ns=1024)),
                a_batch(a_trace(2, spans=1, start_ns=START_NS + 1, duration_ns=1024, error=True)),
                a_batch(a_trace(3, spans=1, start_ns=START_NS + 99, duration_ns=0)),
                a_batch(a_trace(4, spans=1, start_ns=START_NS + 99, service="other")),
            ]
        )
        spread = store.distribution(TraceQuery(service="shop"), 10)
        assert (spread.start_ns, spread.step_ns) == (START_NS, 10)
        cells = [
            (c.time_ns - START_NS, c.duration_bucket, c.traces, c.errors) for c in spread.cells
        ]
        assert cells == [(0, 20, 2, 1), (90, 0, 1, 0)]
        ranged = TraceQuery(start_ns=START_NS - 900, end_ns=START_NS + 100)
        spread = store.distribution(ranged, 4)
        assert (spread.start_ns, spread.step_ns) == (START_NS - 900, 250)
        assert sum(cell.traces for cell in spread.cells) == 4

    def test_a_trace_that_starts_before_the_range_counts_in_its_first_step(
        self, store: SpanStore
    ) -> None:
        spans = [
            a_span(1, start_ns=START_NS, duration_ns=500),
            a_span(2, 1, start_ns=START_NS + 300, duration_ns=10),
        ]
        store.write_spans([a_batch(spans)])
        spread = store.distribution(TraceQuery(start_ns=START_NS + 200, end_ns=START_NS + 400), 2)
        assert [(cell.time_ns, cell.traces) for cell in spread.cells] == [(START_NS + 200, 1)]

    # One trace

    def test_columns_hold_what_the_spans_hold(self, store: SpanStore) -> None:
        spans = [
            a_span(2**64 - 1, name="root", kind=SpanKind.SERVER),
            a_span(2, 2**64 - 1, service="db", name="query", start_ns=START_NS + 5, error=True),
            a_span(3, 2, service="db", name="root", duration_ns=0),
        ]
        store.write_spans([a_batch(spans), a_batch(a_trace(5))])
        columns = store.get_columns(TRACE_ID)
        assert columns is not None
        assert columns.trace_id == TRACE_ID
        rows = {
            (
                int(columns.span_id[row]),
                int(columns.parent_id[row]),
                columns.services[columns.service[row]],
                columns.names[columns.name[row]],
                int(columns.kind[row]),
                int(columns.status[row]),
                int(columns.start_ns[row]),
                int(columns.dur_ns[row]),
            )
            for row in range(len(columns))
        }
        assert rows == {
            (
                span.span_id,
                span.parent_id,
                span.service,
                span.name,
                int(span.kind),
                int(span.status.code),
                span.start_ns,
                span.duration_ns,
            )
            for span in spans
        }
        types = [columns.span_id, columns.digest, columns.kind, columns.start_ns, columns.service]
        assert [array.dtype for array in types] == [
            np.uint64,
            np.uint32,
            np.uint8,
            np.int64,
            np.int32,
        ]
        build_tree(columns).check()

    def test_it_returns_the_spans_asked_for_in_order(self, store: SpanStore) -> None:
        spans = [
            a_span(4, start_ns=START_NS),
            a_span(3, 4, start_ns=START_NS),
            a_span(1, 4, start_ns=5),
        ]
        store.write_spans([a_batch(spans)])
        assert [stored.span.span_id for stored in store.get_spans(TRACE_ID)] == [1, 3, 4]
        assert [stored.span.span_id for stored in store.get_spans(TRACE_ID, [4, 1, 77])] == [1, 4]
        assert store.get_spans(TRACE_ID, []) == []

    @pytest.mark.parametrize(
        ("terms", "found"),
        [
            (["CHECKOUT"], [1]),
            (["shop"], [1, 2]),
            (["refused"], [2]),
            (["k=Val"], [2]),
            (["host.name=H1"], [1, 2]),
            (["exploded"], [2]),
            (["event.k=STRASSE"], [2]),
            (["straße"], [1]),
            (["ÉTÉ"], [1]),
            (["ΣΊΣΥΦΟς"], []),
            (["ΣΊΣΥΦΟΣ"], [2]),
            (['"n"'], []),
            (['"quoted"'], [2]),
            (["line\nbreak"], [2]),
            (["lib"], []),
            (["v\x1fw"], []),
            (["sep\x1farated"], [2]),
            (["checkout", "exploded"], [1, 2]),
            (["nowhere"], []),
            ([], []),
        ],
    )
    def test_it_finds_text_in_a_trace_without_regard_to_case(
        self, store: SpanStore, terms: list[str], found: list[int]
    ) -> None:
        spans = [
            a_span(1, name="Checkout Straße été", resource={"host.name": "h1"}, scope=Scope("lib")),
            a_span(
                2,
                1,
                error="Connection REFUSED",
                attributes={"k": "value", "v": "v", "w": "w", "g": "σίσυφοσ", "s": "sep\x1farated"},
                resource={"host.name": "h1"},
                events=[
                    Event(1, "Exploded", (("event.k", "strasse"), ("q", 'a "quoted" word'))),
                    Event(1, "line\nbreak"),
                ],
            ),
        ]
        store.write_spans([a_batch(spans), a_batch([a_span(3, trace_id=OTHER_TRACE)])])
        digests = {stored.span.span_id: stored.digest for stored in store.get_spans(TRACE_ID)}
        expected = [(span_id, digests[span_id]) for span_id in found]
        assert store.match_spans(TRACE_ID, terms) == expected

    # Look-up

    def test_it_finds_traces_by_the_beginning_of_either_form(self, store: SpanStore) -> None:
        long = "1234567890abcdef1234567890abcdef"
        spans = [a_span(n, trace_id=t) for n, t in enumerate((long, OTHER_TRACE, TRACE_ID), 1)]
        store.write_spans([a_batch(spans)])
        assert store.traces_with_prefix("123456", 10) == [OTHER_TRACE, long]
        assert store.traces_with_prefix("123456", 1) == [OTHER_TRACE]
        assert store.traces_with_prefix("0AF765", 10) == [TRACE_ID]
        assert store.traces_with_prefix("0000000000000000123", 10) == [OTHER_TRACE]
        assert store.traces_with_prefix("%", 10) == []
        assert store.traces_with_prefix(TRACE_ID[16:], 10) == [TRACE_ID], "its lower half"
        assert store.traces_with_prefix(TRACE_ID[17:], 10) == []

    def test_an_attributes_value_is_of_the_span_else_of_its_resource(
        self, store: SpanStore
    ) -> None:
        spans = [
            a_span(1, attributes={"k=": 1, "k": "own"}, resource={"k": "resource"}),
            a_span(2, 1, resource={"k": True}),
            a_span(3, 1, attributes={"other": "x", "k2": "y"}),
            a_span(4, 1, trace_id=OTHER_TRACE, attributes={"k": "elsewhere"}),
        ]
        store.write_spans([a_batch([*spans, spans[0]])])
        found = store.attribute_of_spans(TRACE_ID, "k")
        assert {span_id: value for (span_id, _), value in found.items()} == {1: "own", 2: "true"}
        columns = store.get_columns(TRACE_ID)
        assert columns is not None
        keys = set(zip(columns.span_id.tolist(), columns.digest.tolist(), strict=True))
        assert found.keys() <= keys
        assert list(store.attribute_of_spans(TRACE_ID, "k=").values()) == ["1"]
        assert store.attribute_of_spans(TRACE_ID, "none") == {}

    # How long operations take

    def test_an_operation_s_durations_are_told_by_nearest_rank(self, store: SpanStore) -> None:
        spans = [
            a_span(number, name="query", start_ns=START_NS + number, duration_ns=number * MS)
            for number in range(1, 41)
        ]
        others = [a_span(50, name="query", service="other"), a_span(51, name="other")]
        store.write_spans([a_batch([*spans, *others])])
        pairs = [("shop", "query"), ("other", "query"), ("shop", "unknown")]
        found = store.operation_percentiles(pairs, (0.0, 0.5, 0.95, 1.0))
        assert found.keys() == set(pairs[:2])
        assert found["shop", "query"].samples == 40
        assert found["shop", "query"].durations_ns == (MS, 20 * MS, 38 * MS, 40 * MS)
        assert found["other", "query"].durations_ns == (100 * MS,) * 4
        assert store.operation_percentiles([], (0.5,)) == {}

    def test_only_recent_spans_of_an_operation_count(
        self, store: SpanStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in ("viewer.store.memory", "viewer.store.duckdb.recent"):
            monkeypatch.setattr(f"{module}.RECENT_SPANS", 3)
        starts = [1, 5, 2, 5, 3, 3]
        spans = [
            a_span(number, name="query", start_ns=START_NS + start, duration_ns=start * MS)
            for number, start in enumerate(starts, 1)
        ]
        store.write_spans([a_batch(spans)])
        found = store.operation_percentiles([("shop", "query")], (0.0, 1.0))["shop", "query"]
        assert (found.samples, found.durations_ns) == (4, (3 * MS, 5 * MS))

    def test_an_attributes_value_may_be_asked_of_some_spans_only(self, store: SpanStore) -> None:
        spans = [a_span(n, attributes={"k": n}, resource={"r": "x"}) for n in (1, 2, 3)]
        store.write_spans([a_batch(spans)])
        found = store.attribute_of_spans(TRACE_ID, "k", [1, 3, 3, 0, -1, 1 << 70, 99])
        assert {span_id: value for (span_id, _), value in found.items()} == {1: "1", 3: "3"}
        assert list(store.attribute_of_spans(TRACE_ID, "r", [2]).values()) == ["x"]
        assert store.attribute_of_spans(TRACE_ID, "k", []) == {}

    def test_it_lists_the_attribute_keys_of_a_trace(self, store: SpanStore) -> None:
        spans = [
            a_span(1, attributes={"b": 1, "a=\\": 2}, resource={"host.name": "h"}),
            a_span(2, 1, attributes={"b": 2, "c": None}),
            a_span(3, trace_id=OTHER_TRACE, attributes={"elsewhere": 1}),
        ]
        store.write_spans([a_batch(spans)])
        keys = ["a=\\", "b", "c", "host.name", "service.name"]
        assert store.attribute_keys_of_trace(TRACE_ID, 10) == keys
        assert store.attribute_keys_of_trace(TRACE_ID, 2) == keys[:2]
        assert store.attribute_keys_of_trace(TRACE_ID, -1) == []

    # Events

    def test_events_of_a_trace_are_in_order_of_time(self, store: SpanStore) -> None:
        spans = [
            a_span(
                1, start_ns=START_NS, events=[Event(START_NS + 5, "late"), Event(0, "timeless")]
            ),
            a_span(
                2, 1, start_ns=START_NS + 1, events=[Event(START_NS + 1, "b", (("k", 1.5),), 3)]
            ),
            a_span(
                3, 1, start_ns=START_NS, events=[Event(START_NS + 5, "x"), Event(START_NS + 5, "a")]
            ),
            a_span(4, 1),
            a_span(5, trace_id=OTHER_TRACE, events=[Event(1, "elsewhere")]),
        ]
        store.write_spans([a_batch(spans), a_batch(spans[:3])])
        page = store.events_of_trace(TRACE_ID, EventQuery())
        assert page.total == 5
        assert [found.event.name for found in page.events] == ["timeless", "b", "late", "x", "a"]
        assert [found.span_id for found in page.events] == [1, 2, 1, 3, 3]
        assert page.events[1].event == Event(START_NS + 1, "b", (("k", 1.5),), 3)
        columns = store.get_columns(TRACE_ID)
        assert columns is not None
        keys = set(zip(columns.span_id.tolist(), columns.digest.tolist(), strict=True))
        assert {(found.span_id, found.digest) for found in page.events} <= keys
        some = store.events_of_trace(TRACE_ID, EventQuery(limit=2, offset=3))
        assert (some.events, some.total) == (page.events[3:], 5)
        for limit, offset in ((0, 0), (-1, -1), (5, 5), (5, 1 << 40)):
            none = store.events_of_trace(TRACE_ID, EventQuery(limit=limit, offset=offset))
            assert (none.events, none.total) == ((), 5)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", ["Exploded", "line\nbreak", "n"]),
            ("EXPLODED", ["Exploded"]),
            ("event.k=STRASSE", ["Exploded"]),
            ('a "quoted" word', ["Exploded"]),
            ("line\nb", ["line\nbreak"]),
            ("\x1f", ["n"]),
            ("\\", ["n"]),
            # What the column's JSON is made of is no text of an event.
            ('"n":', []),
            ("\\n", []),
            ('","', []),
            ("op", []),
            ("%", []),
        ],
    )
    def test_events_are_found_by_text(self, store: SpanStore, text: str, found: list[str]) -> None:
        events = [
            Event(1, "Exploded", (("event.k", "strasse"), ("q", 'a "quoted" word'))),
            Event(2, "line\nbreak"),
            Event(3, "n", (("a=b", "\x1f"),)),
        ]
        store.write_spans([a_batch([a_span(1, name="op", attributes={"k": "op"}, events=events)])])
        page = store.events_of_trace(TRACE_ID, EventQuery(text))
        assert [one.event.name for one in page.events] == found
        assert page.total == len(found)

    def test_events_that_tell_of_errors_are_found(self, store: SpanStore) -> None:
        telling = [
            Event(1, "exception"),
            Event(2, "error"),
            Event(3, "e", (("exception.type", "ValueError"),)),
            Event(4, "e", (("error.object", "x"),)),
            Event(5, "e", (("a", 1), ("level", "ERROR"))),
            Event(6, "e", (("severity", "Fatal"),)),
        ]
        others = [
            Event(7, "Exception"),
            Event(8, "errors"),
            Event(9, "e", (("exception.types", "x"), ("Level", "error"), ("level", "errors"))),
            Event(10, "e", (("message", "level=error"), ("level=", "error"))),
        ]
        store.write_spans([a_batch([a_span(1, events=[*telling, *others])])])
        page = store.events_of_trace(TRACE_ID, EventQuery(errors_only=True))
        assert [one.event for one in page.events] == telling
        both = store.events_of_trace(TRACE_ID, EventQuery("exception", errors_only=True))
        assert [one.event.time_ns for one in both.events] == [1, 3]
        assert both.total == 2

    # Replacing, open ends

    def test_a_replaced_span_goes_as_the_new_one_comes(self, store: SpanStore) -> None:
        first = a_span(1, name="begun")
        store.write_spans([a_batch([first, a_span(2, 1), a_span(1, trace_id=OTHER_TRACE)])])
        generation = store.generation
        store.write_spans([a_batch([a_span(1, name="done")])], replaced=[(TRACE_ID, 1)])
        assert store.generation > generation
        assert [found.span.name for found in store.get_spans(TRACE_ID, [1])] == ["done"]
        assert len(store.get_spans(TRACE_ID)) == 2
        assert len(store.get_spans(OTHER_TRACE)) == 1
        assert store.stats().span_rows == 3

    def test_spans_may_go_without_new_ones(self, store: SpanStore) -> None:
        largest = (1 << 64) - 1
        store.write_spans([a_batch([a_span(largest), a_span(2)])])
        gone = [(TRACE_ID, largest), (TRACE_ID, 3), (OTHER_TRACE, 2)]
        store.write_spans([], replaced=gone)
        assert [found.span.span_id for found in store.get_spans(TRACE_ID)] == [2]
        store.write_spans([], replaced=[(TRACE_ID, 2)])
        assert store.get_columns(TRACE_ID) is None
        assert store.count_traces(TraceQuery()).total == 0

    def test_spans_with_open_ends_are_listed(self, store: SpanStore, clock: Clock) -> None:
        both = OpenEnd.IN_PROGRESS | OpenEnd.SERVICE_OF_PARENT
        spans = [a_span(1), replace(a_span(2, 1), open_ends=both), a_span(3, 1)]
        store.write_spans([a_batch(spans)])
        assert store.open_spans(0) == [OpenSpan(TRACE_ID, 2, 1, both)]
        assert store.open_spans(clock.now_ns + 1) == []
        (found,) = store.get_spans(TRACE_ID, [2])
        assert found.span.open_ends == both

    # Weights

    def test_without_sampling_there_is_nothing_to_estimate(self, store: SpanStore) -> None:
        store.write_spans([a_batch(a_trace(1))])
        page, counts = store.find_traces(TraceQuery()), store.count_traces(TraceQuery())
        assert (counts.total, counts.estimated_total) == (1, None)
        assert page.traces[0].weight == 1

    @pytest.mark.parametrize("sort", Sort)
    def test_what_sampled_traces_stand_for_is_counted_beside_them(
        self, store: SpanStore, sort: Sort
    ) -> None:
        sampled = a_batch([*a_trace(1), *a_trace(2)])
        sampled.weight = 4.0
        store.write_spans([sampled, a_batch(a_trace(3, error=True))])
        page = store.find_traces(TraceQuery(sort=sort))
        counts = store.count_traces(TraceQuery(sort=sort))
        assert (counts.total, counts.estimated_total) == (3, 9.0)
        weights = {int(trace.trace_id, 16): trace.weight for trace in page.traces}
        assert weights == {1: 4.0, 2: 4.0, 3: 1.0}
        columns = store.get_columns(f"{1:032x}")
        assert columns is not None
        assert columns.weight == 4.0
        errors = store.count_traces(TraceQuery(sort=sort, errors_only=True))
        assert (errors.total, errors.estimated_total) == (1, 1.0)
        assert store.count_traces(TraceQuery(service="none")).estimated_total == 0

    def test_a_trace_kept_for_others_and_for_itself_stands_for_itself(
        self, store: SpanStore
    ) -> None:
        sampled = a_batch(a_trace(1))
        sampled.weight = 4.0
        store.write_spans([sampled, a_batch(a_trace(1))])
        page, counts = store.find_traces(TraceQuery()), store.count_traces(TraceQuery())
        assert (counts.total, counts.estimated_total, page.traces[0].weight) == (1, 1.0, 1.0)
        assert page.traces[0].spans == 3, "re-deliveries count once, whatever their weight"
        columns = store.get_columns(f"{1:032x}")
        assert columns is not None
        assert columns.weight == 1.0

    def test_it_finds_traces_by_a_span_id(self, store: SpanStore) -> None:
        high = 2**64 - 2
        spans = [a_span(high, trace_id=TRACE_ID), a_span(high, trace_id=OTHER_TRACE)]
        store.write_spans([a_batch(spans)])
        assert store.traces_with_span(high, 10) == [OTHER_TRACE, TRACE_ID]
        assert store.traces_with_span(high, 1) == [OTHER_TRACE]
        assert store.traces_with_span(5, 10) == []

    # Lists

    def test_it_lists_services_and_operations(self, store: SpanStore) -> None:
        spans = [
            a_span(1, service="b", name="z", kind=SpanKind.SERVER),
            a_span(2, service="b", name="a"),
            a_span(3, service="b", name="z", kind=SpanKind.CLIENT),
            a_span(4, service="a", name="x"),
            a_span(5, service="", name="nameless"),
        ]
        store.write_spans([a_batch(spans)])
        store.write_spans([a_batch(spans)])
        assert store.services() == ["a", "b"]
        assert store.operations("b") == [
            Operation("b", "a", 1),
            Operation("b", "z", 2),
            Operation("b", "z", 3),
        ]
        assert store.operations("b", 2) == [Operation("b", "z", 2)]
        assert store.operations("b", limit=1) == [Operation("b", "a", 1)]

    def test_it_suggests_attribute_keys(self, store: SpanStore) -> None:
        spans = [
            a_span(1, attributes={"http.method": "GET", "http=odd\\": 1}, resource={"host": "h"}),
            a_span(2, 1, service="db", attributes={"http.db": "1", "plain": "http.no=1"}),
        ]
        store.write_spans([a_batch(spans)])
        assert store.attribute_keys(None, "http", 10) == ["http.db", "http.method", "http=odd\\"]
        assert store.attribute_keys("shop", "http", 10) == ["http.method", "http=odd\\"]
        assert store.attribute_keys("shop", "h", 1) == ["host"]
        assert store.attribute_keys(None, "http=", 9) == ["http=odd\\"]
        assert store.attribute_keys("db", "", 9) == ["http.db", "plain", "service.name"]

    def test_it_suggests_values_by_frequency(self, store: SpanStore) -> None:
        values = ["b", "b", "a", "ba", "a", "b", 5]
        spans = [a_span(n, attributes={"k": value}) for n, value in enumerate(values, 1)]
        spans.append(a_span(99, service="x", attributes={"k": "bb"}, resource={"k": "r"}))
        store.write_spans([a_batch(spans)])
        assert store.attribute_values(None, "k", "", 10) == ["b", "a", "5", "ba", "bb", "r"]
        assert store.attribute_values("shop", "k", "b", 10) == ["b", "ba"]
        assert store.attribute_values(None, "k", "", 1) == ["b"]
        assert store.attribute_values(None, "service.name", "", 9) == ["shop", "x"]
        assert store.attribute_values(None, "other", "", 9) == []

    def test_it_counts_calls_between_services(self, store: SpanStore) -> None:
        spans = [
            a_span(1, service="web"),
            a_span(2, 1, service="web"),
            a_span(3, 2, service="db", error=True),
            a_span(4, 2, service="db"),
            a_span(5, 77, service="orphan"),
            a_span(6, 6, service="self"),
            a_span(3, 1, trace_id=OTHER_TRACE, service="elsewhere"),
        ]
        store.write_spans([a_batch(spans)])
        assert store.dependencies(START_NS, START_NS + 1) == [
            DependencyLink("web", "db", 2, 1),
            DependencyLink("web", "web", 1, 0),
        ]
        assert store.dependencies(START_NS + 1, START_NS + 2) == []

    def test_calls_go_through_the_halves_of_a_shared_id(self, store: SpanStore) -> None:
        spans = [
            a_span(1, service="front", kind=SpanKind.CLIENT, start_ns=10),
            a_span(1, service="back", kind=SpanKind.SERVER, start_ns=11),
            a_span(2, 1, service="back", start_ns=12),
            a_span(3, 1, service="third", start_ns=12),
        ]
        store.write_spans([a_batch(spans)])
        assert store.dependencies(0, 100) == [
            DependencyLink("back", "back", 1, 0),
            DependencyLink("back", "third", 1, 0),
            DependencyLink("front", "back", 1, 0),
        ]

    def test_it_says_what_is_stored(self, store: SpanStore) -> None:
        spans = [
            a_span(1, service="b", start_ns=START_NS),
            a_span(2, service="a", start_ns=START_NS + 9, trace_id=OTHER_TRACE),
            a_span(3, service="b", start_ns=0),
            a_span(4, service="c", start_ns=0),
        ]
        store.write_spans([a_batch(spans)])
        stats = store.stats()
        assert (stats.span_rows, stats.traces) == (4, 2)
        assert (stats.oldest_ns, stats.newest_ns) == (START_NS, START_NS + 9)
        assert [(s.service, s.span_rows, s.oldest_ns, s.newest_ns) for s in stats.services] == [
            ("a", 1, START_NS + 9, START_NS + 9),
            ("b", 2, START_NS, START_NS),
            ("c", 1, 0, 0),
        ]

    # Retention

    # Links from elsewhere

    def test_it_finds_what_links_to_a_span(self, store: SpanStore) -> None:
        target = Link(OTHER_TRACE, 7, (("why", "retry"),), trace_state="a=b")
        near = Link(OTHER_TRACE, 8)
        text = Link(
            TRACE_ID, 1, (("text", '{"i":"' + OTHER_TRACE + '","s":"' + f"{7:016x}" + '"}'),)
        )
        spans = [
            a_span(1, trace_id=OTHER_TRACE, links=[target], name="own", start_ns=START_NS + 2),
            a_span(2, links=[near, target], name="second", service="batch", start_ns=START_NS + 1),
            a_span(3, links=[near, text], name="other"),
            a_span(4, name="none"),
            a_span(5, links=[Link(OTHER_TRACE, 0)], name="whole"),
        ]
        store.write_spans([a_batch([*spans, spans[1]])])
        second = LinkingSpan(TRACE_ID, 2, "batch", "second", START_NS + 1)
        own = LinkingSpan(OTHER_TRACE, 1, "shop", "own", START_NS + 2)
        whole = LinkingSpan(TRACE_ID, 5, "shop", "whole", START_NS)
        assert store.spans_linking_to(OTHER_TRACE, [7], 10) == Linking(2, (second, own))
        assert store.spans_linking_to(OTHER_TRACE, [7], 1) == Linking(2, (second,))
        assert store.spans_linking_to(OTHER_TRACE, [7, 0], 10) == Linking(3, (whole, second, own))
        assert store.spans_linking_to(OTHER_TRACE, [9], 10) == Linking(0, ())
        assert store.spans_linking_to(OTHER_TRACE, [], 10) == Linking(0, ())
        assert store.spans_linking_to('\ud800"%', [7], 10) == Linking(0, ())

    # Late spans

    def test_it_counts_what_was_stored_since(self, store: SpanStore, clock: Clock) -> None:
        spans = a_trace(1, spans=6)
        trace_id = spans[0].trace_id
        assert store.late_spans(trace_id, 0) == LateSpans(0, 0)
        store.write_spans([a_batch(spans[:2])])
        first = clock.now_ns
        clock.now_ns += 10
        # Two that are known already, one of them twice, and three new ones, one of them twice.
        store.write_spans([a_batch([*spans[:2], spans[0], *spans[2:5], spans[4]])])
        clock.now_ns += 10
        store.write_spans([a_batch(a_trace(2)), a_batch(spans[5:])])
        assert store.late_spans(trace_id, first - 1) == LateSpans(6, clock.now_ns)
        assert store.late_spans(trace_id, first) == LateSpans(4, clock.now_ns)
        assert store.late_spans(trace_id, first + 10) == LateSpans(1, clock.now_ns)
        assert store.late_spans(trace_id, clock.now_ns) == LateSpans(0, 0)
        assert store.late_spans(f"{9:032x}", 0) == LateSpans(0, 0)
        assert store.late_spans("\ud800'", 10**18) == LateSpans(0, 0)
        columns = store.get_columns(trace_id)
        assert columns is not None
        assert columns.stored_ns == clock.now_ns

    def test_a_re_delivery_is_not_late_though_it_is_the_newest(
        self, store: SpanStore, clock: Clock
    ) -> None:
        store.write_spans([a_batch([a_span(1)])])
        first = clock.now_ns
        clock.now_ns += 10
        store.write_spans([a_batch([a_span(1)])])
        assert store.late_spans(TRACE_ID, first) == LateSpans(0, clock.now_ns)

    def test_the_final_form_of_a_span_is_a_late_one(self, store: SpanStore, clock: Clock) -> None:
        store.write_spans([a_batch([a_span(1, name="begun"), a_span(2)])])
        first = clock.now_ns
        clock.now_ns += 10
        store.write_spans([a_batch([a_span(1, name="ended")])], replaced=[(TRACE_ID, 1)])
        assert store.late_spans(TRACE_ID, first) == LateSpans(1, clock.now_ns)

    def test_columns_name_the_hosts_of_their_spans(self, store: SpanStore) -> None:
        spans = [
            a_span(1, resource={"host.name": "a", "host.id": "x"}),
            a_span(2, resource={"host.ip": ["10.0.0.1", "::1"], "host.name": "a"}),
            a_span(3, resource={"host.name": "a"}),
            a_span(4),
        ]
        store.write_spans([a_batch(spans)])
        columns = store.get_columns(TRACE_ID)
        assert columns is not None
        assert columns.host is not None
        hosts = [columns.hosts[number] for number in columns.host]
        assert dict(zip(columns.span_id.tolist(), hosts, strict=True)) == {
            1: "x",
            2: "10.0.0.1",
            3: "a",
            4: "",
        }

    def test_columns_know_no_hosts_where_none_is_named(self, store: SpanStore) -> None:
        store.write_spans([a_batch([a_span(1), a_span(2, resource={"host.ip": []})])])
        columns = store.get_columns(TRACE_ID)
        assert columns is not None
        assert (columns.host, columns.hosts) == (None, ("",))

    # Removal

    def test_a_removed_trace_is_remembered(self, store: SpanStore, clock: Clock) -> None:
        if not store.capabilities.prunes:
            pytest.skip("the engine cannot prune")
        spans = a_trace(1, spans=4, name="GET /checkout", service="front")
        # It arrives twice, which counts once.
        store.write_spans([a_batch(spans), a_batch(spans)])
        clock.now_ns += 10
        store.write_spans([a_batch(a_trace(2))])
        assert store.removed_trace(f"{1:032x}") is None
        clock.now_ns += 10
        store.prune(clock.now_ns - 10, None)
        assert store.removed_trace(f"{1:032x}") == RemovedTrace(
            trace_id=f"{1:032x}",
            root_service="front",
            root_name="GET /checkout",
            has_root=True,
            start_ns=START_NS,
            duration_ns=100 * MS,
            spans=4,
            removed_ns=clock.now_ns,
        )
        assert store.removed_trace(f"{2:032x}") is None
        assert store.removed_trace("\ud800'") is None

    def test_a_trace_removed_in_several_goes_is_remembered_as_one(
        self, store: SpanStore, clock: Clock
    ) -> None:
        if not store.capabilities.prunes:
            pytest.skip("the engine cannot prune")
        root, *children = a_trace(1, spans=3)
        early = replace(children[1], start_ns=START_NS - 5 * MS, name="early")
        untimed = replace(children[0], start_ns=0, duration_ns=900 * MS)
        for span in (early, root, untimed):
            clock.now_ns += 10
            store.write_spans([a_batch([span])])
            store.prune(clock.now_ns + 1, None)
        found = store.removed_trace(root.trace_id)
        assert found is not None
        assert (found.root_name, found.has_root, found.spans) == ("GET /", True, 3)
        assert (found.start_ns, found.duration_ns) == (START_NS - 5 * MS, 105 * MS)
        assert found.removed_ns == clock.now_ns

    def test_a_removed_trace_without_a_root_is_called_by_its_earliest_span(
        self, store: SpanStore, clock: Clock
    ) -> None:
        if not store.capabilities.prunes:
            pytest.skip("the engine cannot prune")
        late = a_span(3, 9, name="late", start_ns=START_NS + 1)
        store.write_spans([a_batch([late, a_span(2, 9, name="early", service="")])])
        store.prune(clock.now_ns + 1, None)
        found = store.removed_trace(TRACE_ID)
        assert found is not None
        assert (found.root_service, found.root_name, found.has_root) == ("", "early", False)

    def test_it_prunes_what_was_stored_before(self, store: SpanStore, clock: Clock) -> None:
        if not store.capabilities.prunes:
            pytest.skip("this engine does not prune")
        for number, service in ((1, "old"), (2, "mid"), (3, "new")):
            clock.now_ns = 1000 * number
            # How old the span itself is does not matter: an old file may be looked at today.
            start = START_NS - number * 10**15
            store.write_spans([a_batch(a_trace(number, service=service, start_ns=start))])
        before = store.generation
        pruned = store.prune(2000, None)
        assert (pruned.span_rows, pruned.by_age, pruned.by_size) == (3, 3, 0)
        assert ids(store, TraceQuery()) == [2, 3]
        assert store.services() == ["mid", "new"]
        assert store.get_columns(f"{1:032x}") is None
        assert store.generation > before
        assert store.prune(2000, None).span_rows == 0
        clock.now_ns = 9000
        store.write_spans([a_batch(a_trace(4, service="old"))])
        assert store.services() == ["mid", "new", "old"]
        assert store.get_spans(f"{4:032x}")[0].span.resource.service == "old"
        assert store.get_spans(f"{3:032x}")[0].span.resource.service == "new"

    # Threads

    def test_many_threads_read_while_one_writes(self, store: SpanStore) -> None:
        failures: list[BaseException] = []
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    page = store.find_traces(TraceQuery(limit=3))
                    for trace in page.traces:
                        assert trace.spans == 3, "a trace was seen half written"
                        assert len(store.get_spans(trace.trace_id)) == 3
                    store.services()
            except BaseException as error:
                failures.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(1, 13):
            store.write_spans([a_batch(a_trace(number))])
        done.set()
        for reader in readers:
            reader.join()
        assert failures == []
        assert store.count_traces(TraceQuery()).total == 12


def a_note(
    key: str,
    path: str = "/a",
    head_digest: str = "h",
    bytes: int = 5000,  # noqa: A002
    spans: int = 0,
    noted_ns: int = 1,
) -> FileImport:
    return FileImport(
        key, path, "1:2", bytes, "d", head_digest, "5", spans, is_done=False, noted_ns=noted_ns
    )


def spans_of(store: SpanStore, trace_id: str) -> list[Span]:
    """Return a trace's spans without digests."""
    return [stored.span for stored in store.get_spans(trace_id)]
