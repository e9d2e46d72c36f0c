"""Rows of a trace in the order of one of their properties."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from viewer.trace.tree import Rows

UNKNOWN = -1
"""The rank of what has no value."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def ranks(texts: Iterable[str | None]) -> NDArray[np.int64]:
    """Return each text's place among them, equal ones alike: numbers by their value, then all others
    by code point. None is UNKNOWN."""
    given = list(texts)
    known = sorted({text for text in given if text is not None})
    numbers = [text for text in known if _NUMBER.fullmatch(text)]
    # Sorting is stable, so that numbers of one value stay in the order of their texts.
    numbers.sort(key=float)
    others = (text for text in known if not _NUMBER.fullmatch(text))
    ordered = (*numbers, *others)
    place: dict[str | None, int] = {text: number for number, text in enumerate(ordered)}
    place[None] = UNKNOWN
    return np.fromiter((place[text] for text in given), np.int64, len(given))


def in_order(rows: Rows, values: NDArray[np.int64], descending: bool) -> Rows:
    """Return rows, given in ascending order, by the values of each (one a row of ``rows``); equal
    ones stay in the order of rows, negative ones (UNKNOWN) come last either way."""
    known = values >= 0
    order = np.argsort(-values[known] if descending else values[known], kind="stable")
    return np.concatenate((rows[known][order], rows[~known]))


def name_ranks(names: Sequence[str], number: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the place of each row's name, where rows hold the numbers of names."""
    found: NDArray[np.int64] = ranks(names)[number] if len(names) else np.empty(0, np.int64)
    return found
