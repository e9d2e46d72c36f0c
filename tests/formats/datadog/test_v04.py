import json

import msgpack
import pytest

from tests.formats.datadog import encoders
from tests.formats.datadog.reading import decode, reasons, spans
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.datadog.spans import add_payload
from viewer.formats.datadog.v04 import from_json

HEALTHY = [[encoders.root(1), encoders.span(2, parent_id=1)], [encoders.span(3, parent_id=1)]]


def test_chunks_of_spans_are_read() -> None:
    read = spans("v0.4", encoders.v04(HEALTHY))
    assert [(span.span_id, span.parent_id) for span in read] == [(1, 0), (2, 1), (3, 1)]
    assert {span.trace_id for span in read} == {encoders.TRACE_ID}


def test_keys_may_come_in_any_order_and_zeros_be_left_out() -> None:
    fields = {"type": "web", "trace_id": 7, "name": "n", "span_id": 8, "service": "s"}
    (span,) = spans("v0.4", encoders.v04([[fields]]))
    assert (span.span_id, span.parent_id, span.start_ns, span.status.code) == (8, 0, 0, 0)


def test_v0_3_is_the_same_as_v0_4() -> None:
    assert spans("v0.3", encoders.v04(HEALTHY)) == spans("v0.4", encoders.v04(HEALTHY))


def test_json_is_the_same_as_messagepack() -> None:
    decoded = Decoded()
    add_payload(from_json(json.loads(encoders.v04_json(HEALTHY))), decoded)
    assert list(decoded.batch.spans()) == spans("v0.4", encoders.v04(HEALTHY))


def test_a_bad_chunk_or_span_costs_itself_only() -> None:
    body = msgpack.packb([None, {"a": 1}, [5, None, encoders.span(2)], "x", [encoders.root(1)]])
    decoded = decode("v0.4", body)
    assert [span.span_id for span in decoded.batch.spans()] == [2, 1]
    assert [(r.reason, r.count) for r in decoded.rejected] == [
        ("a chunk is no list of spans", 3),
        ("a span is no map", 2),
    ]


def test_v0_7_says_who_sent_it() -> None:
    (span,) = spans(
        "v0.7",
        encoders.v07(
            [[encoders.span()]],
            language_name="go",
            language_version="1.24",
            tracer_version="2.1.0",
            container_id="c0ffee",
            runtime_id="r-1",
            env="prod",
            hostname="web-1",
            app_version="7",
            tags={"pod_name": "cart-1", "team": "blue", "empty": ""},
        ),
    )
    assert span.resource.attributes == (
        ("service.name", "shop"),
        ("telemetry.sdk.name", "Datadog"),
        ("telemetry.sdk.language", "go"),
        ("telemetry.sdk.version", "2.1.0"),
        ("process.runtime.version", "1.24"),
        ("deployment.environment.name", "prod"),
        ("service.version", "7"),
        ("host.name", "web-1"),
        ("container.id", "c0ffee"),
        ("runtime-id", "r-1"),
        ("k8s.pod.name", "cart-1"),
        ("team", "blue"),
    )


def test_what_v0_7_says_of_a_chunk_is_on_its_first_span() -> None:
    chunk = {
        "spans": [encoders.span(1), encoders.span(2)],
        "priority": 2,
        "origin": "lambda",
        "tags": {"_dd.p.dm": "-4", "_dd.p.tid": f"{encoders.UPPER:016x}"},
    }
    first, second = spans("v0.7", msgpack.packb({"chunks": [chunk]}))
    assert first.attributes[2:] == (
        ("_dd.origin", "lambda"),
        ("_dd.p.dm", "-4"),
        ("_dd.p.tid", f"{encoders.UPPER:016x}"),
        ("_sampling_priority_v1", 2.0),
    )
    assert len(second.attributes) == 2
    assert first.trace_id == second.trace_id == encoders.TRACE_ID


def test_in_v0_7_too_a_bad_chunk_costs_itself_only() -> None:
    body = msgpack.packb({"chunks": [None, {"spans": 5}, {}, {"spans": [encoders.span()]}], "x": 1})
    decoded = decode("v0.7", body)
    assert len(decoded.batch) == 1
    assert reasons(decoded) == ["a chunk is no map", "a chunk is no list of spans"]


@pytest.mark.parametrize("version", ["v0.4", "v0.7"])
def test_another_structure_is_refused_with_what_was_expected(version: str) -> None:
    with pytest.raises(DecodeError, match=rf"^byte 0: expected .*\({version}\)$"):
        decode(version, msgpack.packb("text"))
    with pytest.raises(DecodeError, match="expected a list of trace chunks"):
        from_json({"traces": []})


def test_a_flat_json_list_is_one_chunk() -> None:
    payload = from_json([encoders.span(1), encoders.span(2)])
    assert [len(chunk.spans) for chunk in payload.chunks] == [2]
