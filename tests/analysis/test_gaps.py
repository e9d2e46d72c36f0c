"""Time in which nothing is recorded: told between two children, and nowhere else."""

from tests.builders import MS, START_NS, a_span, a_tree
from viewer.analysis.gaps import Gap, gaps
from viewer.analysis.self_time import self_times
from viewer.analysis.visible import children_of
from viewer.trace.span import Span


def found_in(*spans: Span) -> list[Gap]:
    tree = a_tree(spans)
    return gaps(tree, children_of(tree), self_times(tree))


def child(span_id: int, begin_ms: int, length_ms: int, parent: int = 1) -> Span:
    return a_span(span_id, parent, start_ns=START_NS + begin_ms * MS, duration_ns=length_ms * MS)


ROOT = a_span(1, duration_ns=1000 * MS)


def test_a_long_pause_between_two_children_is_told_with_both() -> None:
    (found,) = found_in(ROOT, child(2, 0, 100), child(3, 500, 450))
    assert (found.row, found.after, found.before) == (0, 1, 2)
    assert (found.length_ns, found.share) == (400 * MS, 0.4)


def test_time_before_the_first_child_or_after_the_last_is_the_span_s_own_work() -> None:
    assert found_in(ROOT, child(2, 400, 100), child(3, 500, 100)) == []
    assert found_in(ROOT, child(2, 400, 100)) == []
    assert found_in(ROOT) == []


def test_a_short_pause_is_none() -> None:
    assert found_in(ROOT, child(2, 0, 450), child(3, 500, 500)) == []
    tiny = a_span(1, duration_ns=20 * MS)
    assert found_in(tiny, child(2, 0, 6), child(3, 15, 5)) == []


def test_a_grandchild_that_runs_on_fills_the_gap() -> None:
    spans = [ROOT, child(2, 0, 100), child(3, 500, 450)]
    assert found_in(*spans, child(4, 50, 300, parent=2)) == []
    assert len(found_in(*spans, child(4, 50, 50, parent=2))) == 1


def test_the_longest_comes_first() -> None:
    found = found_in(ROOT, child(2, 0, 100), child(3, 300, 100), child(4, 700, 300))
    assert [gap.length_ns for gap in found] == [300 * MS, 200 * MS]
