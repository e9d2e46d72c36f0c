"""/lookup: paste anything that names a trace or a span."""

from collections.abc import Sequence

from flask import Blueprint, Response, make_response, render_template, request

from viewer.search.lookup import Reading, read
from viewer.store.base import SpanStore, traces_with_lower_half
from viewer.trace.ids import InvalidId, lower_half
from viewer.ui.current import current_services
from viewer.ui.errors import answer_problem
from viewer.ui.htmx import see_other
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.lookup import (
    MOST_MATCHES,
    Found,
    LookupList,
    found_trace,
    nothing_found,
)
from viewer.ui.viewmodel.missing import removed_trace
from viewer.ui.viewmodel.problem import Problem

blueprint = Blueprint("lookup", __name__)


@blueprint.get("/lookup")
def page() -> Response:
    """Lead to the one trace that is meant, list several, or say how the text was read."""
    services = current_services()
    asked = request.args.get("q", "")
    shown = asked[:200]
    try:
        readings = read(asked)
    except InvalidId as error:
        return answer_problem(Problem(400, "This is no ID", str(error), asked=shown))
    found = find(services.store, readings)
    if not found:
        for reading in readings:
            removed = reading.trace_id and services.store.removed_trace(reading.trace_id)
            if removed:
                return answer_problem(removed_trace(removed, services.retention))
        stats = services.store.stats()
        return answer_problem(nothing_found(shown, readings, stats, services.retention))
    if len(found) == 1:
        return see_other(trace_url(found[0].trace_id, found[0].span_id))
    traces = tuple(
        found_trace(match, services.store.get_columns(match.trace_id))
        for match in found[:MOST_MATCHES]
    )
    listed = LookupList(shown, traces, truncated=len(found) > MOST_MATCHES)
    return make_response(render_template("lookup/page.html", lookup_list=listed))


def find(store: SpanStore, readings: Sequence[Reading]) -> list[Found]:
    """Return the stored traces that the readings lead to, each once, at most one over the limit.

    Whole IDs go before beginnings of IDs: what is a trace's full ID is no other's prefix."""
    found: dict[str, Found] = {}
    for reading in readings:
        if reading.trace_id and store.traces_with_prefix(reading.trace_id, 1):
            found.setdefault(
                reading.trace_id, Found(reading.trace_id, reading.span_id, reading.how)
            )
        elif half := lower_half(reading.trace_id):
            for trace_id in traces_with_lower_half(store, half, MOST_MATCHES + 1):
                how = f"{reading.how}, the lower half of this trace's"
                found.setdefault(trace_id, Found(trace_id, reading.span_id, how))
    for reading in readings:
        if reading.span_id and not reading.trace_id:
            for trace_id in store.traces_with_span(reading.span_id, MOST_MATCHES + 1):
                found.setdefault(trace_id, Found(trace_id, reading.span_id, reading.how))
    if found:
        return list(found.values())
    for reading in readings:
        if reading.prefix:
            for trace_id in store.traces_with_prefix(reading.prefix, MOST_MATCHES + 1):
                found.setdefault(trace_id, Found(trace_id, 0, reading.how))
    return list(found.values())
