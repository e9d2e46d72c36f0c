"""The log view: events in order of time, their attributes on a line, and what is folded or cut."""

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_store
from viewer.store.base import EventPage, StoredEvent
from viewer.trace.span import Event, Span
from viewer.ui.loaded_trace import TraceCache
from viewer.ui.panels import _logs
from viewer.ui.viewmodel.logs import Logs, logs
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
STACK = 'Traceback:\n  File "a.py", line 1'
SPANS = (
    a_span(1, service="web", events=[Event(START_NS + 9 * MS, "done", (("rows", 3), ("ok", True)))]),
    a_span(2, 1, name="query", service="db", events=[
        Event(START_NS + 5 * MS, "exception",
              (("exception.type", "E"), ("exception.stacktrace", STACK)), 2),
        Event(0, ""),
    ]),
)  # fmt: skip


def shown(*spans: Span, state: TraceState | None = None, **options: str) -> Logs:
    store = a_store(spans or SPANS)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    return _logs(trace, (state or TraceState(PATH)).viewing("logs", **options), store)


def test_events_of_all_spans_are_in_order_of_time() -> None:
    found = shown()
    assert [(line.offset, line.name, line.operation, line.service) for line in found.lines] == [
        ("no time", "(no name)", "query", "db"),
        ("5.00 ms", "exception", "query", "db"),
        ("9.00 ms", "done", "GET /", "web"),
    ]
    assert found.pager.text == "3 events"
    assert not found.filtered


def test_attributes_stand_on_a_line_and_long_ones_open() -> None:
    _, failed, done = shown().lines
    assert (done.line, done.pairs, done.more) == ("rows=3 ok=true", (), "")
    assert failed.line == "exception.type=E exception.stacktrace=Traceback:"
    assert [(pair.key, pair.value) for pair in failed.pairs] == [
        ("exception.type", "E"),
        ("exception.stacktrace", STACK),
    ]
    assert failed.more == "2 left out by the sender"
    assert failed.tells_error
    assert not done.tells_error


def test_text_and_errors_filter() -> None:
    found = shown(filter="ROWS=3")
    assert [line.name for line in found.lines] == ["done"]
    assert (found.filter, found.filtered, found.clear_url) == ("ROWS=3", True, f"{PATH}?view=logs")
    assert [line.name for line in shown(errors="only").lines] == ["exception"]
    assert shown(filter="nowhere").lines == ()
    assert len(shown(errors="yes").lines) == 3
    assert dict(shown(state=TraceState(PATH, find="x"), filter="e", page="2").hidden_fields) == {
        "view": "logs",
        "find": "x",
    }


def test_a_line_selects_its_span_here_or_in_the_timeline() -> None:
    found = shown(state=TraceState(PATH, span=1), filter="e")
    assert found.lines[0].url == f"{PATH}?view=logs&filter=e&span=0000000000000002"
    assert found.lines[0].timeline_url == f"{PATH}?span=0000000000000002"
    assert [line.selected for line in found.lines] == [False, True]


def test_pages_hold_every_event_once_and_the_last_is_the_last() -> None:
    many = a_span(1, events=[Event(START_NS + n, f"e{n}") for n in range(450)])
    pages = [shown(many, page=str(number)) for number in (1, 2, 3, 99)]
    held = [line.name for page in pages[:3] for line in page.lines]
    assert held == [f"e{n}" for n in range(450)]
    assert [line.name for line in pages[3].lines] == [line.name for line in pages[2].lines]
    assert pages[3].pager.text == "401–450 of 450 events"


def test_an_event_of_any_size_takes_little_room() -> None:
    attributes = tuple((f"{n}" + "k" * 1000, "v" * 100_000) for n in range(300))
    (line,) = shown(a_span(1, events=[Event(1, "n" * 9000, attributes)])).lines
    assert len(line.line) == 240
    assert sum(len(pair.value) for pair in line.pairs) == 4_000
    assert all(len(pair.key) <= 80 for pair in line.pairs)
    assert all(pair.cut for pair in line.pairs)
    assert len(line.name) == 200
    assert line.more == "280 more in the span's detail"


def test_a_span_that_has_gone_meanwhile_is_said_to_have() -> None:
    store = a_store(SPANS)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    gone = EventPage((StoredEvent(77, 5, Event(START_NS, "e")),), 1)
    (line,) = logs(trace, TraceState(PATH).viewing("logs"), gone).lines
    assert (line.url, line.timeline_url, line.operation) == ("", "", "(a span that has gone)")
