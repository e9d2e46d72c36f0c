"""Spans that took far longer than their operation usually does."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.tree import Rows, TraceTree

MOST_ASKED = 5
LEAST_SAMPLES = 20
QUANTILES = (0.5, 0.95)
_TIMES_P95 = 2
_LEAST_SHARE = 0.05
Usual = tuple[int, int, int]
"""How many spans of an operation were looked at, and the median and p95 of their durations."""


@dataclass(frozen=True, slots=True)
class SlowSpan:
    """A span, and what its operation usually takes."""

    row: int
    duration_ns: int
    median_ns: int
    p95_ns: int
    samples: int


def heaviest_rows(tree: TraceTree, self_ns: NDArray[np.int64]) -> Rows:
    """Return the rows to ask the store about: the MOST_ASKED heaviest by self time that matter to
    the trace's duration, the heaviest first."""
    rows = np.argsort(-self_ns, kind="stable")[:MOST_ASKED]
    matter = self_ns[rows] >= max(tree.duration_ns * _LEAST_SHARE, 1)
    return rows[matter].astype(np.int32)


def slower_than_usual(
    tree: TraceTree, rows: Rows, usual: Mapping[tuple[str, str], Usual]
) -> list[SlowSpan]:
    """Return those of the rows that took more than twice their operation's p95. ``usual`` is by
    service and name; operations without enough samples in it are passed over."""
    columns = tree.columns
    found = []
    for row in rows.tolist():
        key = (columns.services[columns.service[row]], columns.names[columns.name[row]])
        samples, median, p95 = usual.get(key, (0, 0, 0))
        duration = int(columns.dur_ns[row])
        if samples >= LEAST_SAMPLES and duration > _TIMES_P95 * p95:
            found.append(SlowSpan(row, duration, median, p95, samples))
    return found
