"""The query benchmark asks what there is to ask, of a file of its own making."""

from pathlib import Path

import pytest

from bench import queries
from viewer.store import open_store


def test_a_store_of_copies_holds_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "BASE_SPANS", 20_000)
    path = tmp_path / "q.duckdb"
    queries.make_store(path, 60_000)
    store = open_store(f"duckdb:{path}")
    assert store.span_rows() == 60_000
    assert store.stats().traces % 3 == 0
    store.close()
