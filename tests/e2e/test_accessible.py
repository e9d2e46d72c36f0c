"""Every page and view as axe-core judges it: nothing serious, in either theme, at either width."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.conftest import FAILING, HOSTILE, LARGE

pytestmark = pytest.mark.e2e
OpenPage = Callable[..., Page]

SERIOUS = ("serious", "critical")
PAGES = (
    "/search",
    "/search?service=payment&minDuration=1ms",
    "/search?service=nobody",
    f"/trace/{FAILING}",
    f"/trace/{FAILING}?span=0000000000000003&find=UPDATE&only=errors",
    f"/trace/{FAILING}?collapse=*",
    f"/trace/{FAILING}?view=flame",
    f"/trace/{FAILING}?view=graph",
    f"/trace/{FAILING}?view=graph&by=operation",
    f"/trace/{FAILING}?view=statistics&by=card.brand",
    f"/trace/{FAILING}?view=findings",
    f"/trace/{FAILING}?view=spans&columns=card.brand",
    f"/trace/{FAILING}?view=logs",
    f"/trace/{FAILING}?view=json",
    f"/trace/{HOSTILE}?span=0000000000000001",
    f"/trace/{LARGE}",
    f"/trace/{FAILING}...{LARGE}",
    f"/compare?trace={FAILING}",
    "/compare",
    "/upload",
    "/status",
)
PROBLEMS = ("/lookup?q=nothing", "/trace/00000000000000000000000000009999", "/search?minDuration=x")


def violations(page: Page) -> list[str]:
    """Return what axe finds serious, each with the first elements concerned."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("path", [*PAGES, *PROBLEMS])
def test_axe_finds_nothing_serious(open_page: OpenPage, path: str) -> None:
    page = open_page(path, problem=path in PROBLEMS, color_scheme="light")
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 400, "height": 900})
    assert violations(page) == []


def test_axe_does_see_what_is_wrong(open_page: OpenPage) -> None:
    page = open_page("/upload")
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert [text.split(":")[0] for text in violations(page)] == ["critical label"]
