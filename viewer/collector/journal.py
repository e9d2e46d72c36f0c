"""The journal: what has been acknowledged but not yet committed to the store, on disk.

A request is answered once its spans lie in the journal, synced; the store then commits many
requests at a time (`design/storage.md`, "Acknowledge fast, store in bulk"). The store's transaction
records the position up to which it went (its *mark*), so that after a crash what lies behind the
mark is written again and nothing twice. Segments wholly before the mark are deleted.

A record is: magic, length, CRC-32 of the payload, position; then the payload. A record that is torn
(the process died while writing it) was never acknowledged; it ends the journal.
"""

import errno
import itertools
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

_RECORD = struct.Struct("<IIIQ")
_MAGIC = 0x4A_46_52_54
SEGMENT_BYTES = 32 << 20


class JournalFull(Exception):
    """The journal has reached its limit; the sender must try again later."""


class Journal:
    """An append-only sequence of records in segment files of one directory.

    Positions count up from the mark given at opening; a segment's name is its first position.
    """

    def __init__(self, directory: Path, mark: int, limit_bytes: int) -> None:
        """Open the directory, creating it; ``mark`` is the store's. Raises OSError."""
        self._directory = directory
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._synced = self._lost = 0
        self._is_damaged = False
        directory.mkdir(parents=True, exist_ok=True)
        segments = _segments(directory)
        self._sizes = {first: path.stat().st_size for first, path in segments}
        self._position = mark
        for first, path in segments:
            self._position = max(self._position, first - 1)
            for position, _ in _records(path):
                self._position = max(self._position, position)
        # A new segment each time: a torn record at the end of the last one is never appended to.
        self._file = self._open_segment()
        self.release(mark)

    @property
    def size(self) -> int:
        """How many bytes the journal holds on disk."""
        with self._lock:
            return sum(self._sizes.values())

    def replay(self, mark: int) -> Iterator[tuple[int, bytes]]:
        """Yield position and payload of every whole record behind the mark, in order."""
        for _, path in _segments(self._directory):
            for position, payload in _records(path):
                if position > mark:
                    yield position, payload

    def append(self, payload: bytes) -> int:
        """Write a record, not yet synced, and return its position; raise JournalFull or OSError."""
        with self._lock:
            if sum(self._sizes.values()) + len(payload) > self._limit:
                raise JournalFull
            if self._is_damaged:
                self._renew()
            elif self._sizes[self._first] >= SEGMENT_BYTES:
                self._rotate()
            position = self._position + 1
            header = _RECORD.pack(_MAGIC, len(payload), zlib.crc32(payload), position)
            start = self._sizes[self._first]
            try:
                _write_whole(self._file, [header, payload])
            except OSError:
                # A disk that is full must not leave half a record before the next one.
                self._is_damaged = True
                os.ftruncate(self._file, start)
                os.lseek(self._file, start, os.SEEK_SET)
                self._is_damaged = False
                raise
            self._position = position
            self._sizes[self._first] = start + _RECORD.size + len(payload)
            return position

    def sync(self, position: int) -> None:
        """Return once the record at this position is on disk; raises OSError if it is not known to
        be. Callers that wait meanwhile share one fsync."""
        with self._sync_lock:
            if self._synced >= position:
                return
            with self._lock:
                self._check_kept(position)
                written, file = self._position, os.dup(self._file)
            try:
                os.fdatasync(file)
            except OSError:
                with self._lock:
                    self._lose()
                raise
            finally:
                os.close(file)
            with self._lock:
                # An error is told once, and may have been told to who began a new segment.
                self._check_kept(position)
            self._synced = written

    def _check_kept(self, position: int) -> None:
        if position <= self._lost:
            raise OSError(errno.EIO, "what was written could not be synced")

    def _lose(self) -> None:
        """Give up what is not synced. Its pages may be dropped, and a later sync would not tell: what
        follows goes into a new segment, which is read whatever became of this one."""
        self._lost, self._is_damaged = self._position, True
        self._renew()

    def release(self, mark: int) -> None:
        """Delete the segments whose records all stand at or before the mark."""
        with self._lock:
            if self._sizes[self._first] and self._position <= mark:
                self._rotate()
            for first, following in itertools.pairwise(sorted(self._sizes)):
                if following - 1 <= mark:
                    _segment_path(self._directory, first).unlink(missing_ok=True)
                    del self._sizes[first]

    def close(self) -> None:
        """Close the file; an empty last segment is removed."""
        with self._lock:
            os.close(self._file)
            if not self._sizes[self._first]:
                _segment_path(self._directory, self._first).unlink(missing_ok=True)

    def _open_segment(self) -> int:
        first = self._position + 1
        path = _segment_path(self._directory, first)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError:
            os.close(file)
            raise
        self._first = first
        self._sizes[first] = 0
        return file

    def _rotate(self) -> None:
        # Records of the old segment may still await their fsync.
        try:
            os.fdatasync(self._file)
        except OSError:
            self._lose()
            raise
        self._renew()

    def _renew(self) -> None:
        """Go on in a new segment. Until there is one the old one stays open: the number of a closed
        file is soon another's."""
        if self._sizes[self._first]:
            old, self._file = self._file, self._open_segment()
            os.close(old)
        self._is_damaged = False


def _write_whole(file: int, parts: Sequence[bytes]) -> None:
    left = [memoryview(part) for part in parts]
    while left:
        written = os.writev(file, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]


def _segment_path(directory: Path, first: int) -> Path:
    return directory / f"{first:020d}.spans"


def _segments(directory: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in directory.glob("*.spans"))


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        while True:
            header = file.read(_RECORD.size)
            if len(header) < _RECORD.size:
                return
            magic, length, checksum, position = _RECORD.unpack(header)
            if magic != _MAGIC:
                return
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            yield position, payload
