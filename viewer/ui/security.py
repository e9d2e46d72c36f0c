"""What keeps strangers out of the pages: headers, sign-in, cross-site and rebinding checks.

* No page carries inline script or style and none loads from another host, so the policy is 'self'.
* With a token, everything but static files, sign-in and /healthz asks for it: as a bearer token, or
  as the cookie that the sign-in form sets. The cookie holds no secret: it is a time stamp signed
  with a key derived from the token, so it survives restarts and dies with the token.
* Requests that change something are refused when a browser says that another site caused them
  (Sec-Fetch-Site, else Origin, which every browser sends with a POST). Unlike form tokens this also
  covers requests before sign-in, needs no server state and cannot be forgotten in a template.
  Clients that are no browsers send neither header; they carry no cookie a site could misuse either.
* A server on a loopback address without a token is protected by its address alone, and a hostile
  site can point its own name at 127.0.0.1 (DNS rebinding) and read every trace. So it answers only
  to names that nobody can register: IP addresses and localhost.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, jsonify, request
from itsdangerous import BadSignature, TimestampSigner

from viewer.ui.current import current_services
from viewer.ui.htmx import current_page_path, is_htmx, see_other, set_vary

COOKIE = "tracefall_session"
COOKIE_SECONDS = 30 * 86_400
OPEN_PATHS = ("/login", "/healthz")
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_View = TypeVar("_View", bound=Callable[..., Any])


def guard(app: Flask) -> None:
    """Put the checks in front of every request of the app, and the headers on every answer."""
    app.before_request(_refuse_foreign_host)
    app.before_request(_refuse_cross_site)
    app.before_request(_ask_for_token)
    app.after_request(set_vary)
    app.after_request(_add_headers)


def accepts_other_sites(view: _View) -> _View:
    """Mark a view whose POSTs may come from other sites' pages (receivers that browsers send to)."""
    view.accepts_other_sites = True  # type: ignore[attr-defined]
    return view


def is_right_token(given: str) -> bool:
    """Compare with the server's token in constant time; False when the server has none."""
    token = current_services().auth_token
    return token is not None and hmac.compare_digest(given.encode(), token.encode())


def is_signed_in() -> bool:
    """Say whether this request carries the token or a live session; True when none is asked for."""
    if current_services().auth_token is None:
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_right_token(given.strip()):
        return True
    try:
        _signer().unsign(request.cookies.get(COOKIE, ""), max_age=COOKIE_SECONDS)
    except BadSignature:
        return False
    return True


def start_session(response: Response) -> Response:
    """Set the session cookie. Lax, so that a permalink opened from a chat finds its reader signed in."""
    response.set_cookie(
        COOKIE,
        _signer().sign("1").decode(),
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def end_session(response: Response) -> Response:
    """Remove the session cookie."""
    response.delete_cookie(COOKIE, httponly=True, secure=request.is_secure, samesite="Lax")
    return response


def local_path(text: str) -> str:
    """Return ``text`` if it is a path on this server, else "/": nobody is sent to another host."""
    if not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text


def wants_json() -> bool:
    """Say whether the one who asks is a program: an API path, or no wish for HTML."""
    if request.path.startswith(("/api/", "/v1/", "/metrics")):
        return True
    return bool(request.accept_mimetypes) and not request.accept_mimetypes.accept_html


def _signer() -> TimestampSigner:
    token = current_services().auth_token or ""
    key = hmac.new(token.encode(), b"tracefall session", hashlib.sha256).digest()
    return TimestampSigner(key, digest_method=hashlib.sha256)


def _refuse_foreign_host() -> tuple[str, int] | None:
    services = current_services()
    if not services.loopback_only or services.auth_token is not None:
        return None
    try:
        name = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        name = ""
    if name == "localhost" or name.endswith(".localhost") or _is_ip_address(name):
        return None
    return (
        "This server runs without a token, so it answers only under localhost or an IP address: "
        "under any other name a web site could read your traces. Open http://127.0.0.1, or start "
        "it with --auth-token.\n",
        403,
    )


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refuse_cross_site() -> tuple[str, int] | None:
    if request.method in _SAFE_METHODS:
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "accepts_other_sites", False):
        return None
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        same = site in ("same-origin", "none")
    else:
        same = origin is None or origin.partition("://")[2] == request.host
    return None if same else ("Another web site asked for this; it is refused.\n", 403)


def _ask_for_token() -> Response | None:
    path = request.path
    if path in OPEN_PATHS or request.endpoint == "static" or is_signed_in():
        return None
    if is_htmx():
        return see_other(f"/login?next={quote(current_page_path(), safe='')}")
    if wants_json():
        message = "A token is needed: send it as Authorization: Bearer …"
        response = jsonify({"data": None, "errors": [{"code": 401, "msg": message}], "total": 0})
        response.status_code = 401
        response.headers["WWW-Authenticate"] = 'Bearer realm="tracefall"'
        return response
    asked = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return see_other(f"/login?next={quote(asked, safe='')}")


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer: that would turn the Origin of our own forms into null.
    headers["Referrer-Policy"] = "same-origin"
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    if request.endpoint == "static":
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if response.status_code == 200:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif response.mimetype == "text/html":
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # Asked again every time: a trace may have grown, and partials share their page's URL.
        headers.setdefault("Cache-Control", "private, no-cache")
    return response
