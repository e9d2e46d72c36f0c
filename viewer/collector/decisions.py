"""What was decided about the last million traces, in ten megabytes."""

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 0
"""The verdict on a trace that is not remembered."""
_WAYS = 8
_SETS = 1 << 17
MOST_VERDICTS = (1 << 16) - 1


class Decisions:
    """Verdicts (1 to MOST_VERDICTS) by the traces' hashes, 64 bits each.

    A hash belongs to one of many sets, each of which keeps the last few that were put into it: what
    is forgotten is old, if not in all cases the oldest. Nothing is allocated per trace.
    """

    def __init__(self, sets: int = _SETS) -> None:
        """``sets`` is a power of two."""
        self._mask = np.uint64(sets - 1)
        self._hashes = np.zeros((sets, _WAYS), np.uint64)
        self._verdicts = np.zeros((sets, _WAYS), np.uint16)

    def get(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint16]:
        """Return the verdict on each trace, UNKNOWN where there is none."""
        sets = (hashes & self._mask).astype(np.int64)
        same = self._hashes[sets] == hashes[:, None]
        verdicts: NDArray[np.uint16] = np.where(same, self._verdicts[sets], 0).max(axis=1)
        return verdicts

    def put(self, hashes: NDArray[np.uint64], verdicts: NDArray[np.uint16]) -> None:
        """Remember the verdicts, those that are known already as the newest again."""
        sets = (hashes & self._mask).astype(np.int64)
        while len(sets):
            # One of each set at a time, in their order.
            of_set, first = np.unique(sets, return_index=True)
            known = (self._hashes[of_set] == hashes[first, None]) & (self._verdicts[of_set] > 0)
            leaves = np.where(known.any(axis=1), known.argmax(axis=1), _WAYS - 1)
            ways = np.arange(_WAYS)
            moved = np.where(ways <= leaves[:, None], np.maximum(ways - 1, 0), ways)
            for table, new in ((self._hashes, hashes), (self._verdicts, verdicts)):
                row = np.take_along_axis(table[of_set], moved, axis=1)
                row[:, 0] = new[first]
                table[of_set] = row
            rest = np.ones(len(sets), np.bool_)
            rest[first] = False
            sets, hashes, verdicts = sets[rest], hashes[rest], verdicts[rest]
