"""Spans that took far longer than their operation usually does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewer.trace.tree import Rows, TraceTree

MOST_ASKED = 5
LEAST_SAMPLES = 20
QUANTILES = (0.5, 0.95)
_TIMES_P95 = 2
_LEAST_SHARE = 0.05


class Usual(NamedTuple):
    """How many spans of an operation were looked at, and their durations at QUANTILES."""

    samples: int
    median_ns: int
    p95_ns: int


@dataclass(frozen=True, slots=True)
class SlowSpan:
    """The slowest such span of an operation, how many ``others`` of those looked at are too, and what
    the operation usually takes."""

    row: int
    others: int
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
    """Return, by operation, those of the rows that took more than twice its p95. ``usual`` is by
    service and name; operations without enough samples in it are passed over."""
    columns = tree.columns
    slow: dict[tuple[str, str], list[int]] = {}
    for row in rows.tolist():
        key = (columns.services[columns.service[row]], columns.names[columns.name[row]])
        known = usual.get(key)
        if known is None or known.samples < LEAST_SAMPLES:
            continue
        if int(columns.dur_ns[row]) > _TIMES_P95 * known.p95_ns:
            slow.setdefault(key, []).append(row)
    found = []
    for key, slow_rows in slow.items():
        slowest = max(slow_rows, key=lambda row: int(columns.dur_ns[row]))
        duration, known = int(columns.dur_ns[slowest]), usual[key]
        others = len(slow_rows) - 1
        found.append(
            SlowSpan(slowest, others, duration, known.median_ns, known.p95_ns, known.samples)
        )
    return found
