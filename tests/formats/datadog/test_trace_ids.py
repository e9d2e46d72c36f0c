import threading

import pytest

from tests.formats.datadog import encoders
from tests.formats.datadog.reading import of_chunk, reasons
from viewer.formats.base import Decoded
from viewer.formats.datadog.payload import Chunk, TracerPayload
from viewer.formats.datadog.spans import add_payload
from viewer.formats.datadog.trace_ids import UpperHalves
from viewer.trace.span import OpenEnd

HALF = f"{encoders.LOWER:032x}"


def taken(
    *chunks: list[encoders.Span], remembered: UpperHalves | None = None, lenient: bool = False
) -> Decoded:
    decoded = Decoded()
    add_payload(
        TracerPayload([Chunk(list(chunk)) for chunk in chunks]), decoded, remembered, lenient
    )
    return decoded


def test_the_first_span_completes_its_chunk_and_the_other_chunks_of_the_trace() -> None:
    decoded = taken(
        [encoders.span(1)],
        [encoders.root(2), encoders.span(3)],
        [encoders.span(4), encoders.span(5, trace_id=77)],
    )
    assert decoded.batch.trace_id == [encoders.TRACE_ID] * 4 + [f"{77:032x}"]
    ends = [span.open_ends for span in decoded.batch.spans()]
    assert ends == [0, 0, 0, 0, OpenEnd.HALF_TRACE_ID]


def test_a_later_request_learns_from_an_earlier_one() -> None:
    remembered = UpperHalves()
    before = taken([encoders.span(1)], remembered=remembered)
    taken([encoders.root(2)], remembered=remembered)
    after = taken([encoders.span(3)], remembered=remembered)
    assert before.batch.trace_id == [HALF]
    assert [span.open_ends for span in before.batch.spans()] == [OpenEnd.HALF_TRACE_ID]
    assert after.batch.trace_id == [encoders.TRACE_ID]


def test_an_upper_half_of_zeros_is_known_to_be_zero() -> None:
    (span,) = of_chunk(encoders.span(meta={"_dd.p.tid": "0000000000000000"}))
    assert (span.trace_id, span.open_ends) == (HALF, 0)


@pytest.mark.parametrize("tag", ["xyz", "", "-1", "1" * 17, "１", 5.5, [], True])
def test_an_upper_half_that_is_none_is_noted_and_stays_a_tag(tag: object) -> None:
    decoded = taken([encoders.span(meta={"_dd.p.tid": tag})])
    (span,) = decoded.batch.spans()
    assert span.trace_id == HALF
    assert "_dd.p.tid" in dict(span.attributes)
    assert [note.reason for note in decoded.notes] == [
        "a tag _dd.p.tid is no upper half of a trace ID"
    ]


def test_a_whole_id_in_hex_is_taken_as_it_is() -> None:
    (span,) = of_chunk(encoders.span(trace_id=encoders.TRACE_ID))
    assert (span.trace_id, span.open_ends) == (encoders.TRACE_ID, 0)


def test_decimal_text_is_the_lower_half() -> None:
    first, second = of_chunk(encoders.root(), encoders.span(2, trace_id=str(encoders.LOWER)))
    assert first.trace_id == second.trace_id


def test_a_trace_of_zero_is_refused_from_a_sender() -> None:
    decoded = taken([encoders.root(trace_id=0)], [encoders.root(trace_id=None)])
    assert len(decoded.batch) == 0
    assert reasons(decoded) == [
        "a trace ID of zeros only is invalid",
        "the trace ID is missing",
    ]


def test_a_trace_of_zero_in_a_file_gets_a_stable_id_of_its_own() -> None:
    def ids(service: str) -> list[str]:
        chunks = ([encoders.span(1, trace_id=0, service=service)], [encoders.span(2, trace_id="0")])
        return taken(*chunks, lenient=True).batch.trace_id

    shop, bank = ids("shop"), ids("bank")
    assert len(set(shop)) == 1
    assert shop == ids("shop")
    assert shop != bank
    (span,) = of_chunk(encoders.span(trace_id=0), lenient=True)
    assert span.as_sent == (("trace_id", "0"),)
    assert span.open_ends == 0


def test_any_text_is_an_id_in_a_file_only() -> None:
    sent = encoders.span(trace_id="normalized")
    (span,) = of_chunk(sent, lenient=True)
    assert span.as_sent == (("trace_id", "normalized"),)
    assert reasons(taken([sent])) == ["'normalized' is no trace ID: expected hex digits"]


def test_only_the_latest_are_remembered() -> None:
    halves = UpperHalves(most=2)
    halves.learn(1, 11)
    halves.learn(2, 22)
    assert halves.of(1) == 11
    halves.learn(3, 33)
    assert [halves.of(lower) for lower in (1, 2, 3)] == [11, None, 33]


def test_many_threads_may_learn_and_ask_at_once() -> None:
    halves = UpperHalves(most=50)
    wrong: list[int] = []

    def work(shift: int) -> None:
        for lower in range(shift, shift + 2_000):
            halves.learn(lower, lower * 3)
            upper = halves.of(lower)
            if upper not in (None, lower * 3):
                wrong.append(lower)

    threads = [threading.Thread(target=work, args=(shift,)) for shift in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(halves.of(lower) is not None for lower in range(3_000)) == 50
