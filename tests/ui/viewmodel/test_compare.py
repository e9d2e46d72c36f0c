"""The comparison as a whole: both headers, and one sentence that says what differs most."""

import pytest

from tests.builders import MS, START_NS, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.compare import compare
from viewer.trace.span import Span
from viewer.ui.viewmodel.compare import CompareView, compare_view, root_node
from viewer.ui.viewmodel.compare_state import CompareState

ID_A, ID_B = f"{1:032x}", f"{2:032x}"


def a_run(trace_id: str, duration: int, **children: int) -> list[Span]:
    """A root and its children, one after another; those named ``bad…`` fail. Milliseconds."""
    spans = [a_span(1, trace_id=trace_id, name="checkout", duration_ns=duration * MS)]
    at = START_NS
    for number, (name, length) in enumerate(children.items(), 2):
        spans.append(
            a_span(
                number,
                1,
                trace_id=trace_id,
                name=name,
                service="pay",
                start_ns=at,
                duration_ns=length * MS,
                error=name.startswith("bad"),
            )
        )
        at += length * MS
    return spans


def view(a: list[Span], b: list[Span]) -> CompareView:
    one, other = a_loaded_trace(*a), a_loaded_trace(*b)
    found = compare(one.tree, one.self_ns, other.tree, other.self_ns)
    state = CompareState(one.tree.trace_id, other.tree.trace_id)
    return compare_view(one, other, found, state, root_node(one, found), (a[0], b[0]))


def sentence(a: list[Span], b: list[Span]) -> str:
    said = view(a, b).sentence
    return f"{said.lead} {said.subject}{said.rest}".strip()


def test_both_traces_are_in_a_line_each() -> None:
    found = view(a_run(ID_A, 100), a_run(ID_B, 300, bad=200))
    a, b = found.traces
    assert (a.letter, a.trace_id, a.url) == ("A", "0000000000000001", "/trace/0000000000000001")
    assert (a.service, a.name, a.spans, a.errors) == ("shop", "checkout", 1, 0)
    assert (b.letter, b.duration_ns, b.spans, b.errors) == ("B", 300 * MS, 2, 1)
    assert found.swap_url == "/trace/0000000000000002...0000000000000001"


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            a_run(ID_A, 300, auth=100, charge=150),
            a_run(ID_B, 1500, auth=150, charge=1200),
            "B takes 1.20 s longer; 1.05 s of it is pay · charge.",
        ),
        (
            a_run(ID_A, 1500, auth=150, charge=1200),
            a_run(ID_B, 300, auth=100, charge=150),
            "B takes 1.20 s less; 1.05 s of it was pay · charge.",
        ),
        (
            a_run(ID_A, 100),
            a_run(ID_B, 600, retry=490),
            "B takes 500 ms longer; 490 ms of it is pay · retry, which only B has.",
        ),
        (
            a_run(ID_A, 600, retry=490),
            a_run(ID_B, 100),
            "B takes 500 ms less; 490 ms of it was pay · retry, which only A has.",
        ),
        (
            a_run(ID_A, 100),
            a_run(ID_B, 120, first=90),
            "B takes 20.0 ms longer; only B has pay · first (90.0 ms).",
        ),
        (
            a_run(ID_A, 100, x=10, y=80),
            a_run(ID_B, 60, x=30, y=20),
            "B takes 40.0 ms less; pay · y alone takes 60.0 ms less.",
        ),
        (
            a_run(ID_A, 1000, x=100, y=500),
            a_run(ID_B, 1000, x=150, y=450),
            "Both take about as long (±0 in B); most differs pay · x (+50.0 ms).",
        ),
        (
            a_run(ID_A, 1000, x=100),
            a_run(ID_B, 1001, x=101),
            "Both take about as long (+1.00 ms in B).",
        ),
        (
            a_run(ID_A, 100, bad=50),
            a_run(ID_B, 200, bad=150),
            "B takes 100 ms longer; 100 ms of it is pay · bad.",
        ),
        (
            a_run(ID_A, 100),
            a_run(ID_B, 200, bad=100, bad2=50),
            "B takes 100 ms longer; 100 ms of it is pay · bad, which only B has. "
            "B has 2 errors, A none.",
        ),
        (
            a_run(ID_A, 100, bad=50),
            a_run(ID_B, 100, good=50),
            "Both take about as long (±0 in B); only B has pay · good (50.0 ms). "
            "B has no errors, A 1 error.",
        ),
    ],
)
def test_the_sentence_says_what_differs_most(a: list[Span], b: list[Span], said: str) -> None:
    assert sentence(a, b) == said


def test_the_sentence_leads_to_its_node() -> None:
    found = view(a_run(ID_A, 100), a_run(ID_B, 600, retry=490))
    assert found.sentence.url.endswith("?node=b:0000000000000002")


def test_a_trace_compared_with_itself_is_said_to_be_the_same() -> None:
    spans = a_run(ID_A, 100, x=50)
    found = view(spans, spans)
    assert found.sentence.lead.startswith("Both are the same trace")
    assert found.sentence.subject == ""
    assert found.table.rows == ()


def test_without_a_choice_the_root_is_looked_at() -> None:
    found = view(a_run(ID_A, 100), a_run(ID_B, 100))
    assert found.attributes.name == "checkout"


def test_very_long_names_do_not_fill_the_sentence() -> None:
    long = a_span(2, 1, trace_id=ID_B, name="n" * 1000, service="s" * 1000, duration_ns=90 * MS)
    found = view(a_run(ID_A, 100), [*a_run(ID_B, 300), long])
    assert len(found.sentence.subject) < 150
