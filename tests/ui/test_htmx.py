"""Page or partial, redirects, and what caches are told."""

import pytest
from flask import Flask, Response

from viewer.ui import htmx


@pytest.fixture
def app() -> Flask:
    return Flask(__name__)


def asked(app: Flask, target: str, **headers: str) -> bool:
    given = {"HX-Request": "true", "HX-Target": target}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    with app.test_request_context("/", headers=given):
        return htmx.wants_partial("results")


def test_a_partial_is_for_the_element_that_htmx_names(app: Flask) -> None:
    assert asked(app, "section#results")
    assert not asked(app, "section#other")
    assert not asked(app, "results")


def test_a_browser_gets_the_page(app: Flask) -> None:
    with app.test_request_context("/", headers={"HX-Target": "section#results"}):
        assert not htmx.wants_partial("results")


def test_back_gets_the_page_although_htmx_asks(app: Flask) -> None:
    assert not asked(app, "section#results", HX_History_Restore_Request="true")


def test_a_request_for_all_of_the_body_gets_the_page(app: Flask) -> None:
    assert not asked(app, "section#results", HX_Request_Type="full")


def test_reading_the_headers_is_told_to_caches(app: Flask) -> None:
    with app.test_request_context("/"):
        htmx.wants_partial("results")
        assert "HX-Request" in htmx.set_vary(Response("")).vary


def test_an_answer_that_does_not_depend_on_them_stays_cacheable(app: Flask) -> None:
    with app.test_request_context("/"):
        assert not htmx.set_vary(Response("")).vary


def test_a_redirect_is_a_303(app: Flask) -> None:
    with app.test_request_context("/"):
        response = htmx.see_other("/search")
    assert (response.status_code, response.headers["Location"]) == (303, "/search")


def test_htmx_is_redirected_as_a_whole_page(app: Flask) -> None:
    with app.test_request_context("/", headers={"HX-Request": "true"}):
        response = htmx.see_other("/search")
    assert (response.status_code, response.headers["HX-Redirect"]) == (200, "/search")


def test_the_page_that_htmx_acts_on_is_named_without_its_host(app: Flask) -> None:
    url = "http://x:1/search?service=a%20b"
    with app.test_request_context("/part", headers={"HX-Current-URL": url}):
        assert htmx.current_page_path() == "/search?service=a%20b"
