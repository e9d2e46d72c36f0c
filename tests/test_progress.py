"""What an import says, a line a file."""

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import a_trace
from viewer.app import Ingest
from viewer.formats.otlp.encode import encode
from viewer.progress import expand, import_files, one_line, send_files


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
