"""Files into the store: any format that `formats` knows, and DuckDB or Parquet span tables."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from viewer import formats, store
from viewer.collector.pipeline import Pipeline
from viewer.formats.base import CHUNK_SPANS, Decoded, DecodeError, Payload
from viewer.store.base import StoreError
from viewer.trace.report import FileReport, Rejection

MAX_FILE_BYTES = 2 << 30
_HEAD_BYTES, _PIECE_BYTES = 16, 1 << 20
Progress = Callable[[int], None]


def _silent(_spans: int) -> None:
    """Report progress to nobody."""


def import_stream(
    pipeline: Pipeline, name: str, stream: BinaryIO, progress: Progress = _silent
) -> FileReport:
    """Store what an uploaded or piped file holds; raises DecodeError or StoreError.

    ``progress`` is called with the number of spans stored so far."""
    head = stream.read(_HEAD_BYTES)
    if store.is_table_file(head):
        # Both kinds of table are read from a path, not from a stream.
        with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as file:
            file.write(head)
            shutil.copyfileobj(stream, file)
            file.flush()
            try:
                return import_table(pipeline, name, Path(file.name), progress)
            except StoreError as error:
                # The sender knows the file by its own name, and need not know our paths.
                raise type(error)(str(error).replace(file.name, name)) from error
    data = _read_whole(head, stream)
    opened = formats.decode(Payload(data, name=name, lenient=True))
    report = _store_chunks(pipeline, name, opened, progress)
    # Which format it is may only be known once its first value has been read.
    return replace(report, format=opened.format)


def _read_whole(head: bytes, stream: BinaryIO) -> bytes:
    """Return head and the rest, in pieces: asked for all at once, some streams allocate it before
    they know how much there is. Raises DecodeError beyond MAX_FILE_BYTES."""
    whole = BytesIO()
    whole.write(head)
    while piece := stream.read(_PIECE_BYTES):
        whole.write(piece)
        if whole.tell() > MAX_FILE_BYTES:
            raise DecodeError(f"the file is larger than {MAX_FILE_BYTES >> 30} GiB; split it")
    return whole.getvalue()


def import_path(pipeline: Pipeline, path: Path, progress: Progress = _silent) -> FileReport:
    """Store what a file holds; raises DecodeError, StoreError or OSError."""
    with path.open("rb") as stream:
        if stream.seekable():
            if store.is_table_file(stream.read(_HEAD_BYTES)):
                return import_table(pipeline, str(path), path, progress)
            stream.seek(0)
        return import_stream(pipeline, str(path), stream, progress)


def import_table(pipeline: Pipeline, name: str, path: Path, progress: Progress) -> FileReport:
    """Store the spans of a DuckDB or Parquet file; raises StoreError."""
    with path.open("rb") as file:
        kind = "parquet" if file.read(4) == b"PAR1" else "duckdb"
    table = store.read_table(path)
    report = _store_chunks(pipeline, name, (Decoded(batch) for batch in table), progress)
    return replace(report, format=kind, rejected=(*report.rejected, *table.rejected))


def _store_chunks(
    pipeline: Pipeline, name: str, chunks: Iterable[Decoded], progress: Progress
) -> FileReport:
    spans, first = 0, ""
    traces: set[str] = set()
    rejected: dict[str, Rejection] = {}
    for decoded in _large(chunks):
        pipeline.write(decoded.batch)
        spans += len(decoded.batch)
        traces.update(decoded.batch.trace_id)
        if not first and len(decoded.batch):
            first = decoded.batch.trace_id[0]
        for rejection in (*decoded.rejected, *decoded.notes):
            known = rejected.get(rejection.reason)
            count = rejection.count + (known.count if known else 0)
            where = known.where if known else rejection.where
            rejected[rejection.reason] = Rejection(rejection.reason, count, where)
        progress(spans)
    return FileReport(name, "", spans, len(traces), tuple(rejected.values()), first)


def _large(chunks: Iterable[Decoded]) -> Iterator[Decoded]:
    """Join small chunks, so that a file of many small messages costs few transactions."""
    joined = Decoded()
    for chunk in chunks:
        joined.batch.extend(chunk.batch)
        joined.rejected.extend(chunk.rejected)
        joined.notes.extend(chunk.notes)
        if len(joined.batch) >= CHUNK_SPANS:
            yield joined
            joined = Decoded()
    yield joined
