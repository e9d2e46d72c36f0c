"""What an import says, a line a file."""

import gzip
import io
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import a_trace
from viewer.app import Ingest
from viewer.collector import importer
from viewer.formats import reading
from viewer.formats.otlp.encode import encode
from viewer.progress import expand, import_files, one_line, send_files

STATE = (
    r"(?P<name>\w+): \d+\.\d kB of \d+\.\d kB, (?P<spans>\d+) spans?"
    r"(, \d+ spans/s)?, \d:\d\d:\d\d left"
)


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    opened = Ingest("memory:")
    yield opened
    opened.close()


def test_folders_are_their_files_in_order_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".hidden", "sub/c.json"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    alone = tmp_path / ".alone"
    names = [path.name for path in expand([Path("-"), tmp_path / "folder", alone, Path("none")])]
    assert names == ["-", "a.json", "b.json", "c.json", ".alone", "none"]


def test_a_line_a_file_and_a_line_for_what_was_skipped(
    ingest: Ingest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, part, bad = tmp_path / "good.gz", tmp_path / "[part].json", tmp_path / "bad"
    good.write_bytes(gzip.compress(encode(a_trace(1, spans=1234)), mtime=0))
    part.write_bytes(encode(a_trace(2, spans=1)) + b"\n" + b"{x\n{x\n")
    bad.write_bytes(b"<html>\n")
    reports, failed = import_files(ingest, [good, bad, part, tmp_path / "none"])
    assert [(report.name, report.spans) for report in reports] == [
        (str(good), 1234),
        (str(part), 1),
    ]
    assert failed == [bad, tmp_path / "none"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{good}: otlp-json, 1,234 spans in 1 trace"
    assert lines[1].startswith(f"{bad}: HTML page; accepted are ")
    assert lines[2] == f"{part}: otlp-json, 1 span in 1 trace"
    assert lines[3].startswith("  skipped 2: line 2 (byte ")
    assert lines[4:] == [f"{tmp_path / 'none'}: No such file or directory"]


def test_a_file_that_is_passed_over_is_said_to_be_so_unless_it_is_wanted_again(
    ingest: Ingest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(encode(a_trace(1)))
    import_files(ingest, [file])
    capsys.readouterr()
    (report,) = import_files(ingest, [file])[0]
    assert report.imported_ns
    line = capsys.readouterr().err
    assert line.startswith(f"{file}: already imported on 20")
    assert line.endswith(" UTC (3 spans); --again imports it anew\n")
    import_files(ingest, [file], again=True)
    assert capsys.readouterr().err == f"{file}: otlp-json, 3 spans in 1 trace\n"


def test_what_is_odd_about_a_file_and_more_traces_than_counted_are_said(
    ingest: Ingest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(encode(a_trace(1)) + b"\n")
    import_files(ingest, [file])
    capsys.readouterr()
    monkeypatch.setattr(importer, "MOST_TRACES", 1)
    file.write_bytes(file.read_bytes() + b"\n".join(encode(a_trace(n)) for n in (2, 3, 4)))
    import_files(ingest, [file])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == (f"{file}: otlp-json, 9 spans in more than 1 trace, behind 3 stored before")
    assert lines[1].startswith("  it has grown since it was imported on 20")


def test_without_a_terminal_a_line_now_and_then_says_how_far_it_is(
    ingest: Ingest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importer, "FULL_GROUP_ROWS", 30)
    monkeypatch.setattr(reading, "PIECE_BYTES", 1000)
    monkeypatch.setattr(reading, "_CHUNK", 1000)
    passed, one, two = (tmp_path / name for name in ("passed", "one", "two"))
    for begin, file in ((1000, passed), (2000, one), (3000, two)):
        lines = (encode(a_trace(begin + number)) + b"\n" for number in range(20))
        file.write_bytes(b"".join(lines))
    import_files(ingest, [passed])
    capsys.readouterr()
    clock = itertools.count(0, 4)
    import_files(ingest, [passed, one, two], clock=lambda: float(next(clock)))
    lines = capsys.readouterr().err.splitlines()
    told = [line for line in lines if " left" in line]
    assert len(told) >= 3
    size = one.stat().st_size
    assert all(f" of {3 * size / 1000:.1f} kB, " in line for line in told)
    seen = [re.fullmatch(STATE, line) for line in told]
    assert all(seen)
    spans = [int(found["spans"]) for found in seen if found]
    assert spans == sorted(spans)
    assert 0 < spans[-1] < 120
    assert {found["name"] for found in seen if found} >= {"one", "two"}


def test_a_terminal_gets_a_bar(
    ingest: Ingest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    file = tmp_path / "[a].json"
    file.write_bytes(encode(a_trace(1)))
    import_files(ingest, [file])
    shown = capsys.readouterr().err
    assert "[a].json: " in shown
    assert "━" in shown
    assert f"{file}: otlp-json, 3 spans in 1 trace" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


def test_stdin_is_a_dash(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(encode(a_trace(1)))))
    assert import_files(ingest, [Path("-")])[1] == []
    assert capsys.readouterr().err == "stdin: otlp-json, 3 spans in 1 trace\n"


def test_a_file_that_cannot_be_sent_does_not_keep_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"{}")
    missing = tmp_path / "missing"
    # Port 9 (discard) is reserved: nobody listens there.
    assert send_files("http://127.0.0.1:9", [missing, there], None) == [missing, there]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{missing}: No such file or directory"
    assert lines[1] == f"{there}: http://127.0.0.1:9 cannot be reached: Connection refused"


def test_errors_are_one_line() -> None:
    assert one_line(OSError(2, "No such file", "x")) == "No such file"
    assert one_line(ValueError("a\n  b\tc")) == "a b c"
