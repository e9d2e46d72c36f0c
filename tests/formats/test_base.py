from viewer.formats.base import (
    MAX_PLACES,
    MAX_REASONS,
    OTHER_REASONS,
    Decoded,
    DecodeError,
)


def test_an_error_says_where_before_it_says_what() -> None:
    assert str(DecodeError("no JSON", "line 3")) == "line 3: no JSON"
    assert str(DecodeError("no JSON")) == "no JSON"


def test_equal_reasons_are_counted_together_with_their_first_places() -> None:
    decoded = Decoded()
    for line in range(1, 20):
        decoded.where = f"line {line}"
        decoded.reject("bad ID")
    (rejection,) = decoded.rejected
    assert (rejection.count, rejection.where.count("line")) == (19, MAX_PLACES)
    assert rejection.where.startswith("line 1, line 2, ")


def test_a_report_stays_small_however_many_reasons_there_are() -> None:
    decoded = Decoded()
    for number in range(10_000):
        decoded.reject(f"bad ID {number}")
    assert len(decoded.rejected) == MAX_REASONS + 1
    assert decoded.rejected[-1].reason == OTHER_REASONS
    assert decoded.rejected_spans == 10_000


def test_a_note_costs_no_span() -> None:
    decoded = Decoded()
    decoded.note("a link was left out")
    assert decoded.rejected_spans == 0
    assert decoded.notes[0].count == 1


def test_of_too_many_items_the_first_are_taken_and_the_others_noted_once() -> None:
    decoded = Decoded()
    assert decoded.first([1, 2, 3], 3, "links") == ([1, 2, 3], 0)
    assert not decoded.notes
    assert decoded.first([1, 2, 3], 1, "links", "line 4") == ([1], 2)
    (note,) = decoded.notes
    assert (note.reason, note.count, note.where) == (
        "links beyond 1 a span were left out",
        1,
        "line 4",
    )


def test_several_can_be_refused_at_once() -> None:
    decoded = Decoded()
    decoded.reject("bad ID", "item 1", 5)
    decoded.reject("bad ID", "item 2", 3)
    assert decoded.rejected_spans == 8
    assert len(decoded.rejected) == 1
