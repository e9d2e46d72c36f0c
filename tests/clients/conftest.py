"""One server with all its doors open, for all clients."""

from collections.abc import Iterator

import pytest

from bench.server import Server
from viewer.config import DEFAULT_PORTS


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = f"duckdb:{tmp_path_factory.mktemp('clients')}/clients.duckdb"
    with Server(store, receivers=tuple(DEFAULT_PORTS)) as running:
        yield running
