"""What the longest spans of one node say in A and in B: the attributes that differ, and the equal ones."""

from collections.abc import Iterator
from dataclasses import dataclass

from viewer.analysis.compare import Comparison
from viewer.trace.attributes import encode_value
from viewer.trace.span import Span, SpanKind
from viewer.ui.filters import format_count, format_plural, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.compare_state import CompareState
from viewer.ui.viewmodel.compare_table import node_name, node_service
from viewer.ui.viewmodel.rows import cut

MOST_FIELDS = 200
_LONGEST = 160
_LONGEST_TITLE = 400
_LONGEST_KEY = 200
_LEAD = 30


@dataclass(frozen=True, slots=True)
class ComparedValue:
    """A value as shown, and more of it for its title; ``absent`` where this span has no such key."""

    text: str
    title: str
    absent: bool


@dataclass(frozen=True, slots=True)
class ComparedField:
    """A key of the span itself, of its attributes or of its resource's, with both values."""

    key: str
    source: str
    a: ComparedValue
    b: ComparedValue


@dataclass(frozen=True, slots=True)
class ComparedSpan:
    """The span that speaks for a node in one trace; ``url`` is empty where the trace lacks it."""

    letter: str
    url: str
    duration_ns: int


@dataclass(frozen=True, slots=True)
class CompareAttributes:
    """The table for one node. ``says`` tells what is compared, ``left_out`` what is not shown."""

    name: str
    service: str
    css: str
    spans: tuple[ComparedSpan, ComparedSpan]
    says: str
    differing: tuple[ComparedField, ...]
    equal: tuple[ComparedField, ...]
    equal_count: str
    left_out: str


def compare_attributes(
    a: LoadedTrace,
    b: LoadedTrace,
    compared: Comparison,
    state: CompareState,
    node: int,
    spans: tuple[Span | None, Span | None],
) -> CompareAttributes:
    """Return the table of a node; ``spans`` are its longest in A and in B, where it has any."""
    service = compared.operations[compared.operation[node]][0]
    differing: list[ComparedField] = []
    equal: list[ComparedField] = []
    one, other = (dict(_said(span)) for span in spans)
    for key in sorted({*one, *other}):
        field, same = _field(key, one.get(key), other.get(key))
        (equal if same else differing).append(field)
    more = max(len(differing) - MOST_FIELDS, 0) + max(len(equal) - MOST_FIELDS, 0)
    return CompareAttributes(
        name=node_name(compared, node),
        service=node_service(compared, node),
        css=service_class(service),
        spans=(
            _span("A", a, int(compared.a.longest[node]), state),
            _span("B", b, int(compared.b.longest[node]), state),
        ),
        says=_says(spans, len(differing)),
        differing=tuple(differing[:MOST_FIELDS]),
        equal=tuple(equal[:MOST_FIELDS]),
        equal_count=format_plural(len(equal), "equal value"),
        left_out=f"{format_count(more)} more are not shown." if more else "",
    )


def _said(span: Span | None) -> Iterator[tuple[tuple[int, str, str], tuple[str, str]]]:
    """Yield ((rank, source, key), value) of all that is compared; of several values of a key the
    first."""
    if span is None:
        return
    facts = (
        ("kind", "" if span.kind is SpanKind.UNSPECIFIED else span.kind.name.lower()),
        ("status", span.status.code.name.lower()),
        ("status message", span.status.message),
        ("scope", " ".join(part for part in (span.scope.name, span.scope.version) if part)),
    )
    for key, text in facts:
        if text:
            yield (0, "span", key), (text, "s")
    for rank, source, attributes in (
        (1, "attribute", span.attributes),
        (2, "resource", span.resource.attributes),
    ):
        # Later pairs replace earlier ones in the dict that is made of these.
        for key, value in reversed(attributes):
            yield (rank, source, key), encode_value(value)


def _field(
    key: tuple[int, str, str], a: tuple[str, str] | None, b: tuple[str, str] | None
) -> tuple[ComparedField, bool]:
    skipped = 0
    if a is not None and b is not None and a != b:
        skipped = _common(a[0], b[0])
    name = cut(key[2], _LONGEST_KEY)
    return ComparedField(name, key[1], _value(a, skipped), _value(b, skipped)), a == b


def _common(a: str, b: str) -> int:
    """Return how much of two long texts can be left out before what differs."""
    if max(len(a), len(b)) <= _LONGEST:
        return 0
    # Halving: the beginnings of this length are equal, those of the other are not.
    low, high = 0, min(len(a), len(b)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle
    return max(low - _LEAD, 0) if low > _LONGEST - _LEAD else 0


def _value(said: tuple[str, str] | None, skipped: int) -> ComparedValue:
    if said is None:
        return ComparedValue("", "", True)
    rest = said[0][skipped:]
    text = cut(rest, _LONGEST)
    title = rest[: _LONGEST_TITLE - 1] + ("…" if len(rest) >= _LONGEST_TITLE else "")
    before = "…" if skipped else ""
    return ComparedValue(before + text, "" if text == rest else before + title, False)


def _span(letter: str, trace: LoadedTrace, row: int, state: CompareState) -> ComparedSpan:
    if row < 0:
        return ComparedSpan(letter, "", 0)
    tree = trace.tree
    url = trace_url(tree.trace_id, int(tree.shown_id[row]), "utc" if state.utc else "")
    return ComparedSpan(letter, url, int(tree.columns.dur_ns[row]))


def _says(spans: tuple[Span | None, Span | None], differing: int) -> str:
    if spans[0] is None or spans[1] is None:
        return f"Only {'A' if spans[1] is None else 'B'} has it."
    if not differing:
        return "Its longest spans say the same in A and in B."
    return f"Its longest spans differ in {format_plural(differing, 'value')}."
