"""The program `tracefall`. Exit codes: 0 done, 1 the work failed (one line on stderr), 2 wrong usage."""

import errno
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from viewer import __version__, progress
from viewer.app import IMPORT_CACHE, Application, BadFile, Ingest
from viewer.collector.listen import PortTaken
from viewer.config import (
    DEMO_SETTINGS,
    RETENTION_SETTINGS,
    SERVE_SETTINGS,
    STORE_SETTINGS,
    Config,
    config_of,
    demo_config_of,
    options,
)
from viewer.export import ENCODERS, HTML, UnknownTrace, export_page, export_traces
from viewer.paths import SAMPLES
from viewer.store import open_store
from viewer.store.base import StoreError, StoreLocked
from viewer.store.retention import apply_retention
from viewer.trace.ids import InvalidId, format_trace_id
from viewer.trace.report import FileReport

_SERVE_ARGUMENTS = frozenset({"-h", "--help", "--version"})
_DEMO_STORY = "failing-checkout"


class _DefaultGroup(click.Group):
    """`tracefall` and `tracefall --port 0` mean `tracefall serve …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in _SERVE_ARGUMENTS):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the store or the system refuses is one line and exit code 1."""
        try:
            return super().invoke(ctx)
        except StoreError as error:
            _fail(str(error))
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click ends quietly when whoever reads our output has gone
            where = f"{error.filename}: " if error.filename else ""
            _fail(where + progress.one_line(error))


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
    _serve(config, list(progress.expand(files)))


@main.command()
@options(DEMO_SETTINGS)
def demo(**arguments: Any) -> None:
    """Serve the sample traces from a temporary database.

    \b
    Example: tracefall demo --port 0
    """
    with tempfile.TemporaryDirectory(prefix="tracefall-demo-") as folder:
        config = demo_config_of(arguments, f"duckdb:{folder}/demo.duckdb")
        _serve(config, list(_samples()), story=_DEMO_STORY)


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@options(STORE_SETTINGS)
@click.option("--to", "url", help="Send the files to the running server at this URL instead.")
@click.option("--auth-token", envvar="TRACEFALL_AUTH_TOKEN", help="That server's token.")
@click.option("--again", is_flag=True, help="Import files anew that were imported before.")
def import_files(
    files: tuple[Path, ...], store: str, url: str | None, auth_token: str | None, again: bool
) -> None:
    """Read trace files or folders (- = stdin) of any supported format into the store; after an
    interruption the same command goes on where it was.

    \b
    Example: tracefall import traces/ --store duckdb:traces.duckdb
    """
    paths = list(progress.expand(files))
    if not paths:
        _fail(f"{', '.join(map(str, files))}: no files in it")
    if url is not None:
        if again:
            raise click.UsageError("what is sent with --to is stored anew in any case")
        failed = progress.send_files(url, paths, auth_token)
    else:
        try:
            ingest = Ingest(store, cache_bytes=IMPORT_CACHE)
        except StoreLocked as error:
            _fail(f"{error}, or send the files to its server with --to URL")
        try:
            failed = progress.import_files(ingest, paths, again=again)[1]
        except KeyboardInterrupt:
            _fail("stopped; the same command goes on where this one was")
        finally:
            ingest.close()
    if failed:
        sys.exit(1)


@main.command()
@click.argument("trace_ids", metavar="TRACE_ID...", nargs=-1, required=True)
@click.option(
    "--format",
    "format_",
    default="otlp",
    show_default=True,
    type=click.Choice([*ENCODERS, HTML]),
    help="OTLP JSON, Jaeger JSON, Zipkin v2 JSON, or a page that needs no server.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write to this file instead of stdout.",
)
@options(STORE_SETTINGS)
def export(trace_ids: tuple[str, ...], format_: str, output: Path | None, store: str) -> None:
    """Write stored traces as one document that other tools read, or one trace as a page.

    \b
    Example: tracefall export 0af7651916cd43dd8448eb211c80319c --format jaeger -o trace.json
    """
    if format_ == HTML and len(trace_ids) > 1:
        raise click.UsageError("a page holds one trace; name one, or choose another format")
    opened = open_store(store, read_only=True)
    try:
        if format_ == HTML:
            document = b"".join(export_page(opened, trace_ids[0]))
        else:
            document = export_traces(opened, trace_ids, format_) + b"\n"
    except InvalidId as error:
        raise click.UsageError(str(error)) from error
    except UnknownTrace as error:
        _fail(str(error))
    finally:
        opened.close()
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(document)
    else:
        output.write_bytes(document)


@main.command()
@options((*STORE_SETTINGS, *RETENTION_SETTINGS))
def prune(store: str, retention: int | None, max_size: int | None) -> None:
    """Apply retention now.

    \b
    Example: tracefall prune --retention 3d --max-size 5GB
    """
    ingest = Ingest(store)
    try:
        age_ns = None if retention is None else retention * 10**9
        pruned = apply_retention(ingest.store, time.time_ns(), age_ns, max_size)
        given_back = ingest.store.compact()
    finally:
        ingest.close()
    removed = progress.plural(pruned.span_rows, "span")
    click.echo(f"removed {removed}: {pruned.by_age:,} by age, {pruned.by_size:,} by size")
    if given_back:
        click.echo(f"the file is {given_back / 1e6:,.0f} MB smaller")


@main.command()
@options(STORE_SETTINGS)
def status(store: str) -> None:
    """Say what is in the store.

    \b
    Example: tracefall status --store duckdb:traces.duckdb
    """
    opened = open_store(store, read_only=True)
    try:
        stats = opened.stats()
    finally:
        opened.close()
    spans, traces = progress.plural(stats.span_rows, "span"), progress.plural(stats.traces, "trace")
    click.echo(f"{spans} in {traces}, {stats.bytes / 1e6:,.1f} MB")
    if stats.span_rows:
        click.echo(f"from {_utc(stats.oldest_ns)} to {_utc(stats.newest_ns)}")
    for service in stats.services:
        click.echo(
            f"  {service.service or '(no service)'}: {progress.plural(service.span_rows, 'span')}"
        )


class _Ended(BaseException):
    """Somebody wants the server to end."""


class _EndSignals:
    """SIGTERM and Ctrl-C: the first one raises _Ended in whatever the main thread does, so that an
    import of any length is left at once; later ones are ignored while the server ends."""

    def __init__(self) -> None:
        self.came = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._arrive)

    def _arrive(self, *_: object) -> None:
        if not self.came:
            self.came = True
            raise _Ended

    def wait(self) -> None:
        """Return once one has come, by itself or by raising."""
        while not self.came:
            time.sleep(1)


def _serve(config: Config, files: Sequence[Path], story: str = "") -> None:
    with suppress(_Ended):
        signals = _EndSignals()
        try:
            application = Application(config)
        except PortTaken:
            port = config.port
            _fail(f"port {port} is taken by another program; choose one with --port (0 = any free)")
        except BadFile as error:
            _fail(str(error))
        try:
            application.start()
            reports: list[FileReport] = []
            if application.ingest and files:
                reports = progress.import_files(application.ingest, files)[0]
            application.ready()
            _announce(application, config, reports, story)
            signals.wait()
        finally:
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


def _samples() -> Iterator[Path]:
    folders = sorted(folder for folder in SAMPLES.iterdir() if folder.is_dir())
    yield from progress.expand([folder for folder in folders if folder.name != "programs"])


def _utc(time_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time_ns // 10**9))


def _warn(message: str) -> None:
    click.echo(f"tracefall: warning: {message}", err=True)


def _fail(message: str) -> NoReturn:
    click.echo(f"tracefall: {' '.join(message.split())}", err=True)
    sys.exit(1)
