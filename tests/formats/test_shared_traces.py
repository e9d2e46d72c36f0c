"""Every real trace file of a format that is read, with the counts its README states."""

import json
import time
from pathlib import Path

import pytest

from tests.conftest import SHARED_TRACES
from tests.formats.reading import chunks, read
from viewer.formats.base import DecodeError
from viewer.formats.otlp.json import decode_request
from viewer.trace.span import Span

# file: format, spans, traces
TABLE = {
    "otlp-json/spec-example.json": ("otlp-json", 1, 1),
    "otlp-json/otel-demo-141-traces.jsonl.gz": ("otlp-json", 547, 141),
    "otlp-json/otel-demo-19-spans.jsonl": ("otlp-json", 19, 19),
    "otlp-json/robot-1632-spans-no-root.jsonl.gz": ("otlp-json", 1632, 1),
    "otlp-json/bash-305-spans.concatenated.json": ("otlp-json", 305, 1),
    "otlp-json/links-all-orphans.json": ("otlp-json", 4, 2),
    "otlp-json/dotnet-duplicate-ids.json": ("otlp-json", 37, 1),
    "otlp-json/cycle-two-spans.json": ("otlp-json", 2, 1),
    "otlp-json/nulls.jsonl": ("otlp-json", 3, 3),
    "otlp-json/malformed.jsonl": ("otlp-json", 1, 1),
    "otlp-proto/hipster-shop-9047-traces.length-prefixed.pb.gz": ("otlp-proto", 86_583, 9_047),
    "otlp-proto/otel-demo-19-spans.pb": ("otlp-proto", 19, 19),
    "jaeger/social-network-20-traces-nested-refs.json.gz": ("jaeger-json", 660, 20),
    "jaeger/hotel-reservation-1000-traces.json.gz": ("jaeger-json", 11_000, 1_000),
    "jaeger/elasticsearch-379-spans.ndjson.gz": ("jaeger-json", 379, 14),
    "jaeger/genai-57-spans.json": ("jaeger-json", 57, 1),
    "jaeger/ui-form.json": ("jaeger-json", 5, 1),
    "jaeger/protobuf-json-form.json": ("jaeger-json", 5, 1),
    "jaeger/self-parent.json": ("jaeger-json", 2, 1),
    "jaeger/duplicate-span-id.json": ("jaeger-json", 4, 1),
    "zipkin-v1/train-ticket-79-spans.json": ("zipkin-v1", 79, 1),
    "zipkin-v1/train-ticket-errors.json": ("zipkin-v1", 2, 1),
    "zipkin-v1/multiple-batches.json": ("zipkin-v1, zipkin-v2", 5, 1),
    "zipkin-v2/smartthings-oauth-authorization.json": ("zipkin-v2", 175, 1),
    "zipkin-v2/nextjs-build-16968-spans.json.gz": ("zipkin-v2", 16_968, 1),
    "zipkin-v2/messaging-kafka.json": ("zipkin-v2", 28, 1),
    "zipkin-v2/messaging2.json": ("zipkin-v2", 11, 1),
    "zipkin-v2/yelp.json": ("zipkin-v2", 16, 1),
    "zipkin-v2/skew.json": ("zipkin-v2", 4, 1),
    "zipkin-v2/chinese-one-span.json": ("zipkin-v2", 1, 1),
    "tempo/trace-by-id-8-spans.json": ("otlp-json", 8, 1),
    "xray/matrix-61-spans.json": ("xray", 61, 1),
    "xray/cycle-16-spans.json": ("xray", 16, 1),
    "xray/missing-root.json": ("xray", 12, 1),
    "xray/error-fault-throttle.json": ("xray", 6, 1),
    "xray/segment-18-spans.json": ("xray", 18, 1),
    "xray/lone-subsegment.json": ("xray", 1, 1),
    "xray/scorekeep-cli-answer.json": ("xray", 3, 1),
    "datadog/django-500-30-spans.json": ("datadog-json", 30, 1),
    "datadog/agent-64-bit-ids.json": ("datadog-json", 9, 1),
    "datadog/large-unicode-attribute.json": ("datadog-json", 1, 1),
    "datadog/magento-133-spans.json": ("datadog-json", 133, 1),
    "datadog/webflux-v0.4.msgpack": ("datadog-msgpack", 2, 1),
    "datadog/greeting-v0.5.msgpack": ("datadog-msgpack", 2, 1),
}
ROOTS = {
    "otlp-json/spec-example.json": 0,
    "otlp-json/robot-1632-spans-no-root.jsonl.gz": 0,
    "otlp-json/links-all-orphans.json": 0,
    "otlp-json/cycle-two-spans.json": 0,
    "otlp-json/nulls.jsonl": 3,
    "jaeger/ui-form.json": 2,
    "jaeger/duplicate-span-id.json": 4,
    "zipkin-v2/nextjs-build-16968-spans.json.gz": 0,
    "xray/matrix-61-spans.json": 1,
    "xray/missing-root.json": 0,
    "xray/segment-18-spans.json": 1,
    "xray/lone-subsegment.json": 0,
}
ORPHANS = {
    "otlp-json/spec-example.json": 1,
    "otlp-json/robot-1632-spans-no-root.jsonl.gz": 20,
    "otlp-json/links-all-orphans.json": 4,
    "otlp-json/otel-demo-19-spans.jsonl": 13,
    "otlp-proto/hipster-shop-9047-traces.length-prefixed.pb.gz": 141,
    "zipkin-v2/nextjs-build-16968-spans.json.gz": 91,
    "zipkin-v2/messaging2.json": 6,
    "xray/matrix-61-spans.json": 0,
    "xray/missing-root.json": 1,
    "xray/lone-subsegment.json": 1,
}
ERRORS = {
    "otlp-json/otel-demo-141-traces.jsonl.gz": 107,
    "otlp-json/bash-305-spans.concatenated.json": 20,
    "otlp-json/links-all-orphans.json": 4,
    "zipkin-v1/train-ticket-errors.json": 2,
    "xray/error-fault-throttle.json": 5,
    "xray/segment-18-spans.json": 5,
}
REFUSED = {
    "tempo/search.json": "Tempo search summaries: not whole traces",
    "tempo/search-short-trace-ids.json": "Tempo search summaries: not whole traces",
    "parquet/otel-demo-19-spans.parquet": "Parquet file",
    "duckdb/online-boutique-2407-traces.duckdb": "DuckDB database",
}


def numbered_crisp_files() -> dict[str, tuple[str, int, int]]:
    """CRISP's small traces state their own size: it is not in the README's table."""
    folder = SHARED_TRACES / "jaeger" / "critical-path"
    return {
        f"jaeger/critical-path/{path.name}": (
            "jaeger-json",
            sum(len(trace["spans"]) for trace in json.loads(path.read_bytes())["data"]),
            1,
        )
        for path in sorted(folder.glob("*.json"))
    }


@pytest.mark.parametrize("name", [*TABLE, *numbered_crisp_files()])
def test_a_real_file_holds_what_its_readme_states(shared_traces: Path, name: str) -> None:
    wire_format, spans, traces = {**TABLE, **numbered_crisp_files()}[name]
    contents = read((shared_traces / name).read_bytes())
    assert contents.format == wire_format
    assert (len(contents.spans), len(contents.traces)) == (spans, traces)
    assert contents.roots == ROOTS.get(name, contents.roots)
    assert contents.orphans == ORPHANS.get(name, contents.orphans)
    assert contents.errors == ERRORS.get(name, contents.errors)
    if name != "otlp-json/malformed.jsonl":
        assert not contents.rejected


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_another_kind_is_refused_with_what_it_looks_like(
    shared_traces: Path, name: str
) -> None:
    with pytest.raises(DecodeError) as refusal:
        read((shared_traces / name).read_bytes())
    message = str(refusal.value)
    assert REFUSED[name] in message
    assert "; accepted are " in message
    assert "OTLP protobuf" in message
    assert "\n" not in message


def test_no_file_of_a_read_format_is_missing_in_the_table(shared_traces: Path) -> None:
    folders = tuple(sorted({name.partition("/")[0] for name in TABLE}))
    present = {
        str(path.relative_to(shared_traces))
        for folder in folders
        for path in (shared_traces / folder).rglob("*")
        if path.is_file()
    }
    assert present == {*TABLE, *numbered_crisp_files()} | {
        name for name in REFUSED if name.startswith(folders)
    }


def test_malformed_jsonl_keeps_the_good_span_and_names_the_three_bad_lines(
    shared_traces: Path,
) -> None:
    contents = read((shared_traces / "otlp-json/malformed.jsonl").read_bytes())
    assert [span.name for span in contents.spans] == ["valid span"]
    assert [rejection.where.split(" (")[0] for rejection in contents.rejected] == [
        "line 1",
        "line 2",
        "line 4",
    ]


def test_two_containers_of_the_same_spans_give_one_answer(shared_traces: Path) -> None:
    def comparable(spans: list[Span]) -> list[str]:
        return sorted(repr(span) for span in spans)

    of_json = read((shared_traces / "otlp-json/otel-demo-19-spans.jsonl").read_bytes())
    of_protobuf = read((shared_traces / "otlp-proto/otel-demo-19-spans.pb").read_bytes())
    assert comparable(of_json.spans) == comparable(of_protobuf.spans)


def test_metrics_and_logs_between_spans_are_notes_and_no_rejections(shared_traces: Path) -> None:
    contents = read((shared_traces / "otlp-json/otel-demo-141-traces.jsonl.gz").read_bytes())
    assert {note.reason for note in contents.notes} == {
        "OTLP metrics: no spans",
        "OTLP logs: no spans",
    }
    assert sum(len(span.links) for span in contents.spans) == 53


def test_ids_that_are_no_hex_become_stable_and_stay_visible(shared_traces: Path) -> None:
    data = (shared_traces / "otlp-json/dotnet-duplicate-ids.json").read_bytes()
    first, second = read(data), read(data)
    assert first.ids == second.ids
    assert len(first.ids) == 1
    assert ("traceId", "normalized-trace-id") in first.spans[0].as_sent
    assert ("spanId", "normalized-span-id") in first.spans[0].as_sent


def test_a_sender_with_ids_that_are_no_hex_is_refused_span_by_span(shared_traces: Path) -> None:
    data = (shared_traces / "otlp-json/dotnet-duplicate-ids.json").read_bytes()
    request = json.dumps(json.loads(data.decode("utf-8-sig"))[0]).encode()
    decoded = decode_request(request)
    assert len(decoded.batch) == 0
    assert decoded.rejected_spans > 0
    assert "'normalized-trace-id' is no trace ID: expected hex digits" in (
        decoded.rejected[0].reason
    )


def test_protobuf_json_and_ui_json_of_one_jaeger_trace_agree(shared_traces: Path) -> None:
    of_ui = read((shared_traces / "jaeger/ui-form.json").read_bytes()).spans
    of_protobuf = read((shared_traces / "jaeger/protobuf-json-form.json").read_bytes()).spans
    for ui, protobuf in zip(of_ui, of_protobuf, strict=True):
        assert (ui.trace_id, ui.span_id, ui.parent_id) == (
            protobuf.trace_id,
            protobuf.span_id,
            protobuf.parent_id,
        )
        assert ui.attributes == protobuf.attributes
        assert ui.links == protobuf.links
        assert ui.start_ns == protobuf.start_ns // 1_000 * 1_000
        assert ui.duration_ns == protobuf.duration_ns
        assert ui.as_sent == protobuf.as_sent


def test_a_trace_of_16968_spans_is_decoded_within_two_seconds(shared_traces: Path) -> None:
    data = (shared_traces / "zipkin-v2/nextjs-build-16968-spans.json.gz").read_bytes()
    began = time.process_time()
    spans = sum(len(chunk.batch) for chunk in chunks(data))
    assert spans == 16_968
    assert time.process_time() - began < 2
