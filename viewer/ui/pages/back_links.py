"""/trace/{id}/linked: the spans that link to one, of whatever trace. The detail panel asks for them
by itself, since they are looked for among all spans that have links."""

from flask import Blueprint, Response, make_response, render_template, request

from viewer.trace.ids import InvalidId, parse_span_id, parse_trace_id
from viewer.ui import htmx
from viewer.ui.current import current_store
from viewer.ui.errors import answer_problem
from viewer.ui.viewmodel.back_links import MOST_LINKING, back_links
from viewer.ui.viewmodel.problem import problem

blueprint = Blueprint("back_links", __name__)


@blueprint.get("/trace/<trace_id>/linked")
def linked(trace_id: str) -> Response:
    """The list for the span of the ID ``span`` (as sent); with ``whole``, links to the trace too."""
    try:
        trace, span = parse_trace_id(trace_id), parse_span_id(request.args.get("span", ""))
    except InvalidId as error:
        return answer_problem(problem(400, str(error)))
    wanted = (span, 0) if request.args.get("whole") else (span,)
    found = current_store().spans_linking_to(trace, wanted, MOST_LINKING)
    tz = "utc" if request.args.get("tz", "").lower() == "utc" else ""
    shown = back_links(trace, span, found, tz)
    if htmx.wants_partial("back-links"):
        return make_response(render_template("trace/_back_links.html", back_links=shown))
    return make_response(render_template("trace/linked.html", back_links=shown))
