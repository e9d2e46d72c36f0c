"""What a trace may be compared with: the fastest and a typical one of its kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.trace.ids import format_trace_id
from viewer.trace.summary import TraceSummary
from viewer.ui.filters import format_ago, format_plural, format_service
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.address import trace_url
from viewer.ui.viewmodel.compare_state import compare_path
from viewer.ui.viewmodel.compare_table import format_signed
from viewer.ui.viewmodel.rows import row_name, row_service
from viewer.ui.viewmodel.trace_header import first_root


@dataclass(frozen=True, slots=True)
class OtherTrace:
    """A trace to compare with: why it is offered, and how it differs from this one."""

    label: str
    title: str
    url: str
    duration_ns: int
    difference: str
    spans: str
    errors: int
    start_ns: int
    ago: str


@dataclass(frozen=True, slots=True)
class CompareChoices:
    """The choices for a trace. ``subject`` is its root; ``nothing`` says so where no other is stored."""

    trace_id: str
    url: str
    subject: str
    duration_ns: int
    others: tuple[OtherTrace, ...]
    nothing: str
    utc: bool


def root_of(trace: LoadedTrace) -> tuple[str, str]:
    """Return the service and the operation of a trace's root, as stored."""
    columns, root = trace.tree.columns, first_root(trace)
    return columns.services[columns.service[root]], columns.names[columns.name[root]]


def compare_choices(
    trace: LoadedTrace,
    shortest: Sequence[TraceSummary],
    newest: Sequence[TraceSummary],
    now_ns: int,
    utc: bool = False,
) -> CompareChoices:
    """Return the choices. ``shortest`` and ``newest`` are traces in which a span has the service and
    operation of this one's root; those of another root are left aside. Typical is the one of median
    duration among ``newest``."""
    fast, recent = _alike(trace, shortest), _alike(trace, newest)
    by_duration = sorted(recent, key=lambda found: (found.duration_ns, found.trace_id))
    others: list[OtherTrace] = []
    if fast:
        others.append(
            _other(trace, "the fastest", "The shortest that is stored", fast[0], now_ns, utc)
        )
    if by_duration:
        why = f"Of median duration among the newest {format_plural(len(recent), 'one')}"
        median = by_duration[(len(by_duration) - 1) // 2]
        others.append(_other(trace, "a typical one", why, median, now_ns, utc))
    root = first_root(trace)
    subject = f"{row_service(trace, root)} · {row_name(trace, root)}"
    return CompareChoices(
        trace_id=format_trace_id(trace.tree.trace_id),
        url=trace_url(trace.tree.trace_id, tz="utc" if utc else ""),
        subject=subject,
        duration_ns=trace.tree.duration_ns,
        others=tuple(others),
        nothing="" if others else f"No other trace of {subject} was found.",
        utc=utc,
    )


def _alike(trace: LoadedTrace, found: Sequence[TraceSummary]) -> list[TraceSummary]:
    """Return the other traces with a root of the same service and operation."""
    root = root_of(trace)
    return [
        other
        for other in found
        if (other.root_service, other.root_name) == root and other.trace_id != trace.tree.trace_id
    ]


def _other(
    trace: LoadedTrace, label: str, why: str, other: TraceSummary, now_ns: int, utc: bool
) -> OtherTrace:
    services = ", ".join(format_service(count.service) for count in other.services[:5])
    return OtherTrace(
        label=label,
        title=f"{why}: {format_plural(other.spans, 'span')} of {services}",
        url=compare_path(trace.tree.trace_id, other.trace_id) + ("?tz=utc" if utc else ""),
        duration_ns=other.duration_ns,
        difference=format_signed(other.duration_ns - trace.tree.duration_ns),
        spans=format_plural(other.spans, "span"),
        errors=other.errors,
        start_ns=other.start_ns,
        ago=format_ago(other.start_ns, now_ns) if other.start_ns else "no start time",
    )
