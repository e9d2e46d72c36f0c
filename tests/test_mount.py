"""Pages and receivers on one port: who answers what."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from viewer.mount import Mount


class Door:
    """Answers with its name."""

    def __init__(self, name: str, paths: Mapping[str, tuple[str, ...]]) -> None:
        self.receiver = SimpleNamespace(paths=paths)
        self._name = name

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [self._name.encode()]


@pytest.fixture
def client() -> Client:
    pages = Flask("pages", static_folder=None)
    pages.add_url_rule("/", view_func=lambda: "page")
    pages.add_url_rule("/api/traces", "search", lambda: "search")
    every = ["GET", "POST", "PUT"]
    pages.add_url_rule("/api/<path:rest>", "none", lambda rest: f"no {rest}", methods=every)
    doors = [
        Door("jaeger", {"/api/traces": ("POST",)}),
        Door("sampling", {"/": ("GET",), "/sampling": ("GET",)}),
        Door("datadog", {"/v0.4/traces": ("PUT", "POST")}),
        Door("second", {"/sampling": ("GET",), "/api/v2/spans": ("POST",)}),
    ]
    return Client(Mount(pages, doors))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/", "page"),
        ("GET", "/api/traces", "search"),
        ("POST", "/api/traces", "jaeger"),
        ("PUT", "/api/traces", "no traces"),
        ("POST", "/api/v2/spans", "second"),
        ("GET", "/api/v2/spans", "second"),
        ("GET", "/api/v9/other", "no v9/other"),
        ("GET", "/sampling", "sampling"),
        ("PUT", "/v0.4/traces", "datadog"),
        # The door itself says which methods it takes.
        ("GET", "/v0.4/traces", "datadog"),
    ],
)
def test_what_is_no_page_is_a_receivers(
    client: Client, method: str, path: str, answer: str
) -> None:
    assert client.open(path, method=method).get_data(as_text=True) == answer


def test_all_else_is_the_pages(client: Client) -> None:
    assert client.get("/none").status_code == 404
    assert client.put("/").status_code == 405
