"""A store of copies holds as many spans as asked for, and notes of where they lie."""

from pathlib import Path

import duckdb
import pytest

from bench import copies
from viewer.store import open_store
from viewer.store.duckdb import segments


def test_copies_are_other_traces_with_all_their_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BASE_SPANS", 20_000)
    monkeypatch.setattr(segments, "SEGMENT_ROWS", 10_000)
    path = tmp_path / "q.duckdb"
    copies.make_store(path, 60_000, say=lambda _: None)
    store = open_store(f"duckdb:{path}")
    assert store.span_rows() == 60_000
    assert store.stats().traces % 3 == 0
    assert not store.tend()
    store.close()
    with duckdb.connect(str(path), read_only=True) as con:
        orphans = con.execute(
            "SELECT count(*) FROM spans AS child WHERE parent_id <> 0 AND NOT EXISTS (FROM spans"
            " WHERE trace_id = child.trace_id AND span_id = child.parent_id)"
        ).fetchall()
        noted = con.execute("SELECT count(*) FROM segments").fetchall()
    assert orphans == [(0,)]
    assert noted[0][0] >= 2
