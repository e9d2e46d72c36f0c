"""What segments hold: the same from memory, from the file, and from both."""

from pathlib import Path
from random import Random

import duckdb
import numpy as np
import pytest

from viewer.store.duckdb import notes
from viewer.store.duckdb.notes import ATTRIBUTES, TRACES, Notes, Segment, keys_of, load_notes

SEGMENTS = 12


@pytest.fixture
def con(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(str(tmp_path / "notes.duckdb"))
    con.execute("CREATE TABLE segments (segment INTEGER, first_ns BIGINT, last_ns BIGINT)")
    for table in (TRACES, ATTRIBUTES):
        con.execute(f"CREATE TABLE {table} (token UINTEGER, segment INTEGER)")
    return con


def held(chance: Random) -> dict[int, dict[str, list[int]]]:
    """Return made tokens by segment and table: the least and the greatest, rare and common ones."""
    some = [0, 1, 2, 7, (1 << 32) - 1, *(chance.randrange(1 << 32) for _ in range(30))]
    return {
        number: {table: sorted(chance.sample(some, 8)) for table in (TRACES, ATTRIBUTES)}
        for number in range(3, 3 + SEGMENTS)
    }


def put(con: duckdb.DuckDBPyConnection, number: int, tokens: dict[str, list[int]]) -> None:
    con.execute(f"INSERT INTO segments VALUES ({number}, {number * 10}, {number * 10 + 9})")
    for table, listed in tokens.items():
        con.executemany(f"INSERT INTO {table} VALUES (?, {number})", [[token] for token in listed])


def of_segment(number: int, tokens: dict[str, list[int]]) -> tuple[Segment, dict[str, notes.Keys]]:
    keys = {
        table: keys_of(np.array(listed, np.uint32), np.full(len(listed), number, np.int32))
        for table, listed in tokens.items()
    }
    return Segment(number, number * 10, number * 10 + 9), keys


@pytest.mark.parametrize("most", [0, 16, 50, 100, 1000])
@pytest.mark.parametrize("loaded", [0, 5, SEGMENTS])
def test_a_token_is_found_in_the_segments_that_have_it(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, most: int, loaded: int
) -> None:
    monkeypatch.setattr(notes, "MOST_TOKENS", most)
    chance = Random(most + loaded)
    tokens = held(chance)
    known: Notes | None = None
    for place, (number, of) in enumerate(tokens.items()):
        if place == loaded:
            known = load_notes(con)
        put(con, number, of)
        if known is not None:
            known = known.with_segment(*of_segment(number, of))
    known = known or load_notes(con)
    assert sum(len(keys) for blocks in known.blocks.values() for keys in blocks) <= most
    assert [segment.number for segment in known.segments] == list(tokens)
    for table in (TRACES, ATTRIBUTES):
        for wanted in ([], [0], [(1 << 32) - 1], [5], [0, 7], tokens[3][table]):
            expected = {n for n, of in tokens.items() if set(of[table]) & set(wanted)}
            assert known.holding(con, table, wanted) == expected


def test_a_segment_that_a_transaction_does_not_see_yet_counts_as_holding_all(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "MOST_TOKENS", 0)
    tokens = {TRACES: [1], ATTRIBUTES: [2]}
    put(con, 1, tokens)
    known = load_notes(con).with_segment(*of_segment(2, tokens))
    assert known.holding(con, TRACES, [9]) == {2}
