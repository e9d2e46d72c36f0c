"""/login and /logout: the token, once, for a session cookie."""

from flask import Blueprint, Response, make_response, render_template, request

from viewer.ui.htmx import see_other
from viewer.ui.security import (
    end_session,
    is_right_token,
    is_signed_in,
    local_path,
    start_session,
)
from viewer.ui.viewmodel.sign_in import SignIn

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/login")
def page() -> Response:
    """Show the form; whoever is signed in already is sent on."""
    next_path = local_path(request.args.get("next", "/"))
    if is_signed_in():
        return see_other(next_path)
    return _form(next_path, failed=False)


@blueprint.post("/login")
def sign_in() -> Response:
    """Exchange a right token for a session."""
    next_path = local_path(request.form.get("next", "/"))
    if is_right_token(request.form.get("token", "").strip()):
        return start_session(see_other(next_path))
    response = _form(next_path, failed=True)
    response.status_code = 403
    return response


@blueprint.post("/logout")
def sign_out() -> Response:
    """End the session."""
    return end_session(see_other("/login"))


def _form(next_path: str, *, failed: bool) -> Response:
    form = SignIn(next_path, failed)
    return make_response(render_template("sign_in/page.html", sign_in=form))
