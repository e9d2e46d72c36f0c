"""What all tests share: real trace files, the browser, hypothesis' settings."""

import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import find_chromium
from viewer.config import DEFAULT_PORTS, ENVIRONMENT

# The kit's asserts say what differed, as those of test files do; whoever imports it first.
pytest.register_assert_rewrite("tests.store.contract")

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY / "sample_traces"
# Real traces that others recorded; not part of the repository.
SHARED_TRACES = REPOSITORY.parent / "shared" / "traces"

# For programs that tests start: they open only the ports they are told to, lest two meet at one.
CLOSED = {ENVIRONMENT + flag[2:].replace("-", "_").upper(): "off" for flag in DEFAULT_PORTS}


def has_ipv6() -> bool:
    """Say whether this machine has ::1; many containers have not."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
settings.register_profile(
    "house",
    deadline=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the further variants of tracing clients to the command that names their marker."""
    if "clients" in config.option.markexpr:
        return
    apart = [item for item in items if item.get_closest_marker("clients")]
    items[:] = [item for item in items if not item.get_closest_marker("clients")]
    config.hook.pytest_deselected(items=apart)


@pytest.fixture(scope="session")
def shared_traces() -> Path:
    """The folder of real trace files; tests that need it are skipped where it is absent."""
    if not SHARED_TRACES.is_dir():
        pytest.skip(f"no real traces at {SHARED_TRACES}")
    return SHARED_TRACES


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's executable. Its absence is a failure: `tests/check.py` installs one."""
    found = find_chromium()
    if found is None:
        pytest.fail("no Chromium found: run tests/check.py, or set CHROMIUM to its path")
    return found
