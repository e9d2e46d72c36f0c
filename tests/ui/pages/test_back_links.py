"""The list of what links to a span: asked for by the panel, and a page of its own."""

import pytest
from flask.testing import FlaskClient

from tests.builders import TRACE_ID, a_span
from tests.ui.stage import HTML, a_client, a_store, htmx_headers
from viewer.trace.span import Link

OTHER = "0" * 16 + "ab" * 8
URL = f"/trace/{TRACE_ID}"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def pages() -> FlaskClient:
    return a_client(
        a_store(
            [a_span(1), a_span(2, 1)],
            [
                a_span(7, trace_id=OTHER, name=SCRIPT, service="batch", links=[Link(TRACE_ID, 2)]),
                a_span(8, 7, trace_id=OTHER, name="all of it", links=[Link(TRACE_ID, 0)]),
            ],
        )
    )


def test_the_panel_asks_for_what_links_to_its_span(pages: FlaskClient) -> None:
    text = pages.get(f"{URL}?span=0000000000000002", headers=HTML).text
    asked = f"{URL}/linked?span=0000000000000002"
    assert f'href="{asked}" hx-get="{asked}"' in text
    part = pages.get(asked, headers=htmx_headers("back-links")).text
    assert part.lstrip().startswith('<div id="back-links"')
    assert part.count("data-back-link") == 1
    assert 'href="/trace/abababababababab?span=0000000000000007"' in part
    assert "batch" in part
    assert SCRIPT not in part
    assert "&lt;script&gt;" in part


def test_a_root_has_the_links_to_its_trace(pages: FlaskClient) -> None:
    text = pages.get(f"{URL}?span=0000000000000001&tz=utc", headers=HTML).text
    asked = f"{URL}/linked?span=0000000000000001&amp;whole=1&amp;tz=utc"
    assert f'hx-get="{asked}"' in text
    part = pages.get(asked.replace("&amp;", "&"), headers=htmx_headers("back-links")).text
    assert part.count("data-back-link") == 1
    assert "all of it" in part
    assert "span=0000000000000008&amp;tz=utc" in part


def test_without_script_it_is_a_page(pages: FlaskClient) -> None:
    text = pages.get(f"{URL}/linked?span=2", headers=HTML).text
    assert "1 span links here" in text
    assert "data-back-link" in text
    assert f'href="{URL}?span=0000000000000002"' in text


def test_where_nothing_links_nothing_is_shown(pages: FlaskClient) -> None:
    part = pages.get(f"{URL}/linked?span=99", headers=htmx_headers("back-links")).text
    assert "Linked from" not in part
    assert "0 spans link here" in pages.get(f"{URL}/linked?span=99", headers=HTML).text


@pytest.mark.parametrize(
    "path", [f"{URL}/linked", f"{URL}/linked?span=x", "/trace/x/linked?span=1"]
)
def test_what_names_no_span_is_a_400(pages: FlaskClient, path: str) -> None:
    assert pages.get(path, headers=HTML).status_code == 400
