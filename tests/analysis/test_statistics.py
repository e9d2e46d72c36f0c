"""Groups of spans in numbers, compared with plain Python over the same spans."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_span, a_tree
from viewer.analysis.self_time import self_times
from viewer.analysis.statistics import group_statistics


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.booleans(), st.integers(-1, 3)), min_size=1, max_size=30
    )
)
def test_every_number_is_what_plain_python_says(
    spans: list[tuple[int, bool, int]],
) -> None:
    tree = a_tree(
        [
            a_span(number, duration_ns=duration, error=failed, start_ns=number)
            for number, (duration, failed, _) in enumerate(spans, 1)
        ]
    )
    group_of = {number: group for number, (_, _, group) in enumerate(spans, 1)}
    group = np.array([group_of[int(span_id)] for span_id in tree.columns.span_id], np.int64)
    own = self_times(tree)
    found = group_statistics(tree, own, group, 5)
    assert len(found) == 5
    for number in range(5):
        rows = np.flatnonzero(group == number)
        durations = sorted(tree.columns.dur_ns[rows].tolist())
        assert found.count[number] == len(rows)
        assert found.total_ns[number] == sum(durations)
        assert found.self_ns[number] == own[rows].sum()
        assert found.errors[number] == (tree.columns.status[rows] == 2).sum()
        if not durations:
            assert (found.longest[number], found.max_ns[number]) == (-1, 0)
            continue
        assert found.max_ns[number] == durations[-1]
        assert found.p50_ns[number] == durations[math.ceil(len(durations) * 0.50) - 1]
        assert found.p95_ns[number] == durations[math.ceil(len(durations) * 0.95) - 1]
        assert tree.columns.dur_ns[found.longest[number]] == durations[-1]
