from collections.abc import Iterator

import pytest

from tests.builders import a_span
from viewer.formats.base import CHUNK_SPANS, MAX_BAD_SPANS, Decoded, DecodeError
from viewer.formats.zipkin.lists import decode_list, whole


def read(span_id: int, decoded: Decoded) -> None:
    """Keep a span of this ID; 0 is a bad one."""
    if span_id:
        decoded.batch.add(a_span(span_id))
    else:
        decoded.reject("bad")


def entries(*span_ids: int, breaks: bool = False) -> Iterator[tuple[str, int]]:
    for number, span_id in enumerate(span_ids, 1):
        yield f"item {number}", span_id
    if breaks:
        raise DecodeError("it breaks off", "item 9")


def test_good_spans_are_kept_beside_bad_ones_which_name_their_place() -> None:
    (decoded,) = decode_list(entries(1, 0, 2, 0), read)
    assert [span.span_id for span in decoded.batch.spans()] == [1, 2]
    (rejection,) = decoded.rejected
    assert (rejection.reason, rejection.count, rejection.where) == ("bad", 2, "item 2, item 4")


def test_a_list_that_breaks_after_a_good_span_is_kept_up_to_there() -> None:
    (decoded,) = decode_list(entries(1, 0, breaks=True), read)
    assert len(decoded.batch) == 1
    assert (decoded.rejected[1].reason, decoded.rejected[1].where) == ("it breaks off", "item 9")


def test_a_list_that_breaks_before_any_good_span_is_refused() -> None:
    with pytest.raises(DecodeError, match="item 9: it breaks off"):
        list(decode_list(entries(0, breaks=True), read))


def test_an_empty_list_is_one_empty_chunk() -> None:
    (decoded,) = decode_list(entries(), read)
    assert (len(decoded.batch), decoded.rejected) == (0, [])


def test_a_flood_of_bad_spans_ends_the_list() -> None:
    (decoded,) = decode_list(entries(1, *[0] * (MAX_BAD_SPANS + 5), 2), read)
    assert len(decoded.batch) == 1
    assert decoded.rejected[-1].reason == "more than 100,000 bad spans in one list"


def test_long_lists_come_in_chunks_and_are_one_again_where_that_is_asked() -> None:
    ids = [*range(1, CHUNK_SPANS + 2), 0]
    chunks = list(decode_list(entries(*ids), read))
    assert [len(chunk.batch) for chunk in chunks] == [CHUNK_SPANS, 1]
    decoded = whole(iter(chunks))
    assert len(decoded.batch) == CHUNK_SPANS + 1
    assert decoded.rejected_spans == 1
