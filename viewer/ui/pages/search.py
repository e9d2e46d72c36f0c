"""/search: find traces."""

import time
from dataclasses import replace

from flask import Blueprint, Response, make_response, render_template, request

from viewer.search.link import SearchFields, SearchLink, read_link, write_link
from viewer.search.query import TraceQuery
from viewer.store.base import Distribution, SpanStore, TracePage, page_extent
from viewer.trace.summary import Operation
from viewer.ui.current import current_now_ns, current_services, current_store
from viewer.ui.htmx import current_page_path, is_htmx, push_url, replace_url, wants_partial
from viewer.ui.viewmodel.distribution import (
    COLUMNS,
    EARLIEST_NS,
    MOST_POINTS,
    DistributionView,
    heat_view,
    points_view,
)
from viewer.ui.viewmodel.first_span import FirstSpan, first_span
from viewer.ui.viewmodel.overview import Overview, overview, overview_to_come
from viewer.ui.viewmodel.results import Results, results
from viewer.ui.viewmodel.rows_part import (
    address_with_shown,
    query_of_first_part,
    query_of_part,
    read_continued,
    rows_part,
)
from viewer.ui.viewmodel.search_form import (
    MOST_OPERATIONS,
    MOST_SUGGESTIONS,
    operation_field,
    search_form,
    split_last_tag,
    tag_suggestions,
)

_MOST_ZOOMS = 6
_MOST_COUNTED_AT_ONCE = 100_000

blueprint = Blueprint("search", __name__)


@blueprint.get("/search")
def page() -> Response:
    """Answer with the whole page, or with the results alone for htmx."""
    link = read_link(request.args.to_dict(flat=False), current_now_ns())
    found = _find(link)
    if wants_partial("results"):
        body = make_response(render_template("search/_results.html", results=found))
        return push_url(body, found.url)
    store, service = current_store(), link.fields.service
    form = search_form(link, store.services(), _operations(store, service))
    return make_response(render_template("search/page.html", search_form=form, results=found))


@blueprint.get("/search/rows")
def rows() -> Response:
    """Answer with the next rows of a list, and what follows them."""
    link = read_link(request.args.to_dict(flat=False), current_now_ns())
    continued = read_continued(request.args, link.fields.limit)
    found = current_store().find_traces(query_of_part(link.query, continued))
    part = rows_part(link, found, current_now_ns(), continued)
    body = make_response(render_template("search/_rows_part.html", rows_part=part))
    if not is_htmx():
        return body
    return replace_url(body, address_with_shown(current_page_path(), part, link.fields.limit))


@blueprint.get("/search/totals")
def totals() -> Response:
    """Answer with what all matches are together, as a page of its own where it is not asked by htmx."""
    link = read_link(request.args.to_dict(flat=False), current_now_ns())
    nothing = TracePage((), extent=page_extent(()))
    late = wants_partial("results-overview")
    shown = _overview(link, nothing, time.perf_counter_ns(), is_late=True)
    template = "search/_overview.html" if late else "search/totals.html"
    body = make_response(render_template(template, overview=shown))
    return replace_url(body, shown.search_url) if late and link.fields.totals else body


@blueprint.get("/search/operations")
def operations() -> str:
    """Answer with the operation field for a service just chosen; another service's name is dropped."""
    service = request.args.get("service", "")
    known = _operations(current_store(), service)
    typed = request.args.get("operation", "")
    is_known = len(known) > MOST_OPERATIONS or any(typed == found.name for found in known)
    kept = typed if not service or is_known else ""
    return render_template(
        "search/_operation_field.html", operation_field=operation_field(service, kept, known)
    )


@blueprint.get("/search/suggestions")
def suggestions() -> str:
    """Answer with what may complete the attributes field."""
    head, key, value = split_last_tag(request.args.get("tags", "")[:1000])
    service, store = request.args.get("service") or None, current_store()
    if value is None:
        found = store.attribute_keys(service, key, MOST_SUGGESTIONS)
    else:
        found = store.attribute_values(service, key, value, MOST_SUGGESTIONS)
    return render_template(
        "search/_tag_suggestions.html",
        tag_suggestions=tag_suggestions(head, key, found, value is not None),
    )


def _operations(store: SpanStore, service: str) -> list[Operation]:
    # One more than is offered says that there are more.
    return store.operations(service, limit=MOST_OPERATIONS + 1) if service else []


def _find(link: SearchLink) -> Results:
    store = current_store()
    began = time.perf_counter_ns()
    traces = store.find_traces(query_of_first_part(link.query, request.args))
    if store.span_rows() > _MOST_COUNTED_AT_ONCE:
        shown = overview_to_come(link.fields, time.perf_counter_ns() - began)
    else:
        shown = _overview(link, traces, began, is_late=False)
    return results(
        link,
        traces,
        now_ns=current_now_ns(),
        overview=shown,
        first_span=None if traces.traces else _first_span(),
    )


def _overview(link: SearchLink, traces: TracePage, began: int, *, is_late: bool) -> Overview:
    counts = current_store().count_traces(link.query, exact=link.fields.totals == "exact")
    took_ns = time.perf_counter_ns() - began
    drawn = _distribution(link, traces, counts.total)
    return overview(link.fields, counts, drawn, took_ns, is_late=is_late)


def _distribution(link: SearchLink, traces: TracePage, total: int) -> DistributionView | None:
    """Draw all matches. Few of them are drawn one by one, which needs them all, not one page."""
    store, url = current_store(), write_link(_without_brushed(link.fields))
    if total > MOST_POINTS:
        exact = link.fields.totals == "exact"
        return heat_view(_counted(store, link.query, exact=exact), url, total)
    matches = traces.traces
    if total > len(matches):
        whole = replace(link.query, limit=MOST_POINTS, head=None, after=None)
        matches = store.find_traces(whole).traces
    return points_view(matches, url)


def _counted(store: SpanStore, query: TraceQuery, *, exact: bool) -> Distribution:
    """Count all matches, without the empty stretch after those that have no time: a few spans from
    1970 would squeeze all others into the last column."""
    drawn = store.distribution(query, COLUMNS, exact=exact)
    for _ in range(_MOST_ZOOMS if query.start_ns is None else 0):
        timed = (cell.time_ns for cell in drawn.cells if cell.time_ns + drawn.step_ns > EARLIEST_NS)
        start_ns = max(min(timed, default=0), EARLIEST_NS)
        if start_ns - drawn.start_ns <= drawn.step_ns * COLUMNS // 10:
            break
        drawn = store.distribution(replace(query, start_ns=start_ns), COLUMNS, exact=exact)
    return drawn


def _without_brushed(fields: SearchFields) -> SearchFields:
    return replace(
        fields, lookback="", start="", end="", min_duration="", max_duration="", after=""
    )


def _first_span() -> FirstSpan | None:
    """Return the guide for an empty store; None when it holds spans."""
    services = current_services()
    if services.store.services():
        return None
    return first_span(
        services.doors(),
        request.host_url.rstrip("/"),
        read_only=services.ingest is None,
        needs_token=services.auth_token is not None,
    )
