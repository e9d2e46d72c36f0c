"""Two traces: /trace/{a}...{b} compares them, /compare finds out which two are meant."""

from dataclasses import replace

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.datastructures import MultiDict

from viewer.search.lookup import read
from viewer.search.query import Sort, TraceQuery
from viewer.store.base import trace_with_half
from viewer.trace.ids import InvalidId, format_trace_id, parse_trace_id
from viewer.ui import htmx
from viewer.ui.compared_traces import ComparisonCache
from viewer.ui.current import current_now_ns, current_store, current_traces
from viewer.ui.environment import wants_utc
from viewer.ui.errors import answer_problem
from viewer.ui.loaded_trace import LoadedTrace, spans_of_rows
from viewer.ui.viewmodel.compare import compare_view, root_node
from viewer.ui.viewmodel.compare_choices import CompareChoices, compare_choices, root_of
from viewer.ui.viewmodel.compare_form import CompareForm
from viewer.ui.viewmodel.compare_state import compare_path, read_compare_state
from viewer.ui.viewmodel.compare_table import node_of_key
from viewer.ui.viewmodel.problem import NOT_STORED, Problem, problem

_NEWEST = 200
_SHORTEST = 50
_LONGEST_SHOWN = 200
_CACHE = "tracefall.comparisons"

blueprint = Blueprint("compare", __name__)


@blueprint.get("/trace/<a>...<b>")
def comparison(a: str, b: str) -> Response:
    """The comparison; under htmx all of it below the top bar."""
    found: list[LoadedTrace] = []
    missing: list[str] = []
    for text in (a, b):
        try:
            trace = _load(parse_trace_id(text))
        except InvalidId as error:
            known = ("An address /trace/{a}...{b} compares the traces a and b.",)
            return answer_problem(problem(400, str(error), known))
        if trace is None:
            missing.append(text)
        else:
            found.append(trace)
    if missing:
        return answer_problem(_not_stored(missing, found))
    one, other = found
    path = compare_path(one.tree.trace_id, other.tree.trace_id)
    if path != request.path:
        said = request.query_string.decode("utf-8", "replace")
        return htmx.see_other(f"{path}?{said}" if said else path)
    state = read_compare_state(one.tree.trace_id, other.tree.trace_id, request.args)
    compared = _comparisons().get(one, other)
    node = None if state.node is None else node_of_key(one, other, compared, state.node)
    if state.node is not None and node is None:
        state = state.without_node()
    if node is None:
        node = root_node(one, compared)
    spans = [
        spans_of_rows(current_store(), trace, [row]).get(row) if row >= 0 else None
        for trace, row in (
            (one, int(compared.a.longest[node])),
            (other, int(compared.b.longest[node])),
        )
    ]
    view = compare_view(one, other, compared, state, node, (spans[0], spans[1]))
    if htmx.wants_partial("comparison"):
        body = make_response(render_template("compare/_comparison.html", comparison=view))
        return htmx.push_url(body, view.url)
    return make_response(render_template("compare/page.html", comparison=view))


@blueprint.get("/compare")
def page() -> Response:
    """Lead to the comparison of the two traces that are named, or ask for what is missing."""
    texts = _texts(request.args)
    ids: list[str] = []
    notes: list[str] = []
    for text in texts[:2]:
        try:
            ids.append(_trace_id(text))
        except InvalidId as error:
            notes.append(str(error)[:1].upper() + str(error)[1:] + ".")
    if len(texts) > 2:
        notes.append(
            f"{len(texts)} traces were chosen; a comparison takes two, here the first two."
        )
    elif len(ids) == 2:
        tz = "?tz=utc" if wants_utc() else ""
        return htmx.see_other(compare_path(ids[0], ids[1]) + tz)
    choices = None
    if len(ids) == 1 and len(texts) == 1:
        trace = _load(ids[0])
        if trace is None:
            return answer_problem(_not_stored(texts, []))
        choices = _choices(trace)
    first, second, *_ = *(text[:_LONGEST_SHOWN] for text in texts[:2]), "", ""
    form = CompareForm(first, second, tuple(notes), choices, wants_utc())
    return make_response(render_template("compare/form.html", compare_form=form))


@blueprint.get("/compare/choices")
def choices() -> Response:
    """What the trace in the address may be compared with, for the trace page to show when asked."""
    text = request.args.get("trace", "")
    try:
        trace = _load(_trace_id(text))
    except InvalidId as error:
        return answer_problem(problem(400, str(error)))
    if trace is None:
        return answer_problem(_not_stored([text], []))
    return make_response(
        render_template("compare/_compare_choices.html", compare_choices=_choices(trace))
    )


def _texts(arguments: MultiDict[str, str]) -> list[str]:
    """Return the traces that are named: ticked ones, and the one typed into the second box."""
    said = [*arguments.getlist("trace"), *arguments.getlist("with")]
    return [text.strip() for text in said if text.strip()]


def _trace_id(text: str) -> str:
    """Return the trace that a text means, in any form that the look-up box takes; raises InvalidId."""
    try:
        return parse_trace_id(text)
    except InvalidId:
        readings = [reading.trace_id for reading in read(text) if reading.trace_id]
        stored = (each for each in readings if current_store().traces_with_prefix(each, 1))
        if not readings:
            raise
        return next(stored, readings[0])


def _load(trace_id: str) -> LoadedTrace | None:
    """Return a stored trace; an ID of 64 bits may be the lower half of one's."""
    found = current_traces().get(trace_id)
    if found is None and (whole := trace_with_half(current_store(), trace_id)):
        return current_traces().get(whole)
    return found


def _choices(trace: LoadedTrace) -> CompareChoices:
    service, operation = root_of(trace)
    query = TraceQuery(service=service or None, operation=operation or None)
    store = current_store()
    return compare_choices(
        trace,
        store.find_traces(replace(query, sort=Sort.SHORTEST, limit=_SHORTEST)).traces,
        store.find_traces(replace(query, sort=Sort.NEWEST, limit=_NEWEST)).traces,
        current_now_ns(),
        wants_utc(),
    )


def _comparisons() -> ComparisonCache:
    cache = current_app.extensions.get(_CACHE)
    if cache is None:
        cache = current_app.extensions.setdefault(_CACHE, ComparisonCache())
    assert isinstance(cache, ComparisonCache)
    return cache


def _not_stored(missing: list[str], found: list[LoadedTrace]) -> Problem:
    shown = [text[:_LONGEST_SHOWN] for text in dict.fromkeys(missing)]
    known = NOT_STORED
    if found:
        known = (f"The other trace, {format_trace_id(found[0].tree.trace_id)}, is stored.", *known)
    which = " and ".join(shown)
    said = (
        f"Neither of the traces {which} is stored."
        if len(shown) > 1
        else f"No span with the trace ID {which} is stored."
    )
    return Problem(404, "No such trace", said, asked=shown[0], known=known)
