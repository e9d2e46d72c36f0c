"""Span batches into rows of the table, and rows back into columns and spans."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from viewer.store.base import StoredSpan
from viewer.trace.attributes import clean_text
from viewer.trace.batch import SpanBatch
from viewer.trace.columns import TraceColumns, host_of
from viewer.trace.span import COLUMNS, Resource, Scope

CONTENT = tuple(column.name for column in COLUMNS if column.name not in ("resource", "scope"))
STORED = (*CONTENT, "resource_id", "scope_id", "digest", "stored_ns", "weight")
SLIM = (
    "span_id, parent_id, digest, kind, status, start_ns, dur_ns, service, name, weight,"
    " resource_id, stored_ns"
)
_TEXTS = tuple(column.name for column in COLUMNS if column.arrow == "string")
_LATEST = (1 << 63) - 1
_MOST_HOSTS = 20_000

# Everything that makes a span what it is, but the two IDs by which it is found anyway.
_DIGESTED = ", ".join(name for name in CONTENT if name not in ("trace_id", "span_id", "service"))
# An end must fit into 63 bits too: two huge numbers in one span may not break every later query.
_CLAMPED = {
    "start_ns": "greatest(start_ns, 0)",
    "dur_ns": f"least(greatest(dur_ns, 0), {_LATEST} - greatest(start_ns, 0))",
}
INSERT = f"""
INSERT INTO spans
SELECT {", ".join(_CLAMPED.get(name, name) for name in CONTENT)}, resource_id, scope_id,
  (hash({_DIGESTED}, origin) >> 32)::UINTEGER, $stored_ns, weight
FROM incoming
"""
DELETE = """
DELETE FROM spans USING
  (SELECT unnest($trace_ids) AS trace_id, unnest($span_ids::UBIGINT[]) AS span_id) AS gone
WHERE spans.trace_id = gone.trace_id AND spans.span_id = gone.span_id
"""
INSERT_SERVICES = """
INSERT INTO services
SELECT DISTINCT service, name, kind FROM incoming
ANTI JOIN services USING (service, name, kind)
"""


def incoming_table(
    batches: Sequence[SpanBatch],
    resources: tuple[NDArray[np.int64], NDArray[np.uint64]],
    scopes: tuple[NDArray[np.int64], NDArray[np.uint64]],
) -> pa.Table:
    """Return the batches as one Arrow table for INSERT.

    ``resources`` and ``scopes`` are (numbers, content hashes) of the batches' own lists, one
    list after the other; ``origin`` in the result stands for both in the digest.
    """
    tables = []
    resource_at = scope_at = 0
    for batch in batches:
        table = _to_arrow(batch)
        resource = table.column("resource").to_numpy() + resource_at
        scope = table.column("scope").to_numpy() + scope_at
        resource_at += len(batch.resources)
        scope_at += len(batch.scopes)
        origin = resources[1][resource] * np.uint64(31) + scopes[1][scope]
        tables.append(
            table.select(CONTENT)
            .replace_schema_metadata(None)
            .append_column("resource_id", pa.array(resources[0][resource]))
            .append_column("scope_id", pa.array(scopes[0][scope]))
            .append_column("origin", pa.array(origin))
            .append_column("weight", pa.array(np.full(len(table), batch.weight, np.float32)))
        )
    # In one piece: DuckDB's threads else fill row groups of their own, none of them to the end.
    return pa.concat_tables(tables).combine_chunks()


def _to_arrow(batch: SpanBatch) -> pa.Table:
    """Return the batch's table. Lone surrogates, which a decoder should have replaced and UTF-8
    cannot carry, are replaced here: one of them may not keep all other spans from being stored."""
    try:
        return batch.to_arrow()
    except UnicodeEncodeError:
        for name in (*_TEXTS, "attr_values"):
            texts: list[str | None] = getattr(batch, name)
            texts[:] = [text and clean_text(text) for text in texts]
        return batch.to_arrow()


def trace_columns(
    trace_id: str,
    table: pa.Table,
    resources_of: Callable[[list[int]], Mapping[int, Resource]],
) -> TraceColumns:
    """Return a trace's columns out of a table with the columns SLIM; no Python object a span.
    ``resources_of`` returns the resources of some numbers."""
    service, services = _encoded(table.column("service"))
    name, names = _encoded(table.column("name"))
    host, hosts = _hosts(table.column("resource_id"), resources_of)
    return TraceColumns(
        trace_id=trace_id,
        span_id=table.column("span_id").to_numpy(),
        parent_id=table.column("parent_id").to_numpy(),
        digest=table.column("digest").to_numpy(),
        kind=table.column("kind").to_numpy(),
        status=table.column("status").to_numpy(),
        start_ns=table.column("start_ns").to_numpy(),
        dur_ns=table.column("dur_ns").to_numpy(),
        service=service,
        name=name,
        services=services,
        names=names,
        weight=float(pc.min(table.column("weight")).as_py()),
        host=host,
        hosts=hosts,
        stored_ns=int(pc.max(table.column("stored_ns")).as_py()),
    )


def _hosts(
    column: pa.ChunkedArray, resources_of: Callable[[list[int]], Mapping[int, Resource]]
) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    place, numbers = _encoded(column)
    # Beyond that no host keeps a clock for itself, and reading them all would take its time.
    found = resources_of(list(numbers)) if len(numbers) <= _MOST_HOSTS else {}
    hosts: dict[str, int] = {"": 0}
    of_number = [
        hosts.setdefault(host_of(found[number]), len(hosts)) if number in found else 0
        for number in numbers
    ]
    host = np.array(of_number, np.int32)[place] if len(hosts) > 1 else None
    return host, tuple(hosts)


def _encoded(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[Any, ...]]:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False), tuple(encoded.dictionary.to_pylist())


def span_batch(
    columns: Mapping[str, list[Any]],
    resources: Mapping[int, Resource],
    scopes: Mapping[int, Scope],
) -> SpanBatch:
    """Return rows with the columns CONTENT, resource_id and scope_id as a batch."""
    batch = SpanBatch()
    for name in CONTENT:
        if name != "attrs":
            setattr(batch, name, columns[name])
    for values in columns["attrs"]:
        batch.attr_values.extend(values)
        batch.attr_offsets.append(len(batch.attr_values))
    rows = {number: batch.resource_row(resource) for number, resource in resources.items()}
    batch.resource = [rows[number] for number in columns["resource_id"]]
    rows = {number: batch.scope_row(scope) for number, scope in scopes.items()}
    batch.scope = [rows[number] for number in columns["scope_id"]]
    return batch


def stored_spans(
    columns: Mapping[str, list[Any]],
    resources: Mapping[int, Resource],
    scopes: Mapping[int, Scope],
) -> list[StoredSpan]:
    """Return rows in their order as spans with their digests, each re-delivery left out."""
    seen: set[tuple[int, int]] = set()
    spans: list[StoredSpan] = []
    batch = span_batch(columns, resources, scopes)
    for digest, span in zip(columns["digest"], batch.spans(), strict=True):
        if (span.span_id, digest) not in seen:
            seen.add((span.span_id, digest))
            spans.append(StoredSpan(digest, span))
    return spans
