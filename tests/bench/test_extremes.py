"""The extremes benchmark stores what it makes and opens its pages."""

from pathlib import Path

from bench.extremes import Case, bodies, measure, pages, rows_of
from viewer.formats.otlp.protobuf import decode_request


def test_a_case_has_as_many_services_operations_and_traces_as_it_says() -> None:
    case = Case("few", 60, per_trace=10, services=5, operations=7)
    (body,) = bodies(case)
    decoded = decode_request(body)
    assert decoded.rejected == []
    batch = decoded.batch
    counts = [len(set(column)) for column in (batch.trace_id, batch.service, batch.name)]
    assert (len(batch), counts) == (60, [6, 5, 7])


def test_its_pages_are_opened(tmp_path: Path) -> None:
    found = measure(Case("few", 60), tmp_path)
    assert len(rows_of(found, Case("few", 60))) == len(pages())
    assert float(found["peak_mb"]) > 0
