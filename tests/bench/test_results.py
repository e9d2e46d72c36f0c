"""Results are condensed, kept and compared without losing a figure."""

from pathlib import Path

import pytest

from bench.pages import cold_and_warm
from bench.results import Measured, median, read, show, write

RUNS: list[Measured] = [
    {"case": "tree 10", "first_row_ms": 900.0, "requests": 6},
    {"case": "tree 10", "first_row_ms": 100.0, "requests": 7},
    {"case": "tree 10", "first_row_ms": 300.0, "requests": 6},
    {"case": "tree 10", "first_row_ms": 200.0, "requests": 6},
]


def test_a_case_is_the_median_of_each_figure() -> None:
    assert median(RUNS[1:]) == {"case": "tree 10", "first_row_ms": 200.0, "requests": 6}


def test_the_very_first_run_is_told_apart_from_the_others() -> None:
    assert cold_and_warm(RUNS) == {
        "case": "tree 10",
        "first_row_cold_ms": 900.0,
        "first_row_ms": 200.0,
        "requests": 6,
    }


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "x.json", {"Pages": RUNS})
    assert read(tmp_path / "x.json") == {"Pages": RUNS}


def test_a_figure_stands_beside_the_earlier_one(capsys: pytest.CaptureFixture[str]) -> None:
    show("Pages", RUNS[3:], RUNS[1:2])
    printed = capsys.readouterr().out
    assert "100 → 200" in printed
    assert "×2.00" in printed


def test_a_case_that_is_new_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    show("Pages", RUNS[:1], [{"case": "tree 11", "first_row_ms": 1.0}])
    assert "→" not in capsys.readouterr().out
