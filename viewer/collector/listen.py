"""HTTP listeners: sockets on every loopback address, and waitress to serve them."""

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

_LOOPBACKS = ("127.0.0.1", "localhost", "::1")
_PORT_TRIES = 20
STOP_S = 5
WsgiApp = Callable[[Any, Any], Iterable[bytes]]


class PortTaken(OSError):
    """Another program listens on the port."""


def is_loopback(host: str) -> bool:
    """Say whether only programs on this machine can reach the address."""
    return host in _LOOPBACKS or host.startswith("127.")


def bind(
    host: str, port: int, kinds: Sequence[socket.SocketKind] = (socket.SOCK_STREAM,)
) -> list[socket.socket]:
    """Return sockets that listen (TCP) or receive (UDP) on a port, the same for all; raises
    PortTaken or OSError. Port 0 = any free one.

    localhost means 127.0.0.1 and ::1 to many clients, and some try only one of them, so both are
    taken where the machine has both (`reference/clients.md`)."""
    hosts = ["127.0.0.1", "::1"] if host in _LOOPBACKS else [host]
    wanted = [(address, kind) for kind in kinds for address in hosts]
    for _ in range(_PORT_TRIES):
        sockets: list[socket.socket] = []
        chosen = port
        try:
            for address, kind in wanted:
                try:
                    sockets.append(_bind_one(address, chosen, kind))
                except PortTaken:
                    raise
                except OSError:
                    if address == hosts[0]:
                        raise
                    # No IPv6 on this machine: one address it is.
                chosen = sockets[0].getsockname()[1]
        except OSError as error:
            for taken in sockets:
                taken.close()
            if port == 0 and isinstance(error, PortTaken):
                # The free port was free for one of them only: ask for another.
                continue
            raise
        return sockets
    raise PortTaken(errno.EADDRINUSE, "no port is free on both loopback addresses")


def _bind_one(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
        if kind == socket.SOCK_STREAM:
            found.listen(1024)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(error.errno, f"port {port} is taken") from error
        why = f"cannot listen on port {port} of {host}: {error.strerror}"
        raise OSError(error.errno, why) from error
    return found


class HttpServer:
    """A waitress server in a thread of its own, with an end that loses no answer."""

    def __init__(
        self,
        app: WsgiApp,
        sockets: list[socket.socket],
        threads: int,
        max_body: int,
        *,
        notices_leaving: bool = False,
    ) -> None:
        """``notices_leaving`` lets the app ask by ``waitress.client_disconnected`` whether the client
        of a request has closed its connection. A connection then takes in a second request while the
        first is answered, and one that is closed for sending only counts as closed, too."""
        # Its warnings about queue depth tell a user nothing that /status does not.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map: dict[int, Any] = {}
        server = create_server(
            app,
            map=self._map,
            sockets=sockets,
            threads=threads,
            max_request_body_size=max_body,
            inbuf_overflow=2 << 20,
            # A body of some 300 kB in a few pieces, not in forty.
            recv_bytes=256 << 10,
            connection_limit=1000,
            channel_timeout=120,
            ident="tracefall",
            clear_untrusted_proxy_headers=True,
            channel_request_lookahead=int(notices_leaving),
        )
        self._tasks = server.task_dispatcher
        self._doors = [item for item in self._map.values() if isinstance(item, BaseWSGIServer)]
        self.port: int = sockets[0].getsockname()[1]
        self._ending = self._stopping = False
        self._triggered = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"http-{self.port}", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def begin_stop(self) -> None:
        """Stop accepting; what is being answered goes on. `finish_stop` must follow."""
        if self._ending:
            return
        self._ending = True
        if self._thread.ident is None:
            self.start()
        # One door's trigger is enough, as they share a loop, in whose thread it calls the method.
        trigger: Any = self._doors[0].trigger
        trigger.pull_trigger(self._end_loop)
        self._triggered.set()

    def finish_stop(self) -> None:
        """Wait until the answers under way are given, at most STOP_S seconds, and all is closed."""
        self._thread.join(STOP_S + 1)

    def _end_loop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        # waitress' own run() ends only by an exception in its thread, so the loop stands here.
        while not self._stopping:
            self._turn(1.0)
        deadline = time.monotonic() + STOP_S
        for door in self._doors:
            door.accepting = False
            door.del_channel(self._map)
            assert door.socket is not None
            door.socket.close()
        while self._busy() and time.monotonic() < deadline:
            self._turn(0.05)
        self._tasks.shutdown(timeout=1)
        # Pulling a trigger writes a byte to its descriptor, which once closed may be another file's.
        # A task that goes on pulls none when its channel is closed; begin_stop must have done so.
        for channel in self._channels():
            channel.handle_close()
        self._triggered.wait()
        wasyncore.close_all(self._map)

    def _turn(self, timeout: float) -> None:
        if self._map:
            wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)

    def _busy(self) -> bool:
        return any(channel.requests or channel.total_outbufs_len for channel in self._channels())

    def _channels(self) -> list[HTTPChannel]:
        return [item for item in self._map.values() if isinstance(item, HTTPChannel)]
