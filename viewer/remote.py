"""Files sent to a running server, for ``tracefall import --to URL``."""

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from viewer.trace.report import FileReport, Rejection

_TIMEOUT_S = 600


class RemoteError(Exception):
    """The server cannot be reached or did not take the file; the message is one line."""


def send_file(url: str, path: Path, token: str | None) -> FileReport:
    """Upload a file to the server at this URL and return what it made of it; raises RemoteError."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise RemoteError(f"{url!r} is no http(s) URL of a Tracefall server")
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    headers["Content-Length"] = str(path.stat().st_size)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    target = f"{url.rstrip('/')}/upload?name={quote(path.name)}"
    with path.open("rb") as file:
        request = Request(target, data=file, headers=headers, method="POST")  # noqa: S310
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                report: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            raise RemoteError(_reason(error)) from error
        except (URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(f"{url} cannot be reached: {reason}") from error
    rejected = tuple(Rejection(**rejection) for rejection in report.pop("rejected"))
    return FileReport(**report, rejected=rejected)


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {error.code} {error.reason}"
