"""Tests mirror the code: viewer/a/b/c.py is tested by tests/a/b/test_c.py."""

from tests.conftest import REPOSITORY

SMALL = 40
# Modules without a test file of their own, and where they are tested instead.
ELSEWHERE: dict[str, str] = {}


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
    for module in ELSEWHERE:
        assert module in modules, module
        assert not (REPOSITORY / "tests" / expected_test(module)).exists(), module
