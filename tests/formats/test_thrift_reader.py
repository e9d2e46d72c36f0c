import struct
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thriftpy2.thrift import TType

from tests.formats.jaeger import messages
from viewer.formats.base import DecodeError
from viewer.formats.thrift_reader import (
    MAX_DEPTH,
    BinaryReader,
    CompactReader,
    ThriftReader,
    shape_of,
)

BATCH = shape_of(messages.JAEGER.Batch)
TAG = shape_of(messages.JAEGER.Tag)
UNKNOWN = b"\x00\x63"


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def refusal(reader: ThriftReader) -> str:
    with pytest.raises(DecodeError) as caught:
        reader.read(BATCH)
    return str(caught.value)


def test_a_shape_is_what_the_file_declares() -> None:
    assert TAG.required == ("key", "vType")
    assert TAG.fields[7].is_binary
    assert not TAG.fields[3].is_binary
    spans = BATCH.fields[2].item
    assert spans is not None
    assert (spans.name, spans.fields[12].name) == ("Span", "incomplete")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "byte 0: malformed Thrift: it breaks off"),
        (b"\x0b\x00\x63\x7f\xff\xff\xff", "declares a size of 2147483647 where 0 bytes"),
        (b"\x0b\x00\x63\xff\xff\xff\xfb" + bytes(9), "declares a size of -5 where 9 bytes"),
        (b"\x0f\x00\x02\x0c\x7f\xff\xff\xff" + bytes(5), "declares a size of 2147483647"),
        (b"\x0f\x00\x63\x01\x00\x00\x00\x02\x00\x00\x00", "there is no type 1"),
        (b"\x0d\x00\x63\x01\x02\x00\x00\x00\x02\x00\x00\x00", "there is no type 1"),
        (b"\x63\x00\x63", "there is no type 99"),
        (b"\x0a\x00\x63\x00", "it breaks off"),
        (b"\x0f\x00\x63\x0a\x00\x00\x00\x03\x00\x00\x00", "it breaks off"),
    ],
)
def test_malformed_binary_is_refused_in_words(data: bytes, complaint: str) -> None:
    assert complaint in refusal(BinaryReader(data))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "it breaks off"),
        (b"\x19\xfc" + varint(1 << 40), "declares a size of 1099511627776 where 0 bytes"),
        (b"\x99\xf0\xff\xff\xff\x07" + bytes(5), "there is no type 0"),
        (b"\x9d", "there is no type 13"),
        (b"\x96" + b"\xff" * 65_000, "more than 64 bits"),
        (b"\x96" + b"\xff" * 9 + b"\x7f\x00", "more than 64 bits"),
        (b"\x96\xff", "it breaks off"),
        (b"\x9b\x02\x10" + bytes(5), "there is no type"),
    ],
)
def test_malformed_compact_is_refused_in_words(data: bytes, complaint: str) -> None:
    assert complaint in refusal(CompactReader(data))


@pytest.mark.parametrize(
    ("reader", "opening", "level"),
    [
        (BinaryReader, b"", b"\x0c\x00\x63"),
        (BinaryReader, b"\x0f\x00\x63", b"\x0f\x00\x00\x00\x01"),
        (CompactReader, b"", b"\x9c"),
        (CompactReader, b"\x99", b"\x19"),
        (CompactReader, b"\x9b", b"\x01\xbb"),
    ],
)
def test_nesting_is_followed_to_a_bound(
    reader: type[ThriftReader], opening: bytes, level: bytes
) -> None:
    assert f"deeper than {MAX_DEPTH} levels" in refusal(reader(opening + level * 60_000))


def test_unknown_fields_of_every_type_are_passed_over() -> None:
    number = struct.pack(">i", 2)
    unknown = b"".join(
        (
            b"\x02" + UNKNOWN + b"\x01",
            b"\x03" + UNKNOWN + b"\x01",
            b"\x04" + UNKNOWN + bytes(8),
            b"\x06" + UNKNOWN + bytes(2),
            b"\x08" + UNKNOWN + bytes(4),
            b"\x0a" + UNKNOWN + bytes(8),
            b"\x0b" + UNKNOWN + number + b"ab",
            b"\x0c" + UNKNOWN + b"\x02" + UNKNOWN + b"\x01\x00",
            b"\x0d" + UNKNOWN + b"\x03\x0b" + number + (b"\x01" + number + b"cd") * 2,
            b"\x0e" + UNKNOWN + b"\x0b" + number + (number + b"ef") * 2,
            b"\x0f" + UNKNOWN + b"\x0c" + number + b"\x00\x00",
        )
    )
    key = b"\x0b\x00\x01" + number + b"ok"
    assert BinaryReader(unknown + key + b"\x00").read(TAG) == {"key": "ok"}


def test_unknown_fields_of_every_compact_type_are_passed_over() -> None:
    unknown = b"".join(
        (
            b"\x91\x12\x13\x01",  # true, false, byte
            b"\x14\x03\x15\x03\x16\x03\x17" + bytes(8),  # i16, i32, i64, double
            b"\x18\x02ab",
            b"\x19\x21\x01\x02",  # list of two booleans
            b"\x1a\x28\x01a\x01b",  # set of texts
            b"\x1b\x01\x81\x01k\x01",  # map of text to boolean
            b"\x1b\x00",
            b"\x1c\x11\x00",  # struct of a boolean
            b"\x19\x00",  # an empty list that leaves its type open
        )
    )
    # Field 1 in the long form, its number in zigzag.
    assert CompactReader(unknown + b"\x08\x02\x02ok\x00").read(TAG) == {"key": "ok"}


def test_a_field_of_another_type_than_declared_is_passed_over() -> None:
    data = b"\x0a\x00\x01" + bytes(8) + b"\x08\x00\x02\x00\x00\x00\x03\x00"
    assert BinaryReader(data).read(TAG) == {"vType": 3}


def test_items_without_a_required_field_are_counted_and_left_out() -> None:
    tag = messages.bare(messages.tag("k", "v"))
    items = struct.pack(">bhbi", TType.LIST, 2, TType.STRUCT, 3) + b"\x00" + tag + b"\x00"
    reader = BinaryReader(items + b"\x00")
    log = shape_of(messages.JAEGER.Log)
    assert reader.read(log) == {"fields": [{"key": "k", "vType": 0, "vStr": "v"}]}
    assert reader.left_out == {("Tag", "key"): 2}


def test_a_large_list_of_nothing_takes_neither_room_nor_long() -> None:
    size = 200_000
    data = struct.pack(">bhbi", TType.LIST, 2, TType.STRUCT, size) + bytes(size) + b"\x00"
    tracemalloc.start()
    began = time.process_time()
    try:
        fields = BinaryReader(data).read(BATCH)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fields == {"spans": []}
    assert peak < 200_000
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("field", "item"),
    [
        (b"\x0f\x00\x02\x0c", b"\x00"),
        (b"\x0f\x00\x63\x0c", b"\x00"),
        (b"\x0e\x00\x63\x0c", b"\x00"),
        (b"\x0d\x00\x63\x02\x02", b"\x01\x01"),
    ],
)
def test_more_items_than_anybody_sends_are_refused_unread(field: bytes, item: bytes) -> None:
    size = 1_400_000
    reader = BinaryReader(field + struct.pack(">i", size) + item * size + b"\x00")
    began = time.process_time()
    assert "more items than there is room for" in refusal(reader)
    assert time.process_time() - began < 1


def test_many_items_in_many_lists_are_refused_as_those_in_one() -> None:
    a_list = b"\x0f\x00\x63\x0b" + struct.pack(">i", 200_000) + bytes(4) * 200_000
    assert BinaryReader(a_list * 4 + b"\x00").read(TAG) == {}
    nothings = b"\x0f\x00\x63\x0c" + struct.pack(">i", 400_000) + bytes(400_000)
    assert "more items than there is room for" in refusal(BinaryReader(nothings * 3))


def test_a_list_of_numbers_is_passed_over_at_once_however_long() -> None:
    size = 3_000_000
    data = b"\x0f\x00\x63\x03" + struct.pack(">i", size) + bytes(size) + b"\x00"
    assert BinaryReader(data).read(TAG) == {}


def test_a_reader_can_begin_where_a_value_does() -> None:
    reader = BinaryReader(b"head" + messages.bare(messages.tag("k", "v")) + b"tail", 4)
    assert reader.read(TAG)["key"] == "k"
    assert reader.data[reader.position :] == b"tail"


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_a_refusal(data: bytes) -> None:
    for reader in (BinaryReader, CompactReader):
        with suppress(DecodeError):
            reader(data).read(BATCH)
        with suppress(DecodeError):
            reader(data).read_message()


numbers = st.integers(-(1 << 63), (1 << 63) - 1)


@given(
    st.lists(
        st.builds(
            messages.span,
            traceIdHigh=numbers,
            spanId=numbers,
            operationName=st.text(max_size=5),
            flags=st.integers(-(1 << 31), (1 << 31) - 1),
            incomplete=st.booleans(),
            tags=st.dictionaries(
                st.text(max_size=3),
                st.one_of(st.text(max_size=5), numbers, st.booleans(), st.floats(allow_nan=False)),
                max_size=20,
            ).map(lambda pairs: [messages.tag(*pair) for pair in pairs.items()]),
        ),
        max_size=18,
    )
)
def test_what_thriftpy2_writes_is_read_as_it_was(spans) -> None:
    batch = messages.batch(*spans)
    binary = BinaryReader(messages.bare(batch)).read(BATCH)
    reader = CompactReader(messages.compact(batch))
    assert reader.read_message() == ("emitBatch", 4)
    compact = reader.read(shape_of(messages.AGENT.Agent.emitBatch_args))["batch"]
    assert binary == compact
    for read, written in zip(binary["spans"], spans, strict=True):
        for name in ("traceIdHigh", "spanId", "operationName", "flags", "incomplete"):
            assert read[name] == getattr(written, name)
        for of_read, of_written in zip(read["tags"], written.tags, strict=True):
            sent = {name: value for name, value in vars(of_written).items() if value is not None}
            assert of_read == sent
