"""Answers are made for whoever waits for them: a request that only reads ends when its client has
gone (`store.cancel`), or after the longest time that a page may take.

What changes something (an upload) goes on to its end, whoever waits.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from flask import Flask, request

from viewer.store.cancel import Cancelled, answering, while_waited_for

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HAS_GONE = "waitress.client_disconnected"
_READING = frozenset({"GET", "HEAD"})


def end_with_the_client(app: Flask, limit_s: float | None) -> None:
    """Put the rule around an app; ``limit_s`` is the longest time for one answer, None = any."""
    inner = app.wsgi_app

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _READING:
            return inner(environ, start_response)
        with answering(while_waited_for(environ.get(HAS_GONE, _stays), limit_s)):
            return inner(environ, start_response)

    app.wsgi_app = answer  # type: ignore[method-assign]


def while_it_is_taken(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield an answer's chunks, each made while the current request's client takes them. They may
    come for as long as he does: a download is as quick as the one who takes it."""
    has_gone: Callable[[], bool] = request.environ.get(HAS_GONE, _stays)
    return _taken(chunks, has_gone)


def _taken(chunks: Iterator[bytes], has_gone: Callable[[], bool]) -> Iterator[bytes]:
    question = while_waited_for(has_gone)
    while True:
        try:
            with answering(question):
                chunk = next(chunks, None)
        except Cancelled:
            return
        if chunk is None:
            return
        yield chunk


def _stays() -> bool:
    return False
