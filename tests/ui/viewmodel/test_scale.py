"""The scale of the bars: within the range, wide enough to be seen, the longest first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from viewer.ui.viewmodel.scale import BAR_UNITS, MOST_SEGMENTS, Scale

_ANY_NS = st.integers(0, 2**62) | st.integers(0, 100)


@given(_ANY_NS, _ANY_NS, _ANY_NS, _ANY_NS)
def test_bars_lie_within_the_range_and_can_be_seen(
    begin: int, length: int, from_ns: int, shown: int
) -> None:
    scale = Scale(from_ns, from_ns + shown)
    x, width = scale.bar(begin, begin + length)
    assert 0 <= x <= x + width <= BAR_UNITS
    if begin + length < from_ns or begin > from_ns + shown:
        assert width == 0
    else:
        assert width >= 1.5


def test_of_many_stretches_the_longest_are_kept_in_their_order() -> None:
    lengths = np.arange(1, MOST_SEGMENTS + 11)
    begin = np.arange(len(lengths)) * 1000
    kept = Scale(0, 10**6).longest(np.column_stack((begin, begin + lengths)))
    assert [end - low for low, end in kept] == list(range(11, MOST_SEGMENTS + 11))


def test_stretches_out_of_sight_are_left_out_and_others_cut() -> None:
    assert Scale(10, 20).longest(np.array([(0, 5), (5, 12), (15, 30), (25, 30)])) == [
        [10, 12],
        [15, 20],
    ]
