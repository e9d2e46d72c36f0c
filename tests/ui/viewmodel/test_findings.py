"""The findings view: order, evidence, what the store is asked, and its limits."""

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import HTML, a_client, a_loaded_trace, a_store
from viewer.analysis.slow_spans import Usual
from viewer.trace.span import Span
from viewer.ui.viewmodel.findings import Findings, findings
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}").viewing("findings")


def shown(*spans: Span, usual: dict[tuple[str, str], Usual] | None = None) -> Findings:
    trace = a_loaded_trace(*spans)
    by_id = {span.span_id: span for span in spans}
    rows = {row: by_id[span_id] for row, span_id in enumerate(trace.tree.columns.span_id.tolist())}
    return findings(trace, STATE, rows, usual or {})


def test_a_healthy_trace_has_a_bottleneck_and_no_problem() -> None:
    found = shown(a_span(1, attributes={"user.id": "1"}))
    assert [line.kind for line in found.lines] == ["bottleneck"]
    assert (found.issues, found.left_out, found.looked_at) == ((), "", "")


def test_findings_stand_by_what_is_at_stake_and_lead_to_the_timeline() -> None:
    statements = [
        a_span(
            number,
            1,
            name=f"q{number}",
            start_ns=START_NS + number * 50 * MS,
            duration_ns=45 * MS,
            attributes={"db.statement": "SELECT 1"},
        )
        for number in range(10, 16)
    ]
    usual = {("shop", "GET /"): Usual(100, MS, 10 * MS)}
    found = shown(a_span(1, duration_ns=1000 * MS, error="no"), *statements, usual=usual)
    assert [line.kind for line in found.lines][:3] == ["error", "slow", "bottleneck"]
    assert "statement" in [line.kind for line in found.lines]
    urls = [line.url for line in found.lines]
    urls += [span.url for line in found.lines for span in line.evidence]
    assert all(url.startswith(f"/trace/{TRACE_ID}?span=") for url in urls)


def test_the_most_severe_problem_comes_first() -> None:
    found = shown(a_span(1), a_span(2, 99), a_span(3, 1, start_ns=START_NS - MS))
    assert [issue.word for issue in found.issues] == ["Broken", "Doubtful", "Note"]


def test_it_says_when_not_all_attributes_were_looked_at() -> None:
    trace = a_loaded_trace(a_span(1), a_span(2, 1))
    found = findings(trace, STATE, {0: a_span(1)}, {})
    assert found.looked_at.startswith("Attributes of 1 of 2 spans were looked at")


def test_the_panel_asks_the_store_and_prints_strangers_texts_inert() -> None:
    evil = "<img src=x onerror=alert(1)>"
    spans = [
        a_span(1, name=evil, service=evil, duration_ns=1000 * MS, attributes={f"{evil}token": "s3"}),
        *(a_span(n, 1, name=evil, error=evil, start_ns=START_NS + n * MS) for n in range(2, 9)),
    ]  # fmt: skip
    usual = [
        a_span(number, trace_id=f"{number:032x}", name=evil, service=evil, duration_ns=MS)
        for number in range(1, 40)
    ]
    client = a_client(a_store(spans, usual))
    page = client.get(f"/trace/{TRACE_ID}?view=findings", headers=HTML).text
    assert 'data-found="slow"' in page
    assert 'data-issue="secret"' in page
    assert "<img" not in page
    assert "s3" not in page
