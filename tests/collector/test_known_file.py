"""Which file this is: known by its content, whatever its name and times."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.builders import a_trace
from tests.collector.senders import a_body
from tests.formats.datadog import encoders
from viewer.collector import importer, known_file
from viewer.collector.importer import import_path, import_stream
from viewer.collector.known_file import HashedFile, recognise
from viewer.collector.pipeline import Pipeline
from viewer.formats import reading
from viewer.formats.otlp.encode import encode
from viewer.store import open_store
from viewer.store.base import SpanStore, StoreError
from viewer.trace.report import FileReport

NOBODY: Callable[[int], None] = lambda _: None  # noqa: E731


def lines(*numbers: int) -> bytes:
    return b"".join(encode(a_trace(number)) + b"\n" for number in numbers)


class Target:
    """A DuckDB store that files are imported into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: SpanStore = open_store(f"duckdb:{path}")
        self.pipeline = Pipeline(self.store, None)

    def take(self, path: Path, *, again: bool = False) -> FileReport:
        return import_path(self.pipeline, path, again=again)

    def rows(self) -> int:
        return self.store.stats().span_rows

    def reopen(self) -> None:
        self.close()
        self.__init__(self.path)  # type: ignore[misc]

    def close(self) -> None:
        self.pipeline.close()
        self.store.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    opened = Target(tmp_path / "s.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(*range(2, 12)))
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 2000)
    monkeypatch.setattr(reading, "_CHUNK", 500)
    monkeypatch.setattr(importer, "FULL_GROUP_ROWS", 6)


def fail_after(monkeypatch: pytest.MonkeyPatch, target: Target, writes: int) -> None:
    """Have the store refuse what comes after so many writes, as a full disk does."""
    write_spans, left = target.store.write_spans, [writes]

    def write(*arguments: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoreError("no more room")
        write_spans(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(target.store, "write_spans", write)


def interrupt(target: Target, path: Path, *, after: int = 1, again: bool = False) -> int:
    """Import a file up to a fault; return how many spans were stored of it."""
    before = target.rows()
    with pytest.MonkeyPatch.context() as patch:
        fail_after(patch, target, after)
        with pytest.raises(StoreError, match="no more room"):
            target.take(path, again=again)
    stored = target.rows() - before
    assert stored
    return stored


def test_a_file_that_was_imported_is_passed_over(target: Target, file: Path) -> None:
    first = target.take(file)
    assert (first.spans, first.imported_ns) == (30, 0)
    target.reopen()
    second = target.take(file)
    assert (second.spans, second.earlier_spans) == (0, 30)
    assert second.imported_ns > 0
    assert target.rows() == 30


def test_again_imports_it_once_more(target: Target, file: Path) -> None:
    target.take(file)
    report = target.take(file, again=True)
    assert (report.spans, report.imported_ns, report.remark) == (30, 0, "")
    assert target.rows() == 60
    assert target.take(file).imported_ns


def test_a_file_by_another_name_is_the_same(target: Target, file: Path, tmp_path: Path) -> None:
    target.take(file)
    copy = tmp_path / "b.jsonl"
    copy.write_bytes(file.read_bytes())
    assert target.take(copy).imported_ns
    moved = file.rename(tmp_path / "c.jsonl")
    assert target.take(moved).imported_ns
    assert target.rows() == 30


def test_a_name_that_is_no_text_is_a_name(target: Target, file: Path) -> None:
    odd = file.rename(os.fsdecode(os.fsencode(file.parent) + b"/\xff.jsonl"))
    assert target.take(odd).spans == 30
    assert target.take(odd).imported_ns


def test_a_file_that_was_only_touched_is_the_same(target: Target, file: Path) -> None:
    target.take(file)
    os.utime(file, (1, 1))
    assert target.take(file).imported_ns


def test_a_file_changed_in_the_middle_is_another_and_that_is_said(
    target: Target, file: Path
) -> None:
    target.take(file)
    found = file.stat()
    data = file.read_bytes()
    file.write_bytes(data.replace(b"GET /", b"PUT /", 1))
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert file.stat().st_size == found.st_size
    report = target.take(file)
    assert (report.spans, report.imported_ns, report.earlier_spans) == (30, 0, 0)
    assert "its content is not the one imported from there on " in report.remark


def test_a_file_that_grew_goes_on_with_what_was_appended(target: Target, file: Path) -> None:
    target.take(file)
    with file.open("ab") as log:
        log.write(lines(20, 21))
    report = target.take(file)
    assert (report.spans, report.traces, report.earlier_spans) == (6, 2, 30)
    assert "it has grown since it was imported on " in report.remark
    assert target.rows() == 36
    assert target.take(file).earlier_spans == 36
    assert target.take(file).imported_ns


def test_a_small_file_that_grew_goes_on_too(target: Target, tmp_path: Path) -> None:
    file = tmp_path / "small.jsonl"
    file.write_bytes(lines(2))
    target.take(file)
    file.write_bytes(lines(2, 3))
    assert (target.take(file).spans, target.rows()) == (3, 6)
    file.write_bytes(lines(2, *range(3, 20)))
    assert (target.take(file).spans, target.rows()) == (48, 54)


def test_a_line_that_was_being_written_is_read_once_it_is_whole(
    target: Target, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    whole = lines(2, 3, 4)
    file.write_bytes(whole[:-40])
    first = target.take(file)
    assert first.spans == 6
    assert sum(rejection.count for rejection in first.rejected) == 1
    file.write_bytes(whole)
    assert target.take(file).spans == 3
    assert target.rows() == 9


def test_a_file_that_grew_and_cannot_be_gone_on_with_is_imported_anew(
    target: Target, tmp_path: Path
) -> None:
    spans = [{"trace_id": 1, "span_id": 1, "name": "web", "start": 1, "duration": 1}]
    file = tmp_path / "dd.msgpack"
    file.write_bytes(encoders.v04([spans]))
    assert target.take(file).spans == 1
    file.write_bytes(file.read_bytes() + b"\0")
    report = target.take(file)
    assert report.spans == 1
    assert "is of a format that is read whole" in report.remark


@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_interrupted_import_goes_on_behind_what_is_stored(
    target: Target, file: Path, after: int
) -> None:
    stored = interrupt(target, file, after=after)
    assert stored < 30
    target.reopen()
    report = target.take(file)
    assert (report.spans, report.earlier_spans) == (30 - stored, stored)
    assert target.rows() == 30
    assert target.take(file).earlier_spans == 30


def test_an_interrupted_file_that_has_grown_or_moved_goes_on(
    target: Target, file: Path, tmp_path: Path
) -> None:
    interrupt(target, file)
    file = file.rename(tmp_path / "renamed")
    with file.open("ab") as log:
        log.write(lines(20))
    target.take(file)
    assert target.rows() == 33


def test_an_interrupted_file_that_changed_before_that_place_begins_anew(
    target: Target, file: Path
) -> None:
    stored = interrupt(target, file)
    file.write_bytes(file.read_bytes().replace(b"GET /", b"PUT /", 1))
    report = target.take(file)
    assert (report.spans, target.rows()) == (30, stored + 30)
    assert "its content is not the one imported" in report.remark


def test_an_interrupted_import_of_a_file_once_more_goes_on_too(target: Target, file: Path) -> None:
    target.take(file)
    stored = interrupt(target, file, again=True)
    report = target.take(file, again=True)
    assert (report.spans, report.earlier_spans) == (30 - stored, stored)
    assert target.rows() == 60
    assert target.take(file, again=True).spans == 30


def test_two_files_that_begin_alike_are_not_taken_for_one_another(
    target: Target, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(lines(*range(2, 12), 50))
    other.write_bytes(lines(*range(2, 12), 60))
    stored = interrupt(target, one)
    assert target.take(other).earlier_spans == stored
    assert target.take(one).earlier_spans == stored
    for number in (*range(2, 12), 50, 60):
        assert len(target.store.get_spans(f"{number:032x}")) == 3
    assert target.store.count_spans(f"{2:032x}") == 3
    assert target.take(one).imported_ns
    assert target.take(other).imported_ns


def test_a_commit_that_is_said_to_have_failed_and_stands_is_not_made_twice(
    target: Target, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spans, failed = target.store.write_spans, []

    def write_and_fail(*arguments: object) -> None:
        write_spans(*arguments)  # type: ignore[arg-type]
        if not failed:
            failed.append(True)
            raise StoreError("died after the commit")

    monkeypatch.setattr(target.store, "write_spans", write_and_fail)
    assert target.take(file).spans == 30
    assert target.rows() == 30


@pytest.mark.parametrize("kind", ["parquet", "duckdb"])
def test_a_table_is_known_and_gone_on_with_as_well(
    target: Target, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.store.duckdb.foreign.CHUNK_SPANS", 2048)
    file = tmp_path / f"t.{kind}"
    rows = (
        "SELECT printf('%032x', 1 + i // 10) AS trace_id, printf('%016x', i + 1) AS span_id,"
        " 1000 + i AS start_time_unix_nano, 5 AS duration_nano, 'x' AS span_name"
        " FROM range(20000) t(i)"
    )
    with duckdb.connect(str(file) if kind == "duckdb" else ":memory:") as con:
        if kind == "duckdb":
            con.execute(f"CREATE TABLE spans AS {rows}")
        else:
            con.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 4096)")
    stored = interrupt(target, file, after=3)
    assert 0 < stored < 20_000
    report = target.take(file)
    assert (report.format, report.spans, report.earlier_spans) == (kind, 20_000 - stored, stored)
    assert target.rows() == 20_000
    assert target.store.stats().traces == 2_000
    assert target.take(file).imported_ns


def test_pipes_and_uploads_are_not_remembered(target: Target, file: Path) -> None:
    for _ in range(2):
        assert import_stream(target.pipeline, "x", io.BytesIO(file.read_bytes())).spans == 30
    assert target.take(file).spans == 30


def test_what_the_file_system_says_is_proof_once_it_cannot_change_unseen(
    target: Target, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def passes_over() -> bool:
        looked.clear()
        with file.open("rb") as opened:
            known = recognise(file, opened, target.store.imports_of, looked.append)
            if known.is_news:
                target.store.write_spans([], imports=[known.note])
        return known.is_done

    target.take(file)
    # It was changed a moment ago, so that it could be again within the same tick of the clock.
    assert passes_over()
    assert looked
    monkeypatch.setattr(known_file, "_SETTLED_NS", -1)
    assert passes_over()
    assert looked
    assert passes_over()
    assert not looked
    os.utime(file, (1, 1))
    assert passes_over()
    assert looked


def test_a_hashed_file_is_hashed_once_whatever_is_read_how_often(file: Path) -> None:
    with file.open("rb") as opened:
        hashed = HashedFile(opened)
        hashed.read(100)
        hashed.seek(10)
        hashed.read(50)
        hashed.read(100)
        with pytest.raises(ValueError, match="not hashed yet"):
            hashed.seek(200)
        state = hashed.state()
        hashed.hash_on(None, NOBODY)
        whole = hashed.digest()
        hashed.restore(state)
        assert hashed.position == 0
        assert hashed.digest() != whole
        while hashed.read(999):
            pass
        assert hashed.digest() == whole


def test_delimited_protobuf_that_grew_goes_on(target: Target, tmp_path: Path) -> None:
    def framed(number: int) -> bytes:
        message = a_body(number, spans=3)[0]
        return len(message).to_bytes(4, "big") + message

    file = tmp_path / "a.pb"
    whole = framed(2) * 3 + framed(3)
    file.write_bytes(whole[:-5])
    assert target.take(file).spans == 9
    file.write_bytes(whole + framed(4))
    assert target.take(file).spans == 6
