"""The memory benchmark opens what it has stored, and tells refusals from answers."""

from bench.memory import open_all, served


def test_traces_are_stored_and_opened() -> None:
    with served(spans=50, traces=3) as (server, ids):
        result = open_all(server, "few", [*ids, ids[0]], 2)
    assert (result.opened, result.refused) == (4, 0)
    assert 0 < result.before_mb <= result.peak_mb
