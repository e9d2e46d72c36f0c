"""The comparison of two traces: both in a line each, what differs most in words, and the parts below."""

from dataclasses import dataclass

from viewer.analysis.compare import Change, Comparison, explain, is_much
from viewer.trace.ids import format_trace_id
from viewer.trace.span import Span, StatusCode
from viewer.ui.filters import format_duration, format_plural, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.compare_attributes import CompareAttributes, compare_attributes
from viewer.ui.viewmodel.compare_state import CompareState
from viewer.ui.viewmodel.compare_table import (
    CompareTable,
    compare_table,
    format_signed,
    node_key,
    node_name,
    node_service,
)
from viewer.ui.viewmodel.compare_timelines import CompareTimelines, compare_timelines
from viewer.ui.viewmodel.rows import cut, row_name, row_service
from viewer.ui.viewmodel.trace_header import first_root

RULE = "Slower or faster: by 10% and 1 ms at least, or by 1% of the longer trace."
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class ComparedTrace:
    """One of the two traces in a line."""

    letter: str
    trace_id: str
    full_id: str
    url: str
    service: str
    css: str
    name: str
    start_ns: int
    duration_ns: int
    spans: int
    errors: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """What differs most: ``subject`` is a node, ``url`` selects it; both empty where none is named."""

    lead: str
    subject: str
    rest: str
    url: str


@dataclass(frozen=True, slots=True)
class CompareView:
    """All of the page below the top bar. ``rule`` says what counts as slower or faster."""

    title: str
    url: str
    traces: tuple[ComparedTrace, ComparedTrace]
    swap_url: str
    sentence: Sentence
    notes: tuple[str, ...]
    rule: str
    table: CompareTable
    attributes: CompareAttributes
    timelines: CompareTimelines


def compare_view(
    a: LoadedTrace,
    b: LoadedTrace,
    compared: Comparison,
    state: CompareState,
    node: int,
    spans: tuple[Span | None, Span | None],
) -> CompareView:
    """Return the page. ``node`` is the selected one, ``spans`` its longest in A and in B."""
    traces = _trace("A", a, state), _trace("B", b, state)
    return CompareView(
        title=f"{traces[0].trace_id[:7]} … {traces[1].trace_id[:7]}",
        url=state.url,
        traces=traces,
        swap_url=state.swapped().url,
        sentence=_sentence(a, b, compared, state, traces),
        notes=state.notes,
        rule=RULE,
        table=compare_table(a, b, compared, state, node),
        attributes=compare_attributes(a, b, compared, state, node, spans),
        timelines=compare_timelines(a, b, (compared.a, compared.b), state, node),
    )


def root_node(a: LoadedTrace, compared: Comparison) -> int:
    """Return the node that is shown when none is selected: A's root."""
    return int(compared.a.node_of[first_root(a)])


def _trace(letter: str, trace: LoadedTrace, state: CompareState) -> ComparedTrace:
    tree, columns = trace.tree, trace.tree.columns
    root = first_root(trace)
    return ComparedTrace(
        letter=letter,
        trace_id=format_trace_id(tree.trace_id),
        full_id=tree.trace_id,
        url=trace_url(tree.trace_id, tz="utc" if state.utc else ""),
        service=row_service(trace, root),
        css=service_class(columns.services[columns.service[root]]),
        name=row_name(trace, root),
        start_ns=tree.start_ns,
        duration_ns=tree.duration_ns,
        spans=len(tree),
        errors=int((columns.status == StatusCode.ERROR).sum()),
    )


def _sentence(
    a: LoadedTrace,
    b: LoadedTrace,
    compared: Comparison,
    state: CompareState,
    traces: tuple[ComparedTrace, ComparedTrace],
) -> Sentence:
    if state.a == state.b:
        return Sentence("Both are the same trace: there is nothing to tell them apart.", "", "", "")
    one, other = traces
    difference = other.duration_ns - one.duration_ns
    much = is_much(difference, min(one.duration_ns, other.duration_ns), compared.longer_ns)
    errors = _errors(one.errors, other.errors)
    if much:
        lead = (
            f"B takes {format_duration(abs(difference))} {'longer' if difference > 0 else 'less'}"
        )
    else:
        lead = f"Both take about as long ({format_signed(difference)} in B)"
    found = explain(compared, difference if much else 0)
    if found is None or (not much and not compared.differs()[found.node]):
        return Sentence(f"{lead}. {errors}".strip(), "", "", "")
    size = format_duration(round(abs(found.difference_ns)))
    change = Change(int(compared.change[found.node]))
    has = {Change.ADDED: "B", Change.REMOVED: "A"}.get(change, "")
    fits = abs(found.difference_ns) <= abs(difference)
    if much and fits:
        lead = f"{lead}; {size} of it {'is' if difference > 0 else 'was'}"
        rest = f", which only {has} has" if has else ""
    elif has:
        lead, rest = f"{lead}; only {has} has", f" ({size})"
    elif much:
        lead, rest = f"{lead};", f" alone takes {size} {'more' if difference > 0 else 'less'}"
    else:
        lead, rest = f"{lead}; most differs", f" ({format_signed(round(found.difference_ns))})"
    key = node_key(a, b, compared, found.node)
    return Sentence(
        lead=lead,
        subject=(
            f"{cut(node_service(compared, found.node), _LONGEST_NAME)} · "
            f"{cut(node_name(compared, found.node), _LONGEST_NAME)}"
        ),
        rest=f"{rest}. {errors}".rstrip(),
        url=state.selecting(key).url,
    )


def _errors(a: int, b: int) -> str:
    if a == b:
        return ""
    said = format_plural(b, "error") if b else "no errors"
    return f"B has {said}, A {format_plural(a, 'error') if a and not b else a or 'none'}."
