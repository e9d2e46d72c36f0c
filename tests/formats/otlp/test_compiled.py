"""The compiled decoder says exactly what the plain one says, or leaves it to that one."""

import gzip
from itertools import islice

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from bench.load import Load
from tests.conftest import SAMPLES
from tests.formats.otlp.test_protobuf import a_request, a_wire_span, key_value
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.otlp import compiled, primitives, protobuf
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.trace.attributes import Value
from viewer.trace.batch import SpanBatch
from viewer.trace.span import Span


def sorted_spans(decoded: Decoded) -> list[Span]:
    return sorted(decoded.batch.spans(), key=repr)


def assert_same(body: bytes) -> bool:
    """Compare the decoders on a body; False where the compiled one leaves it to the plain one."""
    fast = compiled.decode_request(body)
    if fast is None:
        return False
    plain = protobuf.decode_request(body)
    assert sorted_spans(fast) == sorted_spans(plain)
    assert fast.rejected == plain.rejected
    assert fast.notes == plain.notes
    fast.batch.to_arrow().validate(full=True)
    return True


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_CONTROLS = st.text(st.sampled_from('\x00\x01\x08\x09\x0a\x0c\x0d\x1f\x7f"\\/é😀=,[]'), max_size=20)
_VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    _TEXT,
    _CONTROLS,
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from([0, -1, 9, 10, -(1 << 63), (1 << 63) - 1, 10**18, 10**18 - 1]),
    st.floats(allow_nan=False),
    st.binary(max_size=5),
    st.lists(st.integers(0, 5), max_size=2),
)
_ATTRIBUTES = st.lists(st.builds(key_value, _TEXT | _CONTROLS, _VALUES), max_size=4)
_NS = st.one_of(st.integers(0, 50), st.integers(0, (1 << 64) - 1))
_EVENTS = st.builds(
    WireSpan.Event,
    time_unix_nano=_NS,
    name=_TEXT | _CONTROLS,
    attributes=_ATTRIBUTES,
    dropped_attributes_count=st.sampled_from([0, 0, 0, 1]),
)
_SPANS = st.builds(
    WireSpan,
    trace_id=st.binary(min_size=16, max_size=16) | st.just(bytes(16)) | st.binary(max_size=17),
    span_id=st.binary(min_size=8, max_size=8) | st.just(bytes(8)) | st.binary(max_size=9),
    parent_span_id=st.just(b"") | st.binary(min_size=8, max_size=8) | st.binary(max_size=9),
    trace_state=st.just("") | _TEXT,
    name=_TEXT | _CONTROLS,
    kind=st.integers(0, 5),
    start_time_unix_nano=_NS,
    end_time_unix_nano=_NS,
    attributes=_ATTRIBUTES,
    dropped_events_count=st.sampled_from([0, 0, 0, 2]),
    events=st.lists(_EVENTS, max_size=2),
    links=st.lists(st.builds(WireSpan.Link, trace_id=st.just(b"\x01" * 16)), max_size=1),
    status=st.builds(dict, code=st.integers(0, 2), message=_TEXT),
    flags=st.integers(0, (1 << 32) - 1),
)


@given(st.lists(_SPANS, max_size=4), st.lists(_SPANS, max_size=2))
@settings(max_examples=150)
def test_random_requests_are_decoded_alike(first: list[WireSpan], second: list[WireSpan]) -> None:
    request = ExportTraceServiceRequest.FromString(a_request(*first, service="one"))
    request.MergeFromString(a_request(*second, service="two"))
    request.resource_spans[0].scope_spans[0].scope.name = "library"
    assert assert_same(request.SerializeToString())


@given(st.data())
@settings(max_examples=300)
def test_damaged_requests_are_decoded_alike_or_refused_by_both(data: st.DataObject) -> None:
    body = bytearray(a_request(*data.draw(st.lists(_SPANS, min_size=1, max_size=2))))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(body) - 1))
        if data.draw(st.booleans()):
            body[at] = data.draw(st.integers(0, 255))
        else:
            del body[at]
        if not body:
            break
    try:
        protobuf.decode_request(bytes(body))
    except DecodeError:
        # What the plain decoder refuses, the compiled one may not take.
        assert compiled.decode_request(bytes(body)) is None
    else:
        assert_same(bytes(body))


@given(st.binary(max_size=200))
def test_random_bytes_break_nothing(body: bytes) -> None:
    fast = compiled.decode_request(body)
    if fast is not None:
        assert sorted_spans(fast) == sorted_spans(protobuf.decode_request(body))


def test_a_load_of_the_benchmark_is_decoded_alike() -> None:
    for body in islice(Load(3).bodies(2000), 4):
        assert assert_same(body)


def test_the_samples_of_real_sdks_are_decoded_alike() -> None:
    for path in sorted((SAMPLES / "otlp-proto").glob("*.pb")):
        data = path.read_bytes()
        assert assert_same(data if data[0] == 10 else data[4 : 4 + int.from_bytes(data[:4], "big")])


def test_text_that_is_no_utf8_is_left_to_the_plain_decoder() -> None:
    body = a_request(a_wire_span(name="NAME")).replace(b"NAME", b"\xff\xfe\xff\xfe")
    assert compiled.decode_request(body) is None


def test_an_empty_request_has_no_spans() -> None:
    decoded = compiled.decode_request(b"")
    assert decoded is not None
    assert len(decoded.batch) == 0


def test_resources_and_scopes_stay_with_their_spans() -> None:
    request = ExportTraceServiceRequest()
    for number in range(1, 5):
        scopes = [ScopeSpans(spans=[a_wire_span(span_id=bytes([number] * 8))])]
        scopes[0].scope.name = f"scope {number % 2}"
        resource = ResourceSpans(scope_spans=scopes, schema_url=f"url {number % 3}")
        resource.resource.attributes.append(key_value("service.name", f"service {number}"))
        request.resource_spans.append(resource)
    assert assert_same(request.SerializeToString())


@given(st.lists(st.lists(_SPANS, max_size=3), max_size=5))
@settings(max_examples=100)
def test_appended_requests_are_those_that_are_whole_and_decode_alike(
    requests: list[list[WireSpan]],
) -> None:
    columns, expected = compiled.Columns(), list[Span]()
    for number, spans in enumerate(requests):
        body = a_request(*spans, service=f"service {number % 2}")
        plain = protobuf.decode_request(body)
        appended = columns.append(body)
        if appended is None:
            odd = compiled.Columns()
            assert not odd.decode(body) or odd.odd
            continue
        assert not plain.rejected
        assert not plain.notes
        assert appended.start_ns.tolist() == plain.batch.start_ns
        assert appended.resource == (plain.batch.resources[0] if spans else appended.resource)
        expected += plain.batch.spans()
    assert len(columns) == len(expected)
    batch = columns.seal()
    batch.to_arrow().validate(full=True)
    assert list(batch.spans()) == expected
    # What is in the journal or put aside is read back with nothing but the table.
    assert list(SpanBatch.over(batch.to_arrow()).spans()) == expected


def test_what_was_appended_last_can_be_taken_back() -> None:
    bodies = [a_request(a_wire_span(name=name), service=name) for name in ("one", "two", "three")]
    columns = compiled.Columns()
    columns.append(bodies[0])
    columns.append(bodies[1])
    columns.undo()
    columns.append(bodies[2])
    batch = columns.seal()
    assert [span.name for span in batch.spans()] == ["one", "three"]
    assert [resource.service for resource in batch.resources] == ["one", "three"]


def test_a_request_with_a_link_is_not_appended() -> None:
    columns = compiled.Columns()
    linked = a_wire_span(links=[WireSpan.Link(trace_id=b"\x01" * 16, span_id=b"\x01" * 8)])
    assert columns.append(a_request(a_wire_span(), linked)) is None
    assert len(columns) == 0
    assert len(columns.seal()) == 0


def test_columns_grow_with_what_is_appended() -> None:
    columns, expected = compiled.Columns(), list[Span]()
    for body in Load(5).bodies(20_000):
        assert columns.append(body) is not None
        expected += protobuf.decode_request(body).batch.spans()
    assert not columns.is_full
    assert list(columns.seal().spans()) == expected


def test_columns_with_many_resources_are_full_and_no_request_of_too_many_is_appended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "_SLOTS", 32)
    monkeypatch.setattr(compiled, "_MOST_ORIGINS", 16)
    monkeypatch.setattr(compiled, "_MANY_ORIGINS", 8)
    columns = compiled.Columns()
    for number in range(8):
        assert not columns.is_full
        assert columns.append(a_request(a_wire_span(), service=f"service {number}")) is not None
    assert columns.is_full
    request = ExportTraceServiceRequest()
    for number in range(8, 30):
        request.MergeFromString(a_request(a_wire_span(), service=f"service {number}"))
    assert columns.append(request.SerializeToString()) is None
    assert [span.service for span in columns.seal().spans()] == [f"service {n}" for n in range(8)]
    assert assert_same(a_request(a_wire_span(), service="one"))


def test_resources_that_fall_into_one_slot_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_MULTIPLIER", np.uint64(0))
    columns = compiled.Columns()
    for number in range(20):
        columns.append(a_request(a_wire_span(), service=f"service {number % 10}"))
    batch = columns.seal()
    assert [span.service for span in batch.spans()] == [f"service {n % 10}" for n in range(20)]
    assert len(batch.resources) == 10


def test_characters_that_begin_in_one_text_and_end_in_the_next_are_no_utf8() -> None:
    spans = [a_wire_span(name="NAM1"), a_wire_span(name="NAM2")]
    body = a_request(*spans).replace(b"NAM1", b"abc\xc3").replace(b"NAM2", b"\xa9abc")
    assert compiled.decode_request(body) is None
    assert compiled.Columns().append(body) is None


@given(st.lists(st.binary(max_size=12) | st.text(max_size=9).map(str.encode), max_size=6))
@settings(max_examples=500)
def test_texts_are_checked_as_arrow_checks_them(texts: list[bytes]) -> None:
    content = np.frombuffer(b"".join(texts), np.uint8)
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    array = pa.array(texts, pa.binary()).view(pa.string())
    try:
        array.validate(full=True)
        valid = True
    except pa.ArrowInvalid:
        valid = False
    assert primitives.are_texts(content, ends, 0, len(texts)) == valid


def test_the_plain_decoder_serves_until_the_compiled_one_is_warm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoder, body = OtlpDecoder(), a_request(a_wire_span())
    assert not decoder.is_compiled
    cold = sorted_spans(decoder.decode_request(body))
    decoder.warm_up()
    assert decoder.is_compiled
    assert sorted_spans(decoder.decode_request(body)) == cold
    with pytest.raises(DecodeError, match="ExportTraceServiceRequest"):
        decoder.decode_request(gzip.compress(body, mtime=0))


def test_without_numba_the_plain_decoder_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(_: str) -> object:
        raise ImportError("No module named 'numba'")

    monkeypatch.setattr("viewer.formats.otlp.decoder.import_module", missing)
    decoder = OtlpDecoder()
    decoder.warm_up()
    assert not decoder.is_compiled
    assert "numba" in caplog.text
    assert len(decoder.decode_request(a_request(a_wire_span())).batch) == 1
