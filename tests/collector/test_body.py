import gzip
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from viewer.collector.body import UnknownEncoding, decompress_body
from viewer.formats.base import DecodeError
from viewer.formats.compression import TooLarge

CODECS = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("encoding", CODECS)
def test_a_body_comes_out_as_it_went_in_up_to_the_limit(encoding: str) -> None:
    body = b"0123456789"
    packed = CODECS[encoding](body)
    assert decompress_body(packed, encoding, limit=10) == body
    if encoding not in ("", "identity"):
        with pytest.raises(TooLarge):
            decompress_body(packed, encoding, limit=9)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_not_unfolded_beyond_the_limit(encoding: str) -> None:
    bomb = CODECS[encoding](bytes(200 << 20))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decompress_body(bomb, encoding, limit=1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@given(data=st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_such_thing_are_refused_by_name(encoding: str, data: bytes) -> None:
    with pytest.raises(DecodeError, match=encoding):
        decompress_body(data, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_what_breaks_off_is_refused(encoding: str) -> None:
    packed = CODECS[encoding](b"abc" * 100)
    with pytest.raises(DecodeError, match=f"{encoding} data breaks off"):
        decompress_body(packed[:-4], encoding)


def test_another_encoding_is_refused_with_what_is_taken() -> None:
    with pytest.raises(UnknownEncoding, match="send gzip, zstd or none"):
        decompress_body(b"", "br")
