"""The only reader and writer of HX-* headers (htmx 4): page or partial, redirects, pushed URLs.

htmx 4 sends HX-Target as ``tag#id`` and, when it restores history, HX-History-Restore-Request.
It swaps error answers too, and re-fetches the page on Back, so both must come out right.
"""

from typing import cast
from urllib.parse import quote, urlsplit

from flask import Response, g, redirect, request

_VARIES = ("HX-Request", "HX-Target", "HX-History-Restore-Request")


def is_htmx() -> bool:
    """Say whether htmx asks, for anything but a whole page to restore from history."""
    g.htmx_asked = True
    headers = request.headers
    return headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in headers


def wants_partial(target_id: str) -> bool:
    """Say whether to answer with only the partial whose root element has this id."""
    if not is_htmx() or request.headers.get("HX-Request-Type") == "full":
        return False
    _, _, target = request.headers.get("HX-Target", "").partition("#")
    # encodeURI leaves more characters alone than quote; these are the ones it leaves.
    return target == quote(target_id, safe=";,/?:@&=+$-_.!~*'()#")


def current_page_path() -> str:
    """Return path and query of the page that htmx acts on (not of its own request); "/" if unknown."""
    g.htmx_asked = True
    parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def see_other(location: str) -> Response:
    """Redirect with 303; under htmx by its own header, as fetch would follow a 303 unseen."""
    if is_htmx():
        response = Response("")
        response.headers["HX-Redirect"] = location
        return response
    return cast(Response, redirect(location, 303, Response=Response))


def to_notice(response: Response) -> Response:
    """Send an error's partial to the notice below the top bar, whatever the request's target was."""
    response.headers["HX-Retarget"] = "#notice"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def push_url(response: Response, url: str) -> Response:
    """Let the address bar show ``url`` after htmx has swapped this partial in."""
    response.headers["HX-Push-Url"] = url
    return response


def replace_url(response: Response, url: str) -> Response:
    """As push_url, without a new history entry."""
    response.headers["HX-Replace-Url"] = url
    return response


def set_vary(response: Response) -> Response:
    """Name the HX-* headers in Vary wherever they were read, so that caches keep the answers apart."""
    if g.get("htmx_asked", False):
        for name in _VARIES:
            response.vary.add(name)
    return response
