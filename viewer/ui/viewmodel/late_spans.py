"""The notice that spans of the trace in view have arrived since, and when to look again."""

from dataclasses import dataclass

from viewer.store.base import LateSpans
from viewer.ui.filters import format_plural

LEAST_S, MOST_S = 5, 60
QUIET_NS = 600 * 10**9
"""Of a trace of which nothing was stored for so long nothing more is awaited."""
_SHARE_OF_AGE = 6


@dataclass(frozen=True, slots=True)
class LateNotice:
    """``told`` is empty where nothing has arrived; ``show_url`` shows the page with it. ``poll_url``
    is to be asked again ``every`` so often, empty where no more is awaited."""

    told: str
    show_url: str
    poll_url: str
    every: str


def late_notice(
    path: str, since_ns: int, late: LateSpans, now_ns: int, show_url: str
) -> LateNotice:
    """Return the notice of what was stored after ``since_ns``, the last storing that is in view. The
    longer nothing was stored, the more seldom the page asks; after QUIET_NS no more."""
    age_ns = max(now_ns - max(late.newest_ns, since_ns), 0)
    every_s = min(max(age_ns // 10**9 // _SHARE_OF_AGE, LEAST_S), MOST_S)
    arrived = format_plural(late.count, "new span")
    return LateNotice(
        told=f"{arrived} arrived" if late.count else "",
        show_url=show_url,
        poll_url=f"{path}/late?since={since_ns}" if age_ns < QUIET_NS else "",
        every=f"{every_s}s",
    )
