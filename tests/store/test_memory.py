from pathlib import Path

import pytest

from tests.builders import a_batch, a_trace
from tests.store.contract import Clock, StoreContract
from viewer.store.base import ReadOnly, SpanStore
from viewer.store.memory import MemoryStore, open_memory


class TestMemoryStore(StoreContract):
    def make_store(self, folder: Path, clock: Clock) -> SpanStore:
        return MemoryStore(clock=clock)


def test_a_store_opened_read_only_takes_nothing() -> None:
    store = open_memory("", read_only=True)
    with pytest.raises(ReadOnly):
        store.write_spans([a_batch(a_trace())])
    with pytest.raises(ReadOnly):
        store.prune(1, None)
