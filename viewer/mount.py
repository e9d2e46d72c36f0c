"""Pages and receivers on one port, so that one published port is enough."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import MapAdapter, RequestRedirect

from viewer.collector.http import HttpDoor

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PAGE_METHODS = ("GET", "POST")


class Mount:
    """A WSGI application: what the pages have a route for is theirs (Jaeger's query API and its
    receiver share a path), all other paths of the receivers are the receivers'."""

    def __init__(self, pages: Flask, doors: Sequence[HttpDoor]) -> None:
        self._pages = pages.wsgi_app
        adapter = pages.url_map.bind("localhost")
        self._by_method: dict[tuple[str, str], HttpDoor] = {}
        self._by_path: dict[str, HttpDoor] = {}
        for door in doors:
            for path, methods in door.receiver.paths.items():
                for method in methods:
                    if not _is_page(adapter, path, method):
                        self._by_method.setdefault((method, path), door)
                if not any(_is_page(adapter, path, method) for method in _PAGE_METHODS):
                    # The door says which methods it takes.
                    self._by_path.setdefault(path, door)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        door = self._by_method.get((environ["REQUEST_METHOD"], path)) or self._by_path.get(path)
        return door(environ, start_response) if door else self._pages(environ, start_response)


def _is_page(adapter: MapAdapter, path: str, method: str) -> bool:
    """Say whether a page has exactly this path; one that takes many (what answers that there is no
    such API) does not count."""
    try:
        _, variable_parts = adapter.match(path, method)
    except (NotFound, MethodNotAllowed):
        return False
    except RequestRedirect:
        return True
    return not variable_parts
