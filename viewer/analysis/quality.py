"""What is broken in a trace's making, as its skeleton shows it: propagation, clocks, IDs, floods.

The oddities of single spans are found when the tree is built (`trace.tree`); here they become
problems, with the services between which each arose and how much is wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from viewer.trace.span import SpanKind
from viewer.trace.tree import Oddity, Rows, TraceTree

FLOOD = 1_000
MOST_PAIRS = 10
SHOWN = 5


class Severity(Enum):
    """How much a problem matters: parts of the trace are missing or misplaced; something is told
    wrongly; something could be told better."""

    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    NOTE = "note"


class Problem(Enum):
    """What is wrong; the value is its public name."""

    LOST_CALLER = "lost-caller"
    LOST_OWN_SPAN = "lost-own-span"
    NO_ROOT = "no-root"
    SEVERAL_ROOTS = "several-roots"
    CYCLE = "cycle"
    SELF_PARENT = "self-parent"
    DUPLICATE_ID = "duplicate-id"
    REDELIVERED = "redelivered"
    SKEW = "clock-skew"
    STARTS_EARLY = "starts-before-parent"
    ENDS_LATE = "ends-after-parent"
    NO_START = "no-start-time"
    FAR_TIME = "implausible-time"
    FLOOD = "span-flood"
    NO_PEER = "client-without-peer"
    NO_MESSAGE = "error-without-message"
    NO_STATEMENT = "database-without-statement"
    NO_CORRELATION = "no-correlation"
    SECRET = "secret"  # noqa: S105 the name of a problem


SEVERITY = {
    Problem.LOST_CALLER: Severity.BROKEN,
    Problem.LOST_OWN_SPAN: Severity.BROKEN,
    Problem.NO_ROOT: Severity.BROKEN,
    Problem.SEVERAL_ROOTS: Severity.BROKEN,
    Problem.CYCLE: Severity.BROKEN,
    Problem.SELF_PARENT: Severity.BROKEN,
    Problem.SECRET: Severity.BROKEN,
    Problem.DUPLICATE_ID: Severity.DOUBTFUL,
    Problem.SKEW: Severity.DOUBTFUL,
    Problem.STARTS_EARLY: Severity.DOUBTFUL,
    Problem.NO_START: Severity.DOUBTFUL,
    Problem.FAR_TIME: Severity.DOUBTFUL,
    Problem.FLOOD: Severity.DOUBTFUL,
    Problem.NO_MESSAGE: Severity.DOUBTFUL,
}
"""How severe each problem is; what is not in it is a note."""
_PLAIN = {
    Oddity.NO_ROOT: Problem.NO_ROOT,
    Oddity.SEVERAL_ROOTS: Problem.SEVERAL_ROOTS,
    Oddity.CYCLE: Problem.CYCLE,
    Oddity.SELF_PARENT: Problem.SELF_PARENT,
    Oddity.DUPLICATE_ID: Problem.DUPLICATE_ID,
    Oddity.REDELIVERED: Problem.REDELIVERED,
    Oddity.NO_START: Problem.NO_START,
    Oddity.FAR_TIME: Problem.FAR_TIME,
}


@dataclass(frozen=True, slots=True)
class Issue:
    """A problem: how often, the first rows concerned, and by how much at most (0 where that is no
    question of time). It lies between the services of the row ``caller`` (-1 where that is not
    known; for a lost one a guess from times) and of the first of ``rows``. ``names`` are attributes."""

    problem: Problem
    count: int
    rows: Rows
    amount_ns: int = 0
    caller: int = -1
    names: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        return SEVERITY.get(self.problem, Severity.NOTE)


def structure_issues(tree: TraceTree) -> list[Issue]:
    """Return what the skeleton shows, the most severe first."""
    found = list(_lost(tree))
    for finding in tree.findings:
        if finding.oddity in _PLAIN:
            rows = finding.rows[:SHOWN]
            found.append(Issue(_PLAIN[finding.oddity], finding.count, rows))
    starts, ends = tree.columns.start_ns, tree.columns.start_ns + tree.columns.dur_ns
    early, late = tree.rows_with(Oddity.STARTS_EARLY), tree.rows_with(Oddity.ENDS_LATE)
    services = tree.columns.service
    foreign = services[early] != services[tree.parent[early]]
    for rows, problem in ((early[foreign], Problem.SKEW), (early[~foreign], Problem.STARTS_EARLY)):
        found += _by_pair(tree, problem, rows, starts[tree.parent[rows]] - starts[rows])
    found += _by_pair(tree, Problem.ENDS_LATE, late, ends[late] - ends[tree.parent[late]])
    found += _floods(tree)
    return by_severity(found)


def by_severity(issues: Sequence[Issue]) -> list[Issue]:
    """Return the issues, the most severe first."""
    order = list(Severity)
    return sorted(issues, key=lambda issue: order.index(issue.severity))


def _lost(tree: TraceTree) -> Iterator[Issue]:
    """Yield the spans whose parent is missing, by what was lost and the services in question.

    A span that answers a request (or takes a message) has its parent in the calling service; any
    other has it in its own process, so it is its own service that lost one."""
    orphans, columns = tree.rows_with(Oddity.ORPHAN), tree.columns
    called = np.isin(columns.kind[orphans], (SpanKind.SERVER, SpanKind.CONSUMER))
    for kind, problem in ((called, Problem.LOST_CALLER), (~called, Problem.LOST_OWN_SPAN)):
        for rows in _split(orphans[kind], columns.service[orphans[kind]])[:MOST_PAIRS]:
            guess = _enclosing(tree, int(rows[0])) if problem is Problem.LOST_CALLER else -1
            yield Issue(problem, len(rows), rows[:SHOWN], caller=guess)


def _enclosing(tree: TraceTree, row: int) -> int:
    """Return the shortest span of another service during which this one ran, -1 for none: within it
    the caller may be looked for."""
    starts, ends = tree.columns.start_ns, tree.columns.start_ns + tree.columns.dur_ns
    around = (starts <= starts[row]) & (ends >= ends[row]) & (starts != 0)
    around &= tree.columns.service != tree.columns.service[row]
    rows = np.flatnonzero(around)
    return int(rows[np.argmin(tree.columns.dur_ns[rows])]) if len(rows) else -1


def _by_pair(
    tree: TraceTree, problem: Problem, rows: Rows, amount: NDArray[np.int64]
) -> list[Issue]:
    """Return an issue per pair of a parent's and a child's service, the largest amount first."""
    services = tree.columns.service.astype(np.int64)
    pairs = services[tree.parent[rows]] * len(tree.columns.services) + services[rows]
    found = []
    for places in _split(np.arange(len(rows), dtype=np.int32), pairs):
        first, most = rows[places[:SHOWN]], int(amount[places].max())
        parent = int(tree.parent[first[0]])
        found.append(Issue(problem, len(places), first, most, caller=parent))
    return sorted(found, key=lambda issue: -issue.amount_ns)[:MOST_PAIRS]


def _floods(tree: TraceTree) -> list[Issue]:
    columns = tree.columns
    both = columns.service.astype(np.int64) * max(len(columns.names), 1) + columns.name
    numbers, count = np.unique(both, return_counts=True)
    many = np.flatnonzero(count >= FLOOD)
    many = many[np.argsort(-count[many], kind="stable")][:MOST_PAIRS]
    return [
        Issue(
            Problem.FLOOD,
            int(count[one]),
            np.flatnonzero(both == numbers[one])[:SHOWN].astype(np.int32),
        )
        for one in many.tolist()
    ]


def _split(rows: Rows, keys: NDArray[np.int64] | NDArray[np.int32]) -> list[Rows]:
    """Return the rows in groups of equal keys, the largest group first."""
    if not len(rows):
        return []
    order = np.argsort(keys, kind="stable")
    groups = np.split(rows[order], np.flatnonzero(np.diff(keys[order])) + 1)
    return sorted(groups, key=lambda group: -len(group))
