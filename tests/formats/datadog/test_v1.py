from typing import Any

import msgpack
import pytest

from tests.formats.datadog import encoders
from tests.formats.datadog.reading import decode, reasons, spans
from viewer.formats.base import DecodeError
from viewer.trace.span import SpanKind


def payload(*sent: encoders.Span) -> dict[int, Any]:
    return encoders.v1_payload([list(sent)])


def first_spans(content: dict[int, Any]) -> list[Any]:
    spans_of_chunk: list[Any] = content[11][0][4]
    return spans_of_chunk


def test_strings_are_sent_once_and_pointed_to() -> None:
    body = msgpack.packb(payload(encoders.root(1), encoders.span(2), encoders.span(3)))
    assert body.count(b"GET /cart") == 1
    read = spans("v1.0", body)
    assert [span.name for span in read] == ["GET /cart"] * 3
    assert {span.service for span in read} == {"shop"}


def test_the_trace_id_of_16_bytes_is_whole() -> None:
    (span,) = spans("v1.0", encoders.v1([[encoders.root()]]))
    assert (span.trace_id, span.open_ends) == (encoders.TRACE_ID, 0)
    (short,) = spans("v1.0", encoders.v1([[encoders.span()]]))
    assert (short.trace_id, short.open_ends) == (f"{encoders.LOWER:032x}", 0)


def test_attributes_keep_their_types() -> None:
    sent: dict[str, object] = {
        "flag": True,
        "count": 3,
        "big": -(1 << 63),
        "raw": b"\x00\xff",
        "list": ["a", 1, [2.5], {"k": "GET /cart"}],
        "map": {"x": {"y": False}},
    }
    (span,) = spans("v1.0", encoders.v1([[encoders.span(attributes=sent, metrics={"d": 1.0})]]))
    assert dict(span.attributes) == {
        "operation.name": "web.request",
        "span.type": "web",
        "d": 1.0,
        **sent,
    }


def test_who_sent_it_and_what_is_said_of_the_chunk_is_kept() -> None:
    content = encoders.v1_payload(
        [[encoders.span()]],
        {2: "c0", 3: "go", 4: "1.24", 5: "2.1", 6: "rt", 7: "prod", 8: "web-1", 9: "7"},
    )
    chunk = content[11][0]  # type: ignore[index]
    chunk.update({1: 2, 2: "lambda", 3: ["team", 1, "blue", "ratio", 3, 0.5], 5: False, 7: 4})
    (span,) = spans("v1.0", msgpack.packb({**content, 10: ["zone", 1, "eu", "pid", 4, 9]}))
    assert span.attributes[2:] == (
        ("_dd.origin", "lambda"),
        ("team", "blue"),
        ("_dd.p.dm", "-4"),
        ("_sampling_priority_v1", 2.0),
        ("ratio", 0.5),
    )
    assert dict(span.resource.attributes) == {
        "service.name": "shop",
        "telemetry.sdk.name": "Datadog",
        "telemetry.sdk.language": "go",
        "telemetry.sdk.version": "2.1",
        "process.runtime.version": "1.24",
        "deployment.environment.name": "prod",
        "service.version": "7",
        "host.name": "web-1",
        "container.id": "c0",
        "runtime-id": "rt",
        "cloud.availability_zone": "eu",
        "pid": 9,
    }


def test_strings_may_be_sent_as_a_table_first() -> None:
    content = {1: ["", "shop", "GET /"], 11: [{4: [{1: 1, 3: 2, 4: 5}], 6: b"\x01" * 16}]}
    (span,) = spans("v1.0", msgpack.packb(content))
    assert (span.service, span.name, span.trace_id) == ("shop", "GET /", "01" * 16)


def test_a_string_that_comes_twice_has_one_index() -> None:
    content = {
        11: [{4: [{1: "shop", 2: "shop", 3: "", 4: 5}, {1: 1, 2: 2, 4: 6}], 6: b"\x01" * 16}]
    }
    decoded = decode("v1.0", msgpack.packb(content))
    assert [span.name for span in decoded.batch.spans()] == ["shop"]
    assert reasons(decoded) == ["a span points to a string that was not sent before"]


def test_a_span_that_cannot_be_kept_is_read_for_its_strings() -> None:
    content = payload(encoders.span(1), encoders.span(2), encoders.span(3))
    first_spans(content)[0][4] = "no ID at all"
    first_spans(content)[1][3] = 999
    decoded = decode("v1.0", msgpack.packb(content))
    assert [(span.span_id, span.name) for span in decoded.batch.spans()] == [(3, "GET /cart")]
    assert decoded.rejected_spans == 2


@pytest.mark.parametrize("trace_id", [b"\x01" * 8, b"", "text of 16 chars", 5, None])
def test_a_chunk_without_a_trace_id_of_16_bytes_costs_its_spans(trace_id: object) -> None:
    content = payload(encoders.span(1), encoders.span(2))
    content[11][0][6] = trace_id
    content[11].append({4: [{1: 1, 2: 2, 4: 9}], 6: b"\x02" * 16})
    decoded = decode("v1.0", msgpack.packb(content))
    assert [span.service for span in decoded.batch.spans()] == ["shop"]
    assert [(r.reason, r.count) for r in decoded.rejected] == [
        ("a chunk's trace ID is not of 16 bytes", 2)
    ]


def test_the_kind_has_the_numbers_of_opentelemetry() -> None:
    for number in range(7):
        content = payload(encoders.span(type=""))
        first_spans(content)[0][16] = number
        (span,) = spans("v1.0", msgpack.packb(content))
        assert span.kind == (SpanKind(number) if number < 6 else SpanKind.UNSPECIFIED)


def test_unknown_numbers_and_types_are_passed_over() -> None:
    content = payload(encoders.span(1))
    first_spans(content)[0].update({99: [1, 2], 9: ["a", 42, "x", "b", 2, True, "rest"]})
    content[11][0][42] = {1: 2}
    (span,) = spans("v1.0", msgpack.packb({**content, 77: "x"}))
    assert dict(span.attributes) == {
        "operation.name": "web.request",
        "span.type": "web",
        "a": None,
        "b": True,
    }


def test_a_nested_value_ends_at_the_depth_of_the_model() -> None:
    value: object = "inmost"
    for _ in range(300):
        value = [value]
    (span,) = spans("v1.0", encoders.v1([[encoders.span(attributes={"deep": value})]]))
    assert "…" in repr(span.attributes)


def test_a_chunk_or_list_of_another_type_costs_itself_only() -> None:
    content = payload(encoders.root())
    content[11] += [None, {4: "x", 6: b"\x02" * 16}]
    decoded = decode("v1.0", msgpack.packb(content))
    assert len(decoded.batch) == 1
    assert reasons(decoded) == ["a chunk is no map"]


def test_another_structure_is_refused_with_what_was_expected() -> None:
    with pytest.raises(DecodeError, match=r"^byte 0: expected .*\(v1\.0\)$"):
        decode("v1.0", msgpack.packb([1]))


def test_a_long_string_is_not_copied_without_end() -> None:
    spans_of_chunk = [{4: number, 9: [1, 1, 1]} for number in range(1, 101)]
    sent = {1: ["x" * (1 << 20)], 11: [{6: bytes(15) + b"\x01", 4: spans_of_chunk}]}
    decoded = decode("v1.0", msgpack.packb(sent))
    kept = len(decoded.batch)
    assert 10 < kept < 40
    assert reasons(decoded) == ["a span points to long strings that were pointed to too often"]
    assert decoded.rejected_spans == 100 - kept
