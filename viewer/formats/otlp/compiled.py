"""OTLP protobuf → Arrow columns, compiled and without the GIL: the fast path of ingest.

It decodes what nearly all spans consist of and leaves the rest to the plain decoder
(`protobuf.py`), which is also its oracle in the tests: a span with a link, a nested or binary
attribute, dropped counts or an invalid ID is *odd* and decoded there; a request that is malformed,
or whose text is no UTF-8, goes there as a whole. So there is one meaning, and one place
that words refusals. Field numbers: opentelemetry/proto/trace/v1/trace.proto.
"""

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError as ProtobufError
from numpy.typing import NDArray

from viewer.formats.base import Decoded
from viewer.formats.otlp import kernels, protobuf, wire
from viewer.formats.otlp.kernels import Bytes
from viewer.trace.batch import SCHEMA

# An integer attribute's decimal digits may outgrow its bytes, and JSON's escapes outgrow a text.
_ATTRIBUTE_GROWTH, _EVENT_GROWTH = 2, 6

# A request with one span of every kind of field, so that a call with it compiles everything.
SAMPLE = bytes.fromhex(
    "0a7b127912770a1001010101010101010101010101010101120802020202020202022a016e300239"
    "01000000000000004102000000000000004a0e0a016b120921000000000000f03f4a070a01691202"
    "18014a080a017312030a01745a150901000000000000001201651a070a0162120210017a02180185"
    "0101000000"
)


def decode_request(body: bytes) -> Decoded | None:
    """Decode the body of an OTLP export; None where the plain decoder must, as a whole."""
    data = np.frombuffer(body, np.uint8)
    nothing = np.empty((0, 4), np.int64)
    outcome, n_spans, n_resources, n_scopes = kernels.index(data, False, nothing, nothing, nothing)
    if outcome != kernels.OK:
        return None
    spans, resources, scopes = (
        np.empty((count, 4), np.int64) for count in (n_spans, n_resources, n_scopes)
    )
    kernels.index(data, True, spans, resources, scopes)
    decoded = Decoded()
    odd = np.zeros(n_spans, np.uint8)
    # What is well-formed down to here may be broken within: in a resource, or an odd span.
    try:
        resource_rows, services = _register_resources(decoded, body, resources)
        scope_rows = _register_scopes(decoded, body, scopes)
        table = _columns(data, spans, odd, resource_rows, services, scope_rows)
        if table is None:
            return None
        for index in np.flatnonzero(odd).tolist():
            begin, end, resource, scope = spans[index].tolist()
            span = wire.Span.FromString(body[begin:end])
            protobuf.add_spans(
                [span], int(resource_rows[resource]), int(scope_rows[scope]), decoded
            )
    except ProtobufError:
        return None
    metadata = decoded.batch.origins()
    if len(decoded.batch):
        table = pa.concat_tables([table, decoded.batch.to_arrow()], promote_options="none")
    decoded.batch.seal(table.replace_schema_metadata(metadata))
    return decoded


def _register_resources(
    decoded: Decoded, body: bytes, resources: NDArray[np.int64]
) -> tuple[NDArray[np.int32], list[str]]:
    rows = np.empty(len(resources), np.int32)
    services: list[str] = []
    for index, (begin, end, url_begin, url_end) in enumerate(resources.tolist()):
        resource, key = protobuf.resource_of(body[begin:end], body[url_begin:url_end])
        rows[index] = decoded.batch.resource_row(resource, key)
        services.append(resource.service)
    return rows, services


def _register_scopes(decoded: Decoded, body: bytes, scopes: NDArray[np.int64]) -> NDArray[np.int32]:
    rows = np.empty(len(scopes), np.int32)
    for index, (begin, end, url_begin, url_end) in enumerate(scopes.tolist()):
        scope, key = protobuf.scope_of(body[begin:end], body[url_begin:url_end])
        rows[index] = decoded.batch.scope_row(scope, key)
    return rows


def _columns(
    data: Bytes,
    spans: NDArray[np.int64],
    odd: Bytes,
    resource_rows: NDArray[np.int32],
    services: list[str],
    scope_rows: NDArray[np.int32],
) -> pa.Table | None:
    """Return the columns of the spans that are not odd, which it marks; None if malformed."""
    count, size = len(spans), len(data)
    hexes = np.empty(count * 32, np.uint8)
    numbers = np.empty((count, 7), np.uint64)
    texts = np.empty((count, 6), np.int64)
    origins = np.empty((count, 2), np.int64)
    attribute_bytes = np.empty(size * _ATTRIBUTE_GROWTH + 64, np.uint8)
    # An attribute takes two bytes at least.
    attribute_ends = np.empty(size // 2 + 2, np.int32)
    letters = np.empty(size // 2 + 2, np.uint8)
    letter_ends, event_ends = np.empty(count + 1, np.int32), np.empty(count + 1, np.int32)
    event_bytes = np.empty(size * _EVENT_GROWTH + 64 * count + 64, np.uint8)
    doubles = np.empty((size // 10 + 1, 2), np.int64)  # a double takes ten bytes at least
    outcome, rows, n_doubles = kernels.fill_columns(
        data, spans, odd, hexes, numbers, texts, origins, attribute_bytes, attribute_ends,
        letters, letter_ends, event_bytes, event_ends, doubles,
    )  # fmt: skip
    if outcome != kernels.OK:
        return None
    n_attributes = int(letter_ends[rows])
    if n_doubles:
        attribute_bytes = _with_doubles(
            attribute_bytes, attribute_ends, n_attributes, doubles[:n_doubles]
        )
    attributes = _strings(attribute_bytes, attribute_ends, n_attributes)
    resource_of_span, scope_of_span = origins[:rows, 0], origins[:rows, 1]
    columns = {
        "trace_id": _strings(hexes, np.arange(0, rows * 32 + 1, 32, dtype=np.int32), rows),
        "span_id": pa.array(numbers[:rows, 0]),
        "parent_id": pa.array(numbers[:rows, 1]),
        "service": pa.array(services, pa.string()).take(pa.array(resource_of_span)),
        "name": _gathered(data, texts, 0, rows),
        "kind": pa.array(numbers[:rows, 4].astype(np.uint8)),
        "status": pa.array(numbers[:rows, 5].astype(np.uint8)),
        "start_ns": pa.array(numbers[:rows, 2].astype(np.int64)),
        "dur_ns": pa.array(numbers[:rows, 3].astype(np.int64)),
        "attrs": pa.ListArray.from_arrays(pa.array(letter_ends[: rows + 1]), attributes),
        "attr_types": _strings(letters, letter_ends, rows),
        "events": _strings(event_bytes, event_ends, rows, null_if_empty=True),
        "links": pa.nulls(rows, pa.string()),
        "status_message": _gathered(data, texts, 2, rows, null_if_empty=True),
        "trace_state": _gathered(data, texts, 4, rows, null_if_empty=True),
        "flags": pa.array(numbers[:rows, 6].astype(np.uint32)),
        "extra": pa.nulls(rows, pa.string()),
        "resource": pa.array(resource_rows[resource_of_span]),
        "scope": pa.array(scope_rows[scope_of_span]),
    }
    try:
        for name in ("name", "events", "status_message", "trace_state"):
            columns[name].validate(full=True)
        attributes.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def _with_doubles(
    content: Bytes, ends: NDArray[np.int32], count: int, doubles: NDArray[np.int64]
) -> Bytes:
    """Return the attributes' texts with those of doubles, as Python writes them, put in."""
    values = doubles[:, 1].copy().view(np.float64).tolist()
    written = [repr(value).encode() for value in values]
    inserted = np.frombuffer(b"".join(written), np.uint8)
    inserted_ends = np.cumsum([len(text) for text in written], dtype=np.int32)
    out = np.empty(int(ends[count]) + len(inserted), np.uint8)
    kernels.splice(content, ends, count, doubles, inserted, inserted_ends, out)
    return out


def _strings(
    content: Bytes, ends: NDArray[np.int32], count: int, null_if_empty: bool = False
) -> pa.StringArray:
    """Return the strings whose ends are given, over a copy no larger than they are."""
    kept = content[: int(ends[count])].copy() if count else content[:0]
    valid = None
    if null_if_empty and count:
        valid = pa.py_buffer(np.packbits(np.diff(ends[: count + 1]) > 0, bitorder="little"))
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(ends[: count + 1].copy()), pa.py_buffer(kept), valid
    )


def _gathered(
    data: Bytes, texts: NDArray[np.int64], column: int, rows: int, null_if_empty: bool = False
) -> pa.StringArray:
    size = int((texts[:rows, column + 1] - texts[:rows, column]).sum())
    out, ends = np.empty(size, np.uint8), np.empty(rows + 1, np.int32)
    kernels.gather(data, texts, column, rows, out, ends)
    return _strings(out, ends, rows, null_if_empty)
