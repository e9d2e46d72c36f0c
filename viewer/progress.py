"""Imports as a terminal sees them: a progress bar, a line a file, a line for what was skipped."""

import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn

from viewer import remote
from viewer.app import Ingest
from viewer.collector.known_file import utc
from viewer.formats.base import DecodeError
from viewer.store.base import StoreError
from viewer.trace.report import FileReport

_LINE_EVERY_S = 10.0


def expand(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield files; a folder's files in order of their names, hidden ones left out."""
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file())
            yield from (item for item in inside if not item.name.startswith("."))
        else:
            yield path


def import_files(
    ingest: Ingest,
    paths: Sequence[Path],
    *,
    again: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[FileReport], list[Path]]:
    """Import files, with a progress bar on a terminal, else a line now and then; return what was read
    and which files failed. Those imported before are passed over unless ``again``."""
    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    console = Console(stderr=True)
    sizes = [_size(path) for path in paths]
    hidden = not console.is_interactive
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        meter = _Meter(progress, sum(sizes), clock)
        outcomes = _Outcomes(ingest, meter)
        for path, size in zip(paths, sizes, strict=True):
            meter.begin(path.name)
            passed_over = False
            try:
                if str(path) == "-":
                    report = ingest.import_pipe("stdin", sys.stdin.buffer, meter.show)
                else:
                    report = ingest.files.import_path(path, meter.show, again=again)
            except (DecodeError, StoreError, OSError) as error:
                outcomes.fail(path, error)
            else:
                passed_over = report.imported_ns > 0
                outcomes.take(path, report)
            meter.end(size, passed_over=passed_over)
        outcomes.settle()
    return outcomes.reports, outcomes.failed


class _Outcomes:
    """What became of each file, said in their order, and not before it is stored."""

    def __init__(self, ingest: Ingest, meter: "_Meter") -> None:
        self.reports: list[FileReport] = []
        self.failed: list[Path] = []
        self._files, self._meter = ingest.files, meter
        self._waiting: list[tuple[Path, FileReport]] = []

    def take(self, path: Path, report: FileReport) -> None:
        """Take a report of what is stored, or will be with others."""
        self._waiting.append((path, report))
        if self._files.is_settled or self._files.wants_to_settle:
            self.settle()

    def fail(self, path: Path, error: Exception) -> None:
        """Take a file that could not be imported."""
        self.settle()
        self._fail(path, error)

    def settle(self) -> None:
        """Have stored what waits for that, and say what became of it."""
        errors = dict(self._files.settle())
        waiting, self._waiting = self._waiting, []
        for path, report in waiting:
            if path in errors:
                self._fail(path, errors[path])
                continue
            self.reports.append(report)
            for line in _report_lines(report):
                self._meter.say(line)

    def _fail(self, path: Path, error: Exception) -> None:
        self.failed.append(path)
        self._meter.say(f"{path}: {one_line(error)}")


def _size(path: Path) -> int:
    """Return a regular file's bytes; 0 for what is none, or cannot be looked at, which is told when
    its turn comes."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


class _Meter:
    """How far an import of several files is: bytes, spans, spans a second, time left."""

    def __init__(self, progress: Progress, total: int, clock: Callable[[], float]) -> None:
        self._progress, self._total, self._clock = progress, total, clock
        self._task = progress.add_task("", total=total)
        self._began = self._said = clock()
        self._done = self._passed_over = self._spans = 0
        self._name, self._file_spans, self._file_bytes = "", 0, 0

    def begin(self, name: str) -> None:
        """Go on to a file."""
        self._name, self._file_spans, self._file_bytes = name, 0, 0
        self._show()

    def show(self, spans: int, position: int) -> None:
        """Take how many of the file's spans are stored, and of its bytes read."""
        self._file_spans, self._file_bytes = spans, max(position, self._file_bytes)
        self._show()

    def end(self, size: int, *, passed_over: bool) -> None:
        """Take a file as read."""
        self._done += size
        self._spans += self._file_spans
        self._passed_over += size if passed_over else 0
        self._file_spans = self._file_bytes = 0

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        now = self._clock()
        done, spans = self._done + self._file_bytes, self._spans + self._file_spans
        if self._progress.disable:
            if now - self._said < _LINE_EVERY_S:
                return
            self._said = now
            self.say(f"{self._name}: {self._state(done, spans, now - self._began)}")
            return
        state = self._state(done, spans, now - self._began)
        self._progress.update(self._task, completed=done, description=f"{self._name}: {state}")

    def _state(self, done: int, spans: int, elapsed_s: float) -> str:
        parts = [f"{decimal(done)} of {decimal(self._total)}", plural(spans, "span")]
        if spans and elapsed_s:
            parts.append(f"{spans / elapsed_s:,.0f} spans/s")
        if (read := done - self._passed_over) > 0 and self._total > done:
            left_s = (self._total - done) * elapsed_s / read
            parts.append(f"{timedelta(seconds=round(left_s))} left")
        return ", ".join(parts)


def send_files(url: str, paths: Sequence[Path], token: str | None) -> list[Path]:
    """Send files to the server at this URL; return those that it did not take."""
    failed: list[Path] = []
    for path in paths:
        try:
            report = _send(url, path, token)
        except (remote.RemoteError, OSError) as error:
            failed.append(path)
            click.echo(f"{path}: {one_line(error)}", err=True)
        else:
            for line in _report_lines(report):
                click.echo(line, err=True)
    return failed


def _send(url: str, path: Path, token: str | None) -> FileReport:
    if str(path) == "-":
        return remote.send_stream(url, "stdin", sys.stdin.buffer, token)
    with path.open("rb") as file:
        return remote.send_stream(url, path.name, file, token)


def _report_lines(report: FileReport) -> Iterator[str]:
    spans, traces = plural(report.spans, "span"), plural(report.traces, "trace")
    if report.imported_ns:
        when, stored = utc(report.imported_ns), plural(report.earlier_spans, "span")
        yield f"{report.name}: already imported on {when} ({stored}); --again imports it anew"
        return
    more = "more than " if report.more_traces else ""
    before = f", behind {report.earlier_spans:,} stored before" if report.earlier_spans else ""
    yield f"{report.name}: {report.format}, {spans} in {more}{traces}{before}"
    if report.remark:
        yield f"  {report.remark}"
    for rejection in report.rejected:
        where = f"{rejection.where}: " if rejection.where else ""
        yield f"  skipped {rejection.count:,}: {where}{rejection.reason}"


def plural(count: int, noun: str) -> str:
    """Return "1 span" or "1,234 spans"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def one_line(error: Exception) -> str:
    """Return an error's message without line breaks and numbers."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())
