"""Large work once and not all at once: what many ask for together is made for all of them by the one
who came first, and only so much is in the making at a time."""

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Generic, TypeVar

WAIT_S = 20.0
MOST_AT_ONCE = 2_000_000
ALWAYS_ROOM = 50_000

T = TypeVar("T")


class Busy(Exception):
    """So much is being made that this one did not get its turn in time; worth another try."""


class Room:
    """How many spans may be worked on at once: MOST_AT_ONCE, or one trace that has more. Others wait
    for their turn; traces of up to ALWAYS_ROOM spans never do."""

    def __init__(self, most: int = MOST_AT_ONCE, wait_s: float = WAIT_S) -> None:
        self._most, self._wait_s = most, wait_s
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, spans: int) -> Iterator[None]:
        """Hold room for so many spans; raises Busy. It must not be taken again while it is held."""
        wanted = 0 if spans <= ALWAYS_ROOM else min(spans, self._most)
        with self._changed:
            free = lambda: self._taken + wanted <= self._most  # noqa: E731
            if wanted and not self._changed.wait_for(free, self._wait_s):
                raise Busy
            self._taken += wanted
        try:
            yield
        finally:
            with self._changed:
                self._taken -= wanted
                self._changed.notify_all()


class Flights(Generic[T]):
    """What is being made right now, by key."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._made: dict[Hashable, Future[T]] = {}

    def join(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` returns, or what the one who makes it already gets, be it an error.
        Raises Busy when that takes too long."""
        with self._lock:
            known = self._made.get(key)
            own: Future[T] = Future()
            if known is None:
                self._made[key] = own
        if known is not None:
            if not wait((known,), self._wait_s).done:
                raise Busy
            return known.result()
        try:
            made = make()
        except BaseException as error:
            own.set_exception(error)
            raise
        else:
            own.set_result(made)
            return made
        finally:
            with self._lock:
                del self._made[key]


class Once(Generic[T]):
    """A value made when it is first asked for; who asks meanwhile waits for it. One that is known
    already is given at once."""

    def __init__(self, *known: T) -> None:
        self._lock = threading.Lock()
        self._made = list(known[:1])

    def get(self, make: Callable[[], T]) -> T:
        """Return the value; if making it fails, the next one to ask tries again."""
        with self._lock:
            if not self._made:
                self._made.append(make())
            return self._made[0]
