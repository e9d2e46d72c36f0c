"""The statistics view: what the trace's time was spent on, by service, operation or attribute."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.statistics import GroupStatistics, group_statistics
from viewer.ui.filters import format_plural, format_service, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.timeline import reveal
from viewer.ui.viewmodel.trace_state import TIMELINE, TraceState

GROUPINGS = ("operation", "service")
MOST_GROUPS = 500
_SORTS = ("self", "total", "critical", "count", "errors", "p50", "p95", "max", "name")
_LABELS = {
    "name": "",
    "count": "Spans",
    "errors": "Errors",
    "total": "Total",
    "self": "Self",
    "critical": "Critical",
    "p50": "p50",
    "p95": "p95",
    "max": "Max",
}


@dataclass(frozen=True, slots=True)
class Group:
    """A row: ``url`` leads to its longest span in the timeline; ``share`` is its self time in
    percent of all self time, ``bar_width`` the same as a length. ``critical_ns`` is its time on the
    critical path, ``critical_share`` the same in percent of the trace; "" where it is not on it."""

    name: str
    service: str
    css: str
    url: str
    count: int
    errors: int
    total_ns: int
    self_ns: int
    critical_ns: int
    critical_share: str
    p50_ns: int
    p95_ns: int
    max_ns: int
    share: str
    bar_width: str


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and the address that sorts by it."""

    label: str
    url: str
    sorted: bool


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to group, and its address."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """``by`` names what the groups are: an attribute's key where it is none of GROUPINGS.
    ``left_out`` says what of the trace is in no row."""

    by: str
    groupings: tuple[Grouping, ...]
    attribute: str
    hidden_fields: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    rows: tuple[Group, ...]
    left_out: str


def statistics(
    trace: LoadedTrace, state: TraceState, values: Mapping[tuple[int, int], str] | None
) -> Statistics:
    """Return the view. ``values`` are an attribute's, by span ID as sent and digest, where the state
    groups by one; None where it does not."""
    by = state.option("by") if values is not None else ""
    grouping = by or (state.option("by") if state.option("by") in GROUPINGS else GROUPINGS[0])
    group, names, services = _groups(trace, grouping, values)
    found = group_statistics(trace.tree, trace.self_ns, group, len(names))
    sort = state.option("sort") if state.option("sort") in _SORTS else _SORTS[0]
    grouped = group >= 0
    passed = trace.critical.total_ns[grouped].astype(np.float64)
    critical_ns = np.bincount(group[grouped], passed, len(names)).astype(np.float64)
    order = [number for number in _order(found, critical_ns, names, sort) if found.count[number]]
    all_self = float(found.self_ns.sum()) or 1.0
    rows = tuple(
        _row(trace, state, found, critical_ns, number, names[number], services[number], all_self)
        for number in order[:MOST_GROUPS]
    )
    without = len(trace.tree) - int(found.count.sum())
    left_out = []
    if len(order) > MOST_GROUPS:
        left_out.append(f"{format_plural(len(order) - MOST_GROUPS, 'more group')} not shown")
    if without:
        left_out.append(f"{format_plural(without, 'span')} without {by}")
    said = {"by": state.option("by"), "sort": state.option("sort")}
    return Statistics(
        by=grouping,
        groupings=tuple(
            Grouping(name, state.viewing(state.view, **{**said, "by": name}).url, name == grouping)
            for name in GROUPINGS
        ),
        attribute=by,
        hidden_fields=tuple(
            (name, value) for name, value in state.query.items() if name not in ("by", "offset")
        ),
        columns=tuple(
            Column(
                label or (grouping.capitalize() if grouping in GROUPINGS else grouping),
                state.viewing(state.view, **{**said, "sort": name}).url,
                name == sort,
            )
            for name, label in _LABELS.items()
        ),
        rows=rows,
        left_out=", ".join(left_out),
    )


def _groups(
    trace: LoadedTrace, grouping: str, values: Mapping[tuple[int, int], str] | None
) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Return each row's group, and each group's name and service ("" = of no single one)."""
    columns = trace.tree.columns
    if values is not None:
        texts: dict[str, int] = {}
        keys = zip(columns.span_id.tolist(), columns.digest.tolist(), strict=True)
        numbers = [
            -1 if (value := values.get(key)) is None else texts.setdefault(value, len(texts))
            for key in keys
        ]
        return np.array(numbers, np.int64), list(texts), [""] * len(texts)
    services = columns.service.astype(np.int64)
    if grouping == "service":
        names = [format_service(name) for name in columns.services]
        return services, names, list(columns.services)
    pairs, group = np.unique(services * len(columns.names) + columns.name, return_inverse=True)
    of_service, of_name = np.divmod(pairs, max(len(columns.names), 1))
    return (
        group.astype(np.int64),
        [columns.names[number] or "(no name)" for number in of_name.tolist()],
        [columns.services[number] for number in of_service.tolist()],
    )


def _order(
    found: GroupStatistics, critical_ns: NDArray[np.float64], names: list[str], sort: str
) -> list[int]:
    if sort == "name":
        return sorted(range(len(names)), key=lambda number: names[number])
    keys = {"count": found.count, "errors": found.errors, "total": found.total_ns,
            "self": found.self_ns, "p50": found.p50_ns, "p95": found.p95_ns, "max": found.max_ns,
            "critical": critical_ns}  # fmt: skip
    numbers: list[int] = np.argsort(-keys[sort].astype(np.float64), kind="stable").tolist()
    return numbers


def _percent(share: float) -> str:
    # What is on the path is never printed as nothing.
    return f"{share:.1f} %" if share >= 0.05 else "<0.1 %"


def _row(
    trace: LoadedTrace,
    state: TraceState,
    found: GroupStatistics,
    critical_ns: NDArray[np.float64],
    number: int,
    name: str,
    service: str,
    all_self: float,
) -> Group:
    share = 100 * float(found.self_ns[number]) / all_self
    critical = int(critical_ns[number])
    of_trace = 100 * critical / max(trace.tree.duration_ns, 1)
    return Group(
        name=name,
        service=format_service(service),
        css=service_class(service) if service else "",
        url=reveal(trace, state.viewing(TIMELINE), int(found.longest[number])).url,
        count=int(found.count[number]),
        errors=int(found.errors[number]),
        total_ns=int(found.total_ns[number]),
        self_ns=int(found.self_ns[number]),
        critical_ns=critical,
        critical_share=_percent(of_trace) if critical else "",
        p50_ns=int(found.p50_ns[number]),
        p95_ns=int(found.p95_ns[number]),
        max_ns=int(found.max_ns[number]),
        share=f"{share:.1f} %",
        bar_width=f"{max(share, 0.4):.2f}%",
    )
