"""Error answers: a page for people, a line in the notice for htmx, the API's shape for programs."""

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from viewer.store.base import OutOfMemory, StoreError
from viewer.store.cancel import Cancelled, TooSlow
from viewer.ui.htmx import is_htmx, to_notice
from viewer.ui.loading import Busy
from viewer.ui.security import wants_json
from viewer.ui.viewmodel.problem import Problem, not_found, problem

# As nginx has it in its log: the client closed the request. Nobody is there to read it.
CLIENT_GONE = 499
_LESS = "Narrow the time range, or add a service: then there is less to look through."
_LONGER = "How long an answer may take is set where the server is started: --query-timeout."
_log = logging.getLogger(__name__)


def answer_errors(app: Flask) -> None:
    """Register the error handlers."""
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(StoreError, _answer_store)
    app.register_error_handler(Cancelled, _answer_nobody)
    app.register_error_handler(Busy, _answer_busy)
    app.register_error_handler(Exception, _answer_unexpected)


def answer_problem(said: Problem) -> Response:
    """Answer with a problem, in the form that the one who asks can use."""
    if wants_json() and not is_htmx():
        body = {"data": None, "errors": [{"code": said.code, "msg": said.text}], "total": 0}
        response = jsonify(body)
    elif is_htmx():
        response = to_notice(make_response(render_template("shared/_problem.html", problem=said)))
    else:
        response = make_response(render_template("problem/page.html", problem=said))
    response.status_code = said.code
    return response


def _answer_http(error: HTTPException) -> Response:
    if error.response is not None or (error.code or 500) < 400:
        return make_response(error.get_response(request.environ))
    if error.code == 404:
        return answer_problem(not_found(request.path))
    said = answer_problem(problem(error.code or 500, error.description or ""))
    # Allow, Retry-After and the like belong to the error whatever its body.
    for name, value in error.get_headers(request.environ):
        if name.lower() != "content-type":
            said.headers.setdefault(name, value)
    return said


def _answer_store(error: StoreError) -> Response:
    _log.warning("the store refused %s %s: %s", request.method, request.path, error)
    if isinstance(error, TooSlow):
        return answer_problem(problem(504, str(error), (_LESS, _LONGER)))
    known = (_LESS,) if isinstance(error, OutOfMemory) else ()
    return answer_problem(problem(503, str(error), known))


def _answer_nobody(_: Cancelled) -> Response:
    return Response(status=CLIENT_GONE)


def _answer_busy(_: Busy) -> Response:
    said = Problem(
        503,
        "Too many large traces at once",
        "Other large traces are being opened; this one did not get its turn in time.",
        known=("Try again in a few seconds: reload the page.",),
    )
    response = answer_problem(said)
    response.headers["Retry-After"] = "5"
    return response


def _answer_unexpected(error: Exception) -> Response:
    _log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return answer_problem(problem(500, "The server's log has the details."))
