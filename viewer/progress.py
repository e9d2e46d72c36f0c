"""Imports as a terminal sees them: a progress bar, a line a file, a line for what was skipped."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from viewer import remote
from viewer.app import Ingest
from viewer.formats.base import DecodeError
from viewer.store.base import StoreError
from viewer.trace.report import FileReport


def expand(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield files; a folder's files in order of their names, hidden ones left out."""
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file())
            yield from (item for item in inside if not item.name.startswith("."))
        else:
            yield path


def import_files(ingest: Ingest, paths: Sequence[Path]) -> tuple[list[FileReport], list[Path]]:
    """Import files with a progress bar; return what was read and which files failed."""
    reports: list[FileReport] = []
    failed: list[Path] = []
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    hidden = not console.is_interactive
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=len(paths))
        for path in paths:
            progress.update(task, description=f"{path.name}")
            try:
                report = _import_one(ingest, path, progress, task)
            except (DecodeError, StoreError, OSError) as error:
                failed.append(path)
                progress.console.print(
                    f"{path}: {one_line(error)}", markup=False, highlight=False, soft_wrap=True
                )
            else:
                reports.append(report)
                for line in _report_lines(report):
                    progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            progress.advance(task)
    return reports, failed


def _import_one(ingest: Ingest, path: Path, progress: Progress, task: Any) -> FileReport:
    if str(path) == "-":
        return ingest.import_stream("stdin", sys.stdin.buffer)

    def show(spans: int) -> None:
        progress.update(task, description=f"{path.name}: {spans:,} spans")

    return ingest.import_path(path, show)


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
    yield f"{report.name}: {report.format}, {spans} in {traces}"
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
