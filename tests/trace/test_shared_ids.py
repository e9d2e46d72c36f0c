"""Spans that carry one ID are placed as Zipkin's model says, told apart, and cost no loop."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.trace import shared_ids as module
from viewer.trace.columns import TraceColumns
from viewer.trace.shared_ids import bearers, share_ids, shown_ids
from viewer.trace.span import SpanKind

_KINDS = (SpanKind.CLIENT, SpanKind.SERVER, SpanKind.INTERNAL)


def columns_of(
    ids: list[int], parents: list[int], kinds: list[int], services: list[int]
) -> TraceColumns:
    count = len(ids)
    return TraceColumns(
        trace_id="1" * 32,
        span_id=np.array(ids, np.uint64),
        parent_id=np.array(parents, np.uint64),
        digest=np.arange(count, dtype=np.uint32),
        kind=np.array(kinds, np.uint8),
        status=np.zeros(count, np.uint8),
        start_ns=np.full(count, 5, np.int64),
        dur_ns=np.full(count, 1, np.int64),
        service=np.array(services, np.int32),
        name=np.zeros(count, np.int32),
        services=("a", "b", "c"),
        names=("op",),
    )


def by_id(columns: TraceColumns) -> module._Places:
    return np.argsort(columns.span_id, kind="stable")


@st.composite
def traces(draw: st.DrawFn) -> TraceColumns:
    count = draw(st.integers(0, 25))
    lists = [
        draw(st.lists(values, min_size=count, max_size=count))
        for values in (
            st.integers(1, 6),
            st.integers(0, 7),
            st.sampled_from(_KINDS),
            st.integers(0, 2),
        )
    ]
    return columns_of(*lists)


def first_bearers(columns: TraceColumns) -> list[int]:
    """Parents before any ID is shared: the first bearer of the parent's ID."""
    ids = columns.span_id.tolist()
    return [
        ids.index(wanted) if wanted in ids and wanted != own else -1
        for own, wanted in zip(ids, columns.parent_id.tolist(), strict=True)
    ]


def plainly(columns: TraceColumns) -> tuple[list[int], list[int], list[int]]:
    """The rules of `share_ids`, a span at a time: parents, server halves, re-used IDs."""
    parent = first_bearers(columns)
    groups: dict[int, list[int]] = defaultdict(list)
    for row, span_id in enumerate(columns.span_id.tolist()):
        groups[span_id].append(row)
    shared: list[int] = []
    reused: list[int] = []
    bear: dict[int, list[int]] = {}
    for span_id, group in groups.items():
        if len(group) == 1:
            continue
        clients = [row for row in group if columns.kind[row] == SpanKind.CLIENT]
        halves = [row for row in group if clients and columns.kind[row] == SpanKind.SERVER]
        call = [clients[0], halves[0]] if halves else []
        shared += halves
        reused += [row for row in group if row not in call]
        bear[span_id] = halves or group
        for row in halves:
            parent[row] = clients[0]
    for row, wanted in enumerate(columns.parent_id.tolist()):
        if wanted in bear and row not in shared and parent[row] != -1:
            own = [one for one in bear[wanted] if columns.service[one] == columns.service[row]]
            parent[row] = (own or bear[wanted])[0]
    return parent, sorted(shared), sorted(reused)


@given(traces())
def test_parents_and_kinds_of_re_use_are_as_the_rules_say(columns: TraceColumns) -> None:
    found = bearers(columns, by_id(columns))
    parent = np.array(first_bearers(columns), np.int32)
    reused = share_ids(columns, found, parent) if len(found) else np.empty(0, np.intp)
    shared = found.rows[found.halves]
    assert (parent.tolist(), sorted(shared.tolist()), sorted(reused.tolist())) == plainly(columns)


@given(traces())
def test_shown_ids_are_unique_and_the_first_bearer_keeps_its_own(columns: TraceColumns) -> None:
    found = bearers(columns, by_id(columns))
    shown = shown_ids(columns, found)
    assert len(set(shown.tolist()) | {0}) == len(columns) + 1
    for span_id in set(columns.span_id.tolist()):
        rows = np.flatnonzero(columns.span_id == span_id)
        clients = rows[columns.kind[rows] == SpanKind.CLIENT]
        keeper = clients[0] if len(clients) else rows[0]
        assert shown[keeper] == span_id


def test_who_sends_the_very_ids_that_would_be_derived_changes_nothing_of_the_others() -> None:
    twice = columns_of([7, 7], [0, 0], [1, 1], [0, 0])
    derived = int(shown_ids(twice, bearers(twice, by_id(twice)))[1])
    in_the_way = columns_of([7, 7, derived], [0] * 3, [1] * 3, [0] * 3)
    shown = shown_ids(in_the_way, bearers(in_the_way, by_id(in_the_way))).tolist()
    assert (shown[0], shown[2]) == (7, derived)
    assert shown[1] not in (0, 7, derived)


def test_when_all_attempts_are_in_the_way_there_is_still_an_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_mixed", lambda hashes, numbers: np.full_like(hashes, 7))
    columns = columns_of([7, 7, 7, 1, 3], [0] * 5, [1] * 5, [0] * 5)
    assert shown_ids(columns, bearers(columns, by_id(columns))).tolist() == [7, 2, 4, 1, 3]


def test_very_many_spans_of_one_id_and_content_are_told_apart() -> None:
    many = 200_000
    columns = columns_of([7] * many, [7] * many, [1] * many, [0] * many)
    found = bearers(columns, by_id(columns))
    assert len(np.unique(shown_ids(columns, found))) == many
    assert len(share_ids(columns, found, np.full(many, -1, np.int32))) == many
