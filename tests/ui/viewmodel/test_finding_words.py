"""Findings in words: each a sentence that a colleague would say."""

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.slow_spans import SlowSpan
from viewer.trace.span import Span, SpanKind
from viewer.ui.viewmodel.finding_words import (
    FindingLine,
    cut,
    finding_line,
    share_of,
    slow_line,
    statement_line,
)
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}")


def step(span_id: int, parent: int, begin_ms: int, length_ms: int, name: str, service: str = "web",
         *, error: bool | str = False) -> Span:  # fmt: skip
    return a_span(
        span_id, parent, name=name, service=service, start_ns=START_NS + begin_ms * MS,
        duration_ns=length_ms * MS, error=error, kind=SpanKind.CLIENT,
    )  # fmt: skip


def lines(*spans: Span) -> dict[str, FindingLine]:
    trace = a_loaded_trace(*spans)
    by_id = {span.span_id: span for span in spans}
    found = {}
    for one in trace.overview().findings:
        row = getattr(one, "row", 0)
        failed = by_id[int(trace.tree.columns.span_id[row])]
        line = finding_line(trace, STATE, one, failed)
        found[line.kind] = line
    return found


ROOT = step(1, 0, 0, 1000, "GET /", "gateway")


def test_an_error_names_its_cause_and_how_far_it_went() -> None:
    line = lines(
        step(1, 0, 0, 1000, "GET /", "gateway", error=True),
        step(2, 1, 0, 900, "pay", "shop", error=True),
        step(3, 2, 0, 800, "charge", "payment-service", error="card declined"),
    )["error"]
    assert line.text == (
        "failed at payment-service · charge: card declined;"
        " 2 spans above it failed with it, up to gateway"
    )
    assert (line.severity, line.icon, line.word) == ("error", "error", "Error")
    assert [shown.label for shown in line.evidence] == ["pay", "GET /"]
    assert line.url == f"{STATE.path}?span=0000000000000003"


def test_the_mission_s_trace_is_told_as_it_is() -> None:
    found = lines(
        step(1, 0, 0, 2342, "POST /checkout", "gateway"),
        step(2, 1, 50, 30, "verify token", "auth-service"),
        step(3, 1, 80, 1800, "create order", "order-service"),
        step(4, 3, 180, 1000, "charge", "payment-service"),
        step(5, 3, 1200, 300, "reserve", "inventory-service"),
        step(6, 1, 1900, 100, "send mail", "notification-service"),
    )
    assert found["bottleneck"].text == (
        "payment-service · charge is the bottleneck: 1.00 s itself, 43 % of the trace,"
        " 56 % of order-service, all of it on the critical path"
    )
    assert found["service"].text == "order-service takes 1.80 s, 77 % of total"


def test_repeated_calls_are_counted_and_say_who_calls() -> None:
    line = lines(ROOT, *(step(10 + n, 1, 100 * n, 50, "query") for n in range(6)))["repetition"]
    assert line.text == (
        "web · query is called 6 times one after the other by gateway · GET /:"
        " 300 ms, 30 % of the trace"
    )
    assert (len(line.evidence), line.severity) == (5, "warning")
    assert line.advice


def test_a_retry_says_how_it_ended_and_what_it_cost() -> None:
    spans = [ROOT, step(2, 1, 0, 50, "call", error=True), step(3, 1, 300, 50, "call")]
    assert lines(*spans)["retry"].text == (
        "web · call was tried 2 times by gateway · GET / with success at last;"
        " 300 ms passed before the last attempt"
    )
    spans[2] = step(3, 1, 300, 50, "call", error=True)
    assert "and failed each time" in lines(*spans)["retry"].text


def test_calls_in_a_row_say_what_could_be_saved() -> None:
    line = lines(
        ROOT, step(2, 1, 0, 100, "a"), step(3, 1, 100, 300, "b"), step(4, 1, 400, 200, "c")
    )["in-a-row"]
    assert line.text == (
        "gateway · GET / makes 3 calls one after the other: 600 ms, 60 % of the trace;"
        " it could save up to 300 ms if they ran at once"
    )


def test_a_gap_names_what_it_lies_between() -> None:
    line = lines(ROOT, step(2, 1, 0, 100, "a"), step(3, 1, 500, 300, "b"))["gap"]
    assert line.text == (
        "nothing is recorded for 400 ms of gateway · GET / between web · a and web · b,"
        " 40 % of the trace"
    )


def test_a_slow_span_is_compared_with_its_operation() -> None:
    line = slow_line(a_loaded_trace(ROOT), STATE, SlowSpan(0, 1, 900 * MS, MS, 100 * MS, 1200))
    assert line.text == (
        "gateway · GET / took 900 ms, 9.0 times its p95 of 100 ms (median 1.00 ms, 1,200 spans);"
        " so did 1 other of the heaviest"
    )
    instant = slow_line(a_loaded_trace(ROOT), STATE, SlowSpan(0, 0, 900 * MS, 0, 0, 1200))
    assert "p95 0 ns" in instant.text


def test_a_statement_is_told_with_its_text_on_one_line() -> None:
    trace = a_loaded_trace(ROOT, *(step(10 + n, 1, 100 * n, 50, f"q{n}") for n in range(6)))
    line = statement_line(trace, STATE, "SELECT *\n  FROM x", [1, 2, 3, 4, 5, 6])
    assert line.text == "web executes the same statement 6 times (300 ms): SELECT * FROM x"
    assert len(line.evidence) == 5


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.43, "43 %"), (1.0, "100 %"), (1.01, "over 100 %"), (0.004, "under 1 %")],
)
def test_shares_are_whole_percents(share: float, text: str) -> None:
    assert share_of(share) == text


def test_long_texts_are_cut_in_every_part_of_a_sentence() -> None:
    assert cut("a" * 200) == "a" * 200
    assert cut("a" * 201) == "a" * 199 + "…"
    assert cut("a" + " " * 10**6 + "b") == "a…"
    long = "x" * 10**5
    found = lines(
        a_span(1, name=long, service=long, duration_ns=1000 * MS, error=True),
        step(2, 1, 0, 100, long, long, error=long),
        step(3, 1, 500, 300, long, long),
        *(step(10 + n, 1, 900 + n, 1, long + "1", long) for n in range(6)),
    )
    assert {"error", "gap", "repetition"} <= found.keys()
    assert all(len(line.text) < 900 for line in found.values())
