"""A wire between a client and a server that keeps the heads of the requests it carries."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Relay:
    """``url`` is where clients are pointed at; ``heads`` what they sent, in lower case, request lines
    and headers among it."""

    url: str
    sent: list[bytes] = field(default_factory=list)

    @property
    def heads(self) -> str:
        return b"".join(self.sent).decode("latin-1").lower()


@contextmanager
def relay_to(url: str) -> Iterator[Relay]:
    """Listen on a free port and carry every connection to the server at this URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    target = (parts.hostname, parts.port)
    with socket.create_server(("127.0.0.1", 0)) as door:
        relay = Relay(f"http://127.0.0.1:{door.getsockname()[1]}{parts.path}")
        threads = [threading.Thread(target=_accept, args=(door, target, relay), daemon=True)]
        threads[0].start()
        yield relay
        door.shutdown(socket.SHUT_RDWR)
        threads[0].join()


def _accept(door: socket.socket, target: tuple[str, int], relay: Relay) -> None:
    pipes: list[threading.Thread] = []
    while True:
        try:
            client, _ = door.accept()
        except OSError:
            break
        server = socket.create_connection(target, 20)
        there = threading.Thread(target=_carry, args=(client, server, relay.sent), daemon=True)
        back = threading.Thread(target=_carry, args=(server, client, None), daemon=True)
        there.start()
        back.start()
        pipes += (there, back)
    for pipe in pipes:
        pipe.join(20)


def _carry(source: socket.socket, target: socket.socket, kept: list[bytes] | None) -> None:
    with source:
        while data := _receive(source):
            if kept is not None:
                kept.append(data)
            if not _sent(target, data):
                break
        _end(target)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _sent(target: socket.socket, data: bytes) -> bool:
    """Pass on what was received, unless the other side has gone without waiting for it."""
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _end(target: socket.socket) -> None:
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
