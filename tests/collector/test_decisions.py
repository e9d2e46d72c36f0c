"""Verdicts are remembered, the newest longest."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from viewer.collector.decisions import Decisions


def put(decisions: Decisions, verdicts: dict[int, int]) -> None:
    decisions.put(np.array(list(verdicts), np.uint64), np.array(list(verdicts.values()), np.uint16))


def get(decisions: Decisions, hashes: list[int]) -> list[int]:
    verdicts: list[int] = decisions.get(np.array(hashes, np.uint64)).tolist()
    return verdicts


_HASHES = st.integers(0, (1 << 64) - 1) | st.integers(0, 40).map(lambda number: number << 3)


@given(
    st.lists(st.dictionaries(_HASHES, st.integers(1, 65535), max_size=8), max_size=6),
    st.lists(_HASHES),
)
def test_of_each_set_the_newest_are_remembered(
    rounds: list[dict[int, int]], others: list[int]
) -> None:
    # One set of eight, so that a list is its oracle.
    decisions, newest = Decisions(sets=1), dict[int, int]()
    for verdicts in rounds:
        put(decisions, verdicts)
        for number, verdict in verdicts.items():
            newest.pop(number, None)
            newest[number] = verdict
    remembered = dict(list(newest.items())[-8:])
    asked = [*newest, *others]
    assert get(decisions, asked) == [remembered.get(number, 0) for number in asked]


def test_a_hundred_thousand_traces_are_remembered() -> None:
    decisions = Decisions()
    chance = np.random.default_rng(3)
    hashes = chance.integers(0, 1 << 64, 100_000, np.uint64)
    for part in np.split(hashes, 10):
        decisions.put(part, np.full(len(part), 7, np.uint16))
    assert (decisions.get(hashes) == 7).all()
    assert not decisions.get(hashes + np.uint64(1)).any()
