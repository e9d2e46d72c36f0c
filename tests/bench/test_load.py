"""The made load is what its text says, and the same for the same seed."""

from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.load import BODY_SPANS, Load, read_load, write_load

SPANS = 20_000


def test_it_is_the_same_for_the_same_seed_only() -> None:
    assert list(Load(7).bodies(2_000)) == list(Load(7).bodies(2_000))
    assert list(Load(7).bodies(2_000)) != list(Load(8).bodies(2_000))


def test_a_file_gives_back_the_bodies_that_were_written(tmp_path: Path) -> None:
    written = write_load(tmp_path / "load.bin", 2_000, seed=3)
    bodies = list(read_load(tmp_path / "load.bin"))
    assert len(bodies) == written == 4
    assert bodies == list(Load(3).bodies(2_000))


def test_it_has_the_stated_shape() -> None:
    sizes, attributes, errors, with_event = [], [], 0, 0
    services: set[str] = set()
    total_bytes = 0
    for body in Load(1).bodies(SPANS):
        total_bytes += len(body)
        spans = []
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            services.add(resource_spans.resource.attributes[0].value.string_value)
            spans += resource_spans.scope_spans[0].spans
        sizes.append(len(spans))
        attributes += [len(span.attributes) for span in spans]
        errors += sum(span.status.code == 2 for span in spans)
        with_event += sum(bool(span.events) for span in spans)
        assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in spans)
    assert sum(sizes) == SPANS
    assert set(sizes[:-1]) == {BODY_SPANS}
    assert set(attributes) == {11}
    assert len(services) == 60
    assert 0.018 < errors / SPANS < 0.028
    assert 0.18 < with_event / SPANS < 0.22
    assert 540 < total_bytes / SPANS < 640
