"""The line that says that only a part of the trace is shown, and leads back up, level by level."""

from dataclasses import dataclass, replace

from viewer.ui.filters import format_count, format_duration, format_plural
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.crumbs import Trail
from viewer.ui.viewmodel.trace_state import TraceState
from viewer.ui.viewmodel.trail import crumb, trail


@dataclass(frozen=True, slots=True)
class FocusBar:
    """``trail`` is the way to the span in focus; ``says`` tells how much of the trace is shown."""

    trail: Trail
    says: str
    whole_url: str


def focus_bar(whole: LoadedTrace, part: LoadedTrace, state: TraceState) -> FocusBar | None:
    """Return the bar of a state with a focus, ``part`` being what is shown; None without one."""
    row = None if state.focus is None else whole.tree.row_of(state.focus)
    if row is None:
        return None

    def focusing(step: int) -> str:
        return state.focusing(int(whole.tree.shown_id[step])).url

    spans, duration = len(part.tree), format_duration(part.tree.duration_ns)
    return FocusBar(
        trail=replace(trail(whole, row, focusing), current=crumb(whole, row, focusing)),
        says=f"{format_count(spans)} of {format_plural(len(whole.tree), 'span')}, "
        f"{duration} of {format_duration(whole.tree.duration_ns)}",
        whole_url=state.focusing(None).url,
    )
