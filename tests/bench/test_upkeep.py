"""The upkeep benchmark finds a smaller file with all that was to stay."""

from pathlib import Path

import pytest

from bench.upkeep import Repeated, measure
from viewer.store.duckdb import compact


def test_the_file_is_smaller_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "WORTH_BYTES", compact.WORTH_BYTES)
    rows = measure(500_000, 5_000, tmp_path / "upkeep.duckdb")
    assert [row["case"] for row in rows] == ["full", "half removed", "made smaller"]
    assert float(rows[2]["file_mb"]) < float(rows[0]["file_mb"]) * 0.8


def test_an_error_of_what_is_repeated_is_told() -> None:
    with pytest.raises(ZeroDivisionError), Repeated(lambda: 1 // 0):
        pass
