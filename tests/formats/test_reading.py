"""Files read piece by piece, and from where an earlier reading ended."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import a_trace
from tests.collector.senders import a_body
from tests.formats.datadog import encoders
from tests.formats.zipkin.test_proto import a_list, a_wire
from viewer.formats import read_file, reading
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.jaeger.encode import encode as encode_jaeger
from viewer.formats.otlp.encode import encode as encode_otlp
from viewer.formats.reading import BEGIN, Place
from viewer.formats.zipkin.encode import encode as encode_zipkin

Packing = Callable[[bytes], bytes]


def framed(number: int) -> bytes:
    message = a_body(number, spans=3)[0]
    return len(message).to_bytes(4, "big") + message


def bare(number: int) -> bytes:
    return a_body(number, spans=3)[0]


def otlp_line(number: int) -> bytes:
    return encode_otlp(a_trace(number)) + b"\n"


def jaeger_line(number: int) -> bytes:
    return encode_jaeger(a_trace(number)) + b"\n"


def zipkin_line(number: int) -> bytes:
    return encode_zipkin(a_trace(number)) + b"\r\n"


def indented(number: int) -> bytes:
    return json.dumps(json.loads(encode_otlp(a_trace(number))), indent=2).encode() + b"\n"


def broken_line(number: int) -> bytes:
    return otlp_line(number) if number % 2 else otlp_line(number)[:40] + b"\nnonsense\n"


def of_a_list(number: int) -> bytes:
    """Lines of one list over many lines, which begins and ends with the file."""
    return otlp_line(number).rstrip() + b",\n"


def datadog() -> bytes:
    spans = [
        {"trace_id": number, "span_id": number, "name": "web", "start": 1, "duration": 1}
        for number in range(1, 90)
    ]
    return encoders.v04([[span] for span in spans])


def zipkin_entry(number: int) -> bytes:
    return a_list(a_wire(id=number.to_bytes(8, "big"), name=b"x" * 90))


UNITS = [
    zipkin_entry,
    framed,
    bare,
    otlp_line,
    jaeger_line,
    zipkin_line,
    indented,
    broken_line,
    of_a_list,
]
PACKINGS: list[Packing] = [
    bytes,
    lambda data: gzip.compress(data, mtime=0),
    zstandard.compress,
    lambda data: b"".join(
        gzip.compress(data[at : at + 999], mtime=0) for at in range(0, len(data), 999)
    ),
    lambda data: zstandard.compress(gzip.compress(data, mtime=0)),
]
Ids = Counter[tuple[str, int]]


@dataclass
class Part:
    """What one reading gave: spans by their IDs, rejected things, and the last place."""

    spans: Ids
    rejected: int
    place: Place


def ids(chunks: list[Decoded]) -> Ids:
    return Counter(
        (span.trace_id, span.span_id) for chunk in chunks for span in chunk.batch.spans()
    )


def read_part(data: bytes, begin: Place = BEGIN, most: int = 1 << 30) -> Part:
    """Read as an import does that is killed after so many chunks: what is behind the last place
    that could be noted is lost."""
    kept: list[Decoded] = []
    ready: list[Decoded] = []
    place = begin
    for number, (decoded, after) in enumerate(read_file(io.BytesIO(data), begin=begin)):
        if number >= most:
            break
        ready.append(decoded)
        if after is not None:
            kept, ready, place = kept + ready, [], after
    return Part(ids(kept), sum(chunk.rejected_spans for chunk in kept), place)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 700)
    monkeypatch.setattr(reading, "_CHUNK", 300)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("unit", UNITS)
def test_any_pieces_and_any_place_to_go_on_give_the_spans_of_the_whole(
    unit: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    @settings(max_examples=25, deadline=None)
    @given(
        st.integers(1, 12),
        st.sampled_from(PACKINGS),
        st.integers(200, 4000),
        st.lists(st.integers(1, 3), max_size=6),
    )
    def check(units: int, pack: Packing, piece: int, stops: list[int]) -> None:
        monkeypatch.setattr(reading, "PIECE_BYTES", piece)
        plain = b"".join(unit(number) for number in range(2, 2 + units))
        data = pack(b"[" + plain[:-2] + b"]" if unit is of_a_list else plain)
        monkeypatch.setattr(reading, "PIECE_BYTES", 1 << 30)
        try:
            expected = read_part(data).spans
        except DecodeError:
            assert unit is broken_line
            return
        monkeypatch.setattr(reading, "PIECE_BYTES", piece)
        found: Ids = Counter()
        place = BEGIN
        for most in [*stops, 1 << 30]:
            part = read_part(data, place, most)
            found, place = found + part.spans, part.place
        assert found == expected
        assert expected or unit is broken_line

    check()


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("unit", [zipkin_entry, framed, bare, otlp_line, indented])
@pytest.mark.parametrize("pack", PACKINGS)
def test_what_is_appended_is_read_from_where_the_file_ended(
    unit: Callable[[int], bytes], pack: Packing
) -> None:
    before, after = (b"".join(map(unit, numbers)) for numbers in (range(2, 9), range(9, 15)))
    first = read_part(pack(before))
    second = read_part(pack(before + after), first.place)
    assert first.spans + second.spans == read_part(before + after).spans
    assert set(first.spans.values()) == {1}
    assert not first.spans.keys() & second.spans.keys()


@pytest.mark.parametrize("unit", [framed, bare, otlp_line, indented])
@pytest.mark.parametrize("lost", [2, 30, 60])
def test_what_a_file_ends_with_and_is_not_whole_is_read_once_it_is(
    unit: Callable[[int], bytes], lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if unit is bare:  # which is not known by its begin alone
        monkeypatch.setattr(reading, "PIECE_BYTES", 100)
    whole = unit(2) + unit(3)
    first = read_part(whole[:-lost])
    second = read_part(whole, first.place)
    assert len(first.spans) == 3
    assert first.rejected >= 1
    assert first.spans + second.spans == read_part(whole).spans


def test_a_last_line_without_its_end_is_read_once(small_pieces: None) -> None:
    first = read_part(otlp_line(2) + otlp_line(3).rstrip())
    assert len(first.spans) == 6
    assert len(read_part(otlp_line(2) + otlp_line(3) + otlp_line(4), first.place).spans) == 3


def test_lines_are_numbered_through_all_pieces(small_pieces: None) -> None:
    good = otlp_line(2)
    data = good * 5 + b"nonsense\n" + good * 5 + b'{"cut": \n' + good
    wheres = [
        rejection.where
        for decoded, _ in read_file(io.BytesIO(data))
        for rejection in decoded.rejected
    ]
    assert wheres[0] == "line 6"
    assert wheres[1].startswith("line 12 (")


def test_bytes_are_counted_through_all_pieces(small_pieces: None) -> None:
    data = framed(2) * 20 + framed(2)[:-1]
    (rejection,) = [
        rejection for decoded, _ in read_file(io.BytesIO(data)) for rejection in decoded.rejected
    ]
    assert rejection.where == f"byte {len(framed(2)) * 20 + 4}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_byte_order_mark_holds_for_all_pieces(small_pieces: None, encoding: str) -> None:
    text = b"".join(map(otlp_line, range(2, 9))).decode()
    whole = read_part(text.encode(encoding))
    assert len(whole.spans) == 21
    first = read_part(text.encode(encoding), most=2)
    assert 0 < len(first.spans) < 21
    assert first.spans + read_part(text.encode(encoding), first.place).spans == whole.spans


def test_a_format_without_pieces_is_read_whole_and_gives_no_place(small_pieces: None) -> None:
    data = datadog()
    assert len(data) > 2000
    read = list(read_file(io.BytesIO(data)))
    assert {place for _, place in read} == {None}
    assert sum(len(decoded.batch) for decoded, _ in read) == 89


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"a": "' + b"x" * 3000, "a JSON value"),
        (b'{"a":\n"' + b"x" * 3000, "a JSON value"),
        (otlp_line(2) + b"[" * 3000, "a JSON value"),
        (b"\x00\x00\xff\xff\x0a" + bytes(3000), "a message of otlp-proto"),
        (datadog(), "a file of"),
    ],
)
def test_what_is_read_whole_has_a_limit_that_is_said(
    small_pieces: None, monkeypatch: pytest.MonkeyPatch, data: bytes, what: str
) -> None:
    monkeypatch.setattr(reading, "MAX_UNIT_BYTES", 2000)
    with pytest.raises(DecodeError, match=rf"line \d+, byte \d+: {what}.* split it"):
        list(read_file(io.BytesIO(data)))


def test_a_file_that_holds_nothing_is_described_by_its_begin(small_pieces: None) -> None:
    with pytest.raises(DecodeError, match=r"CSV, columns .*; accepted are Zipkin"):
        list(read_file(io.BytesIO(b"a,b\n1,2\n" * 2000)))


@given(st.binary(max_size=600), st.integers(1, 100))
def test_random_bytes_are_read_or_refused_in_pieces_too(data: bytes, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PIECE_BYTES", piece)
        patch.setattr(reading, "_CHUNK", piece)
        try:
            chunks = [decoded for decoded, _ in read_file(io.BytesIO(data))]
        except DecodeError:
            chunks = []
    assert sum(ids(chunks).values()) <= len(data)
