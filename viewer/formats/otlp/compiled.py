"""OTLP protobuf → Arrow columns, compiled and without the GIL: the fast path of ingest.

It decodes what nearly all spans consist of and leaves the rest to the plain decoder
(`protobuf.py`), which is also its oracle in the tests: a span with a link, a nested or binary
attribute, dropped counts or an invalid ID is *odd* and decoded there; a request that is malformed,
or whose text is no UTF-8, goes there as a whole. So there is one meaning, and one place
that words refusals. Field numbers: opentelemetry/proto/trace/v1/trace.proto.

Requests are appended to columns that go on growing until somebody wants to store them, so that what
is paid per request, and not per span, is little.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError as ProtobufError
from numpy.typing import NDArray

from viewer.formats.base import Decoded
from viewer.formats.bulk import Appended
from viewer.formats.otlp import kernels, protobuf, wire
from viewer.formats.otlp.primitives import Bytes
from viewer.trace.batch import SCHEMA, SpanBatch
from viewer.trace.span import Resource, Scope

# An integer attribute's decimal digits may outgrow its bytes, and JSON's escapes outgrow a text.
_ATTRIBUTE_GROWTH, _EVENT_GROWTH = 2, 6
_FULL_ROWS, _FULL_BYTES = 122_880, 64 << 20
_SLOTS = 1 << 15
_MOST_ORIGINS, _MANY_ORIGINS = _SLOTS // 2, _SLOTS // 4
_MULTIPLIER = np.uint64(secrets.randbits(64) | 1)

# A request with one span of every kind of field, so that a call with it compiles everything.
SAMPLE = bytes.fromhex(
    "0a7b127912770a1001010101010101010101010101010101120802020202020202022a016e300239"
    "01000000000000004102000000000000004a0e0a016b120921000000000000f03f4a070a01691202"
    "18014a080a017312030a01745a150901000000000000001201651a070a0162120210017a02180185"
    "0101000000"
)


def decode_request(body: bytes) -> Decoded | None:
    """Decode the body of an OTLP export; None where the plain decoder must, as a whole."""
    columns = Columns()
    if not columns.decode(body):
        return None
    decoded = Decoded()
    origins = columns.fill_origins(decoded.batch)
    # What is well-formed down to here may be broken within.
    try:
        for begin, end, resource, scope in columns.odd:
            span = wire.Span.FromString(body[begin:end])
            rows = int(origins.resource_rows[resource]), int(origins.scope_rows[scope])
            protobuf.add_spans([span], *rows, decoded)
    except ProtobufError:
        return None
    table = columns.table(origins)
    metadata = decoded.batch.origins()
    if len(decoded.batch):
        table = pa.concat_tables([table, decoded.batch.to_arrow()], promote_options="none")
    decoded.batch.seal(table.replace_schema_metadata(metadata))
    return decoded


@dataclass(frozen=True, slots=True)
class _Origins:
    """Which rows of a batch's resources and scopes those are that the columns number."""

    resource_rows: NDArray[np.int32]
    scope_rows: NDArray[np.int32]
    services: list[str]


class _Known:
    """The resources, or scopes, met so far, each once, by their bytes."""

    def __init__(self) -> None:
        self._slots = np.zeros(_SLOTS, np.int32)
        self._bytes = np.empty(4096, np.uint8)
        self._ends = np.zeros(2 * _MOST_ORIGINS + 2, np.int64)
        self.count = 0

    def numbers(self, data: Bytes, messages: NDArray[np.int64]) -> NDArray[np.int32] | None:
        """Return the messages' numbers; None if there is no room for them."""
        self._bytes = _with_room(self._bytes, int(self._ends[2 * self.count]), len(data))
        numbers = np.empty(len(messages), np.int32)
        count = kernels.number_messages(
            data, messages, _MULTIPLIER, self._slots, self._bytes, self._ends, self.count, numbers
        )
        if count < 0:
            return None
        self.count = count
        return numbers

    def take_back(self, count: int) -> None:
        """Know only so many, the first ones. Those behind them had found their slots later, so that no
        other was put elsewhere because of them."""
        self._slots[self._slots > count] = 0
        self.count = count

    def parts(self, number: int) -> tuple[bytes, bytes]:
        """Return a message's bytes, and those of its schema URL."""
        begin, middle, end = self._ends[2 * number : 2 * number + 3].tolist()
        return self._bytes[begin:middle].tobytes(), self._bytes[middle:end].tobytes()


class Columns:
    """Spans of requests one behind the other: a `BulkColumns`."""

    def __init__(self) -> None:
        self.odd: list[tuple[int, int, int, int]] = []
        """Of the request decoded last: begin, end, resource and scope of the spans left out."""
        self._ends = np.zeros(8, np.int64)
        self._before = (self._ends, 0, 0)
        self._resources, self._scopes = _Known(), _Known()
        self._parsed_resources: list[tuple[Resource, str]] = []
        self._parsed_scopes: list[tuple[Scope, str]] = []
        self._last = -1
        self._hexes = np.empty(0, np.uint8)
        self._rows: list[NDArray[Any]] = [
            np.empty(0, kind)
            for kind in (
                np.uint64, np.uint64, np.int64, np.int64, np.uint8, np.uint8, np.uint32,
                np.int32, np.int32,
            )
        ]  # fmt: skip
        self._texts = {
            end: (np.empty(0, np.uint8), np.zeros(1, np.int32))
            for end in (
                kernels.NAME_BYTES,
                kernels.MESSAGE_BYTES,
                kernels.STATE_BYTES,
                kernels.ATTRIBUTE_BYTES,
                kernels.ATTRIBUTES,
                kernels.EVENT_BYTES,
            )
        }
        self._doubles = np.empty((0, 2), np.int64)

    def __len__(self) -> int:
        return int(self._ends[kernels.ROWS])

    @property
    def is_full(self) -> bool:
        """Whether there are enough spans, bytes, or origins, to be stored for themselves."""
        size = self._ends[kernels.ATTRIBUTE_BYTES] + self._ends[kernels.EVENT_BYTES]
        origins = max(self._resources.count, self._scopes.count)
        return len(self) >= _FULL_ROWS or size >= _FULL_BYTES or origins >= _MANY_ORIGINS

    def append(self, body: bytes) -> Appended | None:
        """Append a request's spans; None, and nothing is appended, if this cannot take them all."""
        if not self.decode(body):
            return None
        if self.odd:
            self.undo()
            return None
        begin = int(self._before[0][kernels.ROWS])
        resource = self._parsed_resources[self._last][0] if self._last >= 0 else None
        return Appended(self._rows[2][begin : len(self)], resource)

    def undo(self) -> None:
        """Take back the request that was appended last."""
        self._ends, resources, scopes = self._before
        self._resources.take_back(resources)
        self._scopes.take_back(scopes)
        del self._parsed_resources[resources:], self._parsed_scopes[scopes:]
        self.odd = []

    def seal(self) -> SpanBatch:
        """Return the spans; nothing can be appended from then on."""
        batch = SpanBatch()
        table = self.table(self.fill_origins(batch))
        batch.seal(table.replace_schema_metadata(batch.origins()))
        return batch

    def decode(self, body: bytes) -> bool:
        """Append the spans that are not odd; False, and nothing is, where the plain decoder must."""
        data = np.frombuffer(body, np.uint8)
        nothing = np.empty((0, 4), np.int64)
        outcome, n_spans, n_resources, n_scopes = kernels.index(
            data, False, nothing, nothing, nothing
        )
        if outcome != kernels.OK:
            return False
        spans, resources, scopes = (
            np.empty((count, 4), np.int64) for count in (n_spans, n_resources, n_scopes)
        )
        kernels.index(data, True, spans, resources, scopes)
        self._before = (self._ends.copy(), self._resources.count, self._scopes.count)
        resource_of = self._resources.numbers(data, resources)
        scope_of = self._scopes.numbers(data, scopes)
        odd = np.zeros(n_spans, np.uint8)
        if (
            resource_of is None
            or scope_of is None
            or not self._parse()
            or not self._fill(data, spans, resource_of, scope_of, odd)
        ):
            self.undo()
            return False
        self._last = int(resource_of[-1]) if n_resources else -1
        self.odd = [
            (begin, end, int(resource_of[resource]), int(scope_of[scope]))
            for begin, end, resource, scope in spans[odd.astype(bool)].tolist()
        ]
        return True

    def _parse(self) -> bool:
        """Read the resources and scopes that are new; say whether all can be read."""
        try:
            for number in range(len(self._parsed_resources), self._resources.count):
                resource = protobuf.resource_of(*self._resources.parts(number))
                self._parsed_resources.append(resource)
            for number in range(len(self._parsed_scopes), self._scopes.count):
                self._parsed_scopes.append(protobuf.scope_of(*self._scopes.parts(number)))
        except ProtobufError:
            return False
        return True

    def _fill(
        self,
        data: Bytes,
        spans: NDArray[np.int64],
        resource_of: NDArray[np.int32],
        scope_of: NDArray[np.int32],
        odd: Bytes,
    ) -> bool:
        self._reserve(len(spans), len(data))
        ends = self._ends.copy()
        outcome = kernels.fill_columns(
            data, spans, resource_of, scope_of, odd, ends, self._hexes, *self._rows,
            *(column for pair in self._texts.values() for column in pair), self._doubles,
        )  # fmt: skip
        if outcome == kernels.OK:
            self._ends = ends
        return bool(outcome == kernels.OK)

    def _reserve(self, spans: int, size: int) -> None:
        """Make room for so many spans out of so many bytes."""
        ends = self._ends
        rows = len(self)
        self._hexes = _with_room(self._hexes, 32 * rows, 32 * spans)
        self._rows = [_with_room(column, rows, spans) for column in self._rows]
        # An attribute takes two bytes at least, and a double ten.
        attributes = size // 2 + 1
        self._doubles = _with_room(self._doubles, int(ends[kernels.DOUBLES]), size // 10 + 1)
        for end, (content, text_ends) in self._texts.items():
            growth, texts, filled = 1, spans, rows
            if end == kernels.ATTRIBUTE_BYTES:
                growth, texts, filled = _ATTRIBUTE_GROWTH, attributes, int(ends[kernels.ATTRIBUTES])
            elif end == kernels.EVENT_BYTES:
                growth = _EVENT_GROWTH
            room = attributes if end == kernels.ATTRIBUTES else size * growth + 64 * spans + 64
            self._texts[end] = (
                _with_room(content, int(ends[end]), room),
                _with_room(text_ends, filled + 1, texts),
            )

    def fill_origins(self, batch: SpanBatch) -> _Origins:
        """Put the resources and scopes that spans here refer to into a batch."""
        rows = len(self)
        used = [
            np.unique(np.append(column[:rows], np.array(odd, np.int32)))
            for column, odd in (
                (self._rows[7], [span[2] for span in self.odd]),
                (self._rows[8], [span[3] for span in self.odd]),
            )
        ]
        resource_rows = np.zeros(len(self._parsed_resources), np.int32)
        scope_rows = np.zeros(len(self._parsed_scopes), np.int32)
        services = [""] * len(self._parsed_resources)
        for number in used[0].tolist():
            resource, key = self._parsed_resources[number]
            resource_rows[number] = batch.resource_row(resource, key)
            services[number] = resource.service
        for number in used[1].tolist():
            scope_rows[number] = batch.scope_row(*self._parsed_scopes[number])
        return _Origins(resource_rows, scope_rows, services)

    def table(self, origins: _Origins) -> pa.Table:
        """Return the columns, which go on lying where they are."""
        rows = len(self)
        span_ids, parents, starts, durations, kinds, statuses, flags, resource, scope = (
            column[:rows] for column in self._rows
        )
        letters, letter_ends = self._texts[kernels.ATTRIBUTES]
        columns = {
            "trace_id": _strings(
                self._hexes, np.arange(0, rows * 32 + 1, 32, dtype=np.int32), rows
            ),
            "span_id": pa.array(span_ids),
            "parent_id": pa.array(parents),
            "service": pa.array(origins.services, pa.string()).take(pa.array(resource)),
            "name": _strings(*self._texts[kernels.NAME_BYTES], rows),
            "kind": pa.array(kinds),
            "status": pa.array(statuses),
            "start_ns": pa.array(starts),
            "dur_ns": pa.array(durations),
            "attrs": pa.ListArray.from_arrays(
                pa.array(letter_ends[: rows + 1]), self._attributes()
            ),
            "attr_types": _strings(letters, letter_ends, rows),
            "events": _strings(*self._texts[kernels.EVENT_BYTES], rows, null_if_empty=True),
            "links": pa.nulls(rows, pa.string()),
            "status_message": _strings(
                *self._texts[kernels.MESSAGE_BYTES], rows, null_if_empty=True
            ),
            "trace_state": _strings(*self._texts[kernels.STATE_BYTES], rows, null_if_empty=True),
            "flags": pa.array(flags),
            "extra": pa.nulls(rows, pa.string()),
            "resource": pa.array(origins.resource_rows[resource]),
            "scope": pa.array(origins.scope_rows[scope]),
        }
        return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)

    def _attributes(self) -> pa.StringArray:
        """Return the attributes' texts with those of doubles, as Python writes them, put in."""
        content, ends = self._texts[kernels.ATTRIBUTE_BYTES]
        count = int(self._ends[kernels.ATTRIBUTES])
        doubles = self._doubles[: self._ends[kernels.DOUBLES]]
        if not len(doubles):
            return _strings(content, ends, count)
        values = doubles[:, 1].copy().view(np.float64).tolist()
        written = [repr(value).encode() for value in values]
        inserted = np.frombuffer(b"".join(written), np.uint8)
        inserted_ends = np.cumsum([len(text) for text in written], dtype=np.int32)
        out = np.empty(int(ends[count]) + len(inserted), np.uint8)
        moved = np.empty(count + 1, np.int32)
        kernels.splice(content, ends, count, doubles, inserted, inserted_ends, out, moved)
        return _strings(out, moved, count)


def _with_room(column: NDArray[Any], filled: int, more: int) -> NDArray[Any]:
    """Return the column, or a longer one with the same content, that has room for so many more."""
    if filled + more <= len(column):
        return column
    longer = np.empty((max(filled + more, 2 * filled), *column.shape[1:]), column.dtype)
    longer[:filled] = column[:filled]
    return longer


def _strings(
    content: Bytes, ends: NDArray[np.int32], count: int, null_if_empty: bool = False
) -> pa.StringArray:
    """Return the strings whose ends are given, where they lie."""
    valid = None
    if null_if_empty and count:
        valid = pa.py_buffer(np.packbits(np.diff(ends[: count + 1]) > 0, bitorder="little"))
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(ends[: count + 1]), pa.py_buffer(content[: ends[count]]), valid
    )
