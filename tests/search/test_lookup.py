"""Everything that tools print an ID as is read; everything else is refused with a reason."""

import base64
import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.search.lookup import MAX_TEXT, Reading, read
from viewer.trace.ids import InvalidId, format_trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
BOTH = (TRACE, int(SPAN, 16))
LOW = "00000000000000008448eb211c80319c"

trace_numbers = st.integers(1, 2**128 - 1)
span_numbers = st.integers(1, 2**64 - 1)


def first(text: str) -> tuple[str, int]:
    reading = read(text)[0]
    return reading.trace_id, reading.span_id


@pytest.mark.parametrize(
    "text",
    [
        TRACE,
        TRACE.upper(),
        TRACE.lstrip("0"),
        f"  {TRACE}\n",
        f'"{TRACE}",',
        f"0x{TRACE}",
        "0af76519-16cd-43dd-8448-eb211c80319c",
        "CvdlGRbNQ92ESOshHIAxnA==",
        "CvdlGRbNQ92ESOshHIAxnA",
        "1-0af76519-16cd43dd8448eb211c80319c",
        f"http://localhost:16686/trace/{TRACE}",
        f"<https://jaeger.example/ui/trace/{TRACE}?uiFind=x>",
        f"/trace/{TRACE}",
        f"https://zipkin.example/zipkin/traces/{TRACE}",
        f"https://zipkin.example/zipkin/?traceId={TRACE}",
        f'https://g.example/explore?left={{"queries":[{{"query":"{TRACE}"}}]}}',
        "https://g.example/explore?schemaVersion=1&panes=%7B%22a%22%3A%7B%22queries%22%3A%5B%7B"
        f"%22queryType%22%3A%22traceql%22%2C%22query%22%3A%22{TRACE}%22%7D%5D%7D%7D",
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#xray:traces/"
        "1-0af76519-16cd43dd8448eb211c80319c",
        f'{{"traceId": "{TRACE}"}}',
        f"payment failed in {TRACE}, see the log",
    ],
)
def test_a_trace_id_is_read_in_any_form(text: str) -> None:
    assert first(text) == (TRACE, 0)


@pytest.mark.parametrize(
    "text",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"traceparent: 00-{TRACE}-{SPAN}-01",
        f"curl -H 'Traceparent: 00-{TRACE}-{SPAN}-00' http://shop.example/",
        f"{TRACE}-{SPAN}-1",
        f"{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90",
        f"{TRACE}-{SPAN}",
        f"b3: {TRACE}-{SPAN}-d",
        f"X-B3-TraceId: {TRACE}\nX-B3-SpanId: {SPAN}\nX-B3-Sampled: 1",
        f"x-b3-traceid: {TRACE}X-B3-SpanId: {SPAN}",
        f"uber-trace-id: {TRACE.lstrip('0')}:{SPAN}:0:1",
        f"uber-trace-id: {TRACE}%3A{SPAN}%3A0%3A1",
        f"{TRACE}:{SPAN}:{SPAN}:1",
        f"X-Amzn-Trace-Id: Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=1",
        f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN}",
        f"level=error trace_id={TRACE} span_id={SPAN} msg=timeout",
        f"http://localhost:16686/trace/{TRACE}?span={SPAN}",
    ],
)
def test_a_header_or_log_line_names_the_span_too(text: str) -> None:
    assert first(text) == BOTH


def test_datadogs_header_is_decimal() -> None:
    text = f"x-datadog-trace-id: {int(LOW, 16)}\nx-datadog-parent-id: {int(SPAN, 16)}"
    assert first(text) == (LOW, int(SPAN, 16))


def test_datadogs_high_half_travels_in_a_tag() -> None:
    text = (
        f"x-datadog-trace-id: {int(LOW, 16)}\nx-datadog-parent-id: {int(SPAN, 16)}\n"
        f"x-datadog-tags: _dd.p.dm=-1,_dd.p.tid={TRACE[:16]}"
    )
    assert first(text) == BOTH
    assert LOW in {reading.trace_id for reading in read(text)}


def test_digits_alone_are_read_as_hex_and_as_decimal() -> None:
    traces = {reading.trace_id for reading in read("1234567890123456789")}
    assert traces >= {"00000000000001234567890123456789", "0000000000000000112210f47de98115"}


def test_sixteen_digits_may_be_a_trace_a_span_or_a_beginning() -> None:
    trace, span, prefix = read("B7AD6B7169203331")
    assert trace.trace_id == "0000000000000000b7ad6b7169203331"
    assert (span.trace_id, span.span_id) == ("", int(SPAN, 16))
    assert prefix.prefix == SPAN


def test_a_beginning_has_at_least_six_digits() -> None:
    assert not any(reading.prefix for reading in read("0af76"))
    assert any(reading.prefix == "0af765" for reading in read("0AF765"))


def test_a_comparisons_link_names_both_traces() -> None:
    other = "1" * 32
    readings = read(f"http://localhost:16686/trace/{TRACE}...{other}")
    assert [reading.trace_id for reading in readings] == [TRACE, other]


def test_each_reading_says_how_it_was_read() -> None:
    (reading,) = read(f"traceparent: 00-{TRACE}-{SPAN}-01")
    assert reading.how == f"a W3C traceparent: trace {TRACE}, span {SPAN}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing to look up"),
        (' "" ', "nothing to look up"),
        ("0", "zeros"),
        ("0" * 32, "zeros"),
        (f"{'0' * 8}-{'0' * 4}-{'0' * 4}-{'0' * 4}-{'0' * 12}", "zeros"),
        ("f" * 33, "33 hex digits"),
        ("hello world", "neither an ID"),
        ("<script>alert(1)</script>", "neither an ID"),
        ("b3: 0", "neither an ID"),
        ("http://localhost:16686/search?service=face", "neither an ID"),
        ("http://[::1", "neither an ID"),
        ("x" * (MAX_TEXT + 1), "20,001 characters"),
        ("'; DROP TABLE spans; --", "neither an ID"),
    ],
)
def test_what_is_no_id_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidId, match=reason):
        read(text)


@given(trace_numbers)
def test_every_trace_id_comes_back_from_each_of_its_forms(number: int) -> None:
    trace_id = f"{number:032x}"
    raw = number.to_bytes(16, "big")
    forms = [
        trace_id,
        trace_id.upper(),
        f"{number:x}",
        format_trace_id(trace_id),
        f"0x{number:X}",
        str(uuid.UUID(int=number)),
        f"1-{trace_id[:8]}-{trace_id[8:]}",
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ]
    for form in forms:
        assert trace_id in {reading.trace_id for reading in read(form)}, form


@given(trace_numbers, span_numbers)
def test_every_header_gives_trace_and_span_back(trace: int, span: int) -> None:
    trace_id, span_id = f"{trace:032x}", f"{span:016x}"
    for header in (
        f"00-{trace_id}-{span_id}-01",
        f"b3: {trace_id}-{span_id}-1",
        f"uber-trace-id: {trace:x}:{span:x}:0:1",
        f"X-Amzn-Trace-Id: Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id};Sampled=0",
    ):
        assert first(header) == (trace_id, span), header


@given(span_numbers)
def test_every_span_id_comes_back(number: int) -> None:
    for form in (
        f"{number:016x}",
        str(number),
        base64.b64encode(number.to_bytes(8, "big")).decode(),
    ):
        assert number in {reading.span_id for reading in read(form)}, form


@given(st.text(max_size=200) | st.text("0123456789abcdef-:/;=._ \n", max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    readings: list[Reading] = []
    with suppress(InvalidId):
        readings = read(text)
        assert readings
    for reading in readings:
        assert reading.how
        assert bool(reading.trace_id) + bool(reading.prefix) <= 1
        assert reading.trace_id or reading.prefix or reading.span_id


@pytest.mark.parametrize(
    "unit", ["Root=1-", "00-0af7-", "trace_id=", '{"a":', "x-b3-traceid:", "a-"]
)
def test_a_long_text_is_read_in_no_time(unit: str) -> None:
    with pytest.raises(InvalidId):
        read((unit * MAX_TEXT)[:MAX_TEXT])
