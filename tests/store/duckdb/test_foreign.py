"""Span tables of other tools, opened in place and read for import."""

from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.builders import START_NS, a_batch, a_span, a_trace
from tests.store.contract import spans_of
from tests.store.duckdb.test_engine import a_store
from viewer.search.query import Sort, TraceQuery
from viewer.store import open_store, read_table
from viewer.store.base import SpanStore, StoreError, StoreForeign
from viewer.store.duckdb.foreign import TableReader
from viewer.trace.attributes import Value
from viewer.trace.ids import trace_id_of_any_text
from viewer.trace.span import Event, Link, Span, SpanKind, StatusCode
from viewer.trace.tree import Oddity, build_tree

A = "0af7651916cd43dd8448eb211c80319c"
B = "00000000000000001234567890abcdef"
CLICKHOUSE = f"""
CREATE TABLE otel_traces (
  "Timestamp" TIMESTAMP_NS, TraceId VARCHAR, SpanId VARCHAR, ParentSpanId VARCHAR,
  TraceState VARCHAR, SpanName VARCHAR, SpanKind VARCHAR, ServiceName VARCHAR,
  ResourceAttributes MAP(VARCHAR, VARCHAR), ScopeName VARCHAR, ScopeVersion VARCHAR,
  SpanAttributes MAP(VARCHAR, VARCHAR), Duration UBIGINT, StatusCode VARCHAR,
  StatusMessage VARCHAR, "Events.Timestamp" TIMESTAMP_NS[], "Events.Name" VARCHAR[],
  "Events.Attributes" MAP(VARCHAR, VARCHAR)[], "Links.TraceId" VARCHAR[], "Links.SpanId" VARCHAR[],
  "Links.TraceState" VARCHAR[], "Links.Attributes" MAP(VARCHAR, VARCHAR)[]);
INSERT INTO otel_traces VALUES
 (make_timestamp_ns({START_NS}), '{A}', '00000000000000aa', '', 'w=1', 'GET', 'Server', 'web',
  MAP {{'service.name': 'web', 'host.name': 'h=1'}}, 'lib', '2',
  MAP {{'http.method': 'GET', 'k=y': 'v'}}, 1500, 'Error', 'boom',
  [make_timestamp_ns({START_NS + 7})], ['exception'], [MAP {{'type': 'E'}}],
  ['{B}'], ['00000000000000bb'], ['x=y'], [MAP {{'l': 'v'}}]),
 (make_timestamp_ns({START_NS + 5}), '{A}', 'BB', 'aa', '', 'query', 'SPAN_KIND_CLIENT', 'db',
  MAP {{}}, '', '', MAP {{}}, 3, 'STATUS_CODE_OK', '', [], [], [], [], [], [], []);
"""


def a_database(path: Path, sql: str) -> Path:
    with duckdb.connect(str(path)) as con:
        con.execute(sql)
    return path


def a_parquet(path: Path, select: str) -> Path:
    with duckdb.connect() as con:
        escaped = str(path).replace("'", "''")
        con.execute(f"COPY ({select}) TO '{escaped}' (FORMAT parquet)")
    return path


def opened(path: Path) -> SpanStore:
    return open_store(str(path), read_only=True)


def the_span(path: Path) -> Span:
    (batch,) = read_table(path)
    (span,) = batch.spans()
    return span


@pytest.mark.parametrize(
    ("name", "spans", "traces", "services"),
    [
        ("duckdb/online-boutique-2407-traces.duckdb", 96_812, 2_407, 10),
        ("parquet/train-ticket-584-traces.parquet", 40_709, 584, 28),
        ("parquet/otel-demo-19-spans.parquet", 19, 19, 8),
    ],
)
def test_real_files_hold_what_their_readme_counts(
    shared_traces: Path, name: str, spans: int, traces: int, services: int
) -> None:
    path = shared_traces / name
    store = opened(path)
    stats = store.stats()
    assert (stats.span_rows, stats.traces, len(store.services())) == (spans, traces, services)
    page = store.find_traces(TraceQuery(sort=Sort.MOST_SPANS, limit=3))
    assert store.count_traces(TraceQuery()).total == traces
    columns = store.get_columns(page.traces[0].trace_id)
    assert columns is not None
    tree = build_tree(columns)
    tree.check()
    assert len(tree) == page.traces[0].spans
    in_place = {trace.trace_id: spans_of(store, trace.trace_id) for trace in page.traces}
    store.close()
    sizes = [len(batch) for batch in read_table(path)]
    assert sum(sizes) == spans
    assert max(sizes) <= 50_000
    # Imported into a store of our own, the spans are the same.
    read = [
        span for batch in read_table(path) for span in batch.spans() if span.trace_id in in_place
    ]
    for trace_id, expected in in_place.items():
        got = [span for span in read if span.trace_id == trace_id]
        assert sorted(map(repr, got)) == sorted(map(repr, expected))


def test_the_real_parquet_file_keeps_events_and_typed_attributes(shared_traces: Path) -> None:
    store = opened(shared_traces / "parquet/otel-demo-19-spans.parquet")
    page = store.find_traces(TraceQuery(tags=(("http.method", "DELETE"),)))
    assert page.traces
    names = {
        event.name
        for trace in store.find_traces(TraceQuery(limit=99)).traces
        for span in spans_of(store, trace.trace_id)
        for event in span.events
    }
    assert "validation" in names
    assert "host.name" in store.attribute_keys(None, "host", 5)
    store.close()


def test_a_real_trace_fetched_twice_has_its_span_ids_twice(shared_traces: Path) -> None:
    path = shared_traces / "parquet/train-ticket-584-traces.parquet"
    bearers = Counter(
        span
        for batch in read_table(path)
        for span in zip(batch.trace_id, batch.span_id, strict=True)
    )
    twice = [span for span, count in bearers.items() if count > 1]
    assert len(twice) == 184
    store = opened(path)
    columns = store.get_columns(twice[0][0])
    assert columns is not None
    tree = build_tree(columns)
    tree.check()
    assert {finding.oddity for finding in tree.findings} & {Oddity.DUPLICATE_ID, Oddity.REDELIVERED}
    store.close()


def test_a_table_of_the_clickhouse_exporter_is_read_whole(tmp_path: Path) -> None:
    path = a_database(tmp_path / "other.duckdb", CLICKHOUSE)
    before = path.read_bytes()
    store = opened(path)
    assert not store.capabilities.writable
    assert not store.capabilities.prunes
    root, child = spans_of(store, A)
    assert (root.name, root.service, root.kind) == ("GET", "web", SpanKind.SERVER)
    assert (root.span_id, root.parent_id, root.trace_state) == (0xAA, 0, "w=1")
    assert (root.start_ns, root.duration_ns) == (START_NS, 1500)
    assert (root.status.code, root.status.message) == (StatusCode.ERROR, "boom")
    assert root.attributes == (("http.method", "GET"), ("k=y", "v"))
    assert root.resource.attributes == (("service.name", "web"), ("host.name", "h=1"))
    assert (root.scope.name, root.scope.version) == ("lib", "2")
    assert root.events == (Event(START_NS + 7, "exception", (("type", "E"),)),)
    assert root.links == (Link(B, 0xBB, (("l", "v"),), "x=y"),)
    assert (child.span_id, child.parent_id, child.kind) == (0xBB, 0xAA, SpanKind.CLIENT)
    assert child.status.code == StatusCode.OK
    assert child.resource.attributes == (("service.name", "db"),)
    for tags, total in (
        ((("http.method", "GET"),), 1),
        ((("k=y", "v"),), 1),
        ((("host.name", "h=1"),), 1),
        ((("type", "E"),), 1),
        ((("type", "F"),), 0),
    ):
        assert store.count_traces(TraceQuery(tags=tags)).total == total
    assert [span_id for span_id, _ in store.match_spans(A, ["EXCEPTION"])] == [0xAA]
    assert [link.child for link in store.dependencies(0, 1 << 62)] == ["db"]
    assert store.services() == ["db", "web"]
    store.close()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_columns_of_otlp_in_snake_case_are_read_and_the_rest_become_attributes(
    tmp_path: Path,
) -> None:
    path = a_parquet(
        tmp_path / "spans.parquet",
        f"""SELECT '{A}' AS trace_id, 'aa' AS span_id, NULL AS parent_span_id, 'shop' AS service_name,
        'buy' AS span_name, {START_NS} AS start_time_unix_nano, {START_NS + 9} AS end_time_unix_nano,
        'pod-1' AS "k8s.pod.name", 7 AS retries, true AS cached, 0.5::DOUBLE AS ratio,
        [1, 2] AS numbers, 'x'::BLOB AS raw, NULL AS nothing, 2 AS status_code, 3 AS kind""",
    )
    span = the_span(path)
    assert (span.name, span.service, span.duration_ns) == ("buy", "shop", 9)
    assert (span.parent_id, span.kind, span.status.code) == (0, SpanKind.CLIENT, StatusCode.ERROR)
    assert dict(span.attributes) == {
        "k8s.pod.name": "pod-1",
        "retries": 7,
        "cached": True,
        "ratio": 0.5,
        "numbers": [1, 2],
        "raw": b"x",
    }
    store = opened(path)
    assert (
        store.count_traces(TraceQuery(tags=(("k8s.pod.name", "pod-1"), ("retries", "7")))).total
        == 1
    )
    store.close()


@pytest.mark.parametrize(
    ("sql", "attributes"),
    [
        ("""'{"a":"x","b":1,"c":1.5,"d":true,"e":null,"f":{"g":[1]},"h":""}'""", None),
        ("""'{"a":"x","b":1,"c":1.5,"d":true,"e":null,"f":{"g":[1]},"h":""}'::JSON""", None),
        ("{'a': 'x', 'b': 1}", {"a": "x", "b": 1}),
        ("MAP {'a': 1.5::DOUBLE}", {"a": 1.5}),
        ('\'{"twice":1,"twice":2}\'', {"attributes": '{"twice":1,"twice":2}'}),
        ("'no json'", {"attributes": "no json"}),
        ("''", {}),
        ("NULL::VARCHAR", {}),
        ("'[1]'", {"attributes": "[1]"}),
    ],
)
def test_attributes_keep_their_types_in_whatever_they_are_held(
    tmp_path: Path, sql: str, attributes: dict[str, Value] | None
) -> None:
    path = a_database(
        tmp_path / "x.duckdb",
        f"CREATE TABLE t AS SELECT '{A}' AS trace_id, '1' AS span_id, now() AS timestamp,"
        f" {sql} AS span_attributes",
    )
    everything: dict[str, Value] = {
        "a": "x", "b": 1, "c": 1.5, "d": True, "e": None, "f": {"g": [1]}, "h": "",
    }  # fmt: skip
    expected = everything if attributes is None else attributes
    assert dict(the_span(path).attributes) == expected


@pytest.mark.parametrize(
    ("sql", "trace_id", "span_id"),
    [
        ("'ABC', 'F'", "abc".zfill(32), 0xF),
        ("'\\x0a'::BLOB, '\\x01\\x02'::BLOB", "0a".zfill(32), 0x102),
        ("255::UHUGEINT, -1::BIGINT", "ff".zfill(32), 2**64 - 1),
        ("'0af76519-16cd-43dd-8448-eb211c80319c'::UUID, 5::UBIGINT", A, 5),
        ("'CvdlGRbNQ92ESOshHIAxnA==', 'AAAAAAAAAAE='", A, 1),
        ("'normalized-trace-id', 'x'", trace_id_of_any_text("normalized-trace-id")[0], None),
    ],
)
def test_ids_of_any_kind_are_read_as_everywhere(
    tmp_path: Path, sql: str, trace_id: str, span_id: int | None
) -> None:
    path = a_database(
        tmp_path / "x.duckdb",
        "CREATE TABLE t (trace_id {}, span_id {}, start_ns BIGINT)".format(
            *[
                "BLOB" if "BLOB" in part else part.split("::")[1] if "::" in part else "VARCHAR"
                for part in sql.split(", ")
            ]
        )
        + f"; INSERT INTO t SELECT {sql}, {START_NS}",
    )
    span = the_span(path)
    assert span.trace_id == trace_id
    assert span_id in (None, span.span_id)
    store = opened(path)
    assert len(store.get_spans(trace_id)) == 1
    assert store.traces_with_span(span.span_id, 5) == [trace_id]
    store.close()


def test_rows_without_ids_are_left_out_and_counted(tmp_path: Path) -> None:
    path = a_database(
        tmp_path / "x.duckdb",
        "CREATE TABLE t (trace_id VARCHAR, span_id VARCHAR, start_ns BIGINT);"
        f"INSERT INTO t VALUES ('{A}', '1', 1), (NULL, '1', 1), ('{A}', '', 1), ('{A}', '0', 1),"
        f" ('0000', '1', 1), ('', '2', 1), ('{A}', NULL, 1)",
    )
    reader = read_table(path)
    assert isinstance(reader, TableReader)
    assert [(rejection.count, rejection.reason) for rejection in reader.rejected] == [
        (6, "a row without trace ID or span ID")
    ]
    assert [len(batch) for batch in reader] == [1]


@pytest.mark.parametrize(
    ("sql", "start_ns"),
    [
        (f"make_timestamp_ns({START_NS + 1})", START_NS + 1),
        ("TIMESTAMP '2023-11-14 22:13:20'", START_NS),
        ("TIMESTAMPTZ '2023-11-14 22:13:20+00'", START_NS),
        ("'2023-11-14T22:13:20.5Z'", START_NS + 500_000_000),
        (f"{START_NS // 10**9}", START_NS),
        (f"{START_NS // 10**6}", START_NS),
        (f"{START_NS // 10**3}", START_NS),
        (f"{START_NS}", START_NS),
        (f"{START_NS // 10**9}.5::DOUBLE", START_NS + 500_000_000),
        ("NULL::TIMESTAMP", 0),
        ("-5", 0),
    ],
)
def test_starts_of_any_kind_and_unit_are_read(tmp_path: Path, sql: str, start_ns: int) -> None:
    path = a_database(
        tmp_path / "x.duckdb",
        f"CREATE TABLE t AS SELECT '{A}' AS trace_id, '1' AS span_id, {sql} AS timestamp",
    )
    assert the_span(path).start_ns == start_ns


@pytest.mark.parametrize(
    ("column", "duration_ns"),
    [
        ("7 AS duration", 7),
        ("7 AS duration_us", 7_000),
        ("7 AS duration_ms", 7_000_000),
        ("7 AS DurationNano", 7),
        ("INTERVAL 7 SECOND AS duration", 7 * 10**9),
        ("-7 AS duration", 0),
        ("NULL::BIGINT AS duration", 0),
        ("9223372036854775807 AS duration", (1 << 63) - 1 - START_NS),
        (f"{START_NS + 7} AS end_time_unix_nano", 7),
        (f"make_timestamp_ns({START_NS + 7}) AS end_time", 7),
        (f"{START_NS - 7} AS end_time", 0),
    ],
)
def test_durations_are_read_or_follow_from_the_end(
    tmp_path: Path, column: str, duration_ns: int
) -> None:
    path = a_parquet(
        tmp_path / "x.parquet",
        f"SELECT '{A}' AS trace_id, '1' AS span_id, {START_NS} AS start_time, {column}",
    )
    assert the_span(path).duration_ns == duration_ns


def test_several_span_tables_of_a_file_are_read_together(tmp_path: Path) -> None:
    path = a_database(
        tmp_path / "x.duckdb",
        "CREATE TABLE \"traces \"\"2023\" AS SELECT 'a1' AS trace_id, '1' AS span_id, 5 AS start_ns;"
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 'a2' AS TraceId, '2' AS SpanId, 6 AS startns,"
        " 'n' AS name; CREATE TABLE other (x INTEGER); CREATE VIEW v AS FROM s.t",
    )
    store = opened(path)
    assert (store.stats().span_rows, store.stats().traces) == (2, 2)
    assert spans_of(store, "a2".zfill(32))[0].name == "n"
    store.close()


@pytest.mark.parametrize(
    "name", ["we[i]rd *?.parquet", "it's.parquet", "ünï.parquet", "a;b.parquet"]
)
def test_a_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    path = a_parquet(
        tmp_path / name, f"SELECT '{A}' AS trace_id, '1' AS span_id, {START_NS} AS start_ns"
    )
    store = open_store(f"duckdb:{path}", read_only=True)
    assert store.count_traces(TraceQuery()).total == 1
    store.close()
    database = a_database(
        tmp_path / (name + ".duckdb"),
        f"CREATE TABLE t AS SELECT '{A}' AS trace_id, '1' AS span_id, 1 AS start_ns",
    )
    assert the_span(database).trace_id == A


def test_no_other_file_is_reached_through_one_opened_in_place(tmp_path: Path) -> None:
    secret = a_parquet(tmp_path / "secret.parquet", "SELECT 1 AS x")
    path = a_parquet(
        tmp_path / "x.parquet", f"SELECT '{A}' AS trace_id, '1' AS span_id, 1 AS start_ns"
    )
    store = opened(path)
    with pytest.raises(StoreError), store._connections.reading() as con:  # type: ignore[attr-defined]
        con.execute(f"FROM read_parquet('{secret}')").fetchall()
    store.close()


def test_a_file_without_a_span_table_says_what_was_found_and_what_is_needed(tmp_path: Path) -> None:
    database = a_database(
        tmp_path / "x.duckdb", "CREATE TABLE orders (id INTEGER, trace_id VARCHAR)"
    )
    parquet = a_parquet(tmp_path / "x.parquet", "SELECT 1 AS id, 2 AS total")
    for path, found in ((database, "orders (id, trace_id)"), (parquet, "id, total")):
        for opening in (opened, read_table):
            with pytest.raises(StoreForeign) as raised:
                opening(path)
            message = str(raised.value)
            assert found in message
            assert "trace_id, span_id, start" in message
            assert "\n" not in message


def test_a_broken_table_file_is_refused_in_one_line(tmp_path: Path) -> None:
    for name, head in (("x.parquet", b"PAR1"), ("x.duckdb", b"\x00" * 8 + b"DUCK")):
        path = tmp_path / name
        path.write_bytes(head + b"\xff" * 5000)
        with pytest.raises(StoreError) as raised:
            read_table(path)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_file_of_ours_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ours.duckdb"
    store = a_store(path)
    spans = [a_span(1, attributes={"k": [1, None], "b": b"x"}, resource={"h": 1}), *a_trace(2)]
    store.write_spans([a_batch(spans)])
    store.close()
    reader = read_table(path)
    assert [span for batch in reader for span in batch.spans()] == spans
    assert isinstance(reader, TableReader)
    assert reader.rejected == []
    # Read to the end, the file is free again.
    a_store(path).close()


def test_of_another_tools_file_nothing_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(CLICKHOUSE)
    store = open_store(str(path), read_only=True)
    assert store.removed_trace(A) is None
    store.close()
