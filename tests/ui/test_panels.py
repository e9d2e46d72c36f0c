"""The views beside the timeline: each has its tab, its address and its partial, with script or not."""

import re

import pytest

from tests.builders import START_NS, TRACE_ID, a_span
from tests.ui.stage import HTML, a_client, a_store
from viewer.trace.span import Event
from viewer.ui.panels import PANELS, tabs
from viewer.ui.viewmodel.trace_state import TraceState

SPANS = [a_span(1, attributes={"route": "<b>/x</b>"}), a_span(2, 1, name="query", error=True)]


def test_there_is_a_tab_for_each_view_and_the_current_one_is_marked() -> None:
    found = tabs(TraceState("/trace/1", find="x").viewing(PANELS[0].name, by="y"))
    assert [tab.label for tab in found] == ["Timeline", *(panel.label for panel in PANELS)]
    assert [tab.current for tab in found].index(True) == 1
    assert found[0].url == "/trace/1?find=x"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panel_is_a_page_of_its_own_and_part_of_one(panel: object) -> None:
    client = a_client(a_store(SPANS))
    name = panel.name  # type: ignore[attr-defined]
    page = client.get(f"/trace/{TRACE_ID}?view={name}&span=2", headers=HTML)
    assert page.status_code == 200
    assert f'id="{name}"' in page.text
    assert 'id="span-detail"' in page.text
    assert "data-waterfall" not in page.text
    (current,) = re.findall(r'<a href="([^"]+)" aria-current="page">', page.text)
    assert f"view={name}" in current
    part = client.get(
        f"/trace/{TRACE_ID}?view={name}",
        headers={"HX-Request": "true", "HX-Target": "div#trace-view"},
    )
    assert f'id="{name}"' in part.text
    assert "<html" not in part.text


def test_statistics_by_an_attribute_come_from_the_store() -> None:
    client = a_client(a_store(SPANS))
    page = client.get(f"/trace/{TRACE_ID}?view=statistics&by=route", headers=HTML).text
    assert "&lt;b&gt;" in page
    assert "<b>/x" not in page
    assert "1 span without route" in page


@pytest.mark.parametrize("address", ["view=flame&find=b", "view=graph", "view=graph&by=operation"])
def test_hostile_names_are_inert_in_drawings(address: str) -> None:
    bad = "<script>alert(1)</script>\"'></svg>" + "x" * 5000
    spans = [a_span(1, name=bad, service=bad), a_span(2, 1, name=bad, service="b", error=True)]
    page = a_client(a_store(spans)).get(f"/trace/{TRACE_ID}?{address}", headers=HTML).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "x" * 300 not in page


@pytest.mark.parametrize("name", ["flame", "graph"])
def test_every_link_of_a_drawing_leads_to_a_page(name: str) -> None:
    client = a_client(a_store(SPANS))
    page = client.get(f"/trace/{TRACE_ID}?view={name}", headers=HTML).text
    begin = page.index(f'id="{name}"')
    links = {
        link.replace("&amp;", "&") for link in re.findall(r'href="(/trace/[^"]+)"', page[begin:])
    }
    assert any("span=" in link for link in links)
    for link in links:
        assert client.get(link, headers=HTML).status_code == 200


def test_a_panel_without_the_timelines_find_bar_is_sent_none() -> None:
    client = a_client(a_store(SPANS))
    headers = {"HX-Request": "true", "HX-Target": "aside#span-detail"}
    for view, bars in (("timeline", 1), ("flame", 0)):
        part = client.get(f"/trace/{TRACE_ID}?view={view}&find=query&span=2", headers=headers).text
        assert part.count("hx-swap-oob") == bars


def test_json_of_hostile_spans_is_text() -> None:
    client = a_client(a_store(SPANS))
    page = client.get(f"/trace/{TRACE_ID}?view=json", headers=HTML).text
    assert "&lt;b&gt;/x" in page
    assert "<b>/x" not in page


def test_spans_are_filtered_by_the_words_of_a_form_or_a_link() -> None:
    client = a_client(a_store(SPANS))

    def listed(query: str) -> list[str]:
        page = client.get(f"/trace/{TRACE_ID}?view=spans&{query}", headers=HTML).text
        return re.findall(r'data-span-row="0*(\d+)"', page)

    assert listed("") == ["1", "2"]
    assert listed("status=error") == ["2"]
    assert listed("service=shop&status=") == ["1", "2"]
    assert listed("service=other") == []
    assert listed("service=") == ["1", "2"]
    assert listed("min=100ms") == ["1", "2"]
    assert listed("min=101ms") == []
    assert listed("operation=quer") == ["2"]
    assert listed("only=errors&only=min:1ms&sort=-duration") == ["2"]


HOSTILE = "<img src=x onerror=alert(1)>\"'{{7654*7654}}"


@pytest.mark.parametrize(
    "query",
    ["view=spans&columns=%3Cb%3E,http.route&operation=%3Cimg&sort=%3Cimg", "view=logs&filter=%3CIMG",
     "view=logs", "view=json", "view=json&as=jaeger", "view=spans&add=%3Cimg%3E&find=%22%3Cimg%22"],
)  # fmt: skip
def test_hostile_names_and_values_are_text(query: str) -> None:
    event = Event(1, HOSTILE, ((HOSTILE, HOSTILE), ("long", HOSTILE + "\n" * 200)))
    span = a_span(1, name=HOSTILE, service=HOSTILE, attributes={"<b>": HOSTILE}, events=[event])
    page = a_client(a_store([span])).get(f"/trace/{TRACE_ID}?{query}", headers=HTML).text
    assert "&lt;img" in page
    assert "<img" not in page
    assert "<b>" not in page.replace("<b>!", "").replace('<b class="mono">', "")
    assert "58583716" not in page.partition('id="trace-view"')[2]


def test_a_list_and_a_log_of_a_large_trace_stay_small() -> None:
    event = Event(START_NS, "e", tuple((f"k{n}", "v" * 9_000) for n in range(40)))
    spans = [
        a_span(n, 1 if n > 1 else 0, name="n" * 900, attributes={"k": "v" * 9_000}, events=[event])
        for n in range(1, 501)
    ]
    client = a_client(a_store(spans))
    for query in ("view=spans&columns=k", "view=logs", "view=json"):
        page = client.get(f"/trace/{TRACE_ID}?{query}", headers=HTML).data
        assert len(page) < 2_000_000, query


def test_the_log_of_a_whole_trace_says_of_no_span_that_it_is_outside() -> None:
    spans = [a_span(1, events=[Event(START_NS, "e")]), a_span(2, 1), a_span(3, 2)]
    client = a_client(a_store(spans))
    address = f"/trace/{TRACE_ID}?focus=2&span=1&view="
    outside = "outside of the part that is shown"
    assert outside not in client.get(f"{address}logs", headers=HTML).text
    assert outside in client.get(f"{address}spans", headers=HTML).text


@pytest.mark.parametrize("view", ["timeline", *(panel.name for panel in PANELS)])
def test_every_view_tells_once_what_of_the_address_is_ignored(view: str) -> None:
    client = a_client(a_store(SPANS))
    page = client.get(f"/trace/{TRACE_ID}?view={view}&span=77&svcFilter=1", headers=HTML).text
    assert page.count("Span 0000000000000077 is not in this trace") == 1
    assert page.count("This page does not know “svcFilter” of the address.") == 1
