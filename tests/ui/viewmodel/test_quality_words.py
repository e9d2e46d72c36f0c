"""Every problem has its words, with numbers and services in them."""

import numpy as np
import pytest

from tests.builders import MS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.quality import Issue, Problem
from viewer.ui.viewmodel.quality_words import IssueLine, issue_line
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}")
TRACE = a_loaded_trace(a_span(1, service="web"), a_span(2, 1, service="db", name="{count}"))


def line(problem: Problem, count: int = 2, **said: object) -> IssueLine:
    issue = Issue(problem, count, np.array([1], np.int32), **said)  # type: ignore[arg-type]
    return issue_line(TRACE, STATE, issue)


@pytest.mark.parametrize("problem", Problem)
def test_each_problem_has_a_sentence_and_advice(problem: Problem) -> None:
    found = line(problem)
    assert found.name == problem.value
    assert found.text.endswith(".")
    assert found.advice.endswith(".")
    assert "{" not in (found.text + found.advice).replace("{count}", "")
    assert found.word in ("Broken", "Doubtful", "Note")
    assert found.icon in ("error", "warning", "info")
    assert [shown.url for shown in found.evidence] == [f"{STATE.path}?span=0000000000000002"]


def test_a_problem_without_rows_is_told_without_links() -> None:
    found = issue_line(TRACE, STATE, Issue(Problem.REDELIVERED, 3, np.empty(0, np.int32)))
    assert found.text == "3 spans arrived again and were left out: each is shown once."
    assert found.evidence == ()


def test_skew_names_both_services_and_the_amount() -> None:
    found = line(Problem.SKEW, 1, caller=0, amount_ns=5 * MS)
    assert found.text == "1 span of db started before the call from web, by 5.00 ms."
    assert "hosts of web and db" in found.advice


def test_a_lost_caller_is_guessed_where_it_can_be() -> None:
    start = "2 spans of db named a caller that is not in the trace"
    assert line(Problem.LOST_CALLER).text == start + "."
    assert line(Problem.LOST_CALLER, caller=0).text == start + "; by their times, look at web."


def test_secrets_are_named_by_key_and_a_flood_by_its_operation() -> None:
    assert line(Problem.SECRET, names=("a.token", "pwd")).text.endswith("secrets: a.token, pwd.")
    assert line(Problem.FLOOD, 4000).text == "{count} of db has 4,000 spans in this trace."
