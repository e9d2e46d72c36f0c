"""What a colleague would say first of a trace: where it failed, and what took the time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.intervals import covered
from viewer.trace.attributes import show_value
from viewer.trace.span import Span, StatusCode
from viewer.trace.tree import Rows, TraceTree


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The span with the longest self time. ``share`` is of the trace's duration, 0 to 1 (more for a
    span without a start time). ``caller`` is the nearest ancestor of another service, None if there
    is none, and ``caller_share`` the self time as a share of that one's duration."""

    row: int
    self_ns: int
    share: float
    caller: int | None = None
    caller_share: float = 0.0


@dataclass(frozen=True, slots=True)
class HeaviestService:
    """The service below the root's that is at work for longest. ``busy_ns`` is the union of its
    spans, ``calls`` how many of them another service called, ``row`` the longest of these."""

    row: int
    busy_ns: int
    share: float
    calls: int


@dataclass(frozen=True, slots=True)
class ErrorSpread:
    """Where an error began (``row``), which spans above failed with it without a gap (nearest
    first), and how many other spans failed without a failed descendant."""

    row: int
    above: Rows
    others: int


def bottleneck(tree: TraceTree, self_ns: NDArray[np.int64]) -> Bottleneck | None:
    """Return the slowest span by self time (the first in drawing order among equals); None if no
    span took any time. ``self_ns`` is from `self_time.self_times`."""
    if not len(tree) or tree.duration_ns == 0:
        return None
    row = int(np.argmax(self_ns))
    longest = int(self_ns[row])
    if not longest:
        return None
    above = np.array(tree.ancestors(row), np.int32)
    callers = above[tree.columns.service[above] != tree.columns.service[row]]
    caller = int(callers[-1]) if len(callers) else None
    whole = 0 if caller is None else int(tree.columns.dur_ns[caller])
    share = longest / tree.duration_ns
    return Bottleneck(row, longest, share, caller, longest / whole if whole else 0.0)


def heaviest_service(tree: TraceTree) -> HeaviestService | None:
    """Return the service, other than that of the first root, whose spans cover most of the trace;
    None if there is no other or it took no time."""
    if not len(tree) or tree.duration_ns == 0:
        return None
    columns = tree.columns
    roots = tree.roots
    true_roots = roots[columns.parent_id[roots] == 0]
    top = columns.service[true_roots[0] if len(true_roots) else roots[0]]
    rows = np.flatnonzero((columns.service != top) & (columns.start_ns != 0))
    if not len(rows):
        return None
    begin, service = columns.start_ns[rows], columns.service[rows]
    order = np.lexsort((begin, service))
    begin, length, service = begin[order], columns.dur_ns[rows][order], service[order]
    first = np.r_[True, service[1:] != service[:-1]]
    busy = covered(np.cumsum(first) - 1, begin, begin + length)
    heaviest = int(np.argmax(busy))
    if not busy[heaviest]:
        return None
    heavy = service[first][heaviest]
    own = rows[columns.service[rows] == heavy]
    above = tree.parent[own]
    called = own[(above < 0) | (columns.service[above] != heavy)]
    called = called if len(called) else own
    row = int(called[np.argmax(columns.dur_ns[called])])
    whole = int(busy[heaviest])
    return HeaviestService(row, whole, whole / tree.duration_ns, len(called))


def first_error(tree: TraceTree) -> int | None:
    """Return the row where an error began: the earliest-ending failed span without a failed
    descendant, since errors travel from callee to caller. None if nothing failed."""
    origins = _error_origins(tree)
    if not len(origins):
        return None
    ends = tree.columns.start_ns[origins] + tree.columns.dur_ns[origins]
    return int(origins[np.argmin(ends)])


def error_spread(tree: TraceTree) -> ErrorSpread | None:
    """Return how the first error went up the tree; None if nothing failed."""
    row = first_error(tree)
    if row is None:
        return None
    above = np.array(tree.ancestors(row), np.int32)
    held = np.flatnonzero(tree.columns.status[above] != StatusCode.ERROR)
    spread = above[held[-1] + 1 :] if len(held) else above
    return ErrorSpread(row, spread[::-1], len(_error_origins(tree)) - 1)


def errors_below(tree: TraceTree) -> NDArray[np.int64]:
    """Return, per row, how many of its descendants failed."""
    before = np.r_[0, np.cumsum(tree.columns.status == StatusCode.ERROR)]
    rows = np.arange(len(tree))
    below: NDArray[np.int64] = before[tree.subtree_end] - before[rows + 1]
    return below


def error_message(span: Span) -> str:
    """Return what a failed span says of its error: status message, exception event, or status code."""
    if span.status.message:
        return span.status.message
    for event in reversed(span.events):
        said = dict(event.attributes)
        if said.get("exception.message"):
            return show_value(said["exception.message"])
        if said.get("exception.type"):
            return show_value(said["exception.type"])
    attributes = dict(span.attributes)
    for key in ("error.message", "error.type", "http.response.status_code", "http.status_code"):
        if attributes.get(key):
            return f"{key} {show_value(attributes[key])}"
    return ""


def _error_origins(tree: TraceTree) -> NDArray[np.intp]:
    """Return the failed rows without a failed descendant."""
    failed = tree.columns.status == StatusCode.ERROR
    return np.flatnonzero(failed & (errors_below(tree) == 0))
