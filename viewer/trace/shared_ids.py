"""Spans of one trace that carry one ID: who is whose parent among them, and what tells them apart.

Client and server half of a call share an ID in Zipkin's model (`reference/jaeger.md` §2.5): the
server half hangs under the client half, and children go to it, as Jaeger and Zipkin place them. Any
other re-use is an error of whoever sent it. Nothing here is a loop over spans: all million spans of
a trace may carry one ID.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.columns import TraceColumns
from viewer.trace.span import SpanKind

_Places = NDArray[np.intp]
_Hashes = NDArray[np.uint64]
_ABSENT = -1
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Bearers:
    """The rows whose ID others carry as well, by ID and in base order; ``group`` numbers the IDs,
    ``first`` is where each group begins, ``ids`` are the groups' IDs in order. ``halves`` says of
    each whether it is the server half of a call, ``keeper`` is the row of each group that keeps the
    ID: the first client half, else the first of all."""

    rows: _Places
    group: _Places
    first: _Places
    ids: _Hashes
    halves: NDArray[np.bool_]
    keeper: _Places

    def __len__(self) -> int:
        return len(self.rows)


def bearers(columns: TraceColumns, by_id: _Places) -> Bearers:
    """Return the bearers of all IDs that several rows carry; ``by_id`` are the rows in order of
    their IDs, of one ID in base order."""
    ids = columns.span_id[by_id]
    same = ids[1:] == ids[:-1]
    rows = by_id[np.r_[False, same] | np.r_[same, False]] if len(ids) else by_id
    ids = columns.span_id[rows]
    new = np.r_[True, ids[1:] != ids[:-1]][: len(rows)]
    group, first = np.cumsum(new) - 1, np.flatnonzero(new)
    kind, places = columns.kind[rows], np.arange(len(rows))
    keeper, halves = rows[first], np.zeros(len(rows), bool)
    if len(rows):
        client = np.minimum.reduceat(np.where(kind == SpanKind.CLIENT, places, len(rows)), first)
        called = client < len(rows)
        keeper = np.where(called, rows[np.minimum(client, len(rows) - 1)], keeper)
        halves = (kind == SpanKind.SERVER) & called[group]
    return Bearers(rows, group, first, ids[first], halves, keeper)


def share_ids(columns: TraceColumns, found: Bearers, parent: NDArray[np.int32]) -> _Places:
    """Correct the parents of server halves and of whoever's parent has one of these IDs; return the
    rows that bear an ID without being half of a call."""
    halves, group, rows = found.halves, found.group, found.rows
    parent[rows[halves]] = found.keeper[group[halves]]
    # The first half and its client are a call; another half, or a span of another kind, is not.
    half_places = np.flatnonzero(halves)
    with_half, nearest = np.unique(group[half_places], return_index=True)
    alone = np.ones(len(rows), bool)
    alone[half_places[nearest]] = False
    has_half = np.zeros(len(found.first), bool)
    has_half[with_half] = True
    alone[has_half[group] & (rows == found.keeper[group])] = False
    _place_children(columns, found, has_half, parent)
    return rows[alone]


def _place_children(
    columns: TraceColumns, found: Bearers, has_half: NDArray[np.bool_], parent: NDArray[np.int32]
) -> None:
    """Hang children below the right bearer of their parent's ID: the server half, if there is one;
    of several the one of the child's own service, else the first."""
    may_bear = found.halves | ~has_half[found.group]
    rows, group = found.rows[may_bear], found.group[may_bear]
    _, first = np.unique(group, return_index=True)
    services = int(columns.service.max()) + 1
    keys, of_key = np.unique(group * services + columns.service[rows], return_index=True)
    at = np.minimum(np.searchsorted(found.ids, columns.parent_id), len(found.ids) - 1)
    child = (found.ids[at] == columns.parent_id) & (parent != _ABSENT)
    child[found.rows[found.halves]] = False
    children = np.flatnonzero(child)
    at = at[children]
    wanted = at * services + columns.service[children]
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    parent[children] = np.where(keys[place] == wanted, rows[of_key[place]], rows[first[at]])


def shown_ids(columns: TraceColumns, found: Bearers) -> _Hashes:
    """Return IDs unique within the trace: the sent one for the keeper of an ID, for its other
    bearers one derived from the span's own content, so that it is stable."""
    shown = columns.span_id.copy()
    rows = found.rows[found.rows != found.keeper[found.group]]
    if not len(rows):
        return shown
    content = _content_hashes(columns, rows)
    # Of equal ones each has its number.
    order = np.argsort(content, kind="stable")
    new = np.r_[True, content[order][1:] != content[order][:-1]]
    places = np.arange(len(rows))
    number = np.empty(len(rows), np.uint64)
    number[order] = places - np.maximum.accumulate(np.where(new, places, 0))
    taken = np.sort(columns.span_id)
    pending = places
    for attempt in range(_ATTEMPTS):
        derived = _mixed(_mixed(content[pending], number[pending]), np.uint64(attempt))
        unique, first = np.unique(derived, return_index=True)
        good = np.zeros(len(pending), bool)
        good[first] = (unique != 0) & ~_is_among(taken, unique)
        shown[rows[pending[good]]] = derived[good]
        pending = pending[~good]
        if not len(pending):
            return shown
        taken = np.sort(np.concatenate((taken, derived[good])))
    # Only who knows how these are derived can have sent IDs in the way of so many attempts.
    free = np.setdiff1d(np.arange(1, len(taken) + len(pending) + 1, dtype=np.uint64), taken)
    shown[rows[pending]] = free[: len(pending)]
    return shown


def _is_among(sorted_ids: _Hashes, ids: _Hashes) -> NDArray[np.bool_]:
    at = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    among: NDArray[np.bool_] = sorted_ids[at] == ids
    return among


def _content_hashes(columns: TraceColumns, rows: _Places) -> _Hashes:
    hashes = columns.span_id[rows].copy()
    for numbers in (columns.kind[rows], columns.start_ns[rows], columns.dur_ns[rows]):
        hashes = _mixed(hashes, numbers.astype(np.uint64))
    for index, texts in ((columns.service, columns.services), (columns.name, columns.names)):
        used, place = np.unique(index[rows], return_inverse=True)
        hashes = _mixed(hashes, _text_hashes([texts[number] for number in used.tolist()])[place])
    return hashes


def _text_hashes(texts: Sequence[str]) -> _Hashes:
    digests = (hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8) for text in texts)
    return np.frombuffer(b"".join(digest.digest() for digest in digests), ">u8").astype(np.uint64)


def _mixed(hashes: _Hashes, numbers: _Hashes | np.uint64) -> _Hashes:
    """Return hashes of hash and number, by the finisher of SplitMix64 (Steele et al., 2014)."""
    mixed = (hashes + np.uint64(0x9E3779B97F4A7C15)) ^ numbers
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
