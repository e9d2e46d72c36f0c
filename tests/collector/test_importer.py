"""Files into a store: what is kept, what is said, and what a bad file leaves alone."""

import gzip
import io
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import zstandard

from tests.builders import TRACE_ID, a_batch, a_span, a_trace
from tests.collector.senders import a_body
from tests.conftest import SAMPLES
from viewer.collector import importer
from viewer.collector.importer import FileImporter, import_path, import_stream
from viewer.collector.pipeline import Pipeline
from viewer.formats import compression, documents, reading
from viewer.formats.base import DecodeError
from viewer.formats.jaeger.encode import encode as encode_jaeger
from viewer.formats.otlp.encode import encode
from viewer.formats.zipkin.encode import encode as encode_zipkin
from viewer.store import open_store
from viewer.store.base import SpanStore, StoreError
from viewer.trace.batch import SpanBatch
from viewer.trace.report import FileReport

OTHER = f"{2:032x}"


@dataclass
class Target:
    """A store with one trace in it, and the pipeline into it."""

    store: SpanStore
    pipeline: Pipeline

    def take(self, data: bytes, name: str = "file") -> FileReport:
        return import_stream(self.pipeline, name, io.BytesIO(data))

    def content(self) -> tuple[int, list[object]]:
        return self.store.generation, list(self.store.get_spans(TRACE_ID))


@pytest.fixture
def target() -> Iterator[Target]:
    store = open_store("memory:")
    store.write_spans([a_batch([a_span(1), a_span(2, 1)])])
    pipeline = Pipeline(store, None)
    yield Target(store, pipeline)
    pipeline.close()


def test_a_report_says_format_spans_traces_and_the_first_of_them(target: Target) -> None:
    report = target.take(encode([*a_trace(2), *a_trace(3)]), "two.json")
    assert report == FileReport("two.json", "otlp-json", 6, 2, (), OTHER)
    assert target.store.stats().traces == 3


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("otlp-json", encode(a_trace(2))),
        ("otlp-proto", a_body(2, spans=3)[0]),
        ("jaeger-json", encode_jaeger(a_trace(2))),
        ("zipkin-v2", encode_zipkin(a_trace(2))),
        ("otlp-json", gzip.compress(encode(a_trace(2)), mtime=0)),
        ("otlp-json", zstandard.compress(encode(a_trace(2)))),
    ],
)
def test_a_stream_is_read_by_its_content_whatever_its_name(
    target: Target, name: str, data: bytes
) -> None:
    report = target.take(data, "misleading.parquet")
    assert (report.format, report.spans) == (name, 3)
    assert len(target.store.get_spans(OTHER)) == 3


def test_bad_lines_are_named_and_counted_and_the_good_ones_kept(target: Target) -> None:
    good = encode(a_trace(2))
    report = target.take(b"\n".join([good, b"{nonsense", good.replace(b"0002", b"0003"), b"[1]"]))
    assert (report.spans, report.traces) == (6, 2)
    assert [(rejection.count, rejection.where) for rejection in report.rejected] == [
        (1, f"line 2 (byte {len(good) + 2})"),
        (1, "line 4 item 1"),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><p>", "HTML page"),
        (b"PK\x03\x04" + bytes(50), "ZIP archive"),
        (b"a,b\n1,2\n3,4\n", "CSV"),
        (b"", "an empty file"),
        (b'{"resourceSpans": [', "byte"),
        (gzip.compress(encode(a_trace(2)), mtime=0)[:-20], "breaks off"),
        (gzip.compress(b"<html>", mtime=0), "HTML page"),
        (b"PAR1" + bytes(50), "^file cannot be opened: .*'file'$"),
        (bytes(8) + b"DUCK" + bytes(5000), "^file cannot be opened: Corrupt database"),
    ],
)
def test_a_file_that_holds_no_spans_is_refused_and_nothing_stored_is_touched(
    target: Target, data: bytes, said: str
) -> None:
    before = target.content()
    with pytest.raises((DecodeError, StoreError), match=said) as raised:
        target.take(data)
    assert "\n" not in str(raised.value)
    assert target.content() == before


def test_a_file_of_another_signal_stores_nothing_and_says_what_it_holds(target: Target) -> None:
    report = target.take(b'{"resourceMetrics": []}')
    assert (report.spans, report.traces, report.first_trace_id) == (0, 0, "")
    assert [rejection.reason for rejection in report.rejected] == ["OTLP metrics: no spans"]


def test_the_same_file_twice_is_one_set_of_spans(target: Target) -> None:
    for _ in range(2):
        assert target.take(encode(a_trace(2))).spans == 3
    assert len(target.store.get_spans(OTHER)) == 3


def test_many_small_messages_are_few_writes(target: Target) -> None:
    before = target.store.generation
    lines = b"\n".join(encode(a_trace(number)) for number in range(2, 302))
    assert target.take(lines).traces == 300
    assert target.store.generation == before + 1


def import_all(target: Target, paths: list[Path]) -> list[FileReport]:
    importer = FileImporter(target.pipeline)
    reports = [importer.import_path(path, lambda *_: None) for path in paths]
    assert importer.settle() == []
    assert importer.is_settled
    return reports


def some_files(folder: Path, numbers: range) -> list[Path]:
    paths = [folder / f"{number}.json" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        path.write_bytes(encode(a_trace(number)))
    return paths


def test_many_small_files_are_few_writes(target: Target, tmp_path: Path) -> None:
    before = target.store.generation
    paths = some_files(tmp_path, range(2, 52))
    assert sum(report.spans for report in import_all(target, paths)) == 150
    assert target.store.generation == before + 1
    assert all(report.imported_ns for report in import_all(target, paths))


def test_a_file_that_still_waits_is_not_imported_twice(target: Target, tmp_path: Path) -> None:
    (path,) = some_files(tmp_path, range(2, 3))
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    reports = import_all(target, [path, path, copy])
    assert [bool(report.imported_ns) for report in reports] == [False, True, True]
    assert target.store.count_spans(OTHER) == 3
    assert len({noted.key for noted in target.store.imports_of(str(path), "", 0)}) == 1


def test_much_that_waits_wants_to_be_stored(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "_MOST_WAITING", 2)
    waiting = FileImporter(target.pipeline)
    wants = []
    for path in some_files(tmp_path, range(2, 5)):
        waiting.import_path(path, lambda *_: None)
        wants.append(waiting.wants_to_settle)
    assert wants == [False, True, True]


def test_a_file_that_the_store_refuses_does_not_keep_those_beside_it_from_being_stored(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spans = target.store.write_spans

    def refuse_the_third(batches: Sequence[SpanBatch], *arguments: object) -> None:
        if any(f"{3:032x}" in batch.trace_ids() for batch in batches):
            raise StoreError("no such spans")
        write_spans(batches, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(target.store, "write_spans", refuse_the_third)
    paths = some_files(tmp_path, range(2, 6))
    waiting = FileImporter(target.pipeline)
    for path in paths:
        waiting.import_path(path, lambda *_: None)
    ((failed, error),) = waiting.settle()
    assert (failed, str(error)) == (paths[1], "no such spans")
    assert target.store.stats().traces == 4
    monkeypatch.undo()
    assert [report.spans for report in import_all(target, paths)] == [0, 3, 0, 0]


def test_a_file_that_breaks_off_late_says_what_of_it_is_stored(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "FULL_GROUP_ROWS", 6)
    monkeypatch.setattr(reading, "PIECE_BYTES", 2000)
    monkeypatch.setattr(reading, "_CHUNK", 500)
    monkeypatch.setattr(compression, "_PIECE", 1000)
    whole = b"".join(encode(a_trace(number)) + b"\n" for number in range(2, 42))
    packed = gzip.compress(whole, mtime=0)
    path = tmp_path / "a.gz"
    path.write_bytes(packed[:-20])
    with pytest.raises(DecodeError, match=r"breaks off; (\d+) spans in front") as raised:
        import_path(target.pipeline, path)
    found = re.search(r"(\d+) spans in front of that are stored", str(raised.value))
    stored = target.store.stats().span_rows - 2
    assert found
    assert int(found[1]) == stored > 0
    path.write_bytes(packed)
    report = import_path(target.pipeline, path)
    assert (report.spans, report.earlier_spans) == (120 - stored, stored)
    assert target.store.stats().span_rows == 122


def test_progress_is_told_as_spans_are_stored(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "FULL_GROUP_ROWS", 30)
    monkeypatch.setattr(documents, "CHUNK_SPANS", 30)
    told: list[tuple[int, int]] = []
    lines = b"\n".join(encode(a_trace(number)) for number in range(2, 42))
    import_stream(
        target.pipeline, "x", io.BytesIO(lines), lambda spans, read: told.append((spans, read))
    )
    assert [spans for spans, _ in told] == [30, 60, 90, 120, 120]
    assert {read for _, read in told} == {len(lines)}


def test_a_value_over_the_limit_is_refused_before_it_is_read_whole(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_UNIT_BYTES", 2 << 20)
    stream = io.BytesIO(b"[" * (29 << 20))
    with pytest.raises(DecodeError, match=r"line 1, byte 0: a JSON value .* split it"):
        import_stream(target.pipeline, "x", stream)
    assert stream.tell() < 16 << 20


def test_more_traces_than_are_told_apart_are_said_to_be_more(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"\n".join(encode(a_trace(number)) for number in range(2, 12))
    assert not target.take(lines).more_traces
    monkeypatch.setattr(importer, "MOST_TRACES", 9)
    report = target.take(lines)
    assert (report.traces, report.more_traces, report.spans) == (9, True, 30)


def test_a_named_pipe_is_read_as_a_file_is(target: Target, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encode(a_trace(2)),))
    writer.start()
    report = import_path(target.pipeline, pipe)
    writer.join()
    assert (report.name, report.spans) == (str(pipe), 3)


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    """A store's file, and its spans as another tool would keep them in Parquet."""
    paths = {"duckdb": tmp_path / "other.duckdb", "parquet": tmp_path / "other.parquet"}
    store = open_store(f"duckdb:{paths['duckdb']}")
    store.write_spans([a_batch(a_trace(2))])
    store.close()
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT * FROM (VALUES"
            f" ('{OTHER}', '00000000000007d1', '', 'GET /', 'shop', 5000, 1000),"
            f" ('{OTHER}', '00000000000007d2', '00000000000007d1', 'step', 'shop', 5100, 10))"
            " t(trace_id, span_id, parent_span_id, span_name, service_name, start_time_unix_nano,"
            " duration_nano))"
            f" TO '{paths['parquet']}' (FORMAT parquet)"
        )
    return paths


@pytest.mark.parametrize(("kind", "spans"), [("duckdb", 3), ("parquet", 2)])
def test_a_table_is_imported_from_its_path_and_from_a_stream(
    target: Target, tables: dict[str, Path], kind: str, spans: int
) -> None:
    path = tables[kind]
    by_path = import_path(target.pipeline, path)
    by_stream = target.take(path.read_bytes(), "upload")
    assert (by_path.name, by_path.format, by_path.spans) == (str(path), kind, spans)
    assert (by_stream.name, by_stream.format, by_stream.spans) == ("upload", kind, spans)
    assert len(target.store.get_spans(OTHER)) == spans


def test_a_sample_of_every_kind_is_imported_from_its_path(target: Target) -> None:
    files = [path for path in SAMPLES.glob("*/*") if path.parent.name != "programs"]
    assert len(files) >= 8
    for path in files:
        report = import_path(target.pipeline, path)
        assert report.format == path.parent.name
        assert report.spans
        assert not report.rejected
