"""What a trace may be compared with: the fastest and the median of its kind, never itself."""

from tests.builders import MS, START_NS, a_span, a_trace
from tests.ui.stage import NOW_NS, a_loaded_trace, a_store
from viewer.search.query import Sort, TraceQuery
from viewer.trace.span import Span
from viewer.ui.viewmodel.compare_choices import CompareChoices, compare_choices, root_of


def choices(*traces: list[Span], of: int = 0, utc: bool = False) -> CompareChoices:
    store = a_store(*traces)
    trace = a_loaded_trace(*traces[of])
    service, operation = root_of(trace)
    found = [
        store.find_traces(
            TraceQuery(service=service, operation=operation, sort=sort, limit=200)
        ).traces
        for sort in (Sort.SHORTEST, Sort.NEWEST)
    ]
    return compare_choices(trace, found[0], found[1], NOW_NS, utc)


def a_run(number: int, duration_ms: int, **more: object) -> list[Span]:
    return a_trace(number, duration_ns=duration_ms * MS, start_ns=START_NS + number, **more)  # type: ignore[arg-type]


def test_the_fastest_and_the_median_are_offered() -> None:
    found = choices(*(a_run(number, number * 100) for number in range(1, 8)), of=6)
    fastest, typical = found.others
    assert (fastest.label, fastest.duration_ns) == ("the fastest", 100 * MS)
    assert (typical.label, typical.duration_ns) == ("a typical one", 300 * MS)
    assert fastest.url == "/trace/0000000000000007...0000000000000001"
    assert fastest.difference == "−600 ms"
    assert fastest.ago == "59 min ago"
    assert "newest 6 ones" in typical.title
    assert found.nothing == ""
    assert (found.subject, found.trace_id) == ("shop · GET /", "0000000000000007")


def test_a_trace_is_not_compared_with_itself() -> None:
    found = choices(a_run(1, 100), a_run(2, 500), of=0)
    assert {other.url for other in found.others} == {"/trace/0000000000000001...0000000000000002"}


def test_traces_that_only_hold_such_a_span_further_down_are_no_others_of_its_kind() -> None:
    inner = [
        a_span(1, trace_id=f"{9:032x}", name="other root", duration_ns=MS),
        a_span(2, 1, trace_id=f"{9:032x}", name="GET /", duration_ns=MS),
    ]
    found = choices(a_run(1, 100), inner)
    assert found.others == ()
    assert found.nothing == "No other trace of shop · GET / was found."


def test_links_keep_the_zone() -> None:
    found = choices(a_run(1, 100), a_run(2, 100), utc=True)
    assert all(other.url.endswith("?tz=utc") for other in found.others)
    assert found.url.endswith("?tz=utc")


def test_a_trace_without_names_has_choices_too() -> None:
    traces = [
        [a_span(1, trace_id=f"{number:032x}", name="", service="", start_ns=0)] for number in (1, 2)
    ]
    trace = a_loaded_trace(*traces[0])
    newest = a_store(*traces).find_traces(TraceQuery()).traces
    found = compare_choices(trace, newest, newest, NOW_NS)
    assert [other.ago for other in found.others] == ["no start time"] * 2
    assert found.subject == "(no service) · (no name)"
