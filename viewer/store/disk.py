"""How much room there is on the disk, and how much of it is kept back.

A database whose disk is full to the last byte cannot tidy up any more: moving its log into the file
and deleting what is old take room before they give some. So storing stops a while before, and begins
again by itself once there is room.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from viewer.store.base import StoreUnavailable

# Measured: at 16 MB small batches cost twice the CPU, at 256 MB stalls grow.
LARGEST_LOG = 64 << 20
_SHARE_OF_DISK = 16
_LOGS_KEPT = 3


class DiskFull(StoreUnavailable):
    """There is not room enough to store more; the same may be tried again later."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of a folder. ``log_bytes`` is how long the database's log gets before it is
    moved into the file: less on a small disk, so that there the same rules hold."""

    folder: Path
    log_bytes: int

    @classmethod
    def of(cls, folder: Path) -> "Disk":
        """Look at the file system that holds a folder; raises OSError."""
        found = os.statvfs(folder)
        size = found.f_blocks * found.f_frsize
        return cls(folder, min(LARGEST_LOG, size // _SHARE_OF_DISK))

    @property
    def kept_bytes(self) -> int:
        """What is kept back for the database's upkeep."""
        return _LOGS_KEPT * self.log_bytes

    def free_bytes(self) -> int:
        """Return how many bytes this process may still write; raises OSError."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def shortage(self, promised: int = 0) -> str:
        """Return why nothing more should be stored, or an empty text while there is room.
        ``promised`` bytes are needed for what was taken in before."""
        try:
            free = self.free_bytes()
        except OSError as error:
            return f"{self.folder} cannot be looked at: {error.strerror}"
        kept = self.kept_bytes + promised
        if free > kept:
            return ""
        return (
            f"the disk is full: {free / 1e6:,.1f} MB are free in {self.folder}, and"
            f" {kept / 1e6:,.1f} MB are kept back for the database's upkeep;"
            " it goes on by itself when there is room"
        )
