"""Notes of imports stand or fall with the spans of their transaction, and outlive them."""

from pathlib import Path

import pytest

from tests.builders import a_batch, a_trace
from tests.store.contract import a_note
from tests.store.duckdb.test_engine import a_store
from viewer.store.base import StoreError
from viewer.store.duckdb import compact, engine


def test_a_note_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    store = a_store(path)
    store.write_spans([a_batch(a_trace())], imports=[a_note("one")])
    store.close()
    store = a_store(path)
    assert store.import_noted("one") == a_note("one")
    store.close()


def test_neither_spans_nor_note_stand_where_the_transaction_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(tmp_path / "s.duckdb")
    store.write_spans([a_batch(a_trace())], imports=[a_note("one")])

    def fail(*_: object) -> None:
        raise StoreError("died")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "note_imports", fail)
        with pytest.raises(StoreError):
            store.write_spans([a_batch(a_trace(2))], imports=[a_note("one", spans=3)])
    with monkeypatch.context() as patch:
        patch.setattr(store._resources, "number", fail)
        with pytest.raises(StoreError):
            store.write_spans([a_batch(a_trace(2))], imports=[a_note("one", spans=3)])
    assert store.span_rows() == 3
    assert store.import_noted("one") == a_note("one")
    store.close()


def test_notes_outlive_retention_and_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "WORTH_BYTES", -1)
    monkeypatch.setattr(compact, "WORTH_SHARE", -1)
    store = a_store(tmp_path / "s.duckdb")
    store.write_spans([a_batch(a_trace())], imports=[a_note("one")])
    assert store.prune(1 << 62, None).span_rows == 3
    store.compact()
    assert store.import_noted("one") == a_note("one")
    store.close()
