"""The span list: its order, its pages, and the attributes one chooses."""

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.span import Span, SpanKind
from viewer.ui.viewmodel.spans import MOST_COLUMNS, SPANS_A_PAGE, Spans, page_rows, spans
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
SPANS = (
    a_span(1, name="b", service="web", duration_ns=100 * MS, attributes={"route": "/x"}),
    a_span(3, 1, name="c", service="db", start_ns=START_NS + 50 * MS, duration_ns=10 * MS),
    a_span(2, 1, name="a", service="db", start_ns=START_NS + 60 * MS, duration_ns=30 * MS, error=True),
)  # fmt: skip


def shown(*given: Span, **options: str) -> Spans:
    trace = a_loaded_trace(*(given or SPANS))
    state = TraceState(PATH, find="x").viewing("spans", **options)
    by_id = {span.span_id: span for span in given or SPANS}
    ids = trace.tree.columns.span_id
    return spans(trace, state, {row: by_id[int(ids[row])] for row in page_rows(trace, state)})


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", "b c a"),
        ("name", "a b c"),
        ("service", "c a b"),
        ("duration", "b a c"),
        ("self", "b a c"),
        ("nonsense", "b c a"),
    ],
)
def test_it_is_sorted_as_asked_and_by_start_at_first(sort: str, names: str) -> None:
    assert [line.name for line in shown(sort=sort).lines] == names.split()


def test_a_line_says_what_its_span_is() -> None:
    line = shown().lines[2]
    assert (line.start, line.name, line.service, line.failed) == ("60.0 ms", "a", "db", True)
    assert (line.duration_ns, line.self_ns, line.kind) == (30 * MS, 30 * MS, "internal")
    assert line.url == f"{PATH}?span=0000000000000002&find=x"
    server = a_span(1, kind=SpanKind.SERVER, start_ns=0)
    assert [(one.kind, one.start) for one in shown(server).lines] == [("server", "no start time")]


def test_attributes_are_columns_a_span_s_own_before_its_resource_s() -> None:
    both = a_span(1, attributes={"a": 1}, resource={"a": "other", "region": "eu"})
    found = shown(both, columns="a, region,,none,a")
    assert found.keys == ("a", "region", "none")
    assert found.lines[0].values == ("1", "eu", "")
    assert dict(found.hidden_fields) == {"view": "spans", "find": "x"}
    many = ",".join(str(number) for number in range(MOST_COLUMNS + 3))
    assert len(shown(columns=many).keys) == MOST_COLUMNS


def test_pages_hold_every_span_once_and_keep_the_order_and_columns() -> None:
    given = a_forest([0] + [1] * (2 * SPANS_A_PAGE))
    pages = [shown(*given, page=page, sort="name", columns="a") for page in ("", "2", "3")]
    urls = [line.url for page in pages for line in page.lines]
    assert len(urls) == len(set(urls)) == len(given)
    assert pages[1].previous_url == f"{PATH}?view=spans&sort=name&columns=a&find=x"
    assert pages[1].next_url == f"{PATH}?view=spans&sort=name&columns=a&page=3&find=x"
    assert (pages[0].previous_url, pages[2].next_url) == ("", "")
    assert pages[2].told == "Spans 201 to 201 of 201"
    assert shown(*given, page="99").told == pages[2].told
    assert shown(*given, page="x").told == "Spans 1 to 100 of 201"
