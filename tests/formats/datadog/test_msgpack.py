import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.datadog import encoders
from tests.formats.reading import read
from viewer.formats.base import CHUNK_SPANS, DecodeError, Payload
from viewer.formats.datadog.msgpack import DatadogMsgpack

CHUNKS = [[encoders.span(1)], [encoders.root(2), encoders.span(3)]]
VERSIONS = ["v0.4", "v0.5", "v0.7", "v1.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_body_saved_as_a_file_is_recognised_by_its_structure(version: str) -> None:
    contents = read(encoders.ENCODERS[version](CHUNKS))
    assert contents.format == "datadog-msgpack"
    assert [span.span_id for span in contents.spans] == [1, 2, 3]
    assert not contents.rejected


@pytest.mark.parametrize("version", VERSIONS)
def test_empty_chunks_before_the_first_span_do_not_hide_it(version: str) -> None:
    chunks = [[], *CHUNKS] if version != "v1.0" else CHUNKS
    assert DatadogMsgpack().sniff(encoders.ENCODERS[version](chunks))


def test_a_table_of_strings_longer_than_what_is_looked_at_is_recognised() -> None:
    tags = {f"tag {number}": f"{number} {'x' * 40}" for number in range(10_000)}
    body = encoders.v05([[encoders.span(meta=tags)]])
    assert len(body) > 1 << 18
    assert read(body).format == "datadog-msgpack"


def test_chunks_that_are_many_are_given_in_portions() -> None:
    body = encoders.v04([[encoders.span(n + 1)] for n in range(CHUNK_SPANS + 10)])
    portions = list(DatadogMsgpack().decode(Payload(body, lenient=True)))
    assert [len(portion.batch) for portion in portions] == [CHUNK_SPANS, 10]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_that_breaks_off_gives_what_stands_before(version: str) -> None:
    chunks = [[encoders.root(n, resource=f"GET /{n}")] for n in range(1, 9)]
    body = encoders.ENCODERS[version](chunks)
    contents = read(body[: len(body) * 3 // 4])
    assert 0 < len(contents.spans) < 8
    (first, *_) = contents.rejected
    assert first.reason.endswith("breaks off")
    assert first.where.startswith("byte ")


def test_a_file_without_a_whole_span_is_refused() -> None:
    with pytest.raises(DecodeError, match="byte 34: expected a span, which breaks off"):
        read(encoders.v04(CHUNKS)[:40])


def test_what_follows_the_payload_is_noted() -> None:
    body = encoders.v04(CHUNKS)
    contents = read(body + b"more")
    assert len(contents.spans) == 3
    assert [(note.reason, note.where) for note in contents.notes] == [
        ("something follows the payload", f"byte {len(body)}")
    ]


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[]],
        [[{}]],
        [[{"a": 1, "b": 2}]],
        [[{"service": "only one field"}]],
        [["a"], []],
        [["a"], [[[1, 2, 3]]]],
        [1, 2],
        ["a", "b"],
        {},
        {"chunks": []},
        {"chunks": [{"x": 1}]},
        {"chunks": 5},
        {"a": [1]},
        {11: []},
        {11: [{99: 1}]},
        {99: 1, 11: [{4: []}]},
        {True: 1},
        "text",
        None,
        5,
    ],
)
def test_other_messagepack_is_not_recognised(value: object) -> None:
    assert not DatadogMsgpack().sniff(msgpack.packb(value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"{}",
        json.dumps(CHUNKS).encode(),
        b"\x81\x82\x80\x01",
        b"\x92\x91\x82\x91\x01\x02",
        b"\xdd",
    ],
)
def test_other_files_are_not_recognised(data: bytes) -> None:
    assert not DatadogMsgpack().sniff(data)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x91\x91\x82", b"\x92\x91\xa1a", b"\x81"]))
def test_sniffing_never_raises(data: bytes, begin: bytes) -> None:
    assert DatadogMsgpack().sniff(begin + data) in (True, False)
