"""What the skeleton shows of a trace's making: each problem found with its services and amount."""

import pytest
from hypothesis import given

from tests.analysis.test_patterns import forests
from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.quality import FLOOD, SHOWN, Issue, Problem, Severity, structure_issues
from viewer.trace.span import Span, SpanKind
from viewer.trace.tree import TraceTree, build_tree

LATER = START_NS + MS
ROOT = a_span(1, service="web", duration_ns=1000 * MS)


def issues(*spans: Span) -> dict[Problem, Issue]:
    return {issue.problem: issue for issue in structure_issues(a_tree(spans))}


def test_a_whole_trace_has_no_problem() -> None:
    assert issues(ROOT, a_span(2, 1, start_ns=LATER, kind=SpanKind.SERVER)) == {}


def test_an_orphan_that_answers_a_call_lost_its_caller() -> None:
    spans = [
        ROOT,
        a_span(2, 1, service="orders", start_ns=LATER, duration_ns=500 * MS),
        a_span(3, 99, service="stock", start_ns=LATER + MS, kind=SpanKind.SERVER),
        a_span(4, 98, service="stock", start_ns=LATER + MS, kind=SpanKind.CONSUMER),
    ]
    tree = a_tree(spans)
    (issue,) = structure_issues(tree)
    assert (issue.problem, issue.count, issue.severity) == (Problem.LOST_CALLER, 2, Severity.BROKEN)
    assert tree.columns.span_id[issue.rows].tolist() == [3, 4]
    assert tree.columns.services[tree.columns.service[issue.caller]] == "orders"


def test_an_orphan_within_a_service_lost_a_span_of_its_own() -> None:
    found = issues(ROOT, a_span(2, 99, service="stock", start_ns=LATER, kind=SpanKind.CLIENT))
    assert found.keys() == {Problem.LOST_OWN_SPAN}
    assert found[Problem.LOST_OWN_SPAN].caller == -1


def test_a_lost_caller_with_nothing_around_it_is_not_guessed() -> None:
    found = issues(a_span(3, 99, kind=SpanKind.SERVER))
    assert found[Problem.LOST_CALLER].caller == -1
    assert found[Problem.NO_ROOT].count == 1


@pytest.mark.parametrize(
    ("problem", "spans"),
    [
        (Problem.SEVERAL_ROOTS, [ROOT, a_span(2)]),
        (Problem.NO_ROOT, [a_span(1, 99)]),
        (Problem.CYCLE, [a_span(1, 2), a_span(2, 1)]),
        (Problem.SELF_PARENT, [ROOT, a_span(2, 2)]),
        (Problem.DUPLICATE_ID, [ROOT, a_span(1, start_ns=LATER)]),
        (Problem.NO_START, [ROOT, a_span(2, 1, start_ns=0)]),
    ],
)
def test_odd_trees_are_problems(problem: Problem, spans: list[Span]) -> None:
    assert problem in issues(*spans)


def test_skew_is_told_by_pair_of_services_with_the_largest_amount() -> None:
    found = issues(
        ROOT,
        a_span(2, 1, service="db", start_ns=START_NS - 5 * MS),
        a_span(3, 1, service="db", start_ns=START_NS - 9 * MS),
    )
    skew = found[Problem.SKEW]
    assert (skew.count, skew.amount_ns, skew.caller) == (2, 9 * MS, 0)
    assert Problem.STARTS_EARLY not in found


def test_within_one_service_an_early_child_is_no_skew() -> None:
    found = issues(ROOT, a_span(2, 1, service="web", start_ns=START_NS - 5 * MS))
    assert found.keys() == {Problem.STARTS_EARLY}


def test_a_child_that_outlives_its_parent_is_a_note_with_the_amount() -> None:
    found = issues(ROOT, a_span(2, 1, start_ns=LATER, duration_ns=1000 * MS))
    late = found[Problem.ENDS_LATE]
    assert (late.amount_ns, late.severity) == (MS, Severity.NOTE)


def test_a_thousand_spans_of_one_operation_are_a_flood() -> None:
    def flood(count: int) -> dict[Problem, Issue]:
        return issues(ROOT, *(a_span(n, 1, name="tick") for n in range(2, count + 2)))

    assert flood(FLOOD - 1) == {}
    found = flood(FLOOD)[Problem.FLOOD]
    assert (found.count, len(found.rows)) == (FLOOD, SHOWN)


@given(forests())
def test_any_forest_s_problems_are_counted_and_most_severe_first(tree: TraceTree) -> None:
    found = structure_issues(build_tree(tree.columns, now_ns=START_NS))
    order = [list(Severity).index(issue.severity) for issue in found]
    assert order == sorted(order)
    assert all(0 < len(issue.rows) <= issue.count for issue in found)
