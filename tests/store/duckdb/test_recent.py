"""Recent spans are found from the newest back, however far that is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import START_NS, a_batch, a_span
from tests.store.duckdb.test_engine import a_store
from viewer.store.duckdb import recent
from viewer.store.duckdb.engine import DuckDbStore

HOUR_NS = 3_600 * 10**9


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckDbStore]:
    """A span an hour for a day, each with a key of its own, every sixth of another service."""
    monkeypatch.setattr(recent, "RECENT_SPANS", 3)
    made = a_store(tmp_path / "spans.duckdb")
    made.write_spans(
        [
            a_batch(
                [
                    a_span(
                        hour + 1,
                        trace_id=f"{hour + 1:032x}",
                        start_ns=START_NS + hour * HOUR_NS,
                        service="rare" if hour % 6 == 0 else "shop",
                        attributes={f"hour.{hour:02}": "x"},
                    )
                    for hour in range(24)
                ]
            )
        ]
    )
    yield made
    made.close()


def keys(store: DuckDbStore, service: str | None) -> list[str]:
    return store.attribute_keys(service, "hour.", 99)


def test_the_newest_of_all_or_of_a_service_are_looked_at(store: DuckDbStore) -> None:
    assert keys(store, None) == ["hour.21", "hour.22", "hour.23"]
    assert keys(store, "shop") == ["hour.21", "hour.22", "hour.23"]
    assert keys(store, "rare") == ["hour.06", "hour.12", "hour.18"]
    assert keys(store, "none") == []


def test_a_clock_far_ahead_hides_nothing(store: DuckDbStore) -> None:
    ahead = a_span(99, trace_id="f" * 32, start_ns=(1 << 63) - 1, attributes={"hour.99": "x"})
    store.write_spans([a_batch([ahead])])
    assert keys(store, None) == ["hour.22", "hour.23", "hour.99"]


def test_spans_without_a_time_are_the_last_to_be_recent(store: DuckDbStore) -> None:
    untimed = [
        a_span(n, trace_id=f"{n:032x}", start_ns=0, service="odd", attributes={f"hour.{n}": "x"})
        for n in (101, 102)
    ]
    store.write_spans([a_batch(untimed)])
    assert keys(store, "odd") == ["hour.101", "hour.102"]
