"""Who waits: queries are stopped when nobody does, and only then. Real threads, no clock of ours."""

import threading
import time
from collections.abc import Callable

import pytest

from viewer.store import cancel
from viewer.store.cancel import (
    ASK_EVERY_S,
    Cancelled,
    TooSlow,
    answering,
    check,
    current_question,
    interruptible,
    stopped_queries,
    while_waited_for,
)


class Query:
    """Something that lasts until it is interrupted."""

    def __init__(self) -> None:
        self.interrupted = threading.Semaphore(0)
        self.times = 0

    def interrupt(self) -> None:
        self.times += 1
        self.interrupted.release()


def gone() -> bool:
    return True


def here() -> bool:
    return False


def stopped(reason: str, question: Callable[[], bool], limit_s: float | None = None) -> Query:
    """Run a query of one who leaves once it runs, until it is interrupted."""
    query, leaves, before = Query(), threading.Event(), stopped_queries()[reason]
    waiting = while_waited_for(lambda: leaves.is_set() and question(), limit_s)
    with answering(waiting), interruptible(query.interrupt) as running:
        assert running is not None
        leaves.set()
        assert query.interrupted.acquire(timeout=5)
        assert running.reason is not None
    assert stopped_queries()[reason] == before + 1
    return query


def test_a_query_is_interrupted_when_its_client_has_gone() -> None:
    stopped("nobody waits", gone)


def test_a_query_is_interrupted_when_it_takes_too_long() -> None:
    begin = time.monotonic()
    stopped("time limit", here, limit_s=0.05)
    assert time.monotonic() - begin < 20 * ASK_EVERY_S


def test_it_is_interrupted_again_and_never_after_its_block() -> None:
    query = Query()
    leaves = threading.Event()
    with answering(while_waited_for(leaves.is_set)), interruptible(query.interrupt):
        leaves.set()
        # The first may have come between two statements.
        for _ in range(3):
            assert query.interrupted.acquire(timeout=5)
    times = query.times
    # The one thread asks for this one, after it would have asked for that one.
    stopped("nobody waits", gone)
    assert query.times == times


def test_what_somebody_waits_for_goes_on_beside_what_is_stopped() -> None:
    query = Query()
    with answering(while_waited_for(here, 60)), interruptible(query.interrupt) as running:
        stopped("nobody waits", gone)
        assert running is not None
        assert running.reason is None
    assert query.times == 0


def test_what_runs_for_nobody_by_design_is_not_looked_at() -> None:
    query = Query()
    with interruptible(query.interrupt) as running:
        assert running is None
    check()
    assert current_question()() is None


def test_no_query_begins_for_one_who_has_gone() -> None:
    with answering(while_waited_for(gone)):
        with pytest.raises(Cancelled), interruptible(lambda: None):
            pytest.fail("it began")
        with pytest.raises(Cancelled):
            check()
    with answering(while_waited_for(here, -1)), pytest.raises(TooSlow, match="after -1 s"):
        check()


def test_a_thread_of_its_own_asks_only_while_there_are_queries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancel, "ASK_EVERY_S", 0.001)
    watch = cancel._Watch()
    for _ in range(2):
        query = Query()
        running = cancel.Running(while_waited_for(gone), query.interrupt)
        watch.add(running)
        assert query.interrupted.acquire(timeout=5)
        watch.remove(running)
        deadline = time.monotonic() + 5
        while not watch._sleeps:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    assert watch.stopped() == {"nobody waits": 2, "time limit": 0}


def test_what_belongs_to_one_thread_is_not_seen_by_another() -> None:
    seen: list[object] = []
    with answering(while_waited_for(gone)):
        thread = threading.Thread(target=lambda: seen.append(current_question()()))
        thread.start()
        thread.join()
    assert seen == [None]
