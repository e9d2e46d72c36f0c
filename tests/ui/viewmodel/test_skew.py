"""Clock skew in words: what moves, why, and the way there and back."""

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_store
from viewer.trace.span import Span, SpanKind
from viewer.ui.loaded_trace import LoadedTrace, TraceCache
from viewer.ui.viewmodel import skew as module
from viewer.ui.viewmodel.skew import MOST_LINES, Skew, skew
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
HOSTILE = "<b>\u202e" + "x" * 5_000


def span(span_id: int, parent: int, begin: int, end: int, service: str, host: str = "") -> Span:
    """Return a span from ``begin`` to ``end``, in milliseconds from START_NS on."""
    return a_span(
        span_id,
        parent,
        name=f"step {span_id}",
        service=service,
        start_ns=START_NS + begin * MS,
        duration_ns=(end - begin) * MS,
        kind=SpanKind.CLIENT,
        resource={"host.name": host} if host else None,
    )


SPANS = (
    span(1, 0, 0, 100, "web", "one"),
    span(2, 1, -500, -440, "db", "two"),
    span(3, 2, -490, -480, "db", "two"),
)


def a_trace(*spans: Span, adjusted: bool = False) -> LoadedTrace:
    cache = TraceCache(a_store(spans))
    found = cache.get_adjusted(TRACE_ID) if adjusted else cache.get(TRACE_ID)
    assert found is not None
    return found


def shown(*spans: Span, adjusted: bool = False, **state: int) -> Skew:
    trace = a_trace(*(spans or SPANS), adjusted=adjusted)
    found = skew(trace, TraceState(PATH, adjusted=adjusted, **state))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_nothing_is_said_where_clocks_agree() -> None:
    assert skew(a_trace(SPANS[0]), TraceState(PATH)) is None


def test_raw_times_are_told_with_the_amount_and_the_way_to_adjusted_ones() -> None:
    found = shown()
    assert (found.adjusted, found.told) == (False, "clocks disagree by up to 520 ms")
    assert (found.label, found.count) == ("Adjust times", "1 correction")
    assert found.switch_url == f"{PATH}?adjust=skew"


def test_adjusted_times_are_told_with_the_way_back() -> None:
    found = shown(adjusted=True)
    assert found.told == "clock skew taken out: 2 of 3 spans moved, by up to 520 ms"
    assert (found.adjusted, found.label) == (True, "Show times as sent")
    assert found.switch_url == PATH


@pytest.mark.parametrize("adjusted", [False, True])
def test_a_correction_says_whose_spans_move_how_far_and_why(adjusted: bool) -> None:
    (line,) = shown(adjusted=adjusted).lines
    assert (line.service, line.host, line.name) == ("db", "two", "step 2")
    assert (line.by, line.spans) == ("520 ms later", "2 spans")
    assert line.why == "1 call from web began 500 ms before the caller"
    kept = "&adjust=skew" if adjusted else ""
    assert line.url == f"{PATH}?span=0000000000000002{kept}"


def test_what_is_moved_back_says_so() -> None:
    (line,) = shown(SPANS[0], span(2, 1, 60, 120, "db")).lines
    assert line.by == "40.0 ms earlier"
    assert line.why == "1 call from web ended 20.0 ms after the caller"


def test_calls_that_are_moved_alike_are_one_line() -> None:
    calls = [span(2, 1, -10, 20, "db"), span(3, 1, 75, 105, "db")]
    found = shown(span(1, 0, 0, 100, "web"), *calls, span(4, 1, -60, -40, "cache"))
    assert [line.service for line in found.lines] == ["cache", "db", "db"]
    found = shown(span(1, 0, 0, 100, "web"), calls[0], span(3, 1, -50, -40, "db"))
    assert [line.why for line in found.lines] == [
        "2 calls from web began up to 50.0 ms before the caller"
    ]


def test_very_many_corrections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [span(number, 1, -number, -1, f"s{number}") for number in range(2, MOST_LINES + 5)]
    found = shown(span(1, 0, 0, 100, "web"), *calls)
    assert len(found.lines) == MOST_LINES
    assert (found.count, found.more) == ("23 corrections", "and 3 smaller corrections")
    monkeypatch.setattr(module, "MOST_LINES", 22)
    found = shown(span(1, 0, 0, 100, "web"), *calls)
    assert found.more == "and 1 smaller correction"


def test_names_of_strangers_are_cut() -> None:
    (line,) = shown(span(1, 0, 0, 9, HOSTILE), span(2, 1, -5, -4, HOSTILE + "y", HOSTILE)).lines
    assert max(map(len, (line.service, line.host, line.why))) < 250


def test_a_zoom_follows_the_spans_from_one_kind_of_times_to_the_other() -> None:
    # The trace begins 500 ms before its root as it was sent, and with it once adjusted.
    there = shown(from_ns=500 * MS, to_ns=600 * MS).switch_url
    assert there == f"{PATH}?from=0&to={100 * MS}&adjust=skew"
    back = shown(adjusted=True, from_ns=0, to_ns=100 * MS).switch_url
    assert back == f"{PATH}?from={500 * MS}&to={600 * MS}"


def test_a_zoom_on_what_is_no_longer_there_is_given_up() -> None:
    assert shown(from_ns=0, to_ns=100 * MS).switch_url == f"{PATH}?adjust=skew"
