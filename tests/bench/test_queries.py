"""The query benchmark asks what a file of copies can answer."""

from pathlib import Path

import pytest

from bench import copies, queries
from bench.load import Load
from bench.server import Server


def test_every_question_finds_what_its_name_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BASE_SPANS", 100_000)
    path = tmp_path / "q.duckdb"
    copies.make_store(path, 200_000, say=lambda _: None)
    asked = queries.make_queries(path)
    names = [query.name for query in asked]
    assert "value of 1 trace" in names
    assert "value of 2 traces" in names
    with Server(f"duckdb:{path}", "--retention", "off") as server:
        for query in asked:
            assert len(queries.ask(server.ui_url, query, 1)) == 1


def test_the_newest_are_asked_for_while_spans_come_in(tmp_path: Path) -> None:
    load = tmp_path / "load"
    load.write_bytes(b"".join(len(b).to_bytes(4, "big") + b for b in Load(1).bodies(3_000)))
    path = tmp_path / "q.duckdb"
    with Server(f"duckdb:{path}", "--retention", "off") as server:
        queries.send_all(server.otlp_url, load, 2)
    found = queries.measure_ingest(path, 5_000)
    assert [row["case"] for row in found] == ["at rest", "while spans come in"]
    assert float(found[1]["spans per second"]) > 0
