"""Repeated siblings: what is a run, what is none, and that no span goes missing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import START_NS, a_span, a_tree
from viewer.analysis.repeats import LEAST_REPEATS, MOST_BELOW, Repeats, repeats
from viewer.analysis.visible import children_of, visible_rows
from viewer.trace.span import Span
from viewer.trace.tree import TraceTree


def a_named_forest(entries: list[tuple[int, str]], service: str = "shop") -> list[Span]:
    """Return a span per entry: whose child it is (0 = nobody's), and its name."""
    return [
        a_span(number, parent, name=name, service=service, start_ns=START_NS + number)
        for number, (parent, name) in enumerate(entries, 1)
    ]


def runs_of(*entries: tuple[int, str]) -> list[list[int]]:
    tree = a_tree(a_named_forest(list(entries)))
    found = repeats(tree, children_of(tree))
    return [found.of(run).tolist() for run in range(len(found))]


def test_five_calls_of_one_operation_in_a_row_are_a_run() -> None:
    assert runs_of((0, "a"), *[(1, "b")] * 5) == [[1, 2, 3, 4, 5]]
    assert runs_of((0, "a"), *[(1, "b")] * 4) == []


def test_another_operation_between_them_ends_a_run() -> None:
    calls = [(1, "b")] * 5
    assert runs_of((0, "a"), *calls, (1, "c"), *calls) == [[1, 2, 3, 4, 5], [7, 8, 9, 10, 11]]
    assert runs_of((0, "a"), *[(1, "b")] * 4, (1, "c"), *[(1, "b")] * 4) == []


def test_one_operation_of_two_services_is_two() -> None:
    spans = a_named_forest([(0, "a"), *[(1, "b")] * 3]) + [
        a_span(10 + number, 1, name="b", service="other", start_ns=START_NS + 10 + number)
        for number in range(3)
    ]
    tree = a_tree(spans)
    assert len(repeats(tree, children_of(tree))) == 0


def test_roots_are_no_run_and_neither_are_cousins() -> None:
    assert runs_of(*[(0, "a")] * 9) == []
    assert runs_of((0, "r"), (1, "x"), (1, "y"), *[(2, "b")] * 3, *[(3, "b")] * 3) == []


def test_calls_may_have_a_few_spans_below_them_and_no_more() -> None:
    def calls(below: int) -> list[tuple[int, str]]:
        entries = [(0, "a"), *[(1, "b")] * 5]
        return entries + [(call, "c") for call in range(2, 7) for _ in range(below)]

    size = 1 + MOST_BELOW
    assert runs_of(*calls(MOST_BELOW))[0] == [1 + size * call for call in range(5)]
    assert [0] not in runs_of(*calls(MOST_BELOW + 1))
    # What is below them is then a run of its own.
    assert len(runs_of(*calls(MOST_BELOW + 1))) == 5


def test_a_run_ends_behind_what_its_last_member_called() -> None:
    tree = a_tree(a_named_forest([(0, "a"), *[(1, "b")] * 5, (6, "c"), (1, "d")]))
    found = repeats(tree, children_of(tree))
    assert found.first.tolist() == [1]
    assert found.end.tolist() == [7]
    assert [found.around(row).tolist() for row in range(8)] == [[], *[[0]] * 6, []]


_ENTRIES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from("aab")), min_size=1, max_size=60)
_MASK = st.lists(st.booleans(), min_size=60, max_size=60)


def slow_runs(tree: TraceTree, shown: list[bool]) -> dict[int, list[int]]:
    """Return the runs as the module's text has them, by a loop over siblings."""
    columns = tree.columns
    runs: dict[int, list[int]] = {}
    for parent in range(len(tree)):
        run: list[int] = []
        for row in [*np.flatnonzero(tree.parent == parent).tolist(), None]:
            fits = row is not None and tree.subtree_end[row] - row - 1 <= MOST_BELOW
            same = fits and run and columns.name[row] == columns.name[run[-1]]
            if not same:
                members = [row for row in run if shown[row]]
                if len(run) >= LEAST_REPEATS and len(members) >= LEAST_REPEATS:
                    runs[run[0]] = members
                run = []
            if fits and row is not None:
                run.append(row)
    return runs


def said(found: Repeats) -> dict[int, list[int]]:
    return {int(found.named[run]): found.of(run).tolist() for run in range(len(found))}


@given(_ENTRIES, _MASK)
def test_runs_are_what_a_loop_over_siblings_finds(
    entries: list[tuple[int, str]], shown: list[bool]
) -> None:
    tree = a_tree(a_named_forest(entries))
    found = repeats(tree, children_of(tree))
    assert said(found) == slow_runs(tree, [True] * len(tree))
    some = found.among(np.array(shown[: len(tree)]))
    assert said(some) == slow_runs(tree, shown)
    for runs in (found, some):
        assert (np.diff(runs.first) > 0).all()
        ends = [int(tree.subtree_end[runs.named[run]]) for run in range(len(runs))]
        assert all(end <= runs.end[run] for run, end in enumerate(ends))


@given(_ENTRIES, _MASK, _MASK, st.sets(st.integers(0, 59)), st.booleans())
def test_every_span_is_in_one_row_or_fold_or_below_a_collapsed_one(
    entries: list[tuple[int, str]],
    unfolded: list[bool],
    kept: list[bool],
    collapsed_rows: set[int],
    filters: bool,
) -> None:
    tree = a_tree(a_named_forest(entries))
    count = len(tree)
    mask = np.array(kept[:count]) if filters else np.ones(count, bool)
    if filters:
        mask = np.array([mask[row : tree.subtree_end[row]].any() for row in range(count)])
    collapsed = np.array([row in collapsed_rows for row in range(count)])
    found = repeats(tree, children_of(tree)).among(mask)
    folded = found.chosen(~np.array(unfolded[: len(found)], bool))
    visible = visible_rows(tree, collapsed, mask if filters else None, folded)
    covered = np.zeros(count, int)
    for row in visible.tolist():
        at = np.flatnonzero(folded.first == row)
        if len(at):
            covered[row : folded.end[at[0]]] += 1
        elif collapsed[row]:
            covered[row : tree.subtree_end[row]] += 1
        else:
            covered[row] += 1
    assert (covered[mask] == 1).all()
    nothing = folded.chosen(np.zeros(len(folded), bool))
    without = visible_rows(tree, collapsed, mask if filters else None)
    assert visible_rows(tree, collapsed, mask if filters else None, nothing).tolist() == (
        without.tolist()
    )
    assert set(visible.tolist()) <= set(without.tolist())


def test_a_chain_and_a_single_span_have_no_run() -> None:
    for entries in ([(0, "a")], [(number, "a") for number in range(50)]):
        tree = a_tree(a_named_forest(entries))
        found = repeats(tree, children_of(tree))
        assert len(found) == len(found.first) == 0
        assert len(found.among(np.ones(len(tree), bool))) == 0
