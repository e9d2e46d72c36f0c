"""Large work is done once for all who ask, and only so much of it at a time; all with real threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from viewer.store.cancel import Cancelled, Question, TooSlow, answering, check, while_waited_for
from viewer.ui.loading import ALWAYS_ROOM, Busy, Flights, Once, Room

LARGE = 1_000_000


class Counted:
    """Work that lasts until it is let go; counts how much is under way, and how often it was done."""

    def __init__(self) -> None:
        self.done = self.most = self.now = 0
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.begun.release()
        assert self.let_go.wait(10)
        with self._lock:
            self.now -= 1
            self.done += 1
            return self.done


def in_room(room: Room, spans: int, work: Callable[[], int]) -> int:
    with room.taken(spans):
        return work()


def test_at_most_two_large_traces_are_worked_on_at_once() -> None:
    room, work = Room(wait_s=10), Counted()
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(in_room, room, LARGE, work) for _ in range(8)]
        assert work.begun.acquire(timeout=5)
        assert work.begun.acquire(timeout=5)
        # A third one would have begun as well.
        assert not work.begun.acquire(timeout=0.2)
        work.let_go.set()
        assert sorted(one.result(10) for one in running) == list(range(1, 9))
    assert work.most == 2


def test_who_waits_too_long_for_room_is_told() -> None:
    room, work = Room(wait_s=0.05), Counted()
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(in_room, room, LARGE, work) for _ in range(2)]
        for _ in running:
            assert work.begun.acquire(timeout=5)
        with pytest.raises(Busy), room.taken(LARGE):
            pytest.fail("there was room")
        work.let_go.set()
        assert all(one.result(10) for one in running)
    with room.taken(LARGE):
        assert work.done == 2


def test_small_traces_never_wait() -> None:
    room, work = Room(wait_s=0), Counted()
    work.let_go.set()
    with room.taken(2 * LARGE):
        assert in_room(room, ALWAYS_ROOM, work) == 1


def test_one_that_is_larger_than_all_room_is_worked_on_alone() -> None:
    room, work = Room(wait_s=0), Counted()
    work.let_go.set()
    assert in_room(room, 50 * LARGE, work) == 1
    with room.taken(50 * LARGE), pytest.raises(Busy), room.taken(ALWAYS_ROOM + 1):
        pytest.fail("there was room")


def test_room_is_given_back_when_the_work_fails() -> None:
    room = Room(wait_s=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            in_room(room, 2 * LARGE, lambda: 1 // 0)


def test_what_many_ask_for_at_once_is_made_once() -> None:
    flights, work = Flights[int](wait_s=10), Counted()
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(flights.join, "a", work) for _ in range(8)]
        assert work.begun.acquire(timeout=5)
        assert not work.begun.acquire(timeout=0.2)
        work.let_go.set()
        assert {one.result(10) for one in running} == {1}
    assert flights.join("a", work) == 2


def test_different_things_do_not_wait_for_each_other() -> None:
    flights, work = Flights[int](wait_s=10), Counted()
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(flights.join, key, work) for key in "ab"]
        for _ in running:
            assert work.begun.acquire(timeout=5)
        work.let_go.set()
        assert sorted(one.result(10) for one in running) == [1, 2]


def test_an_error_reaches_all_who_wait_and_the_next_one_tries_again() -> None:
    flights = Flights[int](wait_s=10)
    begun, let_go = threading.Event(), threading.Event()

    def fail() -> int:
        begun.set()
        assert let_go.wait(10)
        return 1 // 0

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flights.join, "a", fail)
        assert begun.wait(5)
        second = threads.submit(flights.join, "a", fail)
        let_go.set()
        for one in (first, second):
            with pytest.raises(ZeroDivisionError):
                one.result(10)
    assert flights.join("a", lambda: 7) == 7


def test_who_waits_too_long_for_another_is_told() -> None:
    flights, work = Flights[int](wait_s=0.05), Counted()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(flights.join, "a", work)
        assert work.begun.acquire(timeout=5)
        with pytest.raises(Busy):
            flights.join("a", work)
        work.let_go.set()
        assert running.result(10) == 1


def test_a_value_is_made_once_and_again_only_after_a_failure() -> None:
    once = Once[int]()
    with pytest.raises(ZeroDivisionError):
        once.get(lambda: 1 // 0)
    assert once.get(lambda: 1) == 1
    assert once.get(lambda: 2) == 1


class Client:
    """Somebody who waits until he leaves."""

    def __init__(self) -> None:
        self.leave = threading.Event()

    def waits_in(self, work: Callable[[], int]) -> int:
        with answering(while_waited_for(self.leave.is_set)):
            return work()


def until_stopped(begun: threading.Semaphore, end: threading.Event) -> Callable[[], int]:
    """Return work that ends when nobody waits for it, or when it is told to."""

    def work() -> int:
        begun.release()
        while not end.wait(0.01):
            check()
        return 7

    return work


def test_work_goes_on_for_who_waits_when_the_one_who_began_it_goes() -> None:
    flights, begun, end = Flights[int](wait_s=10), threading.Semaphore(0), threading.Event()
    first, second = Client(), Client()
    work = until_stopped(begun, end)
    with ThreadPoolExecutor(2) as threads, ExitStack() as at_the_end:
        at_the_end.callback(end.set)
        one = threads.submit(first.waits_in, lambda: flights.join("a", work))
        assert begun.acquire(timeout=5)
        two = threads.submit(second.waits_in, lambda: flights.join("a", work))
        while len(flights._made["a"]._questions) < 2:
            assert not one.done()
        first.leave.set()
        assert not begun.acquire(timeout=0.1)
        end.set()
        assert two.result(10) == one.result(10) == 7


def test_work_ends_when_all_who_waited_for_it_have_gone() -> None:
    flights, begun, never = Flights[int](wait_s=10), threading.Semaphore(0), threading.Event()
    clients = [Client(), Client(), Client()]
    work = until_stopped(begun, never)
    with ThreadPoolExecutor(3) as threads:
        running = [
            threads.submit(client.waits_in, lambda: flights.join("a", work)) for client in clients
        ]
        assert begun.acquire(timeout=5)
        for client in clients:
            client.leave.set()
        for one in running:
            with pytest.raises(Cancelled):
                one.result(10)
    assert flights.join("a", lambda: 8) == 8


def test_who_comes_while_work_is_being_stopped_has_it_made_anew() -> None:
    flights, begun, end = Flights[int](wait_s=10), threading.Semaphore(0), threading.Event()

    def stopped() -> int:
        begun.release()
        assert end.wait(5)
        # All who had asked had gone when it was decided.
        raise Cancelled("gone")

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(flights.join, "a", stopped)
        assert begun.acquire(timeout=5)
        two = threads.submit(flights.join, "a", lambda: 9)
        while len(flights._made["a"]._questions) < 2:
            assert not two.done()
        end.set()
        with pytest.raises(Cancelled):
            one.result(10)
        assert two.result(10) == 9


@pytest.mark.parametrize(
    ("question", "reason"),
    [(while_waited_for(lambda: True), Cancelled), (while_waited_for(lambda: False, -1), TooSlow)],
)
def test_who_has_gone_waits_for_neither_room_nor_others_nor_a_value(
    question: Question, reason: type[Exception]
) -> None:
    room, flights, once, work = Room(wait_s=10), Flights[int](wait_s=10), Once[int](), Counted()
    with ThreadPoolExecutor(2) as threads:
        running = [
            threads.submit(flights.join, "a", work),
            threads.submit(lambda: once.get(work)),
        ]
        for _ in running:
            assert work.begun.acquire(timeout=5)
        with room.taken(2 * LARGE), answering(question):
            with pytest.raises(reason), room.taken(LARGE):
                pytest.fail("there was room")
            with pytest.raises(reason):
                flights.join("a", work)
            with pytest.raises(reason):
                once.get(work)
        work.let_go.set()
        assert sorted(one.result(10) for one in running) == [1, 2]
    with room.taken(2 * LARGE):
        assert once.get(work) in (1, 2)
