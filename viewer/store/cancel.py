"""Who waits for an answer: what runs for them is stopped once nobody does, or when it takes too long.

Whoever answers requests says by `answering` whom what follows is for, and an engine puts its queries
under `interruptible`. What nobody waits for by design (imports, retention, upkeep) is never stopped.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from viewer.store.base import StoreError

ASK_EVERY_S = 0.1
_QUIET_TURNS = 10


class Cancelled(StoreError):
    """Nobody waits for the answer any more, so there is nobody to be told either."""


class TooSlow(StoreError):
    """The answer would take longer than it may."""


Question = Callable[[], StoreError | None]
"""Returns why to stop: `Cancelled` or `TooSlow`; None while somebody waits."""

_question: ContextVar[Question | None] = ContextVar("question", default=None)


def while_waited_for(has_gone: Callable[[], bool], limit_s: float | None = None) -> Question:
    """Return the question of one who waits until he ``has_gone``, at most ``limit_s`` seconds from
    now; both are asked from other threads, too."""
    deadline = None if limit_s is None else time.monotonic() + limit_s

    def why_stop() -> StoreError | None:
        if has_gone():
            return Cancelled("nobody waits for the answer any more")
        if deadline is not None and time.monotonic() > deadline:
            return TooSlow(f"the answer was not there after {limit_s:g} s, so it was given up")
        return None

    return why_stop


@contextmanager
def answering(question: Question | None) -> Iterator[None]:
    """Let what this thread does in the block be stopped when the question says so; None = never."""
    token = _question.set(question)
    try:
        yield
    finally:
        _question.reset(token)


def current_question() -> Question:
    """Return the question under which this thread works; one that stops nothing if there is none."""
    return _question.get() or _never


def check() -> None:
    """Raise `Cancelled` or `TooSlow` if what this thread works on should be stopped; costs next to
    nothing. For the places between long pieces of work."""
    if (reason := current_question()()) is not None:
        raise reason


class Running:
    """A query under way."""

    def __init__(self, question: Question, interrupt: Callable[[], None]) -> None:
        self._question, self._interrupt = question, interrupt
        self.reason: StoreError | None = None
        """Why it was interrupted; None while it was not."""

    def look(self) -> None:
        """Interrupt it if it should be stopped: again each time, as it may be between statements."""
        if self.reason is None:
            self.reason = self._question()
        if self.reason is not None:
            self._interrupt()


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[Running | None]:
    """Call ``interrupt`` from another thread when what runs in the block should be stopped. It is
    called within about ASK_EVERY_S seconds, maybe more than once, and never after the block. The one
    who is interrupted raises the reason. Raises `Cancelled` or `TooSlow` if it need not begin."""
    question = _question.get()
    if question is None:
        yield None
        return
    check()
    running = Running(question, interrupt)
    _watch.add(running)
    try:
        yield running
    finally:
        _watch.remove(running)


def stopped_queries() -> Mapping[str, int]:
    """Return how many queries were stopped since the start, by reason."""
    return _watch.stopped()


def _never() -> None:
    return None


class _Watch:
    """One thread that asks for all queries under way whether they are still wanted. It is started by
    the first, and sleeps while there are none: a query costs an entry in a set, and no switch of
    threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[Running] = set()
        self._stopped = Counter({"nobody waits": 0, "time limit": 0})
        self._sleeps = False
        self._thread: threading.Thread | None = None

    def add(self, running: Running) -> None:
        with self._changed:
            self._running.add(running)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="cancelling", daemon=True)
                self._thread.start()
            elif self._sleeps:
                self._changed.notify()

    def remove(self, running: Running) -> None:
        # The lock is held while a query is interrupted: its connection may be another's after this.
        with self._changed:
            self._running.discard(running)
            if running.reason is not None:
                gone = isinstance(running.reason, Cancelled)
                self._stopped["nobody waits" if gone else "time limit"] += 1

    def stopped(self) -> Mapping[str, int]:
        with self._changed:
            return dict(self._stopped)

    def _run(self) -> None:
        quiet = 0
        while True:
            time.sleep(ASK_EVERY_S)
            with self._changed:
                for running in self._running:
                    running.look()
                quiet = 0 if self._running else quiet + 1
                if quiet > _QUIET_TURNS:
                    self._sleeps = True
                    self._changed.wait_for(lambda: self._running)
                    self._sleeps, quiet = False, 0


_watch = _Watch()
