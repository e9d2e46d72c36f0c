"""What each door has seen since start, for the status page and /metrics."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from viewer.trace.report import DoorReport, Rejection
from viewer.trace.span import EARLIEST_PLAUSIBLE_NS, PLAUSIBLE_AHEAD_NS

_WINDOW_S = 60
_MAX_SAID = 300


class DoorStats:
    """Counters of one receiver; every method may be called from any thread."""

    def __init__(self, name: str, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.address = ""
        self.closed = ""
        self._clock = clock
        self._lock = threading.Lock()
        self._requests = self._spans = self._bytes = self._far_times = 0
        self._rejected: Counter[str] = Counter()
        self._last_client = self._last_refusal = ""
        self._last_seen = 0.0
        self._recent: deque[tuple[int, int]] = deque()

    def opened(self, address: str) -> None:
        """Note that the door is open at this address."""
        self.address, self.closed = address, ""

    def accepted(
        self, start_ns: NDArray[np.int64], size: int, client: str, requests: int = 1
    ) -> None:
        """Count requests, or datagrams, whose spans were kept, by when these start."""
        now, spans = self._clock(), len(start_ns)
        far_times = _far_times(start_ns, int(now * 1e9) + PLAUSIBLE_AHEAD_NS)
        with self._lock:
            self._requests += requests
            self._spans += spans
            self._bytes += size
            self._far_times += far_times
            self._last_client, self._last_seen = client, now
            second = int(now)
            if self._recent and self._recent[-1][0] == second:
                self._recent[-1] = (second, self._recent[-1][1] + spans)
            else:
                self._recent.append((second, spans))
            self._forget(second)

    def rejected(self, reason: str, count: int = 1, said: str = "") -> None:
        """Count spans, or requests that could not be decoded at all, by reason; ``said`` is what
        its sender was told, or would have been."""
        with self._lock:
            self._last_refusal = said[:_MAX_SAID] or self._last_refusal
            # Reasons may quote what was sent; a stranger must not grow this without end.
            known = reason if reason in self._rejected or len(self._rejected) < 100 else "other"
            self._rejected[known] += count

    def rejections(self, rejections: Iterable[Rejection]) -> None:
        """Count the spans that a decoder refused."""
        for rejection in rejections:
            self.rejected(rejection.reason, rejection.count)

    def report(self) -> DoorReport:
        """Return the counters as they are now."""
        with self._lock:
            now = int(self._clock())
            self._forget(now)
            return DoorReport(
                name=self.name,
                address=self.address,
                closed=self.closed,
                requests=self._requests,
                accepted_spans=self._spans,
                bytes=self._bytes,
                spans_per_second=sum(spans for _, spans in self._recent) / _WINDOW_S,
                rejected=dict(self._rejected),
                far_times=self._far_times,
                last_refusal=self._last_refusal,
                last_client=self._last_client,
                last_seen_ns=int(self._last_seen * 1e9),
            )

    def _forget(self, second: int) -> None:
        while self._recent and self._recent[0][0] <= second - _WINDOW_S:
            self._recent.popleft()


def _far_times(start_ns: NDArray[np.int64], latest_ns: int) -> int:
    """Count the spans that start before 2000 or after tomorrow."""
    if not len(start_ns) or EARLIEST_PLAUSIBLE_NS <= start_ns.min() <= start_ns.max() <= latest_ns:
        return 0
    is_far = (start_ns < EARLIEST_PLAUSIBLE_NS) | (start_ns > latest_ns)
    return int(np.count_nonzero(is_far & (start_ns != 0)))
