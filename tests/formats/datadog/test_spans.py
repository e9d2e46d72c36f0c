import json
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.datadog import encoders
from tests.formats.datadog.reading import decode, of_fields, reasons
from tests.formats.datadog.test_fields import anything
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.datadog.payload import Chunk, TracerPayload
from viewer.formats.datadog.spans import add_payload
from viewer.trace.span import Event, Span, SpanKind, Status, StatusCode

FULL = [
    [
        encoders.root(
            1,
            meta={
                "env": "prod",
                "version": "7",
                "component": "flask",
                "span.kind": "server",
                "color": "blåu",
                "error.message": "card declined",
                "error.type": "PaymentError",
                "error.stack": "Traceback …",
            },
            metrics={"_sampling_priority_v1": 1.0, "amount": 12.5},
            error=1,
            span_links=[
                {
                    "trace_id": 5,
                    "trace_id_high": 6,
                    "span_id": 7,
                    "attributes": {"why": "retry"},
                    "tracestate": "dd=s:1",
                    "flags": 1,
                }
            ],
            span_events=[
                {
                    "time_unix_nano": 1_700_000_000_000_001_000,
                    "name": "cache miss",
                    "attributes": {
                        "key": {"type": 0, "string_value": "cart"},
                        "hit": {"type": 1, "bool_value": False},
                        "n": {"type": 2, "int_value": 3},
                        "keys": {
                            "type": 4,
                            "array_value": {"values": [{"type": 3, "double_value": 0.5}]},
                        },
                    },
                }
            ],
        ),
        encoders.span(2, parent_id=1, type="http", service="bank", resource=""),
    ],
    [encoders.span(3, parent_id=(1 << 64) - 1, meta={"a": ""}, metrics={"b": -0.0})],
]


def comparable(span: Span) -> Span:
    """Leave out what v1.0 states otherwise, and the order of attributes."""
    kept = sorted(pair for pair in span.attributes if pair[0] != "_dd.p.tid")
    return Span(
        **{name: getattr(span, name) for name in Span.__dataclass_fields__ if name != "attributes"},
        attributes=tuple(kept),
    )


@pytest.mark.parametrize("version", encoders.ENCODERS)
def test_all_versions_give_the_same_spans(version: str) -> None:
    decoded = decode(version, encoders.ENCODERS[version](FULL))
    expected = decode("v0.4", encoders.v04(FULL))
    assert not decoded.rejected
    assert not decoded.notes
    assert len(decoded.batch) == 3
    # Where the trace has no upper half in its own chunk, v1.0 says that it is zero.
    end = -1 if version == "v1.0" else None
    assert [comparable(span) for span in decoded.batch.spans()][:end] == [
        comparable(span) for span in expected.batch.spans()
    ][:end]


def test_the_name_is_the_resource_and_the_operation_is_kept() -> None:
    span = of_fields()
    assert span.name == "GET /cart"
    assert span.attributes[:2] == (("operation.name", "web.request"), ("span.type", "web"))
    bare = of_fields(resource="", type="")
    assert bare.name == "web.request"
    assert [key for key, _ in bare.attributes] == ["_dd.p.tid"]


def test_metrics_are_doubles_whole_numbers_included() -> None:
    span = of_fields(metrics={"a": 1, "b": 0.5, "c": True, "d": "x", "e": 10**400, "f": None})
    assert span.attributes[3:] == (
        ("a", 1.0),
        ("b", 0.5),
        ("c", True),
        ("d", "x"),
        ("e", "an integer of more than 100 digits"),
        ("f", None),
    )
    assert type(dict(span.attributes)["a"]) is float


@pytest.mark.parametrize(
    ("tag", "kind_of_work", "kind"),
    [
        ("server", "", SpanKind.SERVER),
        ("Client", "web", SpanKind.CLIENT),
        ("producer", "", SpanKind.PRODUCER),
        ("consumer", "", SpanKind.CONSUMER),
        ("internal", "web", SpanKind.INTERNAL),
        (None, "web", SpanKind.SERVER),
        (None, "http", SpanKind.CLIENT),
        (None, "sql", SpanKind.UNSPECIFIED),
        ("strange", "sql", SpanKind.UNSPECIFIED),
    ],
)
def test_the_kind_is_the_tags_else_the_types(
    tag: str | None, kind_of_work: str, kind: SpanKind
) -> None:
    span = of_fields(type=kind_of_work, meta={} if tag is None else {"span.kind": tag})
    assert span.kind == kind
    assert ("span.kind" in dict(span.attributes)) == (tag == "strange")


def test_an_error_has_a_message_an_event_and_its_tags() -> None:
    tags = {"error.message": "boom", "error.type": "E", "error.stack": "at x"}
    span = of_fields(error=1, meta=tags)
    assert span.status == Status(StatusCode.ERROR, "boom")
    assert span.events == (
        Event(
            span.end_ns,
            "exception",
            (
                ("exception.message", "boom"),
                ("exception.type", "E"),
                ("exception.stacktrace", "at x"),
            ),
        ),
    )
    assert tags.items() <= dict(span.attributes).items()


def test_older_names_of_the_error_tags_are_read() -> None:
    span = of_fields(error=1, meta={"error.msg": "m", "error.kind": "k", "error.stacktrace": "s"})
    assert span.status.message == "m"
    assert [value for _, value in span.events[0].attributes] == ["m", "k", "s"]


def test_an_exception_that_is_an_event_already_is_not_doubled() -> None:
    sent = {"time_unix_nano": 5, "name": "exception", "attributes": {}}
    span = of_fields(error=1, meta={"error.message": "boom"}, span_events=[sent])
    assert span.events == (Event(5, "exception"),)


@pytest.mark.parametrize(
    ("error", "code", "as_sent"),
    [
        (0, 0, ()),
        (1, 2, ()),
        (True, 2, ()),
        (False, 0, ()),
        (None, 0, ()),
        (502, 2, (("error", "502"),)),
        (-1, 0, (("error", "-1"),)),
        ("1", 2, ()),
        ([], 0, (("error", "[]"),)),
    ],
)
def test_any_error_above_zero_is_one(
    error: object, code: int, as_sent: tuple[tuple[str, str], ...]
) -> None:
    span = of_fields(error=error, meta={"error.message": "why"})
    assert (span.status.code, span.as_sent) == (code, as_sent)
    assert span.status.message == ("why" if code else "")


def test_meta_struct_is_messagepack_within_messagepack() -> None:
    struct = {
        "appsec": msgpack.packb({"triggers": [{"rule": 1}]}),
        "broken": b"\xc1",
        "deep": b"\x91" * 3_000,
        "text": "x",
    }
    attributes = dict(of_fields(meta_struct=struct).attributes)
    assert attributes["appsec"] == {"triggers": [{"rule": 1}]}
    assert [attributes[key] for key in ("broken", "deep", "text")] == [
        b"\xc1",
        b"\x91" * 3_000,
        "x",
    ]


def test_negative_times_are_none_and_stay_visible() -> None:
    span = of_fields(start=-5, duration=-7)
    assert (span.start_ns, span.duration_ns) == (0, 0)
    assert span.as_sent == (("start", "-5"), ("duration", "-7"))


def test_fields_that_nobody_knows_stay_visible() -> None:
    assert of_fields(mood={"good": 1}).as_sent == (("mood", '{"good":1}'),)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"span_id": 0}, "a span ID of zeros only is invalid"),
        ({"span_id": None}, "the span ID is missing"),
        ({"span_id": 1.5}, "the span ID is no number"),
        ({"parent_id": "?"}, "the parent's ID: '?' is no span ID: expected hex digits"),
        ({"start": "soon"}, "start is no number of nanoseconds"),
        ({"duration": []}, "duration is no number of nanoseconds"),
    ],
)
def test_a_span_that_cannot_be_placed_costs_itself_only(
    fields: dict[str, object], reason: str
) -> None:
    decoded = decode("v0.4", encoders.v04([[encoders.root(1), encoders.span(2) | fields]]))
    assert decoded.batch.span_id == [1]
    assert reasons(decoded) == [reason]


def test_a_map_of_another_type_is_noted() -> None:
    decoded = decode("v0.4", encoders.v04([[encoders.span(meta=[1], metrics="x")]]))
    assert len(decoded.batch) == 1
    assert [note.reason for note in decoded.notes] == [
        "a span's meta is no map",
        "a span's metrics is no map",
    ]


FIELDS = [*encoders.span(), "span_links", "span_events", "events", "meta_struct", "attributes"]
hostile_spans = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6)


@given(st.lists(st.lists(anything | hostile_spans, max_size=4), max_size=3), st.booleans())
def test_values_of_any_type_in_any_field_cost_no_neighbour(
    chunks: list[list[object]], lenient: bool
) -> None:
    for chunk in chunks:
        chunk[:] = [
            encoders.span(9) | item if isinstance(item, dict) and len(item) > 1 else item
            for item in chunk
        ]
    decoded = Decoded()
    payload = TracerPayload([Chunk([encoders.root(1)]), *map(Chunk, chunks)])
    add_payload(payload, decoded, lenient=lenient)
    kept = list(decoded.batch.spans())
    assert (kept[0].trace_id, kept[0].span_id) == (encoders.TRACE_ID, 1)
    assert len(kept) + decoded.rejected_spans == 1 + sum(map(len, chunks))
    decoded.batch.to_arrow()


@given(st.data())
@pytest.mark.parametrize("version", encoders.ENCODERS)
def test_a_body_that_is_cut_or_changed_gives_spans_or_a_decode_error(
    version: str, data: st.DataObject
) -> None:
    body = bytearray(encoders.ENCODERS[version](FULL))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    with suppress(DecodeError):
        decoded = decode(version, bytes(body[:cut]))
        assert len(decoded.batch) + decoded.rejected_spans <= len(body)
        decoded.batch.to_arrow()


@given(st.sampled_from(sorted(encoders.ENCODERS)), st.binary(max_size=300))
def test_any_bytes_give_spans_or_a_decode_error(version: str, body: bytes) -> None:
    with suppress(DecodeError):
        decoded = decode(version, body)
        assert decoded.batch.to_arrow().num_rows == len(decoded.batch)


@given(st.integers(1, 15), st.recursive(anything, lambda v: st.lists(v, max_size=4), max_leaves=5))
def test_v1_with_any_value_in_any_field_keeps_its_other_chunks(key: int, value: object) -> None:
    content = encoders.v1_payload([[encoders.root(1)], [encoders.span(2), encoders.span(3)]])
    spans_of_last = content[11][1][4]  # type: ignore[index]
    spans_of_last[1][key] = value
    try:
        body = msgpack.packb(content)
    except (OverflowError, ValueError, UnicodeEncodeError):
        return
    decoded = decode("v1.0", body)
    assert decoded.batch.span_id[:2] == [1, 2]
    assert len(decoded.batch) + decoded.rejected_spans == 3


@given(anything)
def test_json_texts_of_any_content_in_tags_cost_nothing(value: object) -> None:
    text = json.dumps(value, default=str, skipkeys=True)
    assert of_fields(meta={"events": f"[{text}]", "_dd.span_links": f"[{text}]"}).span_id == 1


def test_so_much_of_meta_struct_is_unpacked_and_no_more() -> None:
    large = msgpack.packb([1] * 600_000)
    span = of_fields(meta_struct={"a": large, "b": large, "c": large})
    attributes = dict(span.attributes)
    assert attributes["a"] == [1] * 600_000
    assert attributes["b"] == attributes["c"] == large
