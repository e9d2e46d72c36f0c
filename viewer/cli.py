"""The program `tracefall`. Exit codes: 0 done, 1 the work failed (one line on stderr), 2 wrong usage."""

import logging
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from viewer import __version__, remote
from viewer.app import Application, Ingest
from viewer.collector.listen import PortTaken
from viewer.config import (
    RETENTION_SETTINGS,
    SERVE_SETTINGS,
    STORE_SETTINGS,
    Config,
    config_of,
    options,
)
from viewer.formats.base import DecodeError
from viewer.paths import SAMPLES
from viewer.store import open_store
from viewer.store.base import StoreError
from viewer.store.retention import apply_retention
from viewer.trace.ids import format_trace_id
from viewer.trace.report import FileReport

_SERVE_ARGUMENTS = frozenset({"-h", "--help", "--version"})
_DEMO_STORY = "failing-checkout"


class _DefaultGroup(click.Group):
    """`tracefall` and `tracefall --port 0` mean `tracefall serve …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in _SERVE_ARGUMENTS):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tracefall")
def main() -> None:
    """Tracefall: see every trace you have. Without a command it serves.

    \b
    Example: tracefall serve my-traces.json
    """
    logging.basicConfig(level=logging.WARNING, format="tracefall: %(message)s")


@main.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@options(SERVE_SETTINGS)
def serve(files: tuple[Path, ...], **arguments: Any) -> None:
    """Pages, query APIs and the collector in one process. FILES are imported first.

    \b
    Example: tracefall serve --store duckdb:traces.duckdb traces/*.json
    """
    config = config_of(arguments)
    if config.read_only and files:
        if len(files) > 1 or config.store != Config().store:
            raise click.UsageError("--read-only opens one file in place: name it, or --store")
        config, files = replace(config, store=f"duckdb:{files[0]}"), ()
    _serve(config, list(_expand(files)))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=16686, show_default=True, help="Port of the pages (0 = any free).")
@click.option("--otlp-http", default=4318, show_default=True, help="Port of OTLP/HTTP.")
def demo(host: str, port: int, otlp_http: int) -> None:
    """Serve the sample traces from a temporary database.

    \b
    Example: tracefall demo --port 0
    """
    with tempfile.TemporaryDirectory(prefix="tracefall-demo-") as folder:
        config = Config(
            store=f"duckdb:{folder}/demo.duckdb",
            host=host,
            port=port,
            otlp_http=otlp_http,
            retention_s=None,
        )
        _serve(config, list(_samples()), story=_DEMO_STORY)


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@options(STORE_SETTINGS)
@click.option("--to", "url", help="Send the files to the running server at this URL instead.")
@click.option("--auth-token", envvar="TRACEFALL_AUTH_TOKEN", help="That server's token.")
def import_files(
    files: tuple[Path, ...], store: str, url: str | None, auth_token: str | None
) -> None:
    """Read trace files or folders (- = stdin) of any supported format into the store.

    \b
    Example: tracefall import traces/ --store duckdb:traces.duckdb
    """
    paths = list(_expand(files))
    if url is not None:
        failed = [path for path in paths if not _send(url, path, auth_token)]
    else:
        ingest = _open_ingest(store)
        try:
            failed = _import_all(ingest, paths)[1]
        finally:
            ingest.close()
    if failed:
        sys.exit(1)


@main.command()
@options((*STORE_SETTINGS, *RETENTION_SETTINGS))
def prune(store: str, retention: int | None, max_size: int | None) -> None:
    """Apply retention now.

    \b
    Example: tracefall prune --retention 3d --max-size 5GB
    """
    ingest = _open_ingest(store)
    try:
        age_ns = None if retention is None else retention * 10**9
        pruned = apply_retention(ingest.store, time.time_ns(), age_ns, max_size)
    except StoreError as error:
        _fail(str(error))
    finally:
        ingest.close()
    click.echo(
        f"removed {pruned.span_rows:,} spans: {pruned.by_age:,} by age, {pruned.by_size:,} by size"
    )


@main.command()
@options(STORE_SETTINGS)
def status(store: str) -> None:
    """Say what is in the store.

    \b
    Example: tracefall status --store duckdb:traces.duckdb
    """
    try:
        opened = open_store(store, read_only=True)
    except StoreError as error:
        _fail(str(error))
    stats = opened.stats()
    opened.close()
    click.echo(f"{stats.span_rows:,} spans in {stats.traces:,} traces, {stats.bytes / 1e6:,.1f} MB")
    if stats.span_rows:
        click.echo(f"from {_utc(stats.oldest_ns)} to {_utc(stats.newest_ns)}")
    for service in stats.services:
        click.echo(f"  {service.service or '(no service)'}: {service.span_rows:,} spans")


def _serve(config: Config, files: Sequence[Path], story: str = "") -> None:
    try:
        application = Application(config)
    except PortTaken:
        _fail(
            f"port {config.port} is taken by another program; choose one with --port (0 = any free)"
        )
    except (StoreError, OSError) as error:
        _fail(str(error))
    # From here on a signal ends the server in good order, also during the import.
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    application.start()
    reports: list[FileReport] = []
    if application.ingest and files:
        reports = _import_all(application.ingest, files, ended)[0]
    if not ended.is_set():
        application.ready()
        _announce(application, config, reports, story)
        ended.wait()
    application.stop()


def _announce(
    application: Application, config: Config, reports: Sequence[FileReport], story: str
) -> None:
    for warning in application.warnings:
        _warn(warning)
    if not application.is_loopback and config.auth_token is None:
        _warn(
            f"everybody who reaches {config.host} can read every trace and send spans; "
            "set --auth-token"
        )
    for name, address in application.doors:
        click.echo(f"{name} {address}")
    click.echo("ready")
    shown = next((report for report in reports if story and story in report.name), None)
    if shown:
        trace_id = format_trace_id(shown.first_trace_id)
        click.echo(f"Look at {application.ui_url}/trace/{trace_id}")
    sys.stdout.flush()


def _import_all(
    ingest: Ingest, paths: Sequence[Path], ended: threading.Event | None = None
) -> tuple[list[FileReport], list[Path]]:
    """Import files with a progress bar; return what was read and which files failed."""
    reports: list[FileReport] = []
    failed: list[Path] = []
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(paths))
        for path in paths:
            if ended is not None and ended.is_set():
                break
            progress.update(task, description=f"{path.name}")
            try:
                report = _import_one(ingest, path, progress, task)
            except (DecodeError, StoreError, OSError) as error:
                failed.append(path)
                progress.console.print(
                    f"{path}: {_one_line(error)}", markup=False, highlight=False, soft_wrap=True
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


def _send(url: str, path: Path, token: str | None) -> bool:
    try:
        report = remote.send_file(url, path, token)
    except (remote.RemoteError, OSError) as error:
        click.echo(f"{path}: {_one_line(error)}", err=True)
        return False
    for line in _report_lines(report):
        click.echo(line, err=True)
    return True


def _report_lines(report: FileReport) -> Iterator[str]:
    spans, traces = _plural(report.spans, "span"), _plural(report.traces, "trace")
    yield f"{report.name}: {report.format}, {spans} in {traces}"
    for rejection in report.rejected:
        where = f"{rejection.where}: " if rejection.where else ""
        yield f"  skipped {rejection.count:,}: {where}{rejection.reason}"


def _open_ingest(url: str) -> Ingest:
    try:
        return Ingest(url)
    except (StoreError, OSError) as error:
        _fail(str(error))


def _expand(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield files; a folder's files in order of their names, hidden ones left out."""
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file())
            yield from (item for item in inside if not item.name.startswith("."))
        else:
            yield path


def _samples() -> Iterator[Path]:
    folders = sorted(folder for folder in SAMPLES.iterdir() if folder.is_dir())
    yield from _expand([folder for folder in folders if folder.name != "programs"])


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _utc(time_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time_ns // 10**9))


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())


def _warn(message: str) -> None:
    click.echo(f"tracefall: warning: {message}", err=True)


def _fail(message: str) -> NoReturn:
    click.echo(f"tracefall: {' '.join(message.split())}", err=True)
    sys.exit(1)
