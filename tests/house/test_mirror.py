"""Tests mirror the code: viewer/a/b/c.py is tested by tests/a/b/test_c.py."""

from tests.conftest import REPOSITORY

SMALL = 40
# Modules without a test file of their own, and the file that tests them instead.
_TREE, _BATCH, _KIT = "trace/test_tree.py", "trace/test_batch.py", "store/contract.py"
ELSEWHERE = {
    # Declarations only: what they promise is seen where they are used.
    "trace/columns.py": _TREE,
    "trace/report.py": "collector/test_stats.py",
    "trace/span.py": _BATCH,
    "trace/summary.py": _KIT,
    "search/query.py": _KIT,
    # Merging is tested where merged trees are compared with plain Python.
    "analysis/merged.py": "analysis/test_compare.py",
    "store/base.py": _KIT,
    "collector/receivers.py": "test_config.py",
    "formats/receiver.py": "collector/test_http.py",
    # What it answers is seen over real sockets.
    "formats/otlp/receiver.py": "collector/test_grpc.py",
    "formats/otlp/wire.py": "formats/otlp/test_protobuf.py",
    # The compiled decoder's loops, and the choice between the two decoders.
    "formats/otlp/kernels.py": "formats/otlp/test_compiled.py",
    "formats/otlp/primitives.py": "formats/otlp/test_compiled.py",
    "formats/bulk.py": "formats/otlp/test_compiled.py",
    "formats/otlp/decoder.py": "formats/otlp/test_compiled.py",
    # What Zipkin's encodings share is tested through them.
    "formats/zipkin/annotations.py": "formats/zipkin/test_v1.py",
    "formats/zipkin/fields.py": "formats/zipkin/test_v2.py",
    "formats/zipkin/span.py": "formats/zipkin/test_v2.py",
    # Generated from the .proto file beside it.
    "formats/jaeger/idl/model_pb2.py": "formats/jaeger/test_proto.py",
    # An engine is tested as a whole, by the kit that all engines pass.
    "store/duckdb/compile.py": _KIT,
    "store/duckdb/dependencies.py": _KIT,
    "store/duckdb/events.py": _KIT,
    "store/duckdb/origins.py": _KIT,
    "store/duckdb/recognise.py": "store/duckdb/test_foreign.py",
    "store/duckdb/removed.py": _KIT,
    "store/duckdb/rows.py": _KIT,
    "store/duckdb/summaries.py": "store/duckdb/test_agreement.py",
    "store/duckdb/view.py": "store/duckdb/test_foreign.py",
    "store/duckdb/search.py": _KIT,
    "store/duckdb/suggest.py": _KIT,
    "store/duckdb/within.py": _KIT,
}


def expected_test(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def large_modules() -> list[str]:
    viewer = REPOSITORY / "viewer"
    return sorted(
        str(path.relative_to(viewer))
        for path in viewer.rglob("*.py")
        if path.name != "__init__.py" and len(path.read_text().splitlines()) > SMALL
    )


def test_every_module_has_a_mirror_or_a_reason() -> None:
    lonely = [
        module
        for module in large_modules()
        if module not in ELSEWHERE and not (REPOSITORY / "tests" / expected_test(module)).exists()
    ]
    assert not lonely


def test_no_reason_has_outlived_its_module() -> None:
    modules = large_modules()
    for module, tested_by in ELSEWHERE.items():
        assert module in modules, module
        assert not (REPOSITORY / "tests" / expected_test(module)).exists(), module
        assert (REPOSITORY / "tests" / tested_by).exists(), tested_by
