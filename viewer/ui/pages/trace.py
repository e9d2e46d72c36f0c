"""One trace: /trace/{id}, and /trace/{id}/rows for further windows of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from viewer.ui.downloads import DOWNLOAD_TITLES, DOWNLOADS, download_of
from viewer.ui.errors import answer_problem
from viewer.ui.found_rows import find_rows
from viewer.ui.htmx import see_other
from viewer.ui.loaded_trace import LoadedTrace, spans_of_rows
from viewer.ui.panels import PANEL_OPTIONS, PANELS, Panel, tabs
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.focus_bar import focus_bar
from viewer.ui.viewmodel.folds import Folds, folds_of
from viewer.ui.viewmodel.late_spans import late_notice
from viewer.ui.viewmodel.missing import missing_trace, removed_trace
from viewer.ui.viewmodel.only import Only
from viewer.ui.viewmodel.only_form import Kept, kept_rows
from viewer.ui.viewmodel.problem import problem
from viewer.ui.viewmodel.rows import collapsed_mask, window_rows
from viewer.ui.viewmodel.span_detail import SpanDetail, span_detail
from viewer.ui.viewmodel.timeline import (
    find_bar,
    first_offset,
    shown_state,
    timeline,
    window_to_draw,
)
from viewer.ui.viewmodel.trace_header import trace_header
from viewer.ui.viewmodel.trace_state import SKEW, TIMELINE, TraceState, read_state
from viewer.ui.viewmodel.trace_view import TraceView
from viewer.ui.viewmodel.whole_file import whole_files

blueprint = Blueprint("trace", __name__)


@blueprint.get("/trace/<trace_id>")
def page(trace_id: str) -> Response:
    """The page; under htmx its view or only the detail panel."""
    found = _find(trace_id)
    if not isinstance(found, LoadedTrace):
        return found
    asked = _asked(found)
    state = asked.state
    if htmx.wants_partial("span-detail"):
        row = _selected(asked)
        detail = _detail(asked, row, {} if row is None else _spans(found, [row]))
        body = render_template("trace/_span_detail.html", span_detail=detail)
        if state.find and state.view == TIMELINE:
            # Which of the matches is selected has changed as well.
            matches = _matches(asked.part, state)
            bar = replace(find_bar(asked.part, state, matches), out_of_band=True)
            body += render_template("trace/_find_bar.html", find_bar=bar)
        return htmx.push_url(make_response(body), state.url)
    if htmx.wants_partial("trace-view"):
        body = render_template("trace/_trace_view.html", trace_view=_view(asked))
        return htmx.push_url(make_response(body), state.url)
    return make_response(render_template("trace/page.html", trace_view=_view(asked)))


@blueprint.get("/trace/<trace_id>/rows")
def rows(trace_id: str) -> Response:
    """A window of rows, from the offset that the address asks for."""
    found = _find(trace_id)
    if not isinstance(found, LoadedTrace):
        return found
    asked = _asked(found)
    part, state = asked.part, asked.state
    matches, kept, folds, visible = _shown(part, state)
    spans = _spans(part, window_rows(visible, state.offset))
    window = window_to_draw(part, state, visible, matches, state.offset, spans, kept, folds)
    return make_response(render_template("trace/_window.html", window=window))


@blueprint.get("/trace/<trace_id>/download")
def download(trace_id: str) -> Response:
    """The whole trace as a file of the format that the address names."""
    found = _find(trace_id)
    if not isinstance(found, LoadedTrace):
        return found
    format_ = request.args.get("format", next(iter(DOWNLOADS)))
    if format_ not in DOWNLOADS:
        known = (f"Known are {', '.join(DOWNLOADS)}.",)
        return answer_problem(problem(400, f"there is no format “{format_[:40]}”", known))
    return download_of(current_store(), found, format_)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for: ``part`` is what is shown of the ``whole``, from its row ``top`` on."""

    whole: LoadedTrace
    part: LoadedTrace
    top: int
    state: TraceState


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


def _asked(whole: LoadedTrace) -> _Asked:
    path = trace_url(whole.tree.trace_id)
    # A form names a part of the filter in each of its fields; links name all of them in one.
    parts = [
        *request.args.getlist("only"),
        *(f"min:{text}" for text in request.args.getlist("min")),
        *(Only(services=(name,)).text for name in request.args.getlist("service") if name),
        *("errors" for status in request.args.getlist("status") if status == "error"),
    ]
    arguments = {**request.args, "only": ",".join(parts)}
    focus = _span_named("focus")
    top = None if focus is None else whole.tree.row_of(focus)
    part = whole if top is None else whole.part(top)
    state = read_state(path, arguments, part.tree.duration_ns, PANEL_OPTIONS)
    panel = _panel_of(state)
    of_part = panel is None or panel.of_part
    shown = shown_state(whole, state, _span_named("folded"), of_part)
    return _Asked(whole, part, top or 0, shown)


def _panel_of(state: TraceState) -> Panel | None:
    return next((panel for panel in PANELS if panel.name == state.view), None)


def _view(asked: _Asked) -> TraceView:
    """Return all below the top bar: the timeline, or the panel that the state names."""
    late = None
    if current_store().capabilities.writable:
        columns, nothing = asked.whole.tree.columns, LateSpans(0, 0)
        path = trace_url(columns.trace_id)
        late = late_notice(path, columns.stored_ns, nothing, current_now_ns(), asked.state.url)
    return replace(_content(asked), late_notice=late)


def _content(asked: _Asked) -> TraceView:
    whole, part, state = asked.whole, asked.part, asked.state
    panel = _panel_of(state)
    failed, selected = first_error(whole.tree), _selected(asked)
    named = [row for row in (failed, selected) if row is not None]
    shown = part
    if panel is None:
        matches, kept, folds, visible = _shown(part, state)
        near = _near()
        offset = first_offset(part, state, visible, near)
        drawn = [row + asked.top for row in window_rows(visible, offset)]
        # One look into the store for all that the page shows of single spans.
        spans = _spans(whole, [*drawn, *named])
        of_part = {row - asked.top: span for row, span in spans.items()}
        content: dict[str, Any] = {
            "timeline": timeline(part, state, visible, matches, offset, near, of_part, kept, folds)
        }
    else:
        spans = _spans(whole, named)
        # A field of the view is named as its panel is.
        shown = part if panel.of_part else whole
        content = {panel.name: panel.show(shown, state, current_store())}
        if not panel.tells_notes:
            content["notes"] = state.notes
    failed_span = None if failed is None else spans.get(failed)
    files = whole_files(state.path, DOWNLOAD_TITLES)
    return replace(
        TraceView(
            header=trace_header(whole, state, failed_span, tabs(state), files),
            detail=_detail(asked, selected, spans),
            focus_bar=None if shown is whole else focus_bar(whole, part, state),
        ),
        **content,
    )


def _shown(trace: LoadedTrace, state: TraceState) -> tuple[Rows | None, Kept | None, Folds, Rows]:
    """Return the rows that the find term finds, what the filter lets through, which repeated
    siblings are folded, and the visible rows."""
    matches = _matches(trace, state)
    kept = kept_rows(trace, state.only, matches)
    folds = folds_of(trace, state, kept)
    collapsed = collapsed_mask(trace, state)
    shown = None if kept is None else kept.shown
    return matches, kept, folds, visible_rows(trace.tree, collapsed, shown, folds.folded)


def _near() -> int | None:
    """Return the span that a script wants to keep in place; it is no part of the page's address."""
    return _span_named("near")


def _span_named(name: str) -> int | None:
    try:
        return parse_span_id(request.args.get(name, ""))
    except InvalidId:
        return None


def _selected(asked: _Asked) -> int | None:
    return None if asked.state.span is None else asked.whole.tree.row_of(asked.state.span)


def _detail(asked: _Asked, row: int | None, spans: Mapping[int, Span]) -> SpanDetail | None:
    span = None if row is None else spans.get(row)
    if row is None or span is None:
        return None
    return span_detail(asked.whole, asked.state, row, span)


def _matches(trace: LoadedTrace, state: TraceState) -> Rows | None:
    return find_rows(current_store(), trace, state)


def _spans(trace: LoadedTrace, rows: Sequence[int]) -> dict[int, Span]:
    return spans_of_rows(current_store(), trace, rows)
