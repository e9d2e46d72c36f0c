"""The flame view: boxes and where they lead, zoom, marks, and the table of the heaviest paths."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import a_loaded_trace
from viewer.trace.span import Span
from viewer.ui.viewmodel import flame as module
from viewer.ui.viewmodel.flame import Flame, FlameBox, flame
from viewer.ui.viewmodel.trace_state import TraceState

PATH = f"/trace/{TRACE_ID}"
SPANS = (
    a_span(1, name="GET /", service="web", duration_ns=100 * MS),
    a_span(2, 1, name="query", service="db", duration_ns=30 * MS, error=True),
    a_span(3, 1, name="query", service="db", duration_ns=50 * MS, start_ns=START_NS + 30 * MS),
    a_span(4, 3, name="read", service="disk", duration_ns=10 * MS, start_ns=START_NS + 30 * MS),
)


def shown(*spans: Span, find: str = "", span: int | None = None, **options: str) -> Flame:
    state = TraceState(PATH, find=find, span=span).viewing("flame", **options)
    return flame(a_loaded_trace(*(spans or SPANS)), state)


def box(found: Flame, text: str) -> FlameBox:
    (one,) = (box for box in found.boxes if box.text.startswith(text))
    return one


def test_boxes_lie_below_their_callers_as_wide_as_their_self_time() -> None:
    found = shown()
    assert [(box.text, box.x, box.width, box.y) for box in found.boxes] == [
        ("GET / · 100 ms", "0.000%", "100.000%", 0),
        ("query · 80.0 ms", "0.000%", "80.000%", 21),
        ("read · 10.0 ms", "0.000%", "10.000%", 42),
    ]
    assert found.height == 63
    assert "100 ms in all" in found.width_words
    assert (found.drawn_words, found.whole_url, found.crumbs) == ("", "", ())


def test_a_boxs_title_has_the_exact_numbers() -> None:
    assert box(shown(), "query").title.splitlines() == [
        "query · db",
        "2 spans, 1 error",
        "self 70.0 ms (70,000,000 ns)",
        "total 80.0 ms (80,000,000 ns)",
        "80.0 % of what is shown, with all below",
    ]


def test_failed_and_selected_paths_are_marked() -> None:
    found = shown(span=2)
    assert [box.failed for box in found.boxes] == [False, True, False]
    assert [box.selected for box in found.boxes] == [False, True, False]
    assert box(found, "query").text_x > box(found, "read").text_x


def test_a_box_zooms_to_its_path_and_crumbs_lead_back() -> None:
    url = box(shown(sort="count"), "query").url
    assert parse_qs(urlsplit(url).query) == {
        "view": ["flame"],
        "node": ["0000000000000003"],
        "sort": ["count"],
    }
    found = shown(node="0000000000000002")  # any span of the path names it
    assert [(box.text, box.x, box.width) for box in found.boxes] == [
        ("query · 80.0 ms", "0.000%", "100.000%"),
        ("read · 10.0 ms", "0.000%", "12.500%"),
    ]
    assert found.boxes[0].url == ""
    assert [(crumb.name, bool(crumb.url)) for crumb in found.crumbs] == [
        ("GET /", True),
        ("query", False),
    ]
    assert found.whole_url == f"{PATH}?view=flame"
    assert found.timeline_url == f"{PATH}?span=0000000000000003"
    assert [row.share for row in found.rows] == ["87.5 %", "12.5 %"]


@pytest.mark.parametrize("node", ["ffff", "no id", "0" * 16, "<b>"])
def test_a_path_that_is_not_there_is_told_and_all_is_shown(node: str) -> None:
    found = shown(node=node)
    assert len(found.notes) == 1
    assert len(found.boxes) == 3


def test_of_a_deep_way_down_only_the_end_is_told() -> None:
    spans = [a_span(n, n - 1, name=f"n{n}", duration_ns=(200 - n) * MS) for n in range(1, 150)]
    found = shown(*spans, node=f"{140:016x}")
    assert [crumb.name for crumb in found.crumbs] == [f"n{n}" for n in range(135, 141)]
    assert found.more_crumbs == 134


def test_the_table_has_the_heaviest_first_and_leads_to_the_longest_span() -> None:
    found = shown()
    assert [(row.name, row.service, row.under) for row in found.rows] == [
        ("query", "db", "GET /"),
        ("GET /", "web", ""),
        ("read", "disk", "query"),
    ]
    first = found.rows[0]
    assert (first.count, first.errors, first.self_ns, first.total_ns) == (2, 1, 70 * MS, 80 * MS)
    assert (first.share, first.bar_width) == ("70.0 %", "70.00%")
    assert first.url == f"{PATH}?span=0000000000000003"
    assert "node=0000000000000003" in first.zoom_url


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("count", "query"),
        ("errors", "query"),
        ("total", "GET /"),
        ("self", "query"),
        ("?", "query"),
    ],
)
def test_the_table_sorts_by_what_the_address_says(sort: str, first: str) -> None:
    found = shown(sort=sort)
    assert found.rows[0].name == first
    assert sum(column.sorted for column in found.columns) == 1


def test_paths_whose_name_or_service_has_a_term_are_marked_and_counted() -> None:
    found = shown(find="DIS qu")
    assert [box.matched for box in found.boxes] == [False, True, True]
    assert [row.matched for row in found.rows] == [True, False, True]
    assert found.find_count == "2 paths"
    assert dict(found.hidden_fields) == {"view": "flame"}
    assert found.clear_url == f"{PATH}?view=flame"
    assert shown(find="disk", node="0000000000000003").find_count == "1 path"
    assert shown().find_count == ""


def test_more_than_a_page_holds_is_merged_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 2)
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    spans = [a_span(1, duration_ns=0)]
    spans += [a_span(n, 1, name=f"n{n}", duration_ns=n * MS) for n in range(2, 6)]
    found = shown(*spans)
    (rest,) = (box for box in found.boxes if box.more)
    assert (rest.text, rest.css, rest.url) == ("… 3 more", "", found.boxes[0].url)
    assert "3 more paths, together 64.3 %" in rest.title
    assert found.drawn_words == "3 smaller or deeper paths not drawn"
    assert found.left_out == "4 more paths not listed"


def test_a_trace_of_any_size_is_a_few_hundred_boxes() -> None:
    spans = [a_span(1, duration_ns=10**9)]
    spans += [a_span(n, n // 3 or 1, name=f"n{n}", duration_ns=10**6) for n in range(2, 3000)]
    found = shown(*spans)
    assert 100 < len(found.boxes) <= 2 * module.MOST_NODES
    assert len(found.rows) == module.MOST_ROWS


def test_a_long_name_is_cut_and_none_is_said() -> None:
    found = shown(a_span(1, name="x" * 5000), a_span(2, 1, name="", service=""))
    assert found.boxes[0].text == "x" * 199 + "… · 100 ms"
    assert found.rows[0].name == "(no name)"
    assert found.rows[0].service == "(no service)"


def test_without_any_time_spans_are_counted() -> None:
    found = shown(a_span(1, duration_ns=0), a_span(2, 1, name="x", duration_ns=0))
    assert found.width_words == "No span took any time: width is the number of spans."
    assert [(box.text, box.width) for box in found.boxes] == [
        ("GET / · 2 spans", "100.000%"),
        ("x · 1 span", "50.000%"),
    ]


def test_a_path_that_took_no_time_is_shown_alone_when_zoomed_to() -> None:
    found = shown(
        a_span(1),
        a_span(2, 1, name="x", duration_ns=0),
        a_span(3, 2, name="y", duration_ns=0),
        node="2",
    )
    assert [(box.text, box.width) for box in found.boxes] == [("x · 0 ns", "100.000%")]
    assert found.drawn_words == "1 smaller or deeper path not drawn"
    assert [row.name for row in found.rows] == ["x", "y"]
