import contextlib
import gzip
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from viewer.formats import compression
from viewer.formats.base import DecodeError

TEXT = b"a line of a trace file\n" * 5000
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


def decompress(data: bytes, limit: int | None = None, step: int = 1 << 30) -> bytes:
    chunks = [data[at : at + step] for at in range(0, len(data), step)]
    return b"".join(compression.decompress(chunks, limit))


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_all_members_are_joined(parts: list[bytes]) -> None:
    parts.insert(0, b"{")  # what was packed must not look packed itself
    for pack in (gzip.compress, zstandard.compress):
        assert decompress(b"".join(pack(part) for part in parts)) == b"".join(parts)


def test_other_bytes_stay_as_they_are() -> None:
    assert decompress(TEXT) == TEXT
    assert decompress(b"") == b""


def test_padding_and_skippable_frames_are_no_content() -> None:
    assert decompress(gzip.compress(TEXT, mtime=0) + bytes(512)) == TEXT
    assert decompress(SKIPPABLE_FRAME + zstandard.compress(TEXT)) == TEXT
    assert decompress(zstandard.compress(TEXT) + SKIPPABLE_FRAME) == TEXT


def test_a_file_packed_twice_is_unpacked_twice() -> None:
    assert decompress(gzip.compress(zstandard.compress(TEXT), mtime=0)) == TEXT


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("lost", [1, 20])
def test_a_file_that_breaks_off_is_refused(pack, lost: int) -> None:
    with pytest.raises(DecodeError, match="breaks off"):
        decompress(pack(TEXT)[:-lost])


def test_damage_is_refused_with_its_place() -> None:
    packed = bytearray(gzip.compress(bytes(range(256)) * 40, mtime=0))
    packed[40:60] = bytes(20)
    with pytest.raises(DecodeError, match=r"byte \d+: the gzip data is damaged"):
        decompress(bytes(packed))


def test_something_after_the_gzip_data_is_refused() -> None:
    with pytest.raises(DecodeError, match="something else follows"):
        decompress(gzip.compress(TEXT, mtime=0) + b"<html>")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_stops_at_the_limit(pack) -> None:
    bomb = pack(bytes(256 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="more than 1,048,576 bytes"):
            decompress(bomb, limit=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 160 << 20
    finally:
        tracemalloc.stop()


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 30))
def test_chunks_of_any_size_give_the_same(parts: list[bytes], step: int) -> None:
    parts.insert(0, b"{")
    for pack in (gzip.compress, zstandard.compress):
        packed = b"".join(pack(part) for part in parts)
        assert decompress(packed, step=step) == b"".join(parts)
        assert decompress(gzip.compress(packed, mtime=0), step=step) == b"".join(parts)


def test_a_large_file_comes_in_pieces_of_bounded_size() -> None:
    for pack in (gzip.compress, zstandard.compress):
        packed = pack(bytes(64 << 20))
        assert max(map(len, compression.decompress([packed]))) <= 16 << 20


@given(st.sampled_from([b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"]), st.binary())
def test_random_bytes_after_a_magic_number_raise_nothing_else(magic: bytes, rest: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decompress(magic + rest, limit=1 << 20)
