"""Files sent to a running server, for ``tracefall import --to URL``."""

import json
import os
import stat
from http.client import HTTPException
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from viewer.trace.report import FileReport, Rejection

_TIMEOUT_S = 600


class RemoteError(Exception):
    """The server cannot be reached or did not take the file; the message is one line."""


def send_stream(url: str, name: str, stream: BinaryIO, token: str | None) -> FileReport:
    """Upload a file or pipe to the server at this URL and return what it made of it; raises
    RemoteError."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise RemoteError(f"{url!r} is no http(s) URL of a Tracefall server")
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    length = _length(stream)
    if length is not None:
        # Without it urllib sends chunks, and the server learns only at the end that it is too much.
        headers["Content-Length"] = str(length)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    target = f"{url.rstrip('/')}/upload?name={quote(name)}"
    try:
        request = Request(target, data=stream, headers=headers, method="POST")  # noqa: S310
        with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return _report(json.load(answer))
    except HTTPError as error:
        with error:
            raise RemoteError(_reason(error)) from error
    except (URLError, OSError, HTTPException) as error:
        raise RemoteError(_no_answer(url, getattr(error, "reason", error))) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"{url} answers, but not as a Tracefall server does") from error


def _length(stream: BinaryIO) -> int | None:
    """Return what is left of a regular file, in bytes; None for a pipe."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return None
    return status.st_size - stream.tell() if stat.S_ISREG(status.st_mode) else None


def _report(answer: dict[str, Any]) -> FileReport:
    rejected = tuple(Rejection(**rejection) for rejection in answer.pop("rejected"))
    return FileReport(**answer, rejected=rejected)


def _no_answer(url: str, reason: object) -> str:
    why = getattr(reason, "strerror", None) or reason
    if isinstance(reason, ConnectionResetError | BrokenPipeError):
        return f"{url} broke off ({why}); the file may be larger than that server takes"
    return f"{url} cannot be reached: {why}"


def _reason(error: HTTPError) -> str:
    """Return what a refusal says: in the upload's own form, or in that of all other errors."""
    try:
        said = json.load(error)
        return str(said["error"] if "error" in said else said["errors"][0]["msg"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered {error.code} {error.reason}"
