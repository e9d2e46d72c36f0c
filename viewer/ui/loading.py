"""Large work once and not all at once: what many ask for together is made for all of them by the one
who came first, and only so much is in the making at a time."""

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Generic, TypeVar

from viewer.store.base import StoreError
from viewer.store.cancel import (
    ASK_EVERY_S,
    Cancelled,
    Question,
    TooSlow,
    answering,
    check,
    current_question,
)

WAIT_S = 20.0
MOST_AT_ONCE = 2_000_000
ALWAYS_ROOM = 50_000

T = TypeVar("T")


class Busy(Exception):
    """So much is being made that this one did not get its turn in time; worth another try."""


def _is_there_in(wait_s: float, wait_for: Callable[[float], bool]) -> bool:
    """Wait in short turns of ``wait_for``, so that one whose client has gone waits no longer. Raises
    Cancelled or TooSlow."""
    deadline = time.monotonic() + wait_s
    while True:
        check()
        left = deadline - time.monotonic()
        if wait_for(max(min(left, ASK_EVERY_S), 0)):
            return True
        if left <= 0:
            return False


class Room:
    """How many spans may be worked on at once: MOST_AT_ONCE, or one trace that has more. Others wait
    for their turn; traces of up to ALWAYS_ROOM spans never do."""

    def __init__(self, most: int = MOST_AT_ONCE, wait_s: float = WAIT_S) -> None:
        self._most, self._wait_s = most, wait_s
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, spans: int) -> Iterator[None]:
        """Hold room for so many spans; raises Busy, and Cancelled or TooSlow. It must not be taken
        again while it is held."""
        wanted = 0 if spans <= ALWAYS_ROOM else min(spans, self._most)
        with self._changed:
            free = lambda: self._taken + wanted <= self._most  # noqa: E731
            wait_for = lambda turn_s: self._changed.wait_for(free, turn_s)  # noqa: E731
            if wanted and not _is_there_in(self._wait_s, wait_for):
                raise Busy
            self._taken += wanted
        try:
            yield
        finally:
            with self._changed:
                self._taken -= wanted
                self._changed.notify_all()


class _Flight(Generic[T]):
    """Something that is being made, and who waits for it."""

    def __init__(self) -> None:
        self.result: Future[T] = Future()
        self._lock = threading.Lock()
        self._questions: list[Question] = []

    @contextmanager
    def awaited(self, question: Question) -> Iterator[None]:
        """Be one of those for whom it is made."""
        with self._lock:
            self._questions.append(question)
        try:
            yield
        finally:
            with self._lock:
                self._questions.remove(question)

    def is_done_in(self, wait_s: float) -> bool:
        """Wait so long; say whether it is made, or failed."""
        return bool(wait((self.result,), wait_s).done)

    def why_stop(self) -> StoreError | None:
        """Return why to stop making it: only when all who wait say so."""
        with self._lock:
            reasons = [question() for question in self._questions]
        return None if None in reasons else next(iter(reasons), None)


class Flights(Generic[T]):
    """What is being made right now, by key."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._made: dict[Hashable, _Flight[T]] = {}

    def join(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` returns, or what the one who makes it already gets, be it an error.
        It is made as long as anybody waits for it. Raises Busy when another takes too long, and
        Cancelled or TooSlow when this one should wait no longer."""
        while True:
            with self._lock:
                is_first = key not in self._made
                flight = self._made.setdefault(key, _Flight())
            with flight.awaited(current_question()):
                if is_first:
                    return self._make(key, flight, make)
                if not _is_there_in(self._wait_s, flight.is_done_in):
                    raise Busy
                try:
                    return flight.result.result()
                except (Cancelled, TooSlow):
                    # It was being stopped already when this one came: then it is made anew.
                    check()

    def _make(self, key: Hashable, flight: _Flight[T], make: Callable[[], T]) -> T:
        try:
            with answering(flight.why_stop):
                made = make()
        except BaseException as error:
            self._end(key)
            flight.result.set_exception(error)
            raise
        self._end(key)
        flight.result.set_result(made)
        return made

    def _end(self, key: Hashable) -> None:
        with self._lock:
            del self._made[key]


class Once(Generic[T]):
    """A value made when it is first asked for; who asks meanwhile waits for it. One that is known
    already is given at once."""

    def __init__(self, *known: T) -> None:
        self._lock = threading.Lock()
        self._made = list(known[:1])

    def get(self, make: Callable[[], T]) -> T:
        """Return the value; if making it fails, the next one to ask tries again. Raises Cancelled or
        TooSlow when this one should wait no longer."""
        if not self._made:
            _is_there_in(math.inf, lambda turn_s: self._lock.acquire(timeout=turn_s))
            try:
                if not self._made:
                    self._made.append(make())
            finally:
                self._lock.release()
        return self._made[0]
