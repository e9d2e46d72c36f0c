"""/trace/{id}/late: the notice of spans that arrived since, which the page of a fresh trace asks for."""

from flask import Blueprint, Response, make_response, render_template, request

from viewer.trace.ids import InvalidId, parse_trace_id
from viewer.ui import htmx
from viewer.ui.current import current_now_ns, current_store, current_traces
from viewer.ui.errors import answer_problem
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.late_spans import late_notice
from viewer.ui.viewmodel.problem import problem

_MOST_DIGITS = 19

blueprint = Blueprint("late_spans", __name__)


@blueprint.get("/trace/<trace_id>/late")
def late(trace_id: str) -> Response:
    """Count what was stored after ``since``; the trace itself is not loaded for that."""
    try:
        known = parse_trace_id(trace_id)
    except InvalidId as error:
        return answer_problem(problem(400, str(error)))
    said = request.args.get("since", "")
    if not (said.isascii() and said.isdecimal() and len(said) <= _MOST_DIGITS):
        return answer_problem(problem(400, "“since” is no time in nanoseconds"))
    found = current_store().late_spans(known, int(said))
    if found.count:
        current_traces().recheck(known)
    path = trace_url(known)
    # Whoever looks may have changed the view since; all of it is in the address.
    shown = htmx.current_page_path()
    if shown.partition("?")[0] != path:
        shown = path
    notice = late_notice(path, int(said), found, current_now_ns(), shown)
    return make_response(render_template("trace/_late_notice.html", late_notice=notice))
