"""OTLP protobuf in files: frames, messages, and pieces of either."""

import gzip
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SAMPLES
from tests.formats.otlp.test_protobuf import a_request, a_wire_span
from viewer.formats.base import Decoded, DecodeError, Payload
from viewer.formats.otlp import file
from viewer.formats.otlp.file import OtlpProtobuf
from viewer.trace.span import Span

FORMAT = OtlpProtobuf()


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def test_length_prefixed_messages_are_read_one_after_another() -> None:
    message = a_request(a_wire_span())
    frame = framed(message)
    assert FORMAT.sniff(frame * 2)
    assert sum(len(chunk.batch) for chunk in FORMAT.decode(Payload(frame * 2))) == 2


def test_a_file_that_breaks_off_keeps_what_came_before_and_says_where() -> None:
    message = a_request(a_wire_span())
    frame = framed(message)
    chunks = list(FORMAT.decode(Payload(frame + frame[:-3])))
    assert sum(len(chunk.batch) for chunk in chunks) == 1
    assert chunks[-1].rejected[0].where == f"byte {len(frame) + 4}"
    with pytest.raises(DecodeError, match="byte 4"):
        list(FORMAT.decode(Payload(frame[:-3])))


def _spans(chunks: Sequence[object]) -> list[Span]:
    return [span for chunk in chunks for span in chunk.batch.spans()]  # type: ignore[attr-defined]


def test_the_sample_payloads_of_real_sdks_are_read() -> None:
    for path in sorted((SAMPLES / "otlp-proto").glob("*.pb")):
        data = path.read_bytes()
        assert FORMAT.sniff(data), path
        chunks = list(FORMAT.decode(Payload(data)))
        assert _spans(chunks)
        assert not any(chunk.rejected for chunk in chunks)
    assert not FORMAT.sniff(gzip.compress(b"x", mtime=0))


@given(st.binary(max_size=300))
def test_random_bytes_are_recognised_or_not(data: bytes) -> None:
    assert FORMAT.sniff(data) in (True, False)
    assert FORMAT.sniff_begin(data) in (True, False)
    if data:
        assert 0 <= FORMAT.cut(data) <= len(data)


@pytest.mark.parametrize("frame", [framed, bytes])
def test_pieces_end_where_a_unit_ends(frame) -> None:
    units = [frame(a_request(a_wire_span())) for _ in range(3)]
    whole = b"".join(units)
    ends = [0, len(units[0]), len(units[0]) * 2, len(whole)]
    for size in range(1, len(whole) + 1):
        assert FORMAT.cut(whole[:size]) == max(end for end in ends if end <= size)
        assert size < 6 or FORMAT.sniff_begin(whole[:size])


def test_a_piece_that_breaks_behind_others_is_a_rejection_that_ends_the_file() -> None:
    (chunk,) = FORMAT.decode(Payload(framed(a_request(a_wire_span()))[:-3], at=1000))
    assert chunk.breaks_off
    assert [rejection.where for rejection in chunk.rejected] == ["byte 1004"]


def test_a_broken_frame_costs_none_of_those_before_it() -> None:
    good, bad = framed(a_request(a_wire_span())), framed(b"\x0a\x02\xff\xff")
    chunks = list(FORMAT.decode(Payload(good * 2 + bad + good)))
    assert len(_spans(chunks)) == 2
    assert chunks[-1].breaks_off


def test_much_is_decoded_by_the_compiled_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_WORTH_BYTES", 1)
    data = framed(a_request(a_wire_span())) * 5
    compiled, plain = OtlpProtobuf(), OtlpProtobuf()
    monkeypatch.setattr(plain, "_decode_at_once", lambda _: None)

    def as_text(chunks: list[Decoded]) -> list[str]:
        return sorted(map(repr, _spans(chunks)))

    assert as_text(list(compiled.decode(Payload(data)))) == as_text(
        list(plain.decode(Payload(data)))
    )
    assert compiled._decoder.is_compiled
    assert not plain._decoder.is_compiled
