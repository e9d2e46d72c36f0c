"""Results of measurements as a table, as JSON, and beside those of an earlier run."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

Measured = Mapping[str, str | float]
"""A case by its name, with its figures."""


def median(runs: Sequence[Measured]) -> dict[str, str | float]:
    """Return the medians of several runs of one case."""
    return {
        name: value
        if isinstance(value, str)
        else statistics.median(float(run[name]) for run in runs)
        for name, value in runs[0].items()
    }


def show(title: str, results: Sequence[Measured], earlier: Sequence[Measured] = ()) -> None:
    """Print a table, a row per case; with ``earlier`` results each figure after the earlier one,
    and how many times as much it is."""
    before = {str(result["case"]): result for result in earlier}
    table = Table(title=title)
    for name in results[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "case" else "right")
    for result in results:
        known = before.get(str(result["case"]), {})
        table.add_row(*(_cell(value, known.get(name)) for name, value in result.items()))
    Console(width=max(160, Console().width)).print(table)


def _cell(value: str | float, earlier: str | float | None) -> str:
    if isinstance(value, str):
        return value
    if earlier is None or isinstance(earlier, str):
        return _number(value)
    ratio = f"\n×{value / earlier:.2f}" if earlier else ""
    return f"{_number(earlier)} → {_number(value)}{ratio}"


def _number(value: float) -> str:
    return f"{value:,.1f}" if abs(value) < 10 and value != int(value) else f"{value:,.0f}"


def write(path: Path, results: Mapping[str, Sequence[Measured]]) -> None:
    """Write results, by their title, as JSON."""
    path.write_text(
        json.dumps({name: list(rows) for name, rows in results.items()}, indent=2) + "\n"
    )


def read(path: Path) -> dict[str, list[Measured]]:
    """Return what `write` has written."""
    found: dict[str, list[Measured]] = json.loads(path.read_text())
    return found
