from viewer.formats.datadog.payload import BadSpan, Chunk


def test_what_is_said_of_a_chunk_goes_to_its_first_span() -> None:
    chunk = Chunk([BadSpan("x"), {"span_id": 1}, {"span_id": 2}], {"a": "1"}, {"b": 2.0})
    chunk.complete()
    assert chunk.spans[1:] == [
        {"span_id": 1, "meta": {"a": "1"}, "metrics": {"b": 2.0}},
        {"span_id": 2},
    ]


def test_what_the_span_says_itself_stays() -> None:
    chunk = Chunk([{"meta": {"a": "own"}, "metrics": "no map"}], {"a": "chunk", "b": "chunk"}, {})
    chunk.complete()
    assert chunk.spans == [{"meta": {"a": "own", "b": "chunk"}, "metrics": "no map"}]


def test_a_chunk_without_spans_stays_without() -> None:
    chunk = Chunk([None, "x"], {"a": "1"})
    chunk.complete()
    assert chunk.spans == [None, "x"]
