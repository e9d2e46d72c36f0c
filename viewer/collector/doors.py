"""All doors of a server: which are open, on which port, and what each has seen."""

import socket
from collections.abc import Mapping, Sequence
from typing import Protocol

from viewer.collector.door import MAX_BODY, Door, Workload
from viewer.collector.grpc import GrpcServer
from viewer.collector.http import HttpDoor
from viewer.collector.listen import HttpServer, bind, is_loopback
from viewer.collector.pipeline import Pipeline
from viewer.collector.receivers import Receivers
from viewer.collector.stats import DoorStats
from viewer.collector.udp import UdpServer
from viewer.formats.receiver import DatagramReceiver, GrpcReceiver, HttpReceiver
from viewer.trace.report import DoorReport

_HTTP_THREADS = {"--otlp-http": 8}
_OTHER_HTTP_THREADS = 4
_BOTH = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
_LOCAL_ONLY = "UDP cannot carry the token, so it is taken from this machine only"


class _Server(Protocol):
    """What an HTTP, gRPC and UDP server have in common."""

    port: int

    def start(self) -> None: ...

    def begin_stop(self) -> None: ...

    def finish_stop(self) -> None: ...


class Doors:
    """Opens a door for every receiver whose port is set. One that cannot be opened costs only
    itself: ``warnings`` say so."""

    def __init__(
        self,
        pipeline: Pipeline,
        receivers: Receivers,
        ports: Mapping[str, int | None],
        host: str,
        auth_token: str | None,
    ) -> None:
        self._pipeline, self._ports, self._host, self._token = pipeline, ports, host, auth_token
        self._workload = Workload()
        self._servers: list[_Server] = []
        self._stats: list[tuple[str, DoorStats]] = []
        self.warnings: list[str] = []
        self.http: list[HttpDoor] = []
        shared = {receiver.flag for receiver in receivers.datagram} & {
            receiver.flag for receiver in receivers.http
        }
        # Any free port must be free for both; a given one may be for one of them only.
        sockets = {flag: self._bind(flag, *_BOTH) for flag in shared if ports.get(flag) == 0}
        for receiver in receivers.http:
            self._open_http(receiver, sockets)
        for service in receivers.grpc:
            self._open_grpc(service)
        for datagrams in receivers.datagram:
            self._open_udp(datagrams, sockets)

    def mounted_at(self, ui_url: str) -> None:
        """Note for the doors over HTTP whose port is off that the pages' port serves them."""
        for door in self.http:
            if not door.door.stats.address and self._ports.get(door.receiver.flag) is None:
                door.door.stats.opened(f"{ui_url}{door.receiver.shown_path}")

    def reports(self) -> list[DoorReport]:
        """Return every door's counters, in the order of their settings; those that are off on
        purpose are left out."""
        order = list(self._ports)
        known = [item for item in self._stats if item[1].address or item[1].closed]
        known.sort(key=lambda item: order.index(item[0]) if item[0] in order else len(order))
        return [stats.report() for _, stats in known]

    def start(self) -> None:
        """Begin to take spans."""
        for server in self._servers:
            server.start()

    def begin_stop(self) -> None:
        """Take nothing new."""
        for server in self._servers:
            server.begin_stop()

    def finish_stop(self) -> None:
        """Wait until what was taken is answered and handed on."""
        for server in self._servers:
            server.finish_stop()

    def _door(self, receiver: HttpReceiver | GrpcReceiver | DatagramReceiver) -> Door:
        stats = DoorStats(receiver.name)
        self._stats.append((receiver.flag, stats))
        return Door(self._pipeline, stats, self._workload)

    def _bind(self, flag: str, *kinds: socket.SocketKind) -> "_Bound":
        port = self._ports.get(flag)
        if port is None:
            return _Bound()
        try:
            return _Bound(bind(self._host, port, kinds))
        except OSError as error:
            return _Bound(why=error.strerror or str(error))

    def _failed(self, stats: DoorStats, flag: str, why: str) -> None:
        stats.closed = why
        self.warnings.append(f"{why}, so {stats.name} is not open; choose another port with {flag}")

    def _open_http(self, receiver: HttpReceiver, shared: Mapping[str, "_Bound"]) -> None:
        door = HttpDoor(receiver, self._door(receiver), self._token)
        self.http.append(door)
        bound = shared.get(receiver.flag) or self._bind(receiver.flag, socket.SOCK_STREAM)
        if bound.why:
            self._failed(door.door.stats, receiver.flag, bound.why)
        sockets = bound.of_kind(socket.SOCK_STREAM)
        if sockets:
            threads = _HTTP_THREADS.get(receiver.flag, _OTHER_HTTP_THREADS)
            server = HttpServer(door, sockets, threads, MAX_BODY)
            self._opened(door.door.stats, server, "http://", receiver.shown_path)

    def _open_grpc(self, receiver: GrpcReceiver) -> None:
        port = self._ports.get(receiver.flag)
        door = self._door(receiver)
        if port is None:
            return
        try:
            server = GrpcServer(receiver, door, self._token, self._host, port)
        except OSError as error:
            self._failed(door.stats, receiver.flag, error.strerror or str(error))
        else:
            self._opened(door.stats, server, "http://")

    def _open_udp(self, receiver: DatagramReceiver, shared: Mapping[str, "_Bound"]) -> None:
        door = self._door(receiver)
        bound = shared.get(receiver.flag) or self._bind(receiver.flag, socket.SOCK_DGRAM)
        if bound.why:
            self._failed(door.stats, receiver.flag, bound.why)
        sockets = bound.of_kind(socket.SOCK_DGRAM)
        if sockets and self._token is not None and not is_loopback(self._host):
            for found in sockets:
                found.close()
            door.stats.closed = _LOCAL_ONLY
            self.warnings.append(f"{receiver.name} is not open: {_LOCAL_ONLY}")
        elif sockets:
            self._opened(door.stats, UdpServer(receiver, door, sockets), "udp://")

    def _opened(self, stats: DoorStats, server: _Server, scheme: str, path: str = "") -> None:
        self._servers.append(server)
        stats.opened(f"{scheme}{shown_host(self._host)}:{server.port}{path}")


class _Bound:
    """What came of taking a port: sockets, or why there are none (empty: it is off)."""

    def __init__(self, sockets: Sequence[socket.socket] = (), why: str = "") -> None:
        self._sockets, self.why = sockets, why

    def of_kind(self, kind: socket.SocketKind) -> list[socket.socket]:
        return [found for found in self._sockets if found.type == kind]


def shown_host(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
