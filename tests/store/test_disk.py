"""Storing stops while there is still room for upkeep."""

from pathlib import Path

import pytest

from viewer.store import disk
from viewer.store.disk import Disk


def test_a_small_disk_has_a_short_log_and_a_large_one_the_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Disk.of(tmp_path)
    assert 0 < here.log_bytes <= disk.LARGEST_LOG
    monkeypatch.setattr(disk, "LARGEST_LOG", 1)
    assert Disk.of(tmp_path).log_bytes == 1


def test_there_is_a_shortage_below_what_is_kept_back_and_promised(tmp_path: Path) -> None:
    here = Disk(tmp_path, 1000)
    assert here.shortage() == ""
    assert "the disk is full: " in here.shortage(promised=1 << 60)
    assert "the disk is full: " in Disk(tmp_path, 1 << 60).shortage()


def test_a_folder_that_is_gone_is_a_shortage_too(tmp_path: Path) -> None:
    assert "cannot be looked at" in Disk(tmp_path / "gone", 1000).shortage()
    with pytest.raises(OSError, match="gone"):
        Disk.of(tmp_path / "gone")
