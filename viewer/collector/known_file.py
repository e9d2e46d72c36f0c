"""Which file this is, by its content, and how far it has been imported before.

A file is known by the digest of its bytes, whatever its name. To look at each of them takes a second
a gigabyte; only where name, size and all that the file system says of changes are as they were at
the end of an import is that taken as proof of the content (as git does, and with its care for files
changed in the same moment). What begins as a file that was imported has grown since.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from viewer.store.base import FILE_HEAD_BYTES, FileImport

if TYPE_CHECKING:
    from hashlib import _Hash

NotesOf = Callable[[str, str, int], list[FileImport]]
"""Finds what the store has noted, as `SpanStore.imports_of` does."""
_CHUNK = 1 << 20
# Within the file system's clock tick a second change leaves no trace.
_SETTLED_NS = 2 * 10**9


class HashedFile:
    """A file that is hashed while it is read. ``hashed`` is how many of its bytes are; ``position``
    is where it is being read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.hashed = self.position = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        data = self._file.read(size)
        begin, self.position = self.position, self.position + len(data)
        if self.position > self.hashed:
            self._hash.update(memoryview(data)[self.hashed - begin :])
            self.hashed = self.position
        return data

    def seek(self, offset: int, /) -> None:
        """Read from there on; not from behind what is hashed."""
        if offset > self.hashed:
            raise ValueError(f"byte {offset} is not hashed yet, but byte {self.hashed}")
        self._file.seek(offset)
        self.position = offset

    def hash_on(self, end: int | None, told: Callable[[int], None]) -> None:
        """Read on up to a byte, or to the end; ``told`` is called with how many are hashed."""
        self.seek(self.hashed)
        while end is None or self.hashed < end:
            most = _CHUNK if end is None else min(_CHUNK, end - self.hashed)
            if not self.read(most):
                return
            told(self.hashed)

    def digest(self) -> str:
        """Return the digest of what is hashed."""
        return self._hash.hexdigest()

    def state(self) -> tuple[int, "_Hash"]:
        """Return how much is hashed, to be restored."""
        return self.hashed, self._hash.copy()

    def restore(self, state: tuple[int, "_Hash"]) -> None:
        """Have only so much hashed, and read from the begin."""
        self.hashed, self._hash = state[0], state[1].copy()
        self.seek(0)


@dataclass(slots=True)
class KnownFile:
    """A file with its note. ``is_done`` says that all of it is imported, ``is_news`` that the note is
    worth being written nevertheless. ``place`` is where to go on ("" = from the begin), behind
    ``earlier_spans`` that are stored of it. ``remark`` says what is odd about it."""

    path: Path
    file: HashedFile
    note: FileImport
    is_done: bool = False
    is_news: bool = False
    place: str = ""
    earlier_spans: int = 0
    remark: str = ""

    def after(self, place: str, spans: int) -> FileImport:
        """Return the note that so many more spans are stored, which end at a place."""
        return self._noted(place, spans, is_done=False, status="")

    def done(self, place: str, spans: int) -> FileImport:
        """Return the note that all is stored; reads the rest of the file for its digest."""
        self.file.hash_on(None, lambda _: None)
        return self._noted(place, spans, is_done=True, status=self.status_if_settled())

    def _noted(self, place: str, spans: int, *, is_done: bool, status: str) -> FileImport:
        return replace(
            self.note,
            status=status,
            bytes=self.file.hashed,
            digest=self.file.digest(),
            place=place,
            spans=self.earlier_spans + spans,
            is_done=is_done,
            noted_ns=time.time_ns(),
        )

    def status_if_settled(self) -> str:
        """Return what the file system says of the file, if that proves that it is as it was read."""
        try:
            found = self.path.stat()
        except OSError:
            return ""
        is_same = _status(found) == self.note.status and found.st_size == self.file.hashed
        changed_ns = max(found.st_mtime_ns, found.st_ctime_ns)
        return self.note.status if is_same and time.time_ns() - changed_ns > _SETTLED_NS else ""


def recognise(
    path: Path,
    file: BinaryIO,
    notes_of: NotesOf,
    told: Callable[[int], None],
    *,
    again: bool = False,
) -> KnownFile:
    """Find out what is known of an open regular file; with ``again`` as if it had not been imported,
    but for what an interrupted import of that kind has left. ``told`` is called with how many bytes
    were looked at. Raises OSError and StoreError."""
    found = os.fstat(file.fileno())
    # A name may be no text, which the store takes only.
    where = os.fsencode(path.absolute()).decode(errors="backslashreplace")
    size = found.st_size
    hashed = HashedFile(file)
    hashed.hash_on(min(size, FILE_HEAD_BYTES), lambda _: None)
    begin = HashedFile(file).state()
    new = FileImport(
        key=uuid4().hex,
        path=where,
        status=_status(found),
        bytes=0,
        digest="",
        head_digest=hashed.digest(),
        place="",
        spans=0,
        is_done=False,
        noted_ns=0,
    )
    known = KnownFile(path, hashed, new)
    notes = notes_of(where, new.head_digest, size)
    proven = next((note for note in notes if note.is_done and _is_as_noted(note, new)), None)
    if proven is not None and not again:
        known.note, known.is_done = proven, True
        return known
    matching, states = _matching(hashed, notes, begin, size, told)
    whole = next((note for note in matching if note.is_done and note.bytes == size), None)
    if whole is not None and not again:
        return _passed_over(known, whole)
    if again:
        since_ns = whole.noted_ns if whole else time.time_ns()
        matching = [note for note in matching if not note.is_done and note.noted_ns > since_ns]
        notes = []
    best = max(matching, key=lambda note: (bool(note.place), note.spans, note.bytes), default=None)
    if best is None or not best.place:
        hashed.restore(begin)
        known.remark = _remark(best, notes, where)
        return known
    hashed.restore(states[best.bytes])
    known.place, known.earlier_spans = best.place, best.spans
    if best.is_done:
        known.remark = f"it has grown since it was imported on {utc(best.noted_ns)}"
    elif best.path == where:
        # Another file of this content has its own; what is noted of this one is written anew.
        known.note = replace(new, key=best.key)
    return known


def _matching(
    hashed: HashedFile,
    notes: Sequence[FileImport],
    begin: tuple[int, "_Hash"],
    size: int,
    told: Callable[[int], None],
) -> tuple[list[FileImport], dict[int, tuple[int, "_Hash"]]]:
    """Return the notes of which the file has all the bytes, and the state of its hash behind each."""
    head = hashed.digest()
    hashed.restore(begin)
    states: dict[int, tuple[int, _Hash]] = {}
    matching = []
    candidates = [
        note
        for note in notes
        if note.bytes <= size and (note.head_digest == head or note.bytes < FILE_HEAD_BYTES)
    ]
    for note in sorted(candidates, key=lambda note: note.bytes):
        hashed.hash_on(note.bytes, told)
        if hashed.hashed == note.bytes and hashed.digest() == note.digest:
            states[note.bytes] = hashed.state()
            matching.append(note)
    return matching, states


def _passed_over(known: KnownFile, note: FileImport) -> KnownFile:
    """Return the file as one that is done, with a note that spares looking at it once more."""
    key = note.key if note.path == known.note.path else known.note.key
    same = replace(
        note,
        key=key,
        path=known.note.path,
        head_digest=known.note.head_digest,
        status=known.status_if_settled(),
    )
    known.is_news = bool(same.status) and same != note
    known.note, known.is_done = same, True
    return known


def _remark(best: FileImport | None, notes: Sequence[FileImport], path: str) -> str:
    if best is not None and best.is_done:
        return (
            f"it has grown since it was imported on {utc(best.noted_ns)}, and is of a format that is"
            " read whole: all of it is imported again"
        )
    before = next((note for note in notes if note.path == path), None)
    if before is None:
        return ""
    when = utc(before.noted_ns)
    return f"its content is not the one imported from there on {when}: all of it is imported"


def _is_as_noted(note: FileImport, new: FileImport) -> bool:
    return note.path == new.path and note.status == new.status != ""


def _status(found: os.stat_result) -> str:
    parts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return ":".join(map(str, parts))


def utc(time_ns: int) -> str:
    """Return a time as people read it."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time_ns // 10**9))
