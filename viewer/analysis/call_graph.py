"""Who calls whom in one trace: groups of spans (services, operations) as nodes, calls as edges.

A call is a span with a parent; it belongs to the edge from its parent's node to its own. Calls
within a node are counted on it. Of very many nodes or edges those that took longest are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.statistics import GroupStatistics, group_statistics
from viewer.trace.span import StatusCode
from viewer.trace.tree import TraceTree


@dataclass(frozen=True, slots=True)
class CallGraph:
    """``kept`` holds the group of each node, in order of first appearance; with ``merged`` there is
    one more node, the last, of so many groups. ``node_of`` is each row's node. The edges lead from
    ``caller`` to ``callee``, by descending ``total_ns`` of the calls; ``longest`` is the row of the
    longest one. ``edges_left_out`` counts those beyond the most asked for, ``calls_left_out`` their
    calls."""

    kept: NDArray[np.int64]
    merged: int
    node_of: NDArray[np.int64]
    nodes: GroupStatistics
    inner_calls: NDArray[np.int64]
    caller: NDArray[np.int64]
    callee: NDArray[np.int64]
    calls: NDArray[np.int64]
    errors: NDArray[np.int64]
    total_ns: NDArray[np.float64]
    longest: NDArray[np.int64]
    edges_left_out: int
    calls_left_out: int

    def __len__(self) -> int:
        return len(self.nodes)


def call_graph(
    tree: TraceTree,
    self_ns: NDArray[np.int64],
    group: NDArray[np.int64],
    groups: int,
    most_nodes: int,
    most_edges: int,
) -> CallGraph:
    """Return the graph of ``groups`` groups, ``group`` being each row's; ``self_ns`` is from
    `self_time.self_times`. It has at most ``most_nodes`` nodes, one of them for what is merged."""
    kept, merged = _kept(tree, group, groups, most_nodes)
    count = len(kept) + bool(merged)
    number = np.full(groups, count - 1, np.int64)
    number[kept] = np.arange(len(kept))
    node_of = number[group]
    rows = np.flatnonzero(tree.parent >= 0)
    pair = node_of[tree.parent[rows]] * count + node_of[rows]
    calls = np.bincount(pair, minlength=count * count).reshape(count, count)
    inner = np.diagonal(calls).copy()
    pairs = np.flatnonzero(calls.ravel() * ~np.eye(count, dtype=bool).ravel())
    durations = tree.columns.dur_ns[rows]
    totals = np.bincount(pair, durations.astype(np.float64), count * count)
    failed = tree.columns.status[rows] == StatusCode.ERROR
    errors = np.bincount(pair[failed], minlength=count * count)
    pairs = pairs[np.argsort(-totals[pairs], kind="stable")]
    chosen, left = pairs[:most_edges], pairs[most_edges:]
    caller, callee = np.divmod(chosen, max(count, 1))
    return CallGraph(
        kept=kept,
        merged=merged,
        node_of=node_of,
        nodes=group_statistics(tree, self_ns, node_of, count),
        inner_calls=inner,
        caller=caller,
        callee=callee,
        calls=calls.ravel()[chosen],
        errors=errors[chosen],
        total_ns=totals[chosen].astype(np.float64),
        longest=_longest(pair, rows, durations, count * count)[chosen],
        edges_left_out=len(left),
        calls_left_out=int(calls.ravel()[left].sum()),
    )


def _kept(
    tree: TraceTree, group: NDArray[np.int64], groups: int, most: int
) -> tuple[NDArray[np.int64], int]:
    """Return the groups that become nodes of their own, and how many do not."""
    rows = np.arange(len(group))
    first = np.full(groups, len(group), np.int64)
    first[group[::-1]] = rows[::-1]
    present = np.flatnonzero(first < len(group))
    if len(present) > most:
        totals = np.bincount(group, tree.columns.dur_ns.astype(np.float64), groups)
        present = present[np.argsort(-totals[present], kind="stable")]
        kept, merged = present[: most - 1], len(present) - (most - 1)
    else:
        kept, merged = present, 0
    return kept[np.argsort(first[kept], kind="stable")].astype(np.int64), merged


def _longest(
    pair: NDArray[np.int64], rows: NDArray[np.intp], durations: NDArray[np.int64], pairs: int
) -> NDArray[np.int64]:
    """Return the row of the longest call of each pair, the first of equals; -1 without a call."""
    most = np.full(pairs, -1, np.int64)
    np.maximum.at(most, pair, durations)
    longest = np.full(pairs, -1, np.int64)
    at = np.flatnonzero(durations == most[pair])[::-1]
    longest[pair[at]] = rows[at]
    return longest
