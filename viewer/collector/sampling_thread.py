"""The thread in which traces wait to be decided: senders are answered without waiting for it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from viewer.collector.sampling import Decided, TailSampler
from viewer.trace.batch import SpanBatch
from viewer.trace.report import SamplingReport

_log = logging.getLogger(__name__)
Submit = Callable[[SpanBatch, int | None], None]


class SamplingThread:
    """Feeds a sampler with journaled batches, and hands on what it decides.

    ``submit`` gets the kept batches without a position, then the position up to which nothing is
    undecided, with an empty batch. Where ``failure`` is not empty, sampling has ended for a fault
    of its own: all that came since lies in the journal.
    """

    def __init__(
        self,
        sampler: TailSampler,
        submit: Submit,
        poll_s: float,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._sampler, self._submit, self._poll_s, self._clock = sampler, submit, poll_s, clock
        self._inbox: deque[tuple[SpanBatch, int, int]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._report = sampler.report()
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)

    def start(self) -> None:
        """Start the thread; from now on `take_now` is not to be called any more."""
        self._thread.start()

    def take_now(self, batch: SpanBatch, position: int, journal_size: int) -> None:
        """Take a batch in the caller's thread, as when a journal is taken over at the start."""
        self._hand_on(self._sampler.add(batch, position, journal_size, self._clock()))

    def take(self, batch: SpanBatch, position: int, journal_size: int) -> None:
        """Take a journaled batch. Positions must come in ascending order."""
        with self._wake:
            self._inbox.append((batch, position, journal_size))
            self._wake.notify()

    def report(self) -> SamplingReport:
        """Return the sampler's counters, as they were after what it did last."""
        return self._report

    def stop(self) -> None:
        """Decide all traces as they are, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._is_over():
                while self._inbox:
                    batch, position, journal_size = self._inbox.popleft()
                    self._hand_on(self._sampler.add(batch, position, journal_size, self._clock()))
                self._hand_on(self._sampler.tick(self._clock()))
            self._hand_on(self._sampler.close())
        except Exception as error:
            self.failure = f"sampling failed: {error or type(error).__name__}"
            _log.exception("sampling failed; acknowledged spans wait in the journal")

    def _is_over(self) -> bool:
        """Wait until there is something to do; say whether that is to end."""
        with self._wake:
            if not self._inbox and not self._stopping:
                self._wake.wait(self._poll_s)
            return self._stopping and not self._inbox

    def _hand_on(self, decided: Decided) -> None:
        for batch in decided.batches:
            self._submit(batch, None)
        if decided.mark is not None:
            self._submit(SpanBatch(), decided.mark)
        self._report = self._sampler.report()
