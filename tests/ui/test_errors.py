"""Errors: a page for people, the API's shape for programs, a notice for htmx."""

import pytest

from tests.builders import TRACE_ID
from tests.ui.stage import HTML, a_client, a_store, htmx_headers
from viewer.ui.loaded_trace import TraceCache
from viewer.ui.loading import Busy


def test_an_unknown_page_says_what_was_asked_and_offers_to_look_it_up() -> None:
    response = a_client().get("/traces/abc123", headers=HTML)
    assert response.status_code == 404
    assert "/traces/abc123" in response.text
    assert 'name="q" type="search" class="mono" value="abc123"' in response.text


def test_an_unknown_address_of_programs_answers_in_jaegers_shape() -> None:
    response = a_client().get("/v1/nothing")
    assert response.status_code == 404
    assert response.json["errors"][0]["code"] == 404


def test_a_method_that_a_page_has_not_is_named() -> None:
    response = a_client().post("/search", headers=HTML)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_hostile_addresses_are_text() -> None:
    text = a_client().get("/<script>alert(1)</script>", headers=HTML).text
    assert "<script>alert" not in text


def test_an_unexpected_error_tells_nothing_of_our_insides() -> None:
    store = a_store()

    def broken() -> None:
        raise RuntimeError("secret path /srv")

    store.services = broken  # type: ignore[method-assign, assignment]
    client = a_client(store)
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    response = client.get("/search", headers=HTML)
    assert response.status_code == 500
    assert "secret" not in response.text
    notice = client.get("/search", headers=htmx_headers("results"))
    assert notice.headers["HX-Reswap"] == "innerHTML"


def test_a_trace_that_does_not_get_its_turn_says_when_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(_: TraceCache, trace_id: str) -> None:
        raise Busy

    monkeypatch.setattr(TraceCache, "get", busy)
    client = a_client()
    response = client.get(f"/trace/{TRACE_ID}", headers=HTML)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "Too many large traces at once" in response.text
    assert "Try again in a few seconds" in response.text
    notice = client.get(f"/trace/{TRACE_ID}", headers=htmx_headers("trace-view"))
    assert notice.status_code == 503
