"""The way from the root to a span in one line, however deep it is: the first, the last few, and how
many there are between."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viewer.trace.tree import Rows
from viewer.ui.filters import format_plural, service_class
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.crumbs import Crumb, Trail
from viewer.ui.viewmodel.rows import MOST_INDENT, Window, cut, row_name

MOST_LAST = 4
MOST_KNOWN = 60
_LONGEST_NAME = 60
UrlOf = Callable[[int], str]


def trail(trace: LoadedTrace, row: int, url_of: UrlOf) -> Trail:
    """Return the ancestors of a row; ``url_of`` has the address for the row of each."""
    above = _ancestors(trace, row)
    last = above[-MOST_LAST:]
    first = above[: min(len(above) - len(last), 1)]
    return Trail(
        first=tuple(crumb(trace, step, url_of) for step in first.tolist()),
        between=len(above) - len(first) - len(last),
        last=tuple(crumb(trace, step, url_of) for step in last.tolist()),
    )


def window_trail(trace: LoadedTrace, visible: Rows, offset: int, url_of: UrlOf) -> Trail | None:
    """Return the ancestors of a window's first row; None in a trace that is not deep."""
    levels = int(trace.tree.depth.max()) + 1
    if levels - 1 <= MOST_INDENT or offset >= len(visible):
        return None
    way = trail(trace, int(visible[offset]), url_of)
    return replace(way, top=format_plural(levels, "level"), selects=True)


def with_known_ancestors(
    trace: LoadedTrace, visible: Rows, window: Window, url_of: UrlOf
) -> Window:
    """Return the window of a deep trace with those ancestors of its rows that stand before it: of
    each row the first and the last few, so that a script can tell the way to any of them."""
    shown = visible[window.offset : window.offset + len(window.rows)]
    if int(trace.tree.depth.max()) <= MOST_INDENT or not len(shown):
        return window
    above = _ancestors(trace, int(shown[0]))
    # What stands before a window and above any of its rows is above its first row as well, one a
    # level. Where the rows come up again, others of them are the last few.
    depth = trace.tree.depth[shown]
    reached = np.unique(np.minimum.accumulate(depth))
    wanted = {0} | {int(level) - step for level in reached for step in range(1, MOST_LAST + 1)}
    known = sorted(level for level in wanted if 0 <= level < len(above))
    # The nearest ones matter most.
    kept = known[:1] + known[1:][-MOST_KNOWN:]
    return replace(window, ancestors=tuple(crumb(trace, int(above[at]), url_of) for at in kept))


def crumb(trace: LoadedTrace, row: int, url_of: UrlOf) -> Crumb:
    """Return a row as a step of a way."""
    columns = trace.tree.columns
    return Crumb(
        level=int(trace.tree.depth[row]) + 1,
        name=cut(row_name(trace, row), _LONGEST_NAME),
        service_class=service_class(columns.services[columns.service[row]]),
        url=url_of(row),
    )


def _ancestors(trace: LoadedTrace, row: int) -> NDArray[np.intp]:
    return np.flatnonzero(trace.tree.subtree_end[:row] > row)
