"""Files into the store: any format that `formats` knows, and DuckDB or Parquet span tables.

Files are read and stored piece by piece, in bounded memory. With the spans of a regular file the
store notes, in the same transaction, where they end: so an import that ended at any moment goes on
there, and a file that was imported is passed over.
"""

import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import orjson

from viewer import formats, store
from viewer.collector.commit import FULL_GROUP_ROWS
from viewer.collector.known_file import HashedFile, KnownFile, recognise
from viewer.collector.pipeline import Pipeline
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.compression import MAX_DECOMPRESSED
from viewer.formats.reading import BEGIN, Place
from viewer.store.base import FileImport, StoreError, StoreUnavailable
from viewer.trace.batch import SpanBatch
from viewer.trace.report import FileReport, Rejection

MOST_TRACES = 200_000
"""So many traces of a file are told apart; their IDs are held in memory for that."""
_HEAD_BYTES = 16
_MOST_WAITING = 1_000
Progress = Callable[[int, int], None]
"""Is told how many spans of a file are stored by now, and how many of its bytes are read."""


def _silent(_spans: int, _bytes: int) -> None:
    """Report progress to nobody."""


def import_stream(
    pipeline: Pipeline,
    name: str,
    stream: BinaryIO,
    progress: Progress = _silent,
    limit: int | None = MAX_DECOMPRESSED,
) -> FileReport:
    """Store what an uploaded or piped file holds, of which at most ``limit`` bytes are decompressed;
    raises DecodeError or StoreError. It is not remembered: a pipe cannot be read from further on, and
    who uploads a file wants to see it."""
    head = stream.read(_HEAD_BYTES)
    if store.is_table_file(head):
        # Both kinds of table are read from a path, not from a stream.
        with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as file:
            file.write(head)
            shutil.copyfileobj(stream, file)
            file.flush()
            try:
                return _import_table(_Import(pipeline, name, progress), Path(file.name))
            except StoreError as error:
                # The sender knows the file by its own name, and need not know our paths.
                raise type(error)(str(error).replace(file.name, name)) from error
    return _import_spans(_Import(pipeline, name, progress), _Joined(head, stream), limit)


def import_path(
    pipeline: Pipeline, path: Path, progress: Progress = _silent, *, again: bool = False
) -> FileReport:
    """Store what one file holds, as `FileImporter` does. Raises DecodeError, StoreError or OSError."""
    importer = FileImporter(pipeline)
    report = importer.import_path(path, progress, again=again)
    for _, error in importer.settle():
        raise error
    return report


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is left to be stored of a file."""

    path: Path
    batches: Sequence[SpanBatch]
    note: FileImport


class FileImporter:
    """Imports files. Of small ones the spans wait for those of the next, to be committed together."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._waiting: list[_Waiting] = []
        self._rows = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing of the files waits."""
        return not self._waiting

    def import_path(self, path: Path, progress: Progress, *, again: bool = False) -> FileReport:
        """Take a file in, from where an import of it ended before; one that is imported is passed
        over unless ``again``. It is not stored before `settle`. Raises DecodeError, StoreError or
        OSError."""
        with path.open("rb") as stream:
            if not stat.S_ISREG(path.stat().st_mode):
                return import_stream(self._pipeline, str(path), stream, progress, limit=None)

            def told(position: int) -> None:
                progress(0, position)

            known = recognise(path, stream, self._notes_of, told, again=again)
            if known.is_done:
                return self._pass_over(path, known, progress)
            under_way = _Import(self._pipeline, str(path), progress, known)
            if store.is_table_file(_head_of(path)):
                # What is read out of it is read elsewhere, and its content is the whole file or none.
                known.file.hash_on(None, told)
                report = _import_table(under_way, path)
            else:
                report = _import_spans(under_way, known.file, limit=None)
            self._take(_Waiting(path, *under_way.rest()))
            return report

    def settle(self) -> list[tuple[Path, StoreError]]:
        """Store all that waits; return the files of which that failed, and why."""
        waiting, self._waiting, self._rows = self._waiting, [], 0
        if not waiting:
            return []
        try:
            batches = [batch for item in waiting for batch in item.batches]
            # A file that was named twice has noted what it is twice.
            notes = {item.note.key: item.note for item in waiting}
            self._pipeline.write(batches, list(notes.values()))
        except StoreError as error:
            if isinstance(error, StoreUnavailable) or len(waiting) == 1:
                return [(item.path, error) for item in waiting]
        else:
            return []
        # One of them is refused, which must not keep the others from being stored.
        failed = []
        for item in waiting:
            try:
                self._pipeline.write(item.batches, [item.note])
            except StoreError as error:
                failed.append((item.path, error))
        return failed

    @property
    def wants_to_settle(self) -> bool:
        """Whether so much waits that it is to be stored now."""
        return self._rows >= FULL_GROUP_ROWS or len(self._waiting) >= _MOST_WAITING

    def _take(self, item: _Waiting) -> None:
        self._waiting.append(item)
        self._rows += sum(map(len, item.batches))

    def _pass_over(self, path: Path, known: KnownFile, progress: Progress) -> FileReport:
        if known.is_news:
            self._take(_Waiting(path, (), known.note))
        note = known.note
        progress(0, note.bytes)
        return FileReport(str(path), "", 0, 0, earlier_spans=note.spans, imported_ns=note.noted_ns)

    def _notes_of(self, path: str, head_digest: str, most_bytes: int) -> list[FileImport]:
        """Return the store's notes, and those that wait to be stored."""
        noted = self._pipeline.imports_of(path, head_digest, most_bytes)
        return [item.note for item in reversed(self._waiting)] + noted


def _compact(batch: SpanBatch) -> SpanBatch:
    """Return a batch's columns without their lists, which take several times as much memory."""
    try:
        return SpanBatch.over(batch.to_arrow())
    except UnicodeEncodeError:
        return batch  # the store replaces what is no text


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


class _Joined:
    """A stream, its first bytes put in front again."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._parts = chain((BytesIO(head),), (stream,))
        self._part: BinaryIO | BytesIO | None = next(self._parts)
        self.position = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        while self._part is not None:
            if data := self._part.read(size):
                self.position += len(data)
                return data
            self._part = next(self._parts, None)
        return b""

    def seek(self, offset: int, /) -> None:
        """Refuse to go elsewhere."""
        raise ValueError(f"a stream cannot be read from byte {offset} on")


class _Import:
    """An import under way: chunks are collected and committed in large transactions, each of a
    remembered file's with the place where it ends."""

    def __init__(
        self, pipeline: Pipeline, name: str, progress: Progress, known: KnownFile | None = None
    ) -> None:
        self.known = known
        self.name = name
        self.spans = 0
        self._pipeline, self._progress = pipeline, progress
        self._waiting: list[SpanBatch] = []
        self._place = known.place if known else ""
        self._ready = self._rows = 0
        self._stored = 0
        self._traces: set[str] = set()
        self._more_traces = False
        self._first = ""
        self._rejected: dict[str, Rejection] = {}

    def take(self, decoded: Decoded, place: str | None, position: int) -> None:
        """Take a chunk, which ends at a place where reading can go on, or None; raises StoreError.
        ``position`` is how many of the file's bytes are read."""
        self._count(decoded)
        if len(decoded.batch):
            self._waiting.append(_compact(decoded.batch))
            self._rows += len(decoded.batch)
        if place is not None or self.known is None:
            self._place, self._ready = place or "", len(self._waiting)
            if self._rows >= FULL_GROUP_ROWS:
                self._store()
        self._progress(self._stored, position)

    def end(self, format_name: str, position: int) -> FileReport:
        """Return what became of the file once the `rest` is stored; of what is not remembered it is
        then. Raises StoreError."""
        if self.known is None:
            self._ready = len(self._waiting)
            self._store()
        self._progress(self.spans, position)
        return FileReport(
            self.name,
            format_name,
            self.spans,
            MOST_TRACES if self._more_traces else len(self._traces),
            tuple(self._rejected.values()),
            self._first,
            self._more_traces,
            self.known.earlier_spans if self.known else 0,
            remark=self.known.remark if self.known else "",
        )

    def rest(self) -> tuple[Sequence[SpanBatch], FileImport]:
        """Return what is left to be stored of a remembered file, and the note that this is all."""
        assert self.known is not None
        return self._waiting, self.known.done(self._place, self.spans)

    def break_off(self, error: DecodeError) -> DecodeError:
        """Return why the file cannot be read on. Of one of which nothing is stored nothing is, and
        else all before the break; raises StoreError."""
        before = self._stored + (self.known.earlier_spans if self.known else 0)
        if not before:
            return error
        self._store()
        before = self._stored + (self.known.earlier_spans if self.known else 0)
        reason = f"{error.reason}; {before:,} spans in front of that are stored"
        return DecodeError(reason, error.where)

    def _store(self) -> None:
        """Commit what is ready, in one transaction."""
        batches, self._waiting = self._waiting[: self._ready], self._waiting[self._ready :]
        stored = sum(map(len, batches))
        notes = [self.known.after(self._place, self._stored + stored)] if self.known else []
        self._pipeline.write(batches, notes)
        self._stored += stored
        self._rows -= stored
        self._ready = 0

    def _count(self, decoded: Decoded) -> None:
        self.spans += len(decoded.batch)
        traces = decoded.batch.trace_ids()
        self._first = self._first or next(iter(traces), "")
        if not self._more_traces:
            self._traces.update(traces)
            if len(self._traces) > MOST_TRACES:
                self._more_traces = True
                self._traces.clear()
        for rejection in (*decoded.rejected, *decoded.notes):
            self.reject(rejection)

    def reject(self, rejection: Rejection) -> None:
        """Count what was left out, equal reasons together."""
        known = self._rejected.get(rejection.reason)
        count = rejection.count + (known.count if known else 0)
        where = known.where if known else rejection.where
        self._rejected[rejection.reason] = Rejection(rejection.reason, count, where)


def _import_spans(
    under_way: _Import, source: "HashedFile | _Joined", limit: int | None
) -> FileReport:
    known = under_way.known
    begin = _place_of(known.place) if known else BEGIN
    reading = formats.read_file(source, limit=limit, begin=begin)
    try:
        for decoded, place in reading:
            text = None if place is None else orjson.dumps(asdict(place)).decode()
            under_way.take(decoded, text, source.position)
    except DecodeError as error:
        raise under_way.break_off(error) from error
    # Which format it is may only be known once its first value has been read.
    return under_way.end(reading.format, source.position)


def _place_of(text: str) -> Place:
    if not text:
        return BEGIN
    place = orjson.loads(text)
    return Place(place["offset"], place["line"], tuple(place["formats"]))


def _import_table(under_way: _Import, path: Path) -> FileReport:
    """Store the spans of a DuckDB or Parquet file; raises StoreError."""
    kind = "parquet" if _head_of(path)[:4] == b"PAR1" else "duckdb"
    known = under_way.known
    size = path.stat().st_size
    skip = orjson.loads(known.place)["rows"] if known and known.place else 0
    with closing(store.read_table(path, skip)) as table:
        for batch in table:
            skip += len(batch)
            # How far it is in bytes cannot be said before it is read.
            under_way.take(Decoded(batch), orjson.dumps({"rows": skip}).decode(), 0)
        for rejection in table.rejected:
            under_way.reject(rejection)
    return under_way.end(kind, size)
