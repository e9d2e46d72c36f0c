"""Removing what was stored longest ago.

Rows lie in the order they were stored, so that whole row groups go and their blocks are free at
once for later writes. Scattered deletes would rewrite everything (measured: 13 s and 4 GB).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import duckdb

from viewer.store.base import MOST_REMEMBERED, Pruned
from viewer.store.duckdb.connection import Connections
from viewer.store.duckdb.migrate import count_up
from viewer.store.duckdb.origins import AnyOrigins
from viewer.store.duckdb.removed import remember
from viewer.store.duckdb.segments import forget_before

_MOST_ROUNDS = 100
# A trace that is remembered takes 30 to 60 bytes: a small store keeps a twentieth of its room for them.
BYTES_FOR_REMEMBERED = 1_200


def prune(
    connections: Connections,
    origins: Sequence[AnyOrigins],
    before_ns: int | None,
    max_bytes: int | None,
    now_ns: int,
) -> Pruned:
    """Remove rows by age, then by size, and what nothing refers to any more; remember the traces."""
    most = MOST_REMEMBERED
    if max_bytes is not None:
        most = min(most, max_bytes // BYTES_FOR_REMEMBERED)
    removal = _Removal(connections, now_ns, most)
    by_age = by_size = 0
    if before_ns is not None:
        by_age = removal.delete("stored_ns < $limit", before_ns)
    if max_bytes is not None:
        by_size = _shrink(removal, max_bytes)
    if by_age or by_size:
        _sweep(connections, origins)
    return Pruned(by_age + by_size, by_age, by_size)


def live_bytes(con: duckdb.DuckDBPyConnection) -> int:
    """Return the bytes of the blocks in use."""
    row = con.execute(
        "SELECT used_blocks * block_size FROM pragma_database_size()"
        " WHERE database_name = current_database()"
    ).fetchall()
    return int(row[0][0])


@dataclass(frozen=True, slots=True)
class _Removal:
    """Deletes spans and remembers their traces, of all that are remembered the ``most`` latest."""

    connections: Connections
    now_ns: int
    most: int

    def delete(self, condition: str, limit: int) -> int:
        with self.connections.writing(frees=True) as con:
            remember(con, condition, limit, self.now_ns, self.most)
            rows = con.execute(
                f"DELETE FROM spans WHERE {condition}",
                {"limit": limit},
            ).fetchall()
            forget_before(con)
        deleted = int(rows[0][0])
        if deleted:
            self.connections.checkpoint()
        return deleted


def _shrink(removal: _Removal, max_bytes: int) -> int:
    """Delete the oldest writes, as many as their share of the size suggests, until it fits."""
    connections = removal.connections
    connections.checkpoint()  # what is still in the log counts too, and is packed only now
    deleted = 0
    for _ in range(_MOST_ROUNDS):
        with connections.reading() as con:
            size = live_bytes(con)
            if size <= max_bytes:
                break
            limit = _age_of_share(con, 1 - max_bytes / size)
        if limit is None:
            break
        deleted += removal.delete("stored_ns <= $limit", limit)
    return deleted


def _age_of_share(con: duckdb.DuckDBPyConnection, share: float) -> int | None:
    """Return up to which write the oldest rows make up this share of all; None without rows."""
    total = con.execute("SELECT count(*) FROM spans").fetchall()[0][0]
    if not total:
        return None
    wanted = min(max(ceil(total * share), 1), total)
    rows = con.execute(
        """
        SELECT min(stored_ns) FROM (
          SELECT stored_ns, sum(count(*)) OVER (ORDER BY stored_ns) AS rows
          FROM spans GROUP BY stored_ns)
        WHERE rows >= $wanted
        """,
        {"wanted": wanted},
    ).fetchall()
    return int(rows[0][0])


def _sweep(connections: Connections, origins: Sequence[AnyOrigins]) -> None:
    """Delete resources, scopes and operations that no span has any more."""
    with connections.writing(frees=True) as con:
        for origin in origins:
            # Within the transaction, which keeps writers out: none may use a number that goes.
            origin.delete_unused(con)
        con.execute(
            "DELETE FROM services WHERE NOT EXISTS (SELECT 1 FROM spans WHERE"
            " spans.service = services.service AND spans.name = services.name"
            " AND spans.kind = services.kind)"
        ).fetchall()
        count_up(con)
