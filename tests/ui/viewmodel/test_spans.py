"""The span list: what is listed, in which order, with which columns, and where it leads."""

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_forest, a_span
from tests.ui.stage import a_store
from viewer.trace.span import Span, SpanKind
from viewer.ui.loaded_trace import TraceCache
from viewer.ui.panels import _spans
from viewer.ui.viewmodel.only import Only
from viewer.ui.viewmodel.spans import MOST_COLUMNS, Spans, read_columns, with_columns
from viewer.ui.viewmodel.trace_state import TraceState, read_state

PATH = f"/trace/{TRACE_ID}"
SPANS = (
    a_span(1, name="GET /", service="web", kind=SpanKind.SERVER, attributes={"n": "9", "k": "v"}),
    a_span(2, 1, name="query", service="db", start_ns=START_NS + 40 * MS, duration_ns=30 * MS,
           error=True, attributes={"n": 10}),
    a_span(3, 1, name="Query 2", service="db", start_ns=START_NS + 10 * MS, duration_ns=5 * MS,
           attributes={"n": "text"}, resource={"k": "of resource"}),
    a_span(4, 2, name="", service="", start_ns=0, duration_ns=0),
)  # fmt: skip


def shown(*spans: Span, state: TraceState | None = None, **options: str) -> Spans:
    store = a_store(spans or SPANS)
    trace = TraceCache(store).get(TRACE_ID)
    assert trace is not None
    chosen = state or TraceState(PATH)
    return _spans(trace, chosen.viewing("spans", **options), store)


def ids(found: Spans) -> str:
    return " ".join(row.span_id.lstrip("0") for row in found.rows)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "1 3 2 4"),
        ("-start", "2 3 1 4"),
        ("duration", "4 3 2 1"),
        ("-duration", "1 2 3 4"),
        ("-self", "1 2 3 4"),
        ("operation", "4 1 3 2"),
        ("service", "4 3 2 1"),
        ("kind", "3 2 4 1"),
        ("-status", "2 1 3 4"),
        ("attribute:n", "1 2 3 4"),
        ("-attribute:n", "3 2 1 4"),
        ("attribute:other", "1 3 2 4"),
        ("nonsense", "1 3 2 4"),
    ],
)
def test_it_is_sorted_as_the_address_says(sort: str, order: str) -> None:
    found = shown(sort=sort, columns="n")
    assert ids(found) == order
    known = sort in ("", "nonsense") or sort.endswith(":other")
    (current,) = (heading for heading in found.headings if heading.sorted)
    assert current.sorted == ("descending" if sort.startswith("-") else "ascending")
    assert (current.label == "Start") == (known or sort == "-start")
    assert bool(found.notes) == (sort in ("nonsense", "attribute:other"))


def test_a_heading_turns_its_order_round_and_numbers_begin_with_the_largest() -> None:
    found = {heading.label: heading for heading in shown(sort="operation", page="2").headings}
    assert found["Operation"].url == f"{PATH}?view=spans&sort=-operation"
    assert found["Duration"].url == f"{PATH}?view=spans&sort=-duration"
    assert found["Service"].url == f"{PATH}?view=spans&sort=service"
    assert [heading.label for heading in found.values() if heading.number] == [
        "Start",
        "Duration",
        "Self",
    ]


def test_columns_show_the_spans_own_value_else_its_resources() -> None:
    found = shown(columns="n,k,none", sort="operation")
    assert [[cell.text for cell in row.cells] for row in found.rows] == [
        ["", "", ""],
        ["9", "v", ""],
        ["text", "of resource", ""],
        ["10", "", ""],
    ]
    removable = [heading.remove_url for heading in found.headings if heading.remove_url]
    assert removable[0] == f"{PATH}?view=spans&columns=k,none&sort=operation"
    assert set(found.keys) == {"service.name"}


def test_a_column_is_added_and_keys_may_hold_any_letter() -> None:
    state = TraceState(PATH).viewing("spans", columns="a", add=" x,y%\ud800 ")
    added = with_columns(state)
    assert read_columns(added) == ("a", "x,y%\ufffd")
    arguments = {"view": "spans", "columns": added.query["columns"]}
    again = read_state(PATH, arguments, 1, {"spans": ("columns",)})
    assert read_columns(again) == read_columns(added)
    assert read_columns(with_columns(added.viewing("spans", columns="a", add="a"))) == ("a",)


def test_no_more_columns_than_fit() -> None:
    keys = [f"k{number}" for number in range(MOST_COLUMNS + 2)]
    found = shown(columns=",".join(keys[:MOST_COLUMNS]), add=keys[-1])
    assert found.full
    assert len(found.headings) == 7 + MOST_COLUMNS
    assert not shown(columns=keys[0]).full


def test_it_lists_what_filter_and_text_let_through() -> None:
    assert ids(shown(operation="QUERY")) == "3 2"
    assert ids(shown(state=TraceState(PATH, only=Only(errors=True)))) == "2"
    found = shown(
        state=TraceState(PATH, only=Only(services=("db",), min_text="10ms", min_ns=10 * MS))
    )
    assert ids(found) == "2"
    assert found.pager.text == "1 span, of 4 in the trace"
    assert found.only.told == "3 spans filtered out"
    assert shown(operation="nothing like it").rows == ()
    assert dict(shown(operation="a", sort="kind", page="2").hidden_fields) == {
        "view": "spans",
        "sort": "kind",
    }


def test_what_the_find_term_matches_is_marked() -> None:
    found = shown(state=TraceState(PATH, find="query"))
    assert [row.matched for row in found.rows] == [False, True, True, False]
    only = TraceState(PATH, find="query", only=Only(matches=True))
    assert ids(shown(state=only)) == "3 2"


def test_a_row_selects_its_span_here_or_in_the_timeline() -> None:
    row = shown(state=TraceState(PATH, span=3, all_collapsed=True), sort="-duration").rows[1]
    assert row.url == f"{PATH}?view=spans&sort=-duration&span=0000000000000002&collapse=*"
    assert row.timeline_url.startswith(f"{PATH}?span=0000000000000002&collapse=*,")
    found = shown(state=TraceState(PATH, span=3))
    assert [row.selected for row in found.rows] == [False, True, False, False]
    assert (found.rows[3].offset, found.rows[3].name, found.rows[3].kind) == (
        "no start",
        "(no name)",
        "internal",
    )


def test_long_values_are_cut() -> None:
    spans = [a_span(1, name="n" * 5000, attributes={"k" * 500: "v" * 5000})]
    found = shown(*spans, columns="k" * 500)
    (row,) = found.rows
    assert len(row.cells[0].text) == 100
    assert len(row.cells[0].title) == 400
    assert len(row.name) <= 200
    assert len(found.headings[-1].label) == 60


def test_pages_hold_every_span_once() -> None:
    spans = a_forest([0] + [1] * 450)
    pages = [shown(*spans, page=str(number)) for number in (1, 2, 3, 99)]
    held = [row.span_id for page in pages[:3] for row in page.rows]
    assert len(held) == len(set(held)) == 451
    assert ids(pages[3]) == ids(pages[2])


def test_spans_of_one_id_have_their_own_values() -> None:
    twins = [a_span(1, attributes={"k": "a"}), a_span(1, name="other", attributes={"k": "b"})]
    found = shown(*twins, columns="k")
    assert {(row.name, row.cells[0].text) for row in found.rows} == {("GET /", "a"), ("other", "b")}
    assert len({row.url for row in found.rows}) == 2
