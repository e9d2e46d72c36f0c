"""The header in words: what the trace is, what failed, what took the time, what is odd."""

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.analysis.findings import error_message, first_error
from viewer.trace.span import Event, Span, SpanKind
from viewer.ui.viewmodel.trace_header import TraceHeader, trace_header
from viewer.ui.viewmodel.trace_state import TraceState

STATE = TraceState(f"/trace/{TRACE_ID}")
LATER = START_NS + 1


def header(*spans: Span, state: TraceState = STATE) -> TraceHeader:
    trace = a_loaded_trace(*spans)
    row = first_error(trace.tree)
    ids = {span.span_id: span for span in spans}
    failed = None if row is None else ids[int(trace.tree.columns.span_id[row])]
    return trace_header(trace, state, failed)


def words(*spans: Span) -> dict[str, str]:
    return {warning.name: warning.text for warning in header(*spans).warnings}


def test_it_says_what_the_trace_is() -> None:
    found = header(
        a_span(1, name="POST /checkout", service="gateway", duration_ns=900 * MS),
        a_span(2, 1, service="payment", error=True, duration_ns=MS),
        a_span(3, 2, service="payment", duration_ns=0, start_ns=LATER),
    )
    assert found.title == "gateway: POST /checkout"
    assert (found.spans, found.services, found.errors, found.depth) == (3, 2, 1, 3)
    assert found.failed
    assert (found.start_ns, found.duration_ns) == (START_NS, 900 * MS)
    assert (found.trace_id, found.full_id) == (TRACE_ID, TRACE_ID)


def test_a_short_id_is_printed_short() -> None:
    found = header(a_span(1, trace_id="0" * 24 + "abcdef01"))
    assert found.trace_id == "00000000abcdef01"
    assert found.full_id == "0" * 24 + "abcdef01"


def test_a_root_names_the_trace_even_if_an_orphan_starts_earlier() -> None:
    found = header(a_span(1, 99, name="orphan"), a_span(2, name="root", start_ns=LATER))
    assert found.name == "root"
    assert header(a_span(1, 99, name="orphan")).name == "orphan"


def test_names_of_any_length_leave_the_header_a_line() -> None:
    found = header(a_span(1, name="x" * 10**6, service="y" * 10**6, error="z" * 10**6))
    assert len(found.title) < 500
    for finding in found.findings:
        assert len(finding.subject) + len(finding.rest) < 700


def a_span_without_start(span_id: int) -> Span:
    return a_span(span_id, 1, start_ns=0, duration_ns=MS)


def shared(span_id: int) -> list[Span]:
    return [
        a_span(span_id, 1, kind=SpanKind.CLIENT, duration_ns=10),
        a_span(span_id, 1, kind=SpanKind.SERVER, start_ns=LATER, duration_ns=5),
    ]


ROOT = a_span(1)
_ONE_AND_MANY: list[tuple[str, list[Span], str, list[Span], str]] = [
    (
        "orphan",
        [ROOT, a_span(2, 99)],
        "1 span whose parent is missing",
        [ROOT, a_span(2, 99), a_span(3, 98)],
        "2 spans whose parent is missing",
    ),
    ("several-roots", [ROOT, a_span(2)], "2 roots", [ROOT, a_span(2), a_span(3)], "3 roots"),
    (
        "no-root",
        [a_span(1, 99)],
        "root missing",
        [a_span(1, 99), a_span(2, 98)],
        "no root: 2 top spans",
    ),
    (
        "self-parent",
        [ROOT, a_span(2, 2)],
        "1 span is its own parent",
        [ROOT, a_span(2, 2), a_span(3, 3)],
        "2 spans are their own parents",
    ),
    (
        "cycle",
        [a_span(2, 3), a_span(3, 2)],
        "2 spans in a circle of parents",
        [a_span(2, 3), a_span(3, 4), a_span(4, 2)],
        "3 spans in a circle of parents",
    ),
    (
        "duplicate-id",
        [ROOT, a_span(1, start_ns=LATER)],
        "2 spans with a re-used ID",
        [ROOT, a_span(1, start_ns=LATER), a_span(1, start_ns=LATER + 1)],
        "3 spans with a re-used ID",
    ),
    (
        "shared-id",
        [ROOT, *shared(2)],
        "1 shared client/server ID",
        [ROOT, *shared(2), *shared(3)],
        "2 shared client/server IDs",
    ),
    (
        "redelivered",
        [ROOT, ROOT],
        "1 span delivered again, shown once",
        [ROOT, ROOT, ROOT],
        "2 spans delivered again, shown once",
    ),
    (
        "starts-before-parent",
        [ROOT, a_span(2, 1, start_ns=START_NS - 1)],
        "1 span starts before its parent",
        [ROOT, a_span(2, 1, start_ns=START_NS - 1), a_span(3, 1, start_ns=START_NS - 1)],
        "2 spans start before their parents",
    ),
    (
        "ends-after-parent",
        [ROOT, a_span(2, 1, start_ns=LATER)],
        "1 span outlives its parent",
        [ROOT, a_span(2, 1, start_ns=LATER), a_span(3, 1, start_ns=LATER)],
        "2 spans outlive their parents",
    ),
    (
        "zero-duration",
        [ROOT, a_span(2, 1, duration_ns=0)],
        "1 span without a duration",
        [ROOT, a_span(2, 1, duration_ns=0), a_span(3, 1, duration_ns=0)],
        "2 spans without a duration",
    ),
    (
        "no-start-time",
        [ROOT, a_span_without_start(2)],
        "1 span without a start time",
        [ROOT, a_span_without_start(2), a_span_without_start(3)],
        "2 spans without a start time",
    ),
]


@pytest.mark.parametrize(
    ("name", "few", "one", "several", "many"),
    _ONE_AND_MANY,
    ids=[case[0] for case in _ONE_AND_MANY],
)
def test_each_oddity_is_said_of_one_and_of_many(
    name: str, few: list[Span], one: str, several: list[Span], many: str
) -> None:
    assert words(*few)[name] == one
    assert words(*several)[name] == many


def test_a_sound_trace_has_no_warnings() -> None:
    assert words(ROOT, a_span(2, 1, duration_ns=MS)) == {}


def test_a_warning_leads_to_its_first_span_and_the_serious_ones_come_first() -> None:
    spans = (ROOT, a_span(2, 1, duration_ns=0), a_span(3, 99), ROOT)
    warnings = header(*spans, state=STATE.collapsing_all(True)).warnings
    assert [warning.name for warning in warnings] == ["orphan", "zero-duration", "redelivered"]
    by_name = {warning.name: warning for warning in warnings}
    assert by_name["orphan"].serious
    assert "span=0000000000000003" in by_name["orphan"].url
    assert not by_name["zero-duration"].serious
    assert "collapse=*,0000000000000001" in by_name["zero-duration"].url
    assert by_name["redelivered"].url == ""


# The error.


def test_the_error_is_told_where_it_began() -> None:
    found = header(
        a_span(1, error="checkout failed"),
        a_span(2, 1, service="payment", name="charge", error="timed out", duration_ns=MS),
    )
    line = found.findings[0]
    assert (line.kind, line.lead, line.subject) == ("error", "failed at", "payment · charge")
    assert line.rest == ": timed out; 1 span above it failed with it, up to shop"
    assert "span=0000000000000002" in line.url
    assert found.error_url == line.url


def exception(**attributes: str) -> Event:
    named = {"exception." + key: value for key, value in attributes.items()}
    return Event(START_NS, "exception", tuple(named.items()))


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (a_span(error="said", events=[exception(message="no")]), "said"),
        (a_span(error=True, events=[exception(type="T", message="broken")]), "broken"),
        (a_span(error=True, events=[exception(type="Timeout")]), "Timeout"),
        (a_span(error=True, events=[exception(message="1st"), exception(message="2nd")]), "2nd"),
        (a_span(error=True, attributes={"error.type": "refused"}), "error.type refused"),
        (
            a_span(error=True, attributes={"http.response.status_code": 504}),
            "http.response.status_code 504",
        ),
        (a_span(error=True, attributes={"error.message": b"\x01"}), "error.message AQ=="),
        (a_span(error=True), ""),
    ],
)
def test_the_message_is_the_best_that_the_span_has(span: Span, message: str) -> None:
    assert error_message(span) == message
    assert header(span).findings[0].rest == (
        f": {message}" if message else ", which gave no message"
    )


def test_a_long_message_is_cut_and_says_so() -> None:
    rest = header(a_span(error="x" * 5000)).findings[0].rest
    assert len(rest) == 202
    assert rest.endswith("…")


# The bottleneck.


def test_the_bottleneck_is_told_with_its_share() -> None:
    found = header(
        a_span(1, duration_ns=1000 * MS),
        a_span(2, 1, service="stock", name="reserve", duration_ns=780 * MS),
    )
    (line,) = found.findings
    assert line.kind == "bottleneck"
    assert line.subject == "stock · reserve"
    share = "78 % of the trace, 78 % of shop"
    assert (
        line.rest == f" is the bottleneck: 780 ms itself, {share}, all of it on the critical path"
    )
    assert (
        line.text
        == f"stock · reserve is the bottleneck: 780 ms itself, {share}, all of it on the critical path"
    )


def test_it_says_how_much_of_the_bottleneck_decided_the_end() -> None:
    root = a_span(1, duration_ns=100 * MS)
    aside = a_span(2, 1, duration_ns=75 * MS)
    waited_for = [
        a_span(number, 1, start_ns=START_NS + number * 10 * MS, duration_ns=10 * MS)
        for number in range(5, 10)
    ]
    (none,) = header(root, aside, *waited_for).findings
    # Then it is no bottleneck, however long it takes.
    assert none.rest == (
        " takes longest: 75.0 ms itself, 75 % of the trace, none of it on the critical path"
    )
    # A root that another root takes over from is on the path until then.
    (some,) = header(
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, start_ns=START_NS + 10 * MS, duration_ns=10 * MS),
        a_span(3, start_ns=START_NS + 60 * MS, duration_ns=50 * MS),
    ).findings
    assert some.rest.endswith("82 % of the trace, 50.0 ms of it on the critical path")
    (hidden,) = header(
        a_span(1, duration_ns=100 * MS),
        a_span(2, 1, duration_ns=20 * MS),
        a_span(3, start_ns=START_NS + 15 * MS, duration_ns=90 * MS, name="late"),
        a_span(4, 3, start_ns=START_NS + 15 * MS, duration_ns=50 * MS),
    ).findings
    assert hidden.rest.endswith("none of it on the critical path")


def test_what_matters_can_be_copied_as_markdown() -> None:
    found = header(
        a_span(1, name="GET *", service="shop", duration_ns=100 * MS),
        a_span(2, 1, name="charge", service="pay", duration_ns=80 * MS, error=True),
    )
    first, error, bottleneck = found.markdown.split("\n")[:3]
    assert first.startswith(r"**shop: GET \***: 100 ms, 2 spans, 2 services, 1 error, 2023-11-14")
    assert error.startswith("- failed at pay · charge")
    assert bottleneck.startswith(
        "- pay · charge is the bottleneck: 80.0 ms itself, 80 % of the trace"
    )


def test_a_small_share_is_not_zero() -> None:
    spans = [
        a_span(number, 0, start_ns=START_NS + number * 1000 * MS, duration_ns=MS)
        for number in range(1, 4)
    ]
    assert (
        header(*spans).findings[0].rest
        == " takes longest: 1.00 ms itself, under 1 % of the trace, all of it on the critical path"
    )


def test_a_span_without_a_start_may_take_longer_than_the_trace() -> None:
    found = header(a_span(1, duration_ns=MS), a_span(2, 1, start_ns=0, duration_ns=50 * MS))
    assert found.findings[0].rest.endswith(
        "over 100 % of the trace, none of it on the critical path"
    )


def test_a_trace_without_any_time_has_no_bottleneck() -> None:
    assert header(a_span(1, duration_ns=0)).findings == ()


def test_two_findings_are_told_and_the_others_are_counted() -> None:
    found = header(
        a_span(1, duration_ns=1000 * MS, error=True),
        a_span(2, 1, service="stock", duration_ns=300 * MS),
        a_span(3, 2, service="db", duration_ns=200 * MS),
    )
    assert [line.kind for line in found.findings] == ["error", "bottleneck"]
    assert found.more == "3 findings"
    assert found.more_url == f"{STATE.path}?view=findings"
    assert header(a_span(1)).more == ""
