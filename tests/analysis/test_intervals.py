"""Unions of many groups' intervals, compared with plain Python, also where 64 bits would not do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from viewer.analysis.intervals import covered, reached_before

MOST = (1 << 63) - 1
points = st.one_of(st.integers(0, 20), st.sampled_from([MOST - 1, MOST]))
intervals = st.lists(st.tuples(st.integers(0, 3), points, points), max_size=20)


@given(intervals)
def test_each_group_has_the_union_of_its_own_intervals(
    given_intervals: list[tuple[int, int, int]],
) -> None:
    numbers = {number: at for at, number in enumerate(sorted({one[0] for one in given_intervals}))}
    rows = sorted((numbers[group], min(a, b), max(a, b)) for group, a, b in given_intervals)
    group, begin, end = (np.array([row[at] for row in rows], np.int64) for at in range(3))
    lengths, before = covered(group, begin, end), reached_before(group, begin, end)
    for number in range(len(numbers)):
        total, reached = 0, -1
        for at, (of, low, high) in enumerate(rows):
            if of == number:
                assert before[at] == (low if reached < 0 else reached)
                total += max(high - max(low, reached), 0)
                reached = max(reached, high)
        assert lengths[number] == total
    assert len(lengths) == len(numbers)
