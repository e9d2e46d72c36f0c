import msgpack
import pytest

from tests.formats.datadog import encoders
from tests.formats.datadog.reading import decode, reasons, spans
from viewer.formats.base import DecodeError

ROW = [1, 2, 3, 7, 8, 0, 100, 10, 1, {4: 5}, {6: 2}, 0]
TABLE = ["", "shop", "web.request", "GET /", "color", "blue", "size"]


def body(*rows: object) -> bytes:
    return msgpack.packb([TABLE, [list(rows)]])


def test_strings_are_looked_up_in_the_table() -> None:
    (span,) = spans("v0.5", body(ROW))
    assert (span.service, span.name, span.start_ns, span.duration_ns) == ("shop", "GET /", 100, 10)
    assert span.attributes == (
        ("operation.name", "web.request"),
        ("color", "blue"),
        ("size", 2.0),
    )
    assert span.status.code == 2


def changed(place: int, value: object) -> list[object]:
    return [*ROW[:place], value, *ROW[place + 1 :]]


@pytest.mark.parametrize(
    "row",
    [
        changed(0, 7),
        changed(1, -1),
        changed(2, "GET /"),
        changed(11, True),
        changed(9, {4: 99}),
        changed(9, {None: 1}),
        changed(10, {99: 1.0}),
    ],
)
def test_an_index_outside_the_table_costs_one_span(row: list[object]) -> None:
    decoded = decode("v0.5", body(ROW, row, ROW))
    assert len(decoded.batch) == 2
    assert reasons(decoded) == ["a span points to a string that is not in the table"]


def test_a_span_that_is_no_array_of_12_costs_itself_only() -> None:
    decoded = decode("v0.5", body(ROW[:11], {}, [*ROW, 1], ROW))
    assert len(decoded.batch) == 1
    assert [(r.reason, r.count) for r in decoded.rejected] == [
        ("a span of v0.5 is no array of 12", 3)
    ]


def test_a_string_that_is_none_costs_no_neighbour() -> None:
    data = msgpack.packb([["", "shop", 5, b"bytes"], [[[1, 2, 3, 7, 8, 0, 1, 1, 0, {}, {}, 0]]]])
    (span,) = spans("v0.5", data)
    assert (span.name, span.attributes) == ("bytes", (("operation.name", "5"),))


def test_a_chunk_that_is_no_list_costs_itself_only() -> None:
    decoded = decode("v0.5", msgpack.packb([TABLE, [None, [ROW]]]))
    assert len(decoded.batch) == 1
    assert reasons(decoded) == ["a chunk is no list of spans"]


def test_links_and_events_come_as_tags() -> None:
    sent = encoders.root(
        span_links=[{"trace_id": 5, "trace_id_high": 6, "span_id": 7, "attributes": {"a": "b"}}],
        span_events=[{"time_unix_nano": 9, "name": "miss", "attributes": {}}],
    )
    (span,) = spans("v0.5", encoders.v05([[sent]]))
    assert [(link.trace_id, link.span_id) for link in span.links] == [(f"{6:016x}{5:016x}", 7)]
    assert [(event.name, event.time_ns) for event in span.events] == [("miss", 9)]
    assert not {"events", "_dd.span_links"} & {key for key, _ in span.attributes}


@pytest.mark.parametrize("content", [[], [[]], [[], [], []], {"a": 1}, [["a"], 5], [5, []]])
def test_another_structure_is_refused(content: object) -> None:
    with pytest.raises(DecodeError, match="expected"):
        decode("v0.5", msgpack.packb(content))


def test_a_long_string_is_not_copied_without_end() -> None:
    row = [0, 0, 0, 1, 0, 0, 1, 1, 0, {1: 1}, {}, 0]
    rows = [[*row[:4], number, *row[5:]] for number in range(1, 101)]
    decoded = decode("v0.5", msgpack.packb([["short", "x" * (1 << 20)], [rows]]))
    kept = len(decoded.batch)
    assert 10 < kept < 40
    (rejection,) = decoded.rejected
    assert (rejection.count, rejection.reason) == (
        100 - kept,
        "a span points to long strings that were pointed to too often",
    )
