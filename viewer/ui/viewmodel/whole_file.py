"""A whole trace as a file: what the ways to it are called, and their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The whole trace as a file of a format."""

    label: str
    url: str


def whole_files(path: str, titles: Mapping[str, str]) -> tuple[WholeFile, ...]:
    """Return the files of the trace whose page is at ``path``; ``titles`` are of formats by name."""
    return tuple(
        WholeFile(title, f"{path}/download?format={name}") for name, title in titles.items()
    )
