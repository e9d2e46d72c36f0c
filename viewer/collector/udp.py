"""Receivers over UDP. A sender hears nothing, so what cannot be kept is counted: datagrams that are
no spans, those for which there was no room here, and those the kernel had no room for."""

import socket
import struct
import sys
import threading
from collections import deque
from contextlib import suppress

from viewer.collector.door import Door
from viewer.formats.receiver import DatagramReceiver

_MAX_DATAGRAM = 65_536
_KERNEL_BUFFER = 8 << 20
_QUEUE_BYTES = 16 << 20
_GROUP_BYTES = 1 << 20
_RETRY_S = 0.5
# Linux: with this option each datagram carries how many were dropped before it on its socket.
_SO_RXQ_OVFL = 40
_COUNT = struct.Struct("=I")
NO_ROOM = "dropped: datagrams came faster than they could be stored"
KERNEL_DROPPED = "dropped by the kernel: datagrams came faster than they were read"


class UdpServer:
    """Reads datagrams in a thread per socket, and decodes and stores them in one more, many in a
    transaction."""

    def __init__(
        self, receiver: DatagramReceiver, door: Door, sockets: list[socket.socket]
    ) -> None:
        self._receiver, self._door, self._sockets = receiver, door, sockets
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self.port: int = sockets[0].getsockname()[1]
        self._readers = [
            threading.Thread(target=self._read, args=(found,), name=f"udp-{self.port}", daemon=True)
            for found in sockets
        ]
        self._writer = threading.Thread(
            target=self._write, name=f"udp-{self.port}-store", daemon=True
        )
        for found in sockets:
            # The kernel gives what its own limit allows; without privilege that is often less.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER)
            if sys.platform == "linux":
                found.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)

    def start(self) -> None:
        """Begin to read."""
        for thread in (*self._readers, self._writer):
            thread.start()

    def begin_stop(self) -> None:
        """Read no more; what was read is still stored."""
        self._stopping.set()
        for found in self._sockets:
            # Ends the recv in the other thread, which closing would not; an unconnected socket
            # says ENOTCONN all the same.
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)
        with self._wake:
            self._wake.notify_all()

    def finish_stop(self) -> None:
        """Wait until it is stored."""
        for thread in (*self._readers, self._writer):
            if thread.ident is not None:
                thread.join()
        for found in self._sockets:
            found.close()

    def _read(self, found: socket.socket) -> None:
        dropped = 0
        while not self._stopping.is_set():
            try:
                data, told, _, _ = found.recvmsg(_MAX_DATAGRAM, socket.CMSG_SPACE(_COUNT.size))
            except OSError as error:
                if self._stopping.is_set():
                    return
                self._door.stats.rejected(f"socket error: {error.strerror}")
                self._stopping.wait(_RETRY_S)
                continue
            for level, kind, content in told:
                if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                    (total,) = _COUNT.unpack(content[: _COUNT.size])
                    new = (total - dropped) & 0xFFFFFFFF
                    dropped = total
                    if new:
                        self._door.stats.rejected(KERNEL_DROPPED, new)
            if data:
                self._enqueue(data)

    def _enqueue(self, data: bytes) -> None:
        with self._wake:
            if self._queued + len(data) > _QUEUE_BYTES:
                self._door.stats.rejected(NO_ROOM)
                return
            self._queue.append(data)
            self._queued += len(data)
            self._wake.notify()

    def _write(self) -> None:
        while group := self._next_group():
            self._door.take_datagrams(self._receiver.decode, group, self._retry)

    def _next_group(self) -> list[bytes]:
        """Return what has come meanwhile, up to a bound; nothing once all is over."""
        with self._wake:
            while not self._queue:
                if self._stopping.is_set() and not any(map(_is_alive, self._readers)):
                    return []
                self._wake.wait(0.2 if self._stopping.is_set() else None)
            group: list[bytes] = []
            size = 0
            while self._queue and size < _GROUP_BYTES:
                group.append(self._queue.popleft())
                size += len(group[-1])
            self._queued -= size
            return group

    def _retry(self) -> bool:
        """Wait a little, as nobody would send again; say whether it is worth another try."""
        return not self._stopping.wait(_RETRY_S)


def _is_alive(thread: threading.Thread) -> bool:
    return thread.is_alive()
