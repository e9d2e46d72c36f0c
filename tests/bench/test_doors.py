"""The accounts of `python -m bench.doors`, and a few seconds of it."""

from pathlib import Path

from bench.doors import CLIENTS, Sent, account, run
from bench.payloads import SPANS


def test_what_was_acknowledged_is_compared_with_what_is_stored() -> None:
    sent = [Sent("OTLP/HTTP", 100, 2), Sent("Jaeger compact", 50, 0)]
    stored = {0: 100 * SPANS - 1, 1: 40 * SPANS}
    http, udp = account(sent, stored, {"Jaeger compact": 1})
    assert (http.missing, http.refusals) == (1, 2)
    # A datagram holds ten traces, and one was dropped and counted.
    assert (udp.dropped_and_counted, udp.missing) == (10 * SPANS, 0)


def test_nothing_acknowledged_is_missing_after_all_doors_were_used_at_once(tmp_path: Path) -> None:
    result = run(3.0, tmp_path)
    assert [row.door for row in result.rows] == list(CLIENTS)
    assert all(row.spans_stored > 0 for row in result.rows)
    assert not any(row.missing for row in result.rows)
