"""What the pages work with: the services that app.py hands in, found through the current request."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias, cast

from flask import current_app

from viewer.store.base import SpanStore
from viewer.trace.report import DoorReport, FileReport, PolicyReport, QuarantineReport
from viewer.ui.loaded_trace import TraceCache

Ingest: TypeAlias = Callable[[str, BinaryIO], FileReport]
_KEY = "tracefall"
_TRACES = "tracefall.traces"


def _no_doors() -> Sequence[DoorReport]:
    return ()


def _no_trouble() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class UiServices:
    """Everything the pages need from the rest of the house.

    ``ingest(name, stream)`` stores an uploaded file; it raises `formats.base.DecodeError` or
    `store.base.StoreError`; None means read-only. ``retention`` is a sentence for people ("7 days or
    20 GB, whichever comes first"). ``loopback_only`` says that the UI port is bound to a loopback
    address; then requests under a foreign host name are refused (see `security`). ``trouble()`` says
    in one line why spans cannot be stored right now; empty when all is well. ``policy()`` says what
    was redacted and sampled, ``quarantine()`` what was acknowledged and the store refuses for good.
    ``query_timeout_s`` is how long an answer may take; None = any time.
    """

    store: SpanStore
    version: str
    ingest: Ingest | None = None
    doors: Callable[[], Sequence[DoorReport]] = _no_doors
    trouble: Callable[[], str] = _no_trouble
    policy: Callable[[], PolicyReport] = PolicyReport
    quarantine: Callable[[], QuarantineReport] = QuarantineReport
    auth_token: str | None = None
    now_ns: Callable[[], int] = time.time_ns
    retention: str = ""
    upload_limit_bytes: int = 512 * 1024 * 1024
    loopback_only: bool = False
    query_timeout_s: float | None = None


def install_services(extensions: dict[str, object], services: UiServices) -> None:
    """Put the services where the functions below find them; called once per app."""
    extensions[_KEY] = services


def current_services() -> UiServices:
    """Return the services of the app that answers the current request."""
    return cast(UiServices, current_app.extensions[_KEY])


def current_store() -> SpanStore:
    """Return the store of the app that answers the current request."""
    return current_services().store


def current_traces() -> TraceCache:
    """Return the traces drawn last, which all pages of the app share."""
    extensions = current_app.extensions
    if _TRACES not in extensions:
        cache = TraceCache(current_store(), now_ns=current_now_ns)
        # Of two requests that come first at once, one sets it.
        extensions.setdefault(_TRACES, cache)
    return cast(TraceCache, extensions[_TRACES])


def current_ingest() -> Ingest | None:
    """Return the way into the store for uploads, or None when it is read-only."""
    return current_services().ingest


def current_now_ns() -> int:
    """Return the time, in nanoseconds since 1970, as the app's clock has it."""
    return current_services().now_ns()
