"""What every door does with a request once its bytes are there: decode, keep, count.

HTTP, gRPC and UDP differ in how they read and answer; what is accepted, what is refused and why is
the same for all, and stands here.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from viewer.collector.pipeline import Overloaded, Pipeline
from viewer.collector.stats import DoorStats
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.receiver import WrongMediaType
from viewer.store.base import StoreError
from viewer.trace.attributes import show_value
from viewer.trace.batch import SpanBatch
from viewer.trace.span import Resource

MAX_BODY = 16 << 20
TOO_LARGE = f"the body is larger than {MAX_BODY >> 20} MiB; send smaller batches"
# Decoded, a body takes up to some twenty times its size; so much may be in work at once, at all
# doors together. One body always may, however large.
_IN_WORK_BYTES = 48 << 20
_LONGEST_WAIT_S = 5.0
_SDK_KEYS = ("telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version")
_JAEGER_KEY = "jaeger.version"
_TELLING_KEYS = frozenset((*_SDK_KEYS, _JAEGER_KEY))
_MAX_CLIENT = 200


class Workload:
    """Bounds the bytes that are being decoded and stored at once, all doors together."""

    def __init__(self, limit: int = _IN_WORK_BYTES, wait_s: float = _LONGEST_WAIT_S) -> None:
        self._limit, self._wait_s = limit, wait_s
        self._in_work = 0
        self._changed = threading.Condition()

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Wait until there is room for so many bytes; raises Overloaded if there is none soon."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._fits(size), self._wait_s):
                raise Overloaded("more is being sent at once than can be taken in")
            self._in_work += size
        try:
            yield
        finally:
            with self._changed:
                self._in_work -= size
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self._in_work == 0 or self._in_work + size <= self._limit


class Door:
    """The way of one receiver's payloads into the pipeline."""

    def __init__(self, pipeline: Pipeline, stats: DoorStats, workload: Workload) -> None:
        self._pipeline, self.stats, self._workload = pipeline, stats, workload

    def take(
        self, decode: Callable[[], Decoded | None], size: int, sender: str = ""
    ) -> Decoded | None:
        """Decode and keep a payload of ``size`` bytes; return once its spans would survive.

        ``sender`` is how the transport calls the client. Raises DecodeError; Overloaded or
        StoreError when it has to be sent again later. All of it is counted."""
        decoded = None
        try:
            with self._workload.share(size):
                decoded = decode()
                if decoded is not None:
                    self._keep(decoded)
        except WrongMediaType as error:
            self.stats.rejected("unsupported media type", said=str(error))
            raise
        except DecodeError as error:
            self.stats.rejected("body cannot be decoded", said=str(error))
            raise
        except Overloaded:
            count = len(decoded.batch) if decoded else 1
            self.stats.rejected("overloaded, sender asked to try again", count)
            raise
        if decoded is not None:
            self.stats.rejections(decoded.rejected)
            client = client_of(decoded.batch) or sender
            self.stats.accepted(_starts(decoded.batch), size, client[:_MAX_CLIENT])
        return decoded

    def take_bulk(self, body: bytes, sender: str = "") -> bool:
        """Keep a body as `take` does, without decoding it by itself; False if that has to be done."""
        try:
            with self._workload.share(len(body)):
                appended = self._pipeline.append(body)
        except Overloaded:
            self.stats.rejected("overloaded, sender asked to try again")
            raise
        if appended is None:
            return False
        client = (_sdk_of(appended.resource) if appended.resource else "") or sender
        self.stats.accepted(appended.start_ns, len(body), client[:_MAX_CLIENT])
        return True

    def take_datagrams(
        self,
        decode: Callable[[bytes], Decoded],
        datagrams: Sequence[bytes],
        retry: Callable[[], bool],
    ) -> None:
        """Decode and keep datagrams, all in one transaction. What is no spans is counted. While the
        pipeline is full ``retry`` is asked, which waits and says whether to go on; what is given up
        then is counted too."""
        joined, size, taken = SpanBatch(), 0, 0
        client = ""
        for datagram in datagrams:
            try:
                decoded = decode(datagram)
            except DecodeError as error:
                self.stats.rejected("datagram cannot be decoded", said=str(error))
                continue
            self.stats.rejections(decoded.rejected)
            joined.extend(decoded.batch)
            client = client_of(decoded.batch) or client
            size, taken = size + len(datagram), taken + 1
        while taken:
            try:
                self._keep(Decoded(joined))
            except Overloaded:
                if retry():
                    continue
                self.stats.rejected("lost: the store could not be written", len(joined))
            else:
                self.stats.accepted(_starts(joined), size, client[:_MAX_CLIENT], requests=taken)
            return

    def _keep(self, decoded: Decoded) -> None:
        try:
            self._pipeline.accept(decoded.batch)
        except StoreError as error:
            raise Overloaded(str(error)) from error


def client_of(batch: SpanBatch) -> str:
    """Return what the spans' resource says of the library that sent them, or an empty text."""
    return _sdk_of(batch.resources[-1]) if batch.resources else ""


def _starts(batch: SpanBatch) -> NDArray[np.int64]:
    starts: NDArray[np.int64] = batch.to_arrow().column("start_ns").to_numpy()
    return starts


def _sdk_of(resource: Resource) -> str:
    said = {key: show_value(value) for key, value in resource.attributes if key in _TELLING_KEYS}
    sdk = " ".join(said[key] for key in _SDK_KEYS if said.get(key))
    return sdk or said.get(_JAEGER_KEY, "")
