"""The filter of the timeline: what it lets through, and the form that sets it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.visible import with_ancestors
from viewer.trace.span import StatusCode
from viewer.trace.tree import Rows
from viewer.ui.filters import format_plural, format_service
from viewer.ui.loaded_trace import LoadedTrace
from viewer.ui.viewmodel.only import MOST_SERVICES, NOTHING, Only
from viewer.ui.viewmodel.trace_state import TraceState


@dataclass(frozen=True, slots=True)
class Kept:
    """Per row: ``chosen`` if the filter lets it through, ``shown`` if it or a row below is."""

    chosen: NDArray[np.bool_]
    shown: NDArray[np.bool_]

    def below(self, tree_end: Rows) -> NDArray[np.int64]:
        """Return how many of the rows below each one are shown; ``tree_end`` ends its subtree."""
        before = np.r_[0, np.cumsum(self.shown)]
        result: NDArray[np.int64] = before[tree_end] - before[1:]
        return result


@dataclass(frozen=True, slots=True)
class ServiceChoice:
    """A service of the trace; ``value`` is what the form sends for it."""

    name: str
    value: str
    checked: bool


@dataclass(frozen=True, slots=True)
class OnlyForm:
    """``told`` says what is left out, "" where nothing is. ``finds`` says whether there is a find
    term whose matches can be asked for."""

    told: str
    words: str
    errors: bool
    matches: bool
    finds: bool
    min_text: str
    services: tuple[ServiceChoice, ...]
    more_services: str
    clear_url: str
    hidden_fields: tuple[tuple[str, str], ...]


def kept_rows(trace: LoadedTrace, only: Only, matches: Rows | None) -> Kept | None:
    """Return what the filter lets through, None if it is all. ``matches`` are the rows that the find
    term finds; without a term nothing is a match."""
    chosen = chosen_rows(trace, only, matches)
    return None if chosen is None else Kept(chosen, with_ancestors(trace.tree, chosen))


def chosen_rows(trace: LoadedTrace, only: Only, matches: Rows | None) -> NDArray[np.bool_] | None:
    """Return the same without the ancestors."""
    if not only:
        return None
    return _chosen(trace, only, matches, 0, len(trace.tree))


def is_kept(trace: LoadedTrace, only: Only, matches: Rows | None, row: int) -> bool:
    """Say whether the filter lets a row or one below it through; as `kept_rows` does for all."""
    end = int(trace.tree.subtree_end[row])
    return not only or bool(_chosen(trace, only, matches, row, end).any())


def _chosen(
    trace: LoadedTrace, only: Only, matches: Rows | None, begin: int, end: int
) -> NDArray[np.bool_]:
    """Say of the rows from ``begin`` to ``end`` which the filter itself lets through."""
    columns = trace.tree.columns
    chosen = np.ones(end - begin, bool)
    if only.errors:
        chosen &= columns.status[begin:end] == StatusCode.ERROR
    if only.min_ns:
        chosen &= columns.dur_ns[begin:end] >= only.min_ns
    if only.services:
        wanted = set(only.services)
        numbers = [number for number, name in enumerate(columns.services) if name in wanted]
        chosen &= np.isin(columns.service[begin:end], numbers)
    if only.matches:
        found = np.zeros(end - begin, bool)
        if matches is not None:
            first, last = np.searchsorted(matches, (begin, end))
            found[matches[first:last] - begin] = True
        chosen &= found
    return chosen


def only_form(trace: LoadedTrace, state: TraceState, kept: Kept | None) -> OnlyForm:
    """Return the form for this state of the filter."""
    only = state.only
    hidden = [(key, value) for key, value in state.query.items() if key not in ("only", "offset")]
    told = ""
    if kept is not None:
        out, context = int((~kept.shown).sum()), int((kept.shown & ~kept.chosen).sum())
        told = f"{format_plural(out, 'span')} filtered out"
        if context:
            told += f", {format_plural(context, 'ancestor')} kept"
    names = sorted(set(trace.tree.columns.services))
    # What is chosen stands first, so that it can be unticked.
    names = [*only.services, *(name for name in names if name not in only.services)]
    listed = names[: MOST_SERVICES + len(only.services)]
    rest = len(names) - len(listed)
    return OnlyForm(
        told=told,
        words=only.words,
        errors=only.errors,
        matches=only.matches,
        finds=bool(state.find),
        min_text=only.min_text,
        services=tuple(
            ServiceChoice(format_service(name), Only(services=(name,)).text, name in only.services)
            for name in listed
        ),
        more_services=f"and {format_plural(rest, 'more service')}: only=service:NAME in the address"
        if rest
        else "",
        clear_url=state.narrowed(NOTHING).url,
        hidden_fields=tuple(hidden),
    )
