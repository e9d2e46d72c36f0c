"""SpanBatch: many spans as columns, the only thing a decoder returns and a store writes.

Events, links and rare fields are JSON text inside their column (`pack_*`/`unpack_*` below are the
only functions that know its layout). Event JSON is ``[{"t":ns,"n":name,"a":["k=v",…],"y":"types"}]``:
an attribute is found in it as the literal ``["k=v"`` or ``,"k=v"``, which nothing else can form.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from viewer.trace.attributes import (
    Attributes,
    clean_text,
    decode_attributes,
    encode_attribute,
)
from viewer.trace.span import (
    COLUMNS,
    NO_OPEN_END,
    Dropped,
    Event,
    Link,
    OpenEnd,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

_ARROW_TYPES = {
    "string": pa.string(),
    "uint64": pa.uint64(),
    "uint32": pa.uint32(),
    "uint8": pa.uint8(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "list<string>": pa.list_(pa.string()),
}
SCHEMA = pa.schema([(column.name, _ARROW_TYPES[column.arrow]) for column in COLUMNS])
OPEN_EXTRA = '{"o":'
_MAX_NS = (1 << 63) - 1
_SEEN = 64
_MAX_SERVICE = 1_000
_Shared = TypeVar("_Shared", Resource, Scope)
_PLAIN_COLUMNS = tuple(
    column.name for column in COLUMNS if column.name not in ("attrs", "resource", "scope")
)


class SpanBatch:
    """Columns as plain lists, appended to by decoders; attributes of all spans lie in one list.

    A decoder on the hot path appends to the lists itself (one value per column and span, and
    ``attr_offsets`` after each span); everything else calls ``add``.
    """

    __slots__ = (
        "_resource_index",
        "_scope_index",
        "_sealed",
        "_seen",
        "_table",
        "attr_offsets",
        "attr_types",
        "attr_values",
        "dur_ns",
        "events",
        "extra",
        "flags",
        "joins",
        "kind",
        "links",
        "name",
        "parent_id",
        "resource",
        "resources",
        "scope",
        "scopes",
        "service",
        "span_id",
        "start_ns",
        "status",
        "status_message",
        "trace_id",
        "trace_state",
        "weight",
    )

    def __init__(self) -> None:
        self.trace_id: list[str] = []
        self.span_id: list[int] = []
        self.parent_id: list[int] = []
        self.service: list[str] = []
        self.name: list[str] = []
        self.kind: list[int] = []
        self.status: list[int] = []
        self.start_ns: list[int] = []
        self.dur_ns: list[int] = []
        self.attr_values: list[str] = []
        self.attr_offsets: list[int] = [0]
        self.attr_types: list[str] = []
        self.events: list[str | None] = []
        self.links: list[str | None] = []
        self.status_message: list[str | None] = []
        self.trace_state: list[str | None] = []
        self.flags: list[int] = []
        self.extra: list[str | None] = []
        self.resource: list[int] = []
        self.scope: list[int] = []
        self.resources: list[Resource] = []
        self.scopes: list[Scope] = []
        self._resource_index: dict[str, int] = {}
        self._scope_index: dict[str, int] = {}
        # The rows of the resources and scopes met last, which stay alive here so that their id does:
        # spans share them, and to pack a large one again for each would take quadratic time.
        self._seen: dict[int, tuple[object, int]] = {}
        self._table: pa.Table | None = None
        self._sealed: int | None = None
        self.joins = False
        """Whether spans here are to be joined with others: they have open ends, or settle some."""
        self.weight = 1.0
        """For how many traces each of these spans' traces stands: more than 1 where the others of
        its kind were left out by sampling."""

    def __len__(self) -> int:
        return len(self.span_id) if self._sealed is None else self._sealed

    def seal(self, table: pa.Table) -> None:
        """Hold these columns, which refer to this batch's resources and scopes, in place of the
        lists, as a compiled decoder makes them; nothing can be added from then on."""
        self._table, self._sealed = table, table.num_rows

    def trace_ids(self) -> list[str]:
        """Return the trace IDs, each once, in the order in which they come first."""
        if self._sealed is None or self._table is None:
            return list(dict.fromkeys(self.trace_id))
        ids: list[str] = pc.unique(self._table.column("trace_id")).to_pylist()
        return ids

    def add(self, span: Span) -> None:
        """Append one span."""
        self.joins = self.joins or bool(span.open_ends)
        self.trace_id.append(span.trace_id)
        self.span_id.append(span.span_id)
        self.parent_id.append(span.parent_id)
        # A service that is no name at all would be copied for each of its spans.
        self.service.append(clean_text(span.resource.service[:_MAX_SERVICE]))
        self.name.append(clean_text(span.name))
        self.kind.append(int(span.kind))
        self.status.append(int(span.status.code))
        start_ns = bounded_ns(span.start_ns)
        self.start_ns.append(start_ns)
        self.dur_ns.append(min(bounded_ns(span.duration_ns), _MAX_NS - start_ns))
        values, letters = pack_attributes(span.attributes)
        self.attr_values.extend(values)
        self.attr_offsets.append(len(self.attr_values))
        self.attr_types.append(letters)
        self.events.append(pack_events(span.events))
        self.links.append(pack_links(span.links))
        self.status_message.append(clean_text(span.status.message) or None)
        self.trace_state.append(clean_text(span.trace_state) or None)
        self.flags.append(span.flags & 0xFFFFFFFF)
        self.extra.append(pack_extra(span.dropped, span.as_sent, span.open_ends))
        self.resource.append(self._row_of(span.resource, self.resource_row))
        self.scope.append(self._row_of(span.scope, self.scope_row))

    def _row_of(self, shared: _Shared, row_of: Callable[[_Shared], int]) -> int:
        seen = self._seen.get(id(shared))
        if seen is not None:
            return seen[1]
        row = row_of(shared)
        if len(self._seen) >= _SEEN:
            self._seen.clear()
        self._seen[id(shared)] = (shared, row)
        return row

    def extend(self, other: "SpanBatch") -> None:
        """Append another batch's spans; an empty batch takes over its weight. Raises ValueError for
        another weight, which would make the counts of either wrong."""
        self.joins = self.joins or other.joins
        if self.weight != other.weight:
            if len(self):
                raise ValueError(f"weights {self.weight} and {other.weight} do not go together")
            self.weight = other.weight
        resources = [
            self.resource_row(resource, key)
            for resource, key in zip(other.resources, other.resource_keys, strict=True)
        ]
        scopes = [
            self.scope_row(scope, key)
            for scope, key in zip(other.scopes, other.scope_keys, strict=True)
        ]
        shift = len(self.attr_values)
        self.attr_offsets.extend([shift + offset for offset in other.attr_offsets[1:]])
        self.attr_values.extend(other.attr_values)
        self.resource.extend([resources[row] for row in other.resource])
        self.scope.extend([scopes[row] for row in other.scope])
        for column in _PLAIN_COLUMNS:
            getattr(self, column).extend(getattr(other, column))

    def resource_row(self, resource: Resource, key: str = "") -> int:
        """Return the resource's index in this batch, adding it if it is new.

        ``key`` is its `pack_resource` text, for callers that have it already."""
        # Keyed by packed text: 1, 1.0 and True are equal in Python but not to a tracing user.
        key = key or pack_resource(resource)
        row = self._resource_index.get(key)
        if row is None:
            row = self._resource_index[key] = len(self.resources)
            self.resources.append(resource)
        return row

    def scope_row(self, scope: Scope, key: str = "") -> int:
        """Return the scope's index in this batch, adding it if it is new; ``key`` as above."""
        key = key or pack_scope(scope)
        row = self._scope_index.get(key)
        if row is None:
            row = self._scope_index[key] = len(self.scopes)
            self.scopes.append(scope)
        return row

    @property
    def resource_keys(self) -> list[str]:
        """The resources as `pack_resource` texts, in the order of ``resources``."""
        return list(self._resource_index)

    @property
    def scope_keys(self) -> list[str]:
        """The scopes as `pack_scope` texts, in the order of ``scopes``."""
        return list(self._scope_index)

    def spans(self) -> Iterator[Span]:
        """Yield the spans as objects, in order; for tests, small exports and the memory engine."""
        if self._sealed is not None:
            yield from SpanBatch.from_arrow(self._table).spans()
            return
        for row in range(len(self)):
            begin, end = self.attr_offsets[row], self.attr_offsets[row + 1]
            dropped, as_sent, open_ends = unpack_extra(self.extra[row])
            yield Span(
                trace_id=self.trace_id[row],
                span_id=self.span_id[row],
                parent_id=self.parent_id[row],
                name=self.name[row],
                start_ns=self.start_ns[row],
                duration_ns=self.dur_ns[row],
                kind=SpanKind(self.kind[row]),
                status=Status(StatusCode(self.status[row]), self.status_message[row] or ""),
                resource=self.resources[self.resource[row]],
                scope=self.scopes[self.scope[row]],
                attributes=decode_attributes(self.attr_values[begin:end], self.attr_types[row]),
                events=unpack_events(self.events[row]),
                links=unpack_links(self.links[row]),
                trace_state=self.trace_state[row] or "",
                flags=self.flags[row],
                dropped=dropped,
                as_sent=as_sent,
                open_ends=open_ends,
            )

    def to_arrow(self) -> pa.Table:
        """Return the columns as an Arrow table of SCHEMA; resources and scopes in its metadata.

        The table is kept until spans are added, since journal and store both want it."""
        if self._sealed is not None or (
            self._table is not None and self._table.num_rows == len(self)
        ):
            return self._table
        attrs = pa.ListArray.from_arrays(
            pa.array(self.attr_offsets, pa.int32()), pa.array(self.attr_values, pa.string())
        )
        arrays = [
            attrs if field.name == "attrs" else pa.array(getattr(self, field.name), field.type)
            for field in SCHEMA
        ]
        self._table = pa.table(arrays, schema=SCHEMA.with_metadata(self.origins()))
        return self._table

    def origins(self) -> dict[str, bytes]:
        """Return resources and scopes as the metadata of this batch's table."""
        return {
            "resources": orjson.dumps(self.resource_keys),
            "scopes": orjson.dumps(self.scope_keys),
            **({"joins": b"1"} if self.joins else {}),
        }

    @classmethod
    def over(cls, table: pa.Table) -> "SpanBatch":
        """Return a sealed batch over a table made by to_arrow, without making lists of it."""
        batch = cls()
        batch.joins = b"joins" in (table.schema.metadata or {})
        resources, scopes = table_origins(table)
        for resource in resources:
            batch.resource_row(resource)
        for scope in scopes:
            batch.scope_row(scope)
        batch.seal(table)
        return batch

    @classmethod
    def from_arrow(cls, table: pa.Table) -> "SpanBatch":
        """Undo to_arrow (a table read back from a journal, a Parquet file or a query)."""
        batch = cls()
        batch.joins = b"joins" in (table.schema.metadata or {})
        for field in SCHEMA:
            if field.name == "attrs":
                continue
            setattr(batch, field.name, table.column(field.name).to_pylist())
        for values in table.column("attrs").to_pylist():
            batch.attr_values.extend(values)
            batch.attr_offsets.append(len(batch.attr_values))
        resources, scopes = table_origins(table)
        for resource in resources:
            batch.resource_row(resource)
        for scope in scopes:
            batch.scope_row(scope)
        return batch


def table_origins(table: pa.Table) -> tuple[list[Resource], list[Scope]]:
    """Return the resources and scopes that a table made by to_arrow carries in its metadata."""
    metadata = table.schema.metadata or {}
    resources = [unpack_resource(text) for text in orjson.loads(metadata[b"resources"])]
    scopes = [unpack_scope(text) for text in orjson.loads(metadata[b"scopes"])]
    return resources, scopes


def bounded_ns(value: int) -> int:
    """Clamp to what a signed 64-bit column holds, and to 0 from below."""
    return 0 if value < 0 else min(value, _MAX_NS)


def pack_attributes(attributes: Attributes) -> tuple[list[str], str]:
    """Return the texts ``key=value`` and the string of type letters."""
    pairs = [encode_attribute(key, value) for key, value in attributes]
    return [text for text, _ in pairs], "".join(letter for _, letter in pairs)


def pack_events(events: Sequence[Event]) -> str | None:
    """Return the events column's JSON, or None when there are none."""
    return dump_rows(
        [
            event_row(
                event.time_ns,
                clean_text(event.name),
                *pack_attributes(event.attributes),
                event.dropped_attributes,
            )
            for event in events
        ]
    )


def event_row(
    time_ns: int, name: str, values: Sequence[str], letters: str, dropped: int
) -> dict[str, object]:
    """Return one event of the events column, for decoders that hold packed attributes."""
    row: dict[str, object] = {"t": bounded_ns(time_ns), "n": name}
    if values:
        row["a"] = values
        row["y"] = letters
    if dropped:
        row["d"] = dropped
    return row


def dump_rows(rows: list[dict[str, object]]) -> str | None:
    """Return event or link rows as their column's JSON, or None when there are none."""
    return orjson.dumps(rows).decode() if rows else None


def unpack_events(text: str | None) -> tuple[Event, ...]:
    """Undo pack_events."""
    if not text:
        return ()
    return tuple(
        Event(
            time_ns=row["t"],
            name=row["n"],
            attributes=decode_attributes(row.get("a", ()), row.get("y", "")),
            dropped_attributes=row.get("d", 0),
        )
        for row in orjson.loads(text)
    )


def pack_links(links: Sequence[Link]) -> str | None:
    """Return the links column's JSON, or None when there are none."""
    rows: list[dict[str, object]] = []
    for link in links:
        values, letters = pack_attributes(link.attributes)
        row: dict[str, object] = {"i": link.trace_id, "s": f"{link.span_id:016x}"}
        if values:
            row.update(a=values, y=letters)
        if link.trace_state:
            row["w"] = clean_text(link.trace_state)
        if link.flags:
            row["f"] = link.flags
        if link.dropped_attributes:
            row["d"] = link.dropped_attributes
        rows.append(row)
    return dump_rows(rows)


def unpack_links(text: str | None) -> tuple[Link, ...]:
    """Undo pack_links."""
    if not text:
        return ()
    return tuple(
        Link(
            trace_id=row["i"],
            span_id=int(row["s"], 16),
            attributes=decode_attributes(row.get("a", ()), row.get("y", "")),
            trace_state=row.get("w", ""),
            flags=row.get("f", 0),
            dropped_attributes=row.get("d", 0),
        )
        for row in orjson.loads(text)
    )


def pack_extra(
    dropped: Dropped, as_sent: Sequence[tuple[str, str]], open_ends: OpenEnd = NO_OPEN_END
) -> str | None:
    """Return the extra column's JSON, or None when there is nothing to say. Open ends stand first,
    so that the rows which have some are found by how their text begins (`OPEN_EXTRA`)."""
    row: dict[str, object] = {}
    if open_ends:
        row["o"] = int(open_ends)
    if dropped != Dropped():
        row["d"] = [dropped.attributes, dropped.events, dropped.links]
    if as_sent:
        row["s"] = [[clean_text(key), clean_text(value)] for key, value in as_sent]
    return orjson.dumps(row).decode() if row else None


def unpack_extra(text: str | None) -> tuple[Dropped, tuple[tuple[str, str], ...], OpenEnd]:
    """Undo pack_extra."""
    if not text:
        return Dropped(), (), NO_OPEN_END
    row = orjson.loads(text)
    as_sent = tuple((key, value) for key, value in row.get("s", ()))
    return Dropped(*row.get("d", ())), as_sent, OpenEnd(row.get("o", 0))


def pack_resource(resource: Resource) -> str:
    """Return a resource as JSON text, equal exactly for equal resources."""
    values, letters = pack_attributes(resource.attributes)
    return _dump([clean_text(resource.service), values, letters, clean_text(resource.schema_url)])


def unpack_resource(text: str) -> Resource:
    """Undo pack_resource."""
    service, values, letters, schema_url = orjson.loads(text)
    return Resource(service, decode_attributes(values, letters), schema_url)


def pack_scope(scope: Scope) -> str:
    """Return a scope as JSON text, equal exactly for equal scopes."""
    values, letters = pack_attributes(scope.attributes)
    names = [clean_text(scope.name), clean_text(scope.version)]
    return _dump([*names, values, letters, clean_text(scope.schema_url)])


def unpack_scope(text: str) -> Scope:
    """Undo pack_scope."""
    name, version, values, letters, schema_url = orjson.loads(text)
    return Scope(name, version, decode_attributes(values, letters), schema_url)


def _dump(row: list[object]) -> str:
    return orjson.dumps(row).decode()
