"""What the store refuses for good: put aside in files of its own, so that it holds up nothing else and
is not lost.

A batch comes here when it was acknowledged and the store, which can be written otherwise, refuses it
again and again. Each is an Arrow stream of the columns, or what the journal had if that cannot be
read, with the reason in a text beside it. Whoever runs the server looks at them and deletes them;
nothing here ever does.
"""

import os
import threading
from pathlib import Path

from viewer.trace.report import QuarantineReport

QUARANTINE_LIMIT = 192 << 20
_MAX_SAID = 1000


class Quarantine:
    """A directory of refused batches, made when the first one comes."""

    def __init__(self, directory: Path, limit_bytes: int = QUARANTINE_LIMIT) -> None:
        self._directory, self._limit = directory, limit_bytes
        self._lock = threading.Lock()
        self._last = ""
        self._sizes = {path.stem: path.stat().st_size for path in directory.glob("*.arrow")}
        reasons = sorted(directory.glob("*.txt"))
        if reasons:
            self._last = reasons[-1].read_text("utf-8", "replace")[:_MAX_SAID].strip()

    def report(self) -> QuarantineReport:
        """Return what lies here; what was deleted since start counts until the next one."""
        with self._lock:
            return QuarantineReport(
                batches=len(self._sizes),
                bytes=sum(self._sizes.values()),
                directory=str(self._directory),
                last_reason=self._last,
            )

    def put(self, number: int, payload: bytes, reason: str) -> None:
        """Keep a batch under a number, its position in the journal, synced; again is no harm. Raises OSError,
        also when there is too much here already."""
        name = f"{number:020d}"
        with self._lock:
            held = sum(size for stem, size in self._sizes.items() if stem != name)
            if held + len(payload) > self._limit:
                raise OSError(f"{self._directory} is full; look at what is there, and delete it")
            self._directory.mkdir(exist_ok=True)
            _write(self._directory / f"{name}.txt", (reason[:_MAX_SAID] + "\n").encode())
            _write(self._directory / f"{name}.arrow", payload)
            _sync(self._directory)
            _sync(self._directory.parent)
            self._sizes[name], self._last = len(payload), reason[:_MAX_SAID]


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
