"""How long each analysis of one trace takes: `python -m bench.analyses` prints a table, writes JSON.

Makes the columns of very large traces in the process, without store or server: a realistic tree, a
chain with a level per span, one parent of all, a tree in which client and server share an ID, and
spans that are all of one ID.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.results import Measured, read, show, write
from viewer.analysis.attribute_quality import rows_to_look_at
from viewer.analysis.compare import compare
from viewer.analysis.critical_path import critical_path
from viewer.analysis.findings import errors_below, first_error
from viewer.analysis.flame import flame_graph
from viewer.analysis.overview import overview
from viewer.analysis.quality import structure_issues
from viewer.analysis.self_time import self_times
from viewer.analysis.slow_spans import heaviest_rows
from viewer.analysis.statistics import group_statistics
from viewer.analysis.visible import children_of, visible_rows
from viewer.trace.columns import TraceColumns
from viewer.trace.tree import build_tree

_TITLE = "Analyses of one trace, ms of processor time"
_BEGIN_NS, _LENGTH_NS = 1_795_000_000_000_000_000, 60_000_000_000
_SERVICES, _NAMES = 24, 60
_OPEN_PARENTS = 400
SHAPES = ("tree", "chain", "wide", "shared", "alike")
CASES = ("tree:1000000", "chain:100000", "wide:1000000", "shared:1000000", "alike:1000000")


def make_columns(shape: str, count: int) -> TraceColumns:
    """Return the columns of a trace, in no order."""
    chance, numbers = random.Random(shape), np.random.default_rng(1)
    parent, begin, length = [0], [0], [_LENGTH_NS]
    open_parents = [0]
    for number in range(1, count):
        if shape == "chain":
            above = number - 1
        elif shape == "wide":
            above = 0
        else:
            above = open_parents[chance.randrange(len(open_parents))]
        step = 0 if shape == "chain" else int(length[above] * 0.9 * chance.random())
        left = length[above] - step
        parent.append(above)
        begin.append(begin[above] + step)
        length.append(
            max(left - 2, 1) if shape == "chain" else int(left * chance.uniform(0.05, 0.6))
        )
        if length[-1] > 5_000_000:
            open_parents.append(number)
            if len(open_parents) > _OPEN_PARENTS:
                del open_parents[chance.randrange(1, _OPEN_PARENTS)]
    parents, kind = np.array(parent), (2 + np.arange(count) % 2).astype(np.uint8)
    ids = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    parent_ids = np.where(np.arange(count) > 0, ids[parents], np.uint64(0))
    if shape == "shared":
        # A server half has the ID and the parent of its client half, which stands before it.
        kind = (3 - np.arange(count) % 2).astype(np.uint8)
        ids[1::2], parent_ids[1::2] = ids[:-1:2], parent_ids[:-1:2]
    elif shape == "alike":
        ids, parent_ids = np.full(count, 7, np.uint64), np.full(count, 7, np.uint64)
    mixed = numbers.permutation(count)
    return TraceColumns(
        trace_id="1" * 32,
        span_id=ids[mixed],
        parent_id=parent_ids[mixed],
        digest=numbers.integers(0, 1 << 32, count).astype(np.uint32),
        kind=kind[mixed],
        status=(numbers.random(count) < 0.01).astype(np.uint8) * np.uint8(2),
        start_ns=np.array(begin)[mixed] + _BEGIN_NS,
        dur_ns=np.array(length)[mixed],
        service=numbers.integers(0, _SERVICES, count).astype(np.int32),
        name=numbers.integers(0, _NAMES, count).astype(np.int32),
        services=tuple(f"service-{number:02d}" for number in range(_SERVICES)),
        names=tuple(f"operation {number}" for number in range(_NAMES)),
    )


def measure(shape: str, count: int) -> Measured:
    """Run every analysis once on a trace of this shape; return how long each took."""
    columns = make_columns(shape, count)
    took: dict[str, str | float] = {"case": f"{shape} {count:,}"}

    def timed(name: str, run: Callable[[], Any]) -> Any:
        begin = time.thread_time()
        made = run()
        took[name] = (time.thread_time() - begin) * 1000
        return made

    tree = timed("build_tree", lambda: build_tree(columns, _BEGIN_NS + _LENGTH_NS))
    children = timed("children", lambda: children_of(tree))
    self_ns = timed("self_times", lambda: self_times(tree))
    timed("errors", lambda: (errors_below(tree), first_error(tree)))
    timed("overview", lambda: overview(tree, children, self_ns))
    timed("critical_path", lambda: critical_path(tree))
    timed("quality", lambda: (structure_issues(tree), rows_to_look_at(tree)))
    timed("slow_spans", lambda: heaviest_rows(tree, self_ns))
    group = tree.columns.service.astype(np.int64) * _NAMES + tree.columns.name
    groups = _SERVICES * _NAMES
    timed("statistics", lambda: group_statistics(tree, self_ns, group, groups))
    timed("flame", lambda: flame_graph(tree, self_ns))
    timed("compare", lambda: compare(tree, self_ns, tree, self_ns))
    timed("collapse_all", lambda: visible_rows(tree, children.count() > 0))
    return took


def parse_case(text: str) -> tuple[str, int]:
    """Read ``tree:1000000``."""
    shape, _, count = text.partition(":")
    if shape not in SHAPES or not count.isdecimal() or int(count) < 2:
        raise argparse.ArgumentTypeError(f"expected SHAPE:N; shapes are {', '.join(SHAPES)}")
    return shape, int(count)


def run(cases: Sequence[tuple[str, int]]) -> list[Measured]:
    """Measure all cases, one after the other."""
    return [measure(shape, count) for shape, count in cases]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the analyses of one trace.")
    parser.add_argument("case", nargs="*", type=parse_case, help="tree:N, chain:N, …")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="show both runs")
    arguments = parser.parse_args()
    found = run(arguments.case or [parse_case(text) for text in CASES])
    show(_TITLE, found, read(arguments.compare).get(_TITLE, ()) if arguments.compare else ())
    if arguments.json:
        write(arguments.json, {_TITLE: found})


if __name__ == "__main__":
    main()
