"""The only file that knows every room: it opens the store, starts the collector, mounts the pages."""

import gc
import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from viewer import __version__
from viewer.allocator import share_arenas
from viewer.collector.doors import Doors, shown_host
from viewer.collector.importer import FileImporter, Progress, import_stream
from viewer.collector.listen import HttpServer, WsgiApp, bind, is_loopback
from viewer.collector.pipeline import Pipeline
from viewer.collector.policy import Policy, PolicyError, load_policy
from viewer.collector.receivers import make_receivers
from viewer.config import Config
from viewer.formats.jaeger.strategies import Strategies
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.mount import Mount
from viewer.paths import STATIC, TEMPLATES
from viewer.store import open_store
from viewer.store.base import SpanStore, StoreError
from viewer.store.retention import apply_retention
from viewer.trace.report import DoorReport, FileReport, PolicyReport, QuarantineReport
from viewer.ui import create_ui
from viewer.ui.current import UiServices
from viewer.ui.health import Health

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

UPLOAD_LIMIT = 512 << 20
IMPORT_CACHE = 512 << 20
RETENTION_EVERY_S = 600.0
_TEND_EVERY_S = 2.0
_UI_THREADS = 8
_log = logging.getLogger(__name__)


class Ingest:
    """A store with the pipeline into it: what `import` needs, and half of what `serve` needs."""

    def __init__(
        self, url: str, policy: Policy | None = None, cache_bytes: int | None = None
    ) -> None:
        """Open the store for writing and take over what a crash has left; raises StoreError.
        ``cache_bytes`` is for who only writes, see `open_store`."""
        self.store = open_store(url, cache_bytes=cache_bytes)
        self.otlp = OtlpDecoder()
        try:
            self.pipeline = Pipeline(
                self.store, _journal_directory(self.store), policy=policy, bulk=self.otlp.bulk
            )
        except BaseException:
            self.store.close()
            raise
        self.files = FileImporter(self.pipeline)

    def import_upload(self, name: str, stream: BinaryIO) -> FileReport:
        """Store a stream that a stranger sends; raises DecodeError or StoreError."""
        return import_stream(self.pipeline, name, stream)

    def import_pipe(self, name: str, stream: BinaryIO, progress: Progress) -> FileReport:
        """Store a stream of any length; raises DecodeError or StoreError."""
        return import_stream(self.pipeline, name, stream, progress, limit=None)

    def close(self) -> None:
        """Commit what is pending and release the file."""
        self.pipeline.close()
        self.store.close()


def _journal_directory(store: SpanStore) -> Path | None:
    scheme, _, path = store.url.partition(":")
    if not store.capabilities.durable or scheme != "duckdb":
        return None
    return Path(path + ".journal")


class BadFile(ValueError):
    """A file that a setting names cannot be used; the message is one line that says where and why."""


def _strategies(path: str | None) -> Strategies | None:
    if path is None:
        return None
    try:
        strategies = Strategies.parse(Path(path).read_bytes())
    except ValueError as error:
        raise BadFile(f"{path}: {error}") from error
    for note in strategies.notes:
        _log.warning("%s: %s", path, note)
    return strategies


def _policy(path: str | None) -> Policy | None:
    if path is None:
        return None
    try:
        policy = load_policy(Path(path).read_text("utf-8"), path)
    except ValueError as error:
        # What is no UTF-8 is no TOML either, and says so without the file's name.
        raise BadFile(
            str(error) if isinstance(error, PolicyError) else f"{path}: {error}"
        ) from error
    for warning in policy.warnings:
        _log.warning("%s", warning)
    return policy


class Application:
    """A running Tracefall. `start` opens the doors, `ready` lets requests in, `stop` ends it all."""

    def __init__(self, config: Config) -> None:
        """Take the ports and open the store; raises BadFile, PortTaken, OSError or StoreError."""
        share_arenas()
        self._config = config
        self._gate = _Gate()
        self._stopped = threading.Event()
        self._gc_threshold = gc.get_threshold()
        strategies, policy = _strategies(config.jaeger_strategies), _policy(config.policy)
        # The UI's port first: a second server on the same port must fail before it touches the file.
        ui_sockets = bind(config.host, config.port)
        try:
            self.ingest = None if config.read_only else Ingest(config.store, policy)
            self.store = (
                self.ingest.store if self.ingest else open_store(config.store, read_only=True)
            )
        except BaseException:
            for taken in ui_sockets:
                taken.close()
            raise
        self._server = HttpServer(
            self._gate, ui_sockets, _UI_THREADS, UPLOAD_LIMIT, notices_leaving=True
        )
        self.ui_url = f"http://{shown_host(config.host)}:{self._server.port}"
        self._doors: Doors | None = None
        if self.ingest:
            self._doors = Doors(
                self.ingest.pipeline,
                make_receivers(self.ingest.otlp, strategies),
                config.ports,
                config.host,
                config.auth_token,
            )
            self._doors.mounted_at(self.ui_url)
        self._health = Health(
            self.store,
            self._failure,
            self._reports,
            self._policy_report,
            self._quarantine_report,
        )
        self._ui = create_ui(self._services(), TEMPLATES, STATIC)
        self._ui.register_blueprint(self._health.blueprint())

    @property
    def doors(self) -> list[tuple[str, str]]:
        """Name and URL of each open door, in the order they are printed."""
        reports = (report for report in self._reports() if not report.closed)
        return [("UI", self.ui_url), *((report.name, report.address) for report in reports)]

    @property
    def warnings(self) -> list[str]:
        """What did not open, and why."""
        return self._doors.warnings if self._doors else []

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self._config.host)

    def start(self) -> None:
        """Begin to listen: receivers take spans at once, pages and APIs answer 503 until `ready`."""
        self._server.start()
        if self._doors:
            self._doors.start()

    def ready(self) -> None:
        """Answer requests from now on."""
        # What exists now lives as long as the process: the collector need not look at it again,
        # and with fewer, larger passes the plain decoders cost less.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self._gate.open(self._mounted())
        threading.Thread(target=self._tend, name="tending", daemon=True).start()
        if self.ingest:
            threading.Thread(target=self._retain, name="retention", daemon=True).start()
            warm_up = self.ingest.otlp.warm_up
            threading.Thread(target=warm_up, name="warm-up", daemon=True).start()

    def stop(self) -> None:
        """Stop accepting, flush, close the store. Idempotent."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._server.begin_stop()
        if self._doors:
            self._doors.begin_stop()
            self._doors.finish_stop()
        self._server.finish_stop()
        if self.ingest:
            self.ingest.close()
        else:
            self.store.close()
        # What stays frozen is not freed when the interpreter ends, and DuckDB's binding says so.
        gc.unfreeze()
        gc.set_threshold(*self._gc_threshold)

    def _services(self) -> UiServices:
        return UiServices(
            store=self.store,
            version=__version__,
            ingest=self.ingest.import_upload if self.ingest else None,
            doors=self._reports,
            trouble=self._failure,
            policy=self._policy_report,
            quarantine=self._quarantine_report,
            auth_token=self._config.auth_token,
            retention=self._config.retention_text if self.ingest else "",
            upload_limit_bytes=UPLOAD_LIMIT,
            loopback_only=is_loopback(self._config.host),
            query_timeout_s=self._config.query_timeout_s,
        )

    def _mounted(self) -> WsgiApp:
        return Mount(self._ui, self._doors.http) if self._doors else self._ui.wsgi_app

    def _reports(self) -> list[DoorReport]:
        return self._doors.reports() if self._doors else []

    def _policy_report(self) -> PolicyReport:
        return self.ingest.pipeline.policy_report() if self.ingest else PolicyReport()

    def _quarantine_report(self) -> QuarantineReport:
        return self.ingest.pipeline.quarantine_report() if self.ingest else QuarantineReport()

    def _failure(self) -> str:
        return self.ingest.pipeline.failure if self.ingest else ""

    def _retain(self) -> None:
        config = self._config
        age_ns = None if config.retention_s is None else config.retention_s * 10**9
        while not self._stopped.wait(RETENTION_EVERY_S):
            try:
                apply_retention(self.store, time.time_ns(), age_ns, config.max_size)
                self.store.compact()
            except StoreError as error:
                _log.warning("retention failed, it is tried again later: %s", error)

    def _tend(self) -> None:
        while not self._stopped.wait(_TEND_EVERY_S):
            try:
                while not self._stopped.is_set() and self.store.tend():
                    pass
            except StoreError as error:
                if not self._stopped.is_set():
                    _log.warning("searches stay slower, it is tried again later: %s", error)


class _Gate:
    """Answers 503 until there is something to answer with."""

    def __init__(self) -> None:
        self._app: WsgiApp | None = None

    def open(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if self._app is not None:
            return self._app(environ, start_response)
        body = b'{"status":"starting"}'
        headers = [("Content-Type", "application/json"), ("Retry-After", "1")]
        start_response("503 Service Unavailable", [*headers, ("Content-Length", str(len(body)))])
        return [body]
