"""Counters of a door."""

import numpy as np

from tests.builders import START_NS, a_batch, a_span, a_trace
from viewer.collector.stats import DoorStats
from viewer.trace.report import Rejection


def test_it_counts_spans_bytes_and_the_last_client() -> None:
    now = [1000.0]
    stats = DoorStats("OTLP/HTTP", lambda: now[0])
    stats.opened("http://127.0.0.1:4318/v1/traces")
    batch = a_batch(a_trace(1, spans=60))
    stats.accepted(np.array(batch.start_ns), 5000, "sdk/1")
    now[0] += 30
    stats.accepted(np.array(batch.start_ns), 5000, "sdk/2")
    report = stats.report()
    assert (report.requests, report.accepted_spans, report.bytes) == (2, 120, 10_000)
    assert (report.last_client, report.closed) == ("sdk/2", "")
    assert report.spans_per_second == 2.0
    now[0] += 31
    assert stats.report().spans_per_second == 1.0


def test_rejections_are_counted_by_reason() -> None:
    stats = DoorStats("OTLP/HTTP")
    stats.rejections([Rejection("bad ID", 3), Rejection("bad ID", 2), Rejection("too deep")])
    assert stats.report().rejected == {"bad ID": 5, "too deep": 1}


def test_reasons_without_end_are_lumped_together() -> None:
    stats = DoorStats("OTLP/HTTP")
    for number in range(1000):
        stats.rejected(f"reason {number}")
    rejected = stats.report().rejected
    assert len(rejected) == 101
    assert rejected["other"] == 900


def test_spans_of_unlikely_times_are_counted_though_they_are_kept() -> None:
    stats = DoorStats("x", lambda: START_NS / 1e9)
    late, early = a_span(1, start_ns=START_NS + 2 * 86_400 * 10**9), a_span(2, start_ns=1)
    spans = [late, early, a_span(3), a_span(4, start_ns=0)]
    stats.accepted(np.array(a_batch(spans).start_ns), 1, "")
    report = stats.report()
    assert (report.accepted_spans, report.far_times) == (4, 2)
