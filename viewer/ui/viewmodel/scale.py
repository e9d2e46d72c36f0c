"""The scale of the waterfall's bars: where a moment of the shown range stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BAR_UNITS = 1000.0
LEAST_WIDTH = 1.5
MOST_SEGMENTS = 40


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps offsets from the trace's start to bar units, for the shown range."""

    from_ns: int
    to_ns: int

    def x(self, offset_ns: int) -> float:
        """Return the place of an offset, cut to the range."""
        share = (offset_ns - self.from_ns) / max(self.to_ns - self.from_ns, 1)
        return round(min(max(share, 0.0), 1.0) * BAR_UNITS, 2)

    def bar(self, begin_ns: int, end_ns: int, least: float = LEAST_WIDTH) -> tuple[float, float]:
        """Return place and width of a bar: at least ``least`` wide, nowhere beyond the range, and
        of no width if no part of it lies within."""
        x = self.x(begin_ns)
        if end_ns < self.from_ns or begin_ns > self.to_ns:
            return x, 0.0
        width = max(round(self.x(end_ns) - x, 2), least)
        return round(min(x, BAR_UNITS - width), 2), width

    def longest(self, stretches: NDArray[np.int64]) -> list[list[int]]:
        """Return what of the stretches is in sight, in their order; of very many the longest ones."""
        shown = np.clip(stretches, self.from_ns, self.to_ns)
        lengths = shown[:, 1] - shown[:, 0]
        longest = np.argsort(-lengths, kind="stable")[:MOST_SEGMENTS]
        chosen: list[list[int]] = shown[np.sort(longest[lengths[longest] > 0])].tolist()
        return chosen
