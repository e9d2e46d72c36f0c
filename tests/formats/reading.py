"""Decode a whole file at once, for tests."""

import io
from dataclasses import dataclass, field

from viewer.formats import read_file
from viewer.formats.base import Decoded, DecodeError, Format, Payload
from viewer.trace.report import Rejection
from viewer.trace.span import Span


@dataclass
class Contents:
    """Everything that was in a file."""

    format: str = ""
    spans: list[Span] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    notes: list[Rejection] = field(default_factory=list)

    @property
    def traces(self) -> set[str]:
        return {span.trace_id for span in self.spans}

    @property
    def ids(self) -> set[tuple[str, int]]:
        return {(span.trace_id, span.span_id) for span in self.spans}

    @property
    def roots(self) -> int:
        return sum(span.parent_id == 0 for span in self.spans)

    @property
    def orphans(self) -> int:
        ids = self.ids
        return sum(
            span.parent_id != 0 and (span.trace_id, span.parent_id) not in ids
            for span in self.spans
        )

    @property
    def errors(self) -> int:
        return sum(span.status.code == 2 for span in self.spans)


def read(data: bytes | str, *, lenient: bool = True) -> Contents:
    """Decode a file's bytes as import does."""
    raw = data.encode() if isinstance(data, str) else data
    reading = read_file(io.BytesIO(raw), lenient=lenient)
    contents = Contents()
    for chunk, _ in reading:
        contents.spans.extend(chunk.batch.spans())
        contents.rejected.extend(chunk.rejected)
        contents.notes.extend(chunk.notes)
    contents.format = reading.format
    return contents


def chunks(data: bytes) -> list[Decoded]:
    """Return a file's chunks."""
    return [chunk for chunk, _ in read_file(io.BytesIO(data))]


def decode_anything(reader: Format, data: bytes) -> list[Span]:
    """Decode hostile bytes as one format: DecodeError is the only way to fail."""
    reader.sniff(data)
    try:
        chunks = list(reader.decode(Payload(data)))
    except DecodeError:
        return []
    return [span for chunk in chunks for span in chunk.batch.spans()]
