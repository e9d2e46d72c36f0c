"""The pages. Every page is one line in PAGES; the navigation is drawn from it."""

import hashlib
from pathlib import Path

from flask import Flask
from werkzeug import Response

from viewer.ui import api
from viewer.ui.compress import compress
from viewer.ui.current import UiServices, install_services
from viewer.ui.environment import prepare_templates
from viewer.ui.errors import answer_errors
from viewer.ui.htmx import see_other
from viewer.ui.page import Page
from viewer.ui.pages import (
    back_links,
    compare,
    late_spans,
    lookup,
    search,
    sign_in,
    status,
    trace,
    upload,
)
from viewer.ui.scripts import JOINED, joined_modules
from viewer.ui.security import guard
from viewer.ui.waiting import end_with_the_client

PAGES: tuple[Page, ...] = (
    Page(search.blueprint, "Search", "search", "left"),
    Page(compare.blueprint, "Compare", "compare", "left"),
    Page(trace.blueprint),
    Page(late_spans.blueprint),
    Page(back_links.blueprint),
    Page(upload.blueprint, "Upload", "upload", "right"),
    Page(status.blueprint),
    Page(lookup.blueprint),
    Page(sign_in.blueprint),
)

_YEAR_SECONDS = 365 * 86_400


def create_ui(services: UiServices, templates: Path, static: Path) -> Flask:
    """Return the app that serves the pages and the query API over these services.

    ``templates`` and ``static`` are folders (`viewer.paths`, which stands above this room).
    """
    app = Flask(
        "viewer",
        root_path=str(Path(__file__).parent.parent),
        template_folder=str(templates.resolve()),
        static_folder=str(static.resolve()),
        static_url_path=f"/static/{services.version}-{_digest(static)}",
    )
    app.config.update(
        SEND_FILE_MAX_AGE_DEFAULT=_YEAR_SECONDS,
        MAX_CONTENT_LENGTH=services.upload_limit_bytes,
    )
    _join_scripts(app, static)
    install_services(app.extensions, services)
    prepare_templates(app, PAGES)
    app.after_request(compress)
    guard(app)
    answer_errors(app)
    end_with_the_client(app, services.query_timeout_s)
    app.add_url_rule("/", "home", _to_search)
    for page in PAGES:
        app.register_blueprint(page.blueprint)
    app.register_blueprint(api.blueprint)
    return app


def _to_search() -> Response:
    return see_other("/search")


def _join_scripts(app: Flask, static: Path) -> None:
    """Let the joined modules be a static file like any other."""
    joined = joined_modules(static / "js")

    def send(filename: str) -> Response:
        if filename == JOINED:
            return Response(joined, mimetype="text/javascript")
        return app.send_static_file(filename)

    app.view_functions["static"] = send


def _digest(static: Path) -> str:
    """Digest the static files: their addresses change with their content even between releases."""
    digest = hashlib.sha256()
    for path in sorted(path for path in static.rglob("*") if path.is_file()):
        digest.update(path.relative_to(static).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]
