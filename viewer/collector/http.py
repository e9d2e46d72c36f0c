"""A receiver over HTTP as a WSGI application: it serves its own port and, mounted beside the pages,
the UI's. The format says what is taken where and how it is answered; limits, access, encodings and
the answers of an overloaded server are the same for all."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from viewer.collector.access import is_authorized
from viewer.collector.body import UnknownEncoding, decompress_body
from viewer.collector.door import MAX_BODY, TOO_LARGE, Door
from viewer.collector.pipeline import RETRY_AFTER_S, Overloaded
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.compression import TooLarge
from viewer.formats.receiver import (
    BulkReceiver,
    HttpAnswer,
    HttpReceiver,
    HttpRequest,
    WrongMediaType,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HEADER = "HTTP_"


class Refusal(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: HTTPStatus, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class HttpDoor:
    """Serves one HttpReceiver."""

    def __init__(self, receiver: HttpReceiver, door: Door, auth_token: str | None) -> None:
        self.receiver, self.door, self._token = receiver, door, auth_token
        self._bulk = receiver if isinstance(receiver, BulkReceiver) else None

    def serves(self, method: str, path: str) -> bool:
        """Say whether a request of this method to this path is the receiver's."""
        return method in self.receiver.paths.get(path, ())

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = _request(environ)
        headers: tuple[tuple[str, str], ...] = ()
        try:
            answer = self._answer(request, environ)
        except Refusal as refusal:
            answer = self.receiver.refuse(request, refusal.status, refusal.message)
            headers = refusal.headers
        start_response(
            f"{answer.status.value} {answer.status.phrase}",
            [
                ("Content-Type", answer.media_type),
                ("Content-Length", str(len(answer.body))),
                ("X-Content-Type-Options", "nosniff"),
                *headers,
            ],
        )
        return [answer.body]

    def _answer(self, request: HttpRequest, environ: "WSGIEnvironment") -> HttpAnswer:
        self._check_access(request)
        request = replace(request, body=self._body(environ))
        try:
            decoded = self._take(request)
        except WrongMediaType as error:
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error)) from error
        except DecodeError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error
        except Overloaded as error:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"try again later: {error}",
                ("Retry-After", str(RETRY_AFTER_S)),
            ) from error
        return self.receiver.answer(request, decoded)

    def _take(self, request: HttpRequest) -> Decoded | None:
        sender = request.headers.get("user-agent", "")
        if self._bulk and self._bulk.is_bulk(request) and self.door.take_bulk(request.body, sender):
            return Decoded()
        return self.door.take(lambda: self.receiver.decode(request), len(request.body), sender)

    def _check_access(self, request: HttpRequest) -> None:
        if not is_authorized(request.headers.get("authorization", ""), self._token):
            self._refuse(
                HTTPStatus.UNAUTHORIZED,
                "this server wants Authorization: Bearer <token>",
                ("WWW-Authenticate", 'Bearer realm="tracefall"'),
            )
        methods = self.receiver.paths.get(request.path)
        if methods is None:
            raise Refusal(
                HTTPStatus.NOT_FOUND, f"no such path; spans go to {self.receiver.shown_path}"
            )
        if request.method not in methods:
            raise Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"only {' and '.join(methods)} is taken here",
                ("Allow", ", ".join(methods)),
            )

    def _body(self, environ: "WSGIEnvironment") -> bytes:
        # waitress has taken the body in already, chunks joined, and set its length.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        raw: bytes = environ["wsgi.input"].read(length)
        encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        try:
            return decompress_body(raw, encoding)
        except UnknownEncoding as error:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error))
        except TooLarge:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        except DecodeError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))

    def _refuse(self, status: HTTPStatus, message: str, *headers: tuple[str, str]) -> NoReturn:
        self.door.stats.rejected(_REASONS.get(status, status.phrase.lower()), said=message)
        raise Refusal(status, message, *headers)


_REASONS = {
    HTTPStatus.BAD_REQUEST: "bad encoding",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body over the limit",
}


def _request(environ: "WSGIEnvironment") -> HttpRequest:
    headers = {
        name.removeprefix(_HEADER).replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith(_HEADER)
    }
    return HttpRequest(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        media_type=environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower(),
        headers=headers,
    )
