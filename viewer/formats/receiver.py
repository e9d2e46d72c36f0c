"""What a receiver is: a wire format as a server speaks it.

A format knows its paths, its answers and its error texts; `collector` knows sockets, access, limits
and the store. A receiver declares what to open; one object serves all of a port's threads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from viewer.formats.base import Decoded, DecodeError


class WrongMediaType(DecodeError):
    """The body is of a type that is not taken here: HTTP's 415 instead of 400."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request whose body is read and decompressed. ``media_type`` is lower-case and without
    parameters; ``headers`` have lower-case names."""

    method: str
    path: str
    query: str = ""
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a client is answered."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    media_type: str = "application/json"


class HttpReceiver(Protocol):
    """A format over HTTP."""

    name: str
    """As the status page and the start's lines show it: ``Zipkin``."""
    flag: str
    """The setting of its port: ``--zipkin``."""
    port: int
    """Its port unless the setting says otherwise."""
    shown_path: str
    """What follows host and port in the address a client is pointed at."""
    paths: Mapping[str, tuple[str, ...]]
    """Every path served, with the methods taken there."""

    def decode(self, request: HttpRequest) -> Decoded | None:
        """Return the spans that a request carries, or None where it carries none by its nature
        (a query, telemetry). Raises DecodeError; WrongMediaType for a type that is not taken."""

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:
        """Answer a request whose spans, if any, are kept."""

    def refuse(self, request: HttpRequest, status: HTTPStatus, message: str) -> HttpAnswer:
        """Answer a request that is not served; ``message`` says why, in one line. The answer
        carries this status."""


@runtime_checkable
class BulkReceiver(HttpReceiver, Protocol):
    """A receiver whose requests, some of them, can be appended to the pipeline's columns."""

    def is_bulk(self, request: HttpRequest) -> bool:
        """Say whether the request's body is one that `formats.bulk.BulkColumns` take."""


@dataclass(frozen=True, slots=True)
class GrpcMethod:
    """A unary method: ``decode`` reads the request's message (raises DecodeError; None: nothing is
    kept of it), ``answer`` writes the response's, given the request's and what was decoded of it.
    ``is_bulk`` says that the message is one that `formats.bulk.BulkColumns` take."""

    decode: Callable[[bytes], Decoded | None]
    answer: Callable[[bytes, Decoded | None], bytes]
    is_bulk: bool = False


class GrpcReceiver(Protocol):
    """A format over gRPC; ``methods`` by full name (``/package.Service/Method``)."""

    name: str
    flag: str
    port: int
    methods: Mapping[str, GrpcMethod]


class DatagramReceiver(Protocol):
    """A format over UDP, which cannot answer."""

    name: str
    flag: str
    port: int

    def decode(self, datagram: bytes) -> Decoded:
        """Return the spans of a datagram; raises DecodeError."""
