"""What every template may use beside its own variable: filters, icons, the top bar."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, request, url_for
from jinja2 import StrictUndefined
from markupsafe import Markup

from viewer.ui.current import current_services
from viewer.ui.filters import FILTERS
from viewer.ui.page import Page
from viewer.ui.security import is_signed_in
from viewer.ui.viewmodel.shell import NavItem, Shell, status_light

THEME_COOKIE = "tracefall_theme"
_BORDER = re.compile(r"(?<=[/._:-])(?=[^/._:\s-])")
_ICON = Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>')


# Of every environment that prints these templates, beside autoescape.
JINJA_OPTIONS: Mapping[str, Any] = {
    "undefined": StrictUndefined,
    "trim_blocks": True,
    "lstrip_blocks": True,
}


def prepare_templates(app: Flask, pages: tuple[Page, ...]) -> None:
    """Set the rules of the app's Jinja environment; to be called before it is first used."""
    app.jinja_options = {"autoescape": True, **JINJA_OPTIONS}
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.filters["breakable"] = breakable
    app.jinja_env.globals.update({"icon": icon, "shell": lambda: _shell(pages)})


def icon(name: str) -> Markup:
    """Return an icon of ``static/icons.svg``; it is decoration, the control needs a name of its own."""
    return _ICON.format(url_for("static", filename="icons.svg"), name)


def breakable(text: str) -> Markup:
    """Return text with places where a long name may break: after / . _ : and -."""
    return Markup("<wbr>").join(_BORDER.split(text))


def wants_utc() -> bool:
    """Say whether the page's address asks for times in UTC (``tz=utc``)."""
    return request.args.get("tz", "").lower() == "utc"


def _shell(pages: tuple[Page, ...]) -> Shell:
    services = current_services()
    theme = request.cookies.get(THEME_COOKIE, "")
    # Whoever has not signed in learns nothing about what runs here.
    known = is_signed_in()
    return Shell(
        left=_nav(pages, "left") if known else (),
        right=_nav(pages, "right") if known else (),
        light=status_light(
            services.doors(),
            services.trouble(),
            services.ingest is None,
            services.quarantine(),
        )
        if known
        else None,
        theme=theme if theme in ("light", "dark") else "",
        version=services.version,
        signed_in=known,
        can_sign_out=known and services.auth_token is not None,
        utc=wants_utc(),
    )


def _nav(pages: tuple[Page, ...], place: str) -> tuple[NavItem, ...]:
    return tuple(
        NavItem(
            label=page.label,
            url=url_for(f"{page.blueprint.name}.page"),
            icon=page.icon,
            current=request.blueprint == page.blueprint.name,
        )
        for page in pages
        if page.place == place
    )
