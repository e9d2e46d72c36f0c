"""Resources and scopes: each is stored once and numbered, and spans carry the numbers.

The numbers count from 0, so that they pack to a few bits a span.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Generic, TypeAlias, TypeVar

import duckdb
import numpy as np
import orjson
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from viewer.trace.attributes import Attributes, clean_text, escape_key, show_value
from viewer.trace.batch import unpack_resource, unpack_scope
from viewer.trace.span import Resource, Scope

Origin = TypeVar("Origin", Resource, Scope)
_MOST_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Numbered:
    """The numbers and content hashes of some origins, and the rows (number, packed) that have to
    be inserted for those not stored yet."""

    ids: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    new: list[tuple[int, str]]
    keys: dict[bytes, int]


class Origins(Generic[Origin]):
    """The table of resources, or that of scopes. One writer at a time, any number of readers."""

    def __init__(
        self,
        table: str,
        column: str,
        unpack: Callable[[str], Origin],
    ) -> None:
        self._table, self._column = table, column
        self._unpack: Callable[[str], Origin] = unpack
        self._ids: dict[bytes, int] | None = None
        self._next = 0
        self._cache: dict[int, Origin] = {}

    def number(self, con: duckdb.DuckDBPyConnection, origins: Sequence[str]) -> Numbered:
        """Find or give each packed origin's number and insert the new rows; `keep` after the
        commit."""
        known = self._known(con)
        fresh: dict[bytes, int] = {}
        new: list[tuple[int, str]] = []
        ids = np.empty(len(origins), np.int64)
        hashes = np.empty(len(origins), np.uint64)
        for index, packed in enumerate(origins):
            key = _digest(packed)
            number = known.get(key, fresh.get(key))
            if number is None:
                number = fresh[key] = self._next + len(new)
                new.append((number, packed))
            ids[index] = number
            hashes[index] = int.from_bytes(key[:8], "big")
        if new:
            numbers, texts = zip(*new, strict=True)
            con.register("new_origins", pa.table({"id": pa.array(numbers), "packed": texts}))
            con.execute(f"INSERT INTO {self._table} FROM new_origins")
            con.unregister("new_origins")
        return Numbered(ids, hashes, new, fresh)

    def keep(self, numbered: Numbered) -> None:
        """Remember numbers whose transaction was committed."""
        if self._ids is not None:
            self._ids.update(numbered.keys)
            self._next += len(numbered.new)

    def forget(self) -> None:
        """Read the numbers again before any is given: it is not known what the last transaction,
        which failed, has left."""
        self._ids = None

    def delete_unused(self, con: duckdb.DuckDBPyConnection) -> None:
        """Delete rows that no span refers to. Their numbers are not given again while this store
        is open, since a reader may still hold the old rows."""
        con.execute(
            f"DELETE FROM {self._table}"
            f" WHERE {self._column} NOT IN (SELECT {self._column} FROM spans)"
        ).fetchall()
        self._ids = None

    def fetch(self, con: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> dict[int, Origin]:
        """Return the origins of these numbers."""
        wanted = set(ids)
        cache = self._cache
        found = {number: cache[number] for number in wanted if number in cache}
        missing = sorted(wanted - found.keys())
        if missing:
            rows = con.execute(
                f"SELECT {self._column}, packed FROM {self._table}"
                f" WHERE {self._column} IN (SELECT unnest($ids::BIGINT[]))",
                {"ids": missing},
            ).fetchall()
            if len(cache) > _MOST_CACHED:
                cache = self._cache = {}
            for number, packed in rows:
                found[number] = cache[number] = self._unpack(packed)
        return found

    def with_attribute(self, con: duckdb.DuckDBPyConnection, key: str, value: str) -> list[int]:
        """Return the numbers of those that have this attribute, by its value's text."""
        literal = orjson.dumps(f"{escape_key(key)}={clean_text(value)}").decode()
        rows = con.execute(
            f"SELECT {self._column}, packed FROM {self._table} WHERE contains(packed, $literal)"
            f" ORDER BY 1",
            {"literal": literal},
        ).fetchall()
        # The literal may also stand for a service or a schema URL, so the candidates are unpacked.
        return [number for number, packed in rows if _has(self._unpack(packed), key, value)]

    def _known(self, con: duckdb.DuckDBPyConnection) -> dict[bytes, int]:
        if self._ids is None:
            ids: dict[bytes, int] = {}
            rows = con.execute(f"SELECT {self._column}, packed FROM {self._table}").fetchall()
            for number, packed in rows:
                ids[_digest(packed)] = number
            self._ids = ids
            self._next = max(self._next, max(ids.values(), default=-1) + 1)
        return self._ids


@lru_cache(maxsize=_MOST_CACHED)
def _digest(packed: str) -> bytes:
    return blake2b(packed.encode(), digest_size=16).digest()


def _has(origin: Resource | Scope, key: str, value: str) -> bool:
    attributes: Attributes = origin.attributes
    wanted = clean_text(value)
    return any(name == key and show_value(held) == wanted for name, held in attributes)


AnyOrigins: TypeAlias = "Origins[Resource] | Origins[Scope]"


def resource_table() -> Origins[Resource]:
    """Return the table of resources."""
    return Origins("resources", "resource_id", unpack_resource)


def scope_table() -> Origins[Scope]:
    """Return the table of scopes."""
    return Origins("scopes", "scope_id", unpack_scope)
