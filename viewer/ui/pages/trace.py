"""One trace: /trace/{id}, and /trace/{id}/rows for further windows of its rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
)

from viewer.analysis.findings import first_error
from viewer.analysis.visible import visible_rows
from viewer.store.base import LateSpans, trace_with_half
from viewer.trace.ids import (
    InvalidId,
    format_trace_id,
    parse_span_id,
    parse_trace_id,
)
from viewer.trace.span import Span
from viewer.trace.tree import Rows
from viewer.ui import htmx
from viewer.ui.current import current_now_ns, current_services, current_store, current_traces
from viewer.ui.errors import answer_problem
from viewer.ui.htmx import see_other
from viewer.ui.loaded_trace import LoadedTrace, spans_of_rows
from viewer.ui.panels import PANEL_OPTIONS, PANELS, tabs
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.late_spans import late_notice
from viewer.ui.viewmodel.missing import missing_trace, removed_trace
from viewer.ui.viewmodel.only_form import Kept, kept_rows
from viewer.ui.viewmodel.problem import problem
from viewer.ui.viewmodel.rows import collapsed_mask, window_of, window_rows
from viewer.ui.viewmodel.span_detail import SpanDetail, span_detail
from viewer.ui.viewmodel.timeline import find_bar, first_offset, matched_rows, shown_state, timeline
from viewer.ui.viewmodel.trace_header import TraceHeader, trace_header
from viewer.ui.viewmodel.trace_state import SKEW, TraceState, read_state
from viewer.ui.viewmodel.trace_view import TraceView

_MOST_TERMS = 20
_TERM = re.compile(r'"([^"]+)"|(\S+)')

blueprint = Blueprint("trace", __name__)


@blueprint.get("/trace/<trace_id>")
def page(trace_id: str) -> Response:
    """The page; under htmx its view or only the detail panel."""
    found = _find(trace_id)
    if not isinstance(found, LoadedTrace):
        return found
    state = _state(found)
    if htmx.wants_partial("span-detail"):
        row = _selected(found, state)
        detail = _detail(found, state, row, {} if row is None else _spans(found, [row]))
        body = render_template("trace/_span_detail.html", span_detail=detail)
        if state.find:
            # Which of the matches is selected has changed as well.
            bar = replace(find_bar(found, state, _matches(found, state)), out_of_band=True)
            body += render_template("trace/_find_bar.html", find_bar=bar)
        return htmx.push_url(make_response(body), state.url)
    if htmx.wants_partial("trace-view"):
        body = render_template("trace/_trace_view.html", trace_view=_view(found, state))
        return htmx.push_url(make_response(body), state.url)
    return make_response(render_template("trace/page.html", trace_view=_view(found, state)))


@blueprint.get("/trace/<trace_id>/rows")
def rows(trace_id: str) -> Response:
    """A window of rows, from the offset that the address asks for."""
    found = _find(trace_id)
    if not isinstance(found, LoadedTrace):
        return found
    state = _state(found)
    matches, kept, visible = _shown(found, state)
    window = window_of(
        found,
        state,
        visible,
        matches,
        state.offset,
        _spans(found, window_rows(visible, state.offset)),
        kept,
    )
    return make_response(render_template("trace/_window.html", window=window))


def _find(text: str) -> LoadedTrace | Response:
    """Return the trace, or the answer that tells why there is none."""
    try:
        trace_id = parse_trace_id(text)
    except InvalidId as error:
        known = ("The box at the top reads IDs in any form that a tool prints.",)
        return answer_problem(problem(400, str(error), known))
    if text != format_trace_id(trace_id) and request.path == f"/trace/{text}":
        said = request.query_string.decode("utf-8", "replace")
        query = f"?{said}" if said else ""
        if not htmx.is_htmx():
            return make_response(redirect(f"/trace/{format_trace_id(trace_id)}{query}", 308))
    traces = current_traces()
    adjusts = request.args.get("adjust") == SKEW
    found = traces.get_adjusted(trace_id) if adjusts else traces.get(trace_id)
    if found is None and (whole := trace_with_half(current_store(), trace_id)):
        query = request.query_string.decode("utf-8", "replace")
        path = request.path.replace(text, whole, 1)
        return see_other(f"{path}?{query}" if query else path)
    if found is None:
        services = current_services()
        removed = services.store.removed_trace(trace_id)
        if removed:
            return answer_problem(removed_trace(removed, services.retention))
        stats = services.store.stats()
        return answer_problem(missing_trace(trace_id, text, stats, services.retention))
    return found


def _state(trace: LoadedTrace) -> TraceState:
    path = trace_url(trace.tree.trace_id)
    # A form names a part of the filter in each of its fields; links name all of them in one.
    parts = [
        *request.args.getlist("only"),
        *(f"min:{text}" for text in request.args.getlist("min")),
    ]
    arguments = {**request.args, "only": ",".join(parts)}
    state = read_state(path, arguments, trace.tree.duration_ns, PANEL_OPTIONS)
    return shown_state(trace, state)


def _view(trace: LoadedTrace, state: TraceState) -> TraceView:
    """Return all below the top bar: the timeline, or the panel that the state names."""
    since_ns, late = trace.tree.columns.stored_ns, None
    if current_store().capabilities.writable:
        path, nothing = trace_url(trace.tree.trace_id), LateSpans(0, 0)
        late = late_notice(path, since_ns, nothing, current_now_ns(), state.url)
    return replace(_content(trace, state), late_notice=late)


def _content(trace: LoadedTrace, state: TraceState) -> TraceView:
    panel = next((panel for panel in PANELS if panel.name == state.view), None)
    if panel is None:
        return _timeline_view(trace, state)
    failed, selected = first_error(trace.tree), _selected(trace, state)
    spans = _spans(trace, [row for row in (failed, selected) if row is not None])
    shown = TraceView(
        header=_header(trace, state, failed, spans),
        detail=_detail(trace, state, selected, spans),
    )
    # A field of the view is named as its panel is.
    content: dict[str, Any] = {panel.name: panel.show(trace, state, current_store())}
    return replace(shown, **content)


def _header(
    trace: LoadedTrace, state: TraceState, failed: int | None, spans: Mapping[int, Span]
) -> TraceHeader:
    return trace_header(trace, state, None if failed is None else spans.get(failed), tabs(state))


def _timeline_view(trace: LoadedTrace, state: TraceState) -> TraceView:
    matches, kept, visible = _shown(trace, state)
    near = _near()
    offset = first_offset(trace, state, visible, near)
    failed, selected = first_error(trace.tree), _selected(trace, state)
    named = [row for row in (failed, selected) if row is not None]
    # One look into the store for all that the page shows of single spans.
    spans = _spans(trace, [*window_rows(visible, offset), *named])
    return TraceView(
        header=_header(trace, state, failed, spans),
        timeline=timeline(trace, state, visible, matches, offset, near, spans, kept),
        detail=_detail(trace, state, selected, spans),
    )


def _shown(trace: LoadedTrace, state: TraceState) -> tuple[Rows | None, Kept | None, Rows]:
    """Return the rows that the find term finds, what the filter lets through, and the visible rows."""
    matches = _matches(trace, state)
    kept = kept_rows(trace, state.only, matches)
    collapsed = collapsed_mask(trace, state)
    return matches, kept, visible_rows(trace.tree, collapsed, None if kept is None else kept.shown)


def _near() -> int | None:
    """Return the span that a script wants to keep in place; it is no part of the page's address."""
    try:
        return parse_span_id(request.args.get("near", ""))
    except InvalidId:
        return None


def _selected(trace: LoadedTrace, state: TraceState) -> int | None:
    return None if state.span is None else trace.tree.row_of(state.span)


def _detail(
    trace: LoadedTrace, state: TraceState, row: int | None, spans: Mapping[int, Span]
) -> SpanDetail | None:
    span = None if row is None else spans.get(row)
    return None if row is None or span is None else span_detail(trace, state, row, span)


def _matches(trace: LoadedTrace, state: TraceState) -> Rows | None:
    terms = [quoted or plain for quoted, plain in _TERM.findall(state.find)][:_MOST_TERMS]
    if not terms:
        return None
    known = trace.found.get(state.find)
    if known is not None:
        return known
    keys = current_store().match_spans(trace.tree.trace_id, terms)
    return trace.remember(state.find, matched_rows(trace, keys, state.find))


def _spans(trace: LoadedTrace, rows: Sequence[int]) -> dict[int, Span]:
    return spans_of_rows(current_store(), trace, rows)
